"""What a keeper does with the row that asks for a schema change: the whole table."""

from __future__ import annotations

import contextlib

import pytest
from group_replication import schema_window
from group_replication.operation import Operation
from group_replication.schema_change import Change, sentence
from group_replication.schema_window import act, step_for

HERE, THERE = "172.28.17.53", "172.28.17.54"
MULTI, SINGLE = "multi-primary", "single-primary"


def change(**what) -> Change:
    row = {
        "token": "0123456789abcdef",
        "owner": "laravel.migrate /srv/conduit on web",
        "step": "open",
        "account": "schema_change",
        "session": 0,
        "writer": HERE,
        "mode": MULTI,
        "problem": "",
        "seconds_left": 50,
    }
    return Change(**{**row, **what})


@pytest.mark.parametrize(
    ("row", "mode", "step"),
    [
        (None, MULTI, ""),
        (None, SINGLE, ""),
        (change(step="requested", writer="", mode=""), MULTI, "open"),
        # A single-primary group has one writer; the window says that it has applied everything.
        (change(step="requested", writer="", mode=""), SINGLE, "open"),
        (change(), SINGLE, ""),
        # After a complete outage, or where somebody switched by hand, it is opened again.
        (change(), MULTI, "open"),
        (change(writer=THERE), SINGLE, "open"),
        (change(step="done"), SINGLE, "close"),
        (change(step="done"), MULTI, "close"),
        (change(step="closing"), SINGLE, "close"),
        # Nothing was heard of the owner for too long.
        (change(seconds_left=-1), SINGLE, "close"),
        (change(seconds_left=-1), MULTI, "close"),
        (change(step="requested", writer="", mode="", seconds_left=-1), MULTI, "close"),
        (change(seconds_left=0), SINGLE, ""),
    ],
)
def test_what_the_coordinator_does(row, mode, step):
    assert step_for(row, mode, HERE) == step


def test_who_changes_the_schema_is_said():
    assert sentence(change(step="requested", writer="")) == (
        "laravel.migrate /srv/conduit on web changes the schema (requested)"
    )
    assert sentence(change(problem="the group stays single-primary")) == (
        "laravel.migrate /srv/conduit on web changes the schema "
        "(open, 172.28.17.53 alone takes writes): the group stays single-primary"
    )


RESTART = Operation("t", "m1", "a restart", "restart db2", "{}", "10:00", "10:02", 5, 60)
ASKED = change(step="requested", writer="", mode="")


@pytest.mark.parametrize(
    ("row", "under_way", "opened"),
    [
        (ASKED, None, True),
        (ASKED, RESTART, False),
        (ASKED, RESTART._replace(seconds_left=-1), True),
        # A window that is open already, and was lost, is opened again.
        (change(writer=THERE), RESTART, True),
    ],
)
def test_no_window_is_opened_beside_an_operation(monkeypatch, row, under_way, opened):
    done, said = [], []

    class Server:
        def cursor(self):
            return contextlib.nullcontext(self)

        def execute(self, statement, values):
            said.append(values)

    monkeypatch.setattr(schema_window, "_open", lambda *_: done.append("open"))
    told = act(Server(), row, {"mode": MULTI}, HERE, lambda: "", under_way)
    assert done == ["open"] * opened
    if not opened:
        why = "a restart by m1 is under way (restart db2), since 10:00 UTC, until 10:02 UTC"
        assert said == [(why, row.token)]
        assert told == f"{row.owner} waits with its schema change: {why}"
        # It is said once.
        act(Server(), row._replace(problem=why), {"mode": MULTI}, HERE, lambda: "", under_way)
        assert len(said) == 1


def test_a_window_that_is_not_needed_any_more_is_closed_beside_an_operation(monkeypatch):
    monkeypatch.setattr(schema_window, "_close", lambda *_: "closed")
    silent = ASKED._replace(seconds_left=-1)
    assert act(None, silent, {"mode": MULTI}, HERE, lambda: "", RESTART) == "closed"
