"""What a keeper does with the row that asks for a schema change: the whole table."""

from __future__ import annotations

import pytest
from group_replication.schema_change import Change, sentence
from group_replication.schema_window import step_for

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
