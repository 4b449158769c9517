"""What a keeper does with the row that asks for a schema change: the whole table."""

from __future__ import annotations

import contextlib

import pytest
from group_replication import schema_window
from group_replication.operation import Operation
from group_replication.schema_change import Change, sentence
from group_replication.schema_window import act, step_for
from salt.exceptions import CommandExecutionError

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


class Sessions:
    """A server with sessions of the account: their seconds at a statement, by number."""

    def __init__(self, running: dict[int, list[int]], owner_is_idle: bool = False) -> None:
        # What each is seen at, look by look; one that is killed, or has no more looks, is gone.
        self._running, self._idle = running, owner_is_idle
        self.done: list[str] = []
        self._rows: list[dict[str, int]] = []

    def cursor(self):
        return contextlib.nullcontext(self)

    def execute(self, statement, values=()):
        word = statement.split()[0]
        if "processlist" in statement:
            *_, everybody = values
            self._rows = [
                {"id": number, "seconds": looks.pop(0)}
                for number, looks in self._running.items()
                if looks and (everybody or not self._idle)
            ]
        elif word == "KILL":
            self._running[values[0]] = []
            self.done.append(f"kill {values[0]}")
        elif "switch_to_multi" in statement:
            self.done.append("switch")
        elif word == "DELETE":
            self.done.append("delete")

    def fetchall(self):
        return self._rows


FINISHED = change(step="done", writer=HERE, mode=MULTI)


@pytest.mark.parametrize(
    ("row", "running", "idle", "done"),
    [
        # The program was cut off, and the server goes on with its statement.
        (FINISHED, {7: [5, 5]}, False, ["kill 7", "switch", "delete"]),
        # One that has only begun is given the time in which a question ends by itself.
        (FINISHED, {7: [0, 1, 2]}, False, ["kill 7", "switch", "delete"]),
        (FINISHED, {7: [0], 8: [1, 1]}, False, ["switch", "delete"]),
        # A connection that is kept and at no statement changes nothing.
        (FINISHED, {7: [90, 90]}, True, ["switch", "delete"]),
        # One of an owner that is silent may still get a statement.
        (FINISHED._replace(step="open", seconds_left=-1), {7: [0]}, True,
         ["kill 7", "switch", "delete"]),
        (FINISHED._replace(step="closing"), {7: [90, 90]}, False, ["switch", "delete"]),
    ],
)  # fmt: skip
def test_nobody_else_writes_before_the_last_statement_has_ended(
    monkeypatch, row, running, idle, done
):
    monkeypatch.setattr(schema_window.time, "sleep", lambda _: None)
    server = Sessions(running, idle)
    told = act(server, row, {"mode": SINGLE}, HERE, lambda: "")
    assert server.done == done
    assert told.startswith(f"the window of {row.owner} is closed")


def test_a_window_stays_open_while_a_statement_does_not_end(monkeypatch):
    monkeypatch.setattr(schema_window, "UNDO_SECONDS", 0)
    server = Sessions({7: [5] * 9})
    monkeypatch.setattr(Sessions, "execute", _undying(Sessions.execute))
    with pytest.raises(CommandExecutionError, match="has finished, and its statement does not end"):
        act(server, FINISHED, {"mode": SINGLE}, HERE, lambda: "")
    assert "switch" not in server.done


def _undying(execute):
    def but_kill(self, statement, values=()):
        if not statement.startswith("KILL"):
            execute(self, statement, values)

    return but_kill
