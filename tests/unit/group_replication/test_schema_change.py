"""The program that asks for a window: what it does when the row is not as it should be."""

from __future__ import annotations

import contextlib
import time

import pytest
from group_replication import schema_change
from group_replication.schema_change import Change, refuse_meanwhile
from salt.exceptions import CommandExecutionError

ROW = Change("other", "another", "open", "root", 1, "172.28.17.53", "multi-primary", "", 50)


@pytest.fixture
def asked(monkeypatch):
    """A program that asks: with what each look finds, and whether its row is taken in."""
    monkeypatch.setattr(schema_change, "POLL_SECONDS", 0.0)
    monkeypatch.setattr(schema_change, "LAG_SECONDS", 0.1)
    monkeypatch.setattr(schema_change.secrets, "token_hex", lambda size: "mine")
    beats = []

    def ask(looks, inserted=True, patience=600.0):
        finds = iter(looks)
        monkeypatch.setattr(schema_change, "_inserted", lambda *_: inserted)
        monkeypatch.setattr(schema_change, "_beat", lambda *_: not beats.append(1))
        monkeypatch.setattr(schema_change, "_finish", lambda *_: beats.append("finished"))
        monkeypatch.setattr(schema_change, "current", lambda connection: next(finds, looks[-1]))
        with schema_change.window(contextlib.nullcontext, "me", "root", patience):
            beats.append("changed")
        return beats

    return ask


def test_the_schema_is_changed_once_the_window_is_open(asked):
    mine = ROW._replace(token="mine", step="requested")
    assert asked([mine, mine, mine._replace(step="open")]) == [1, 1, "changed", "finished"]


@pytest.mark.parametrize("found", [None, ROW])
def test_a_row_that_is_gone_is_told(asked, found):
    begin = time.monotonic()
    with pytest.raises(CommandExecutionError, match="was withdrawn; nothing was changed"):
        asked([found])
    assert 0.1 < time.monotonic() - begin < 100


def test_a_member_may_see_the_row_later(asked, monkeypatch):
    monkeypatch.setattr(schema_change, "LAG_SECONDS", 60.0)
    mine = ROW._replace(token="mine", step="open")
    assert asked([None, ROW, mine]) == ["changed", "finished"]


def test_what_the_window_waits_for_is_told(asked):
    waits = ROW._replace(token="mine", step="requested", problem="a restart by m1 is under way")
    with pytest.raises(CommandExecutionError, match="nothing was changed: a restart by m1"):
        asked([waits], patience=0.05)


def test_a_keeper_that_does_nothing_is_told(asked):
    requested = ROW._replace(token="mine", step="requested")
    with pytest.raises(CommandExecutionError, match="Is mysql-gr-keeper at work"):
        asked([requested], patience=0.05)


def test_another_change_is_waited_for_and_named(asked):
    with pytest.raises(
        CommandExecutionError, match="the schema is not changed: another changes the schema"
    ):
        asked([ROW], inserted=False, patience=0.05)


def test_nothing_is_refused_without_a_change():
    refuse_meanwhile(None, "the mode is not switched")
    with pytest.raises(CommandExecutionError, match="the mode is not switched: another changes"):
        refuse_meanwhile(ROW, "the mode is not switched")
