"""A member that leaves, is drained, or is no longer declared."""

from __future__ import annotations

import contextlib
import time

import pymysql
import pytest
from group_replication import leaving, lock, maintenance, settings
from group_replication.connection import UnreachableError
from group_replication.files import write_whole
from group_replication.leaving import _leave, heir_of, leave_before_stop
from group_replication.maintenance import flag_leaving, kept_out, not_for_new
from group_replication.operation import Operation
from group_replication.settings import settings_from
from salt.exceptions import CommandExecutionError, SaltInvocationError

from tests.unit.group import (
    FOUR,
    UUIDS,
    gone,
    member,
    online,
    pillar,
    whole,
)


def test_a_declared_member_is_not_removed_by_a_call(minion):
    with pytest.raises(SaltInvocationError, match=r"declares db4.*mysql_maintenance\.leave"):
        leaving.remove(minion.settings, "db4")


def test_a_stranger_is_told_what_is_missing(minion):
    settings.SETTINGS_FILE.unlink()
    minion(pillar(3))
    with pytest.raises(SaltInvocationError, match="a node 'db4' with role db"):
        leaving.removal(minion.settings)


def test_a_server_that_does_not_answer_is_removed_for_when_it_does(minion, monkeypatch):
    minion(pillar(3))
    monkeypatch.setattr(leaving, "facts_of", lambda settings: whole(db4=gone()))
    assert leaving.removal(minion.settings) == {"state": "UNKNOWN", "settled": False, "problem": ""}
    assert leaving.remove(minion.settings, "db4") == {"old": "UNKNOWN", "new": "UNKNOWN"}
    assert leaving.removal(minion.settings)["settled"] is True


def test_a_refused_removal_touches_nothing(minion, monkeypatch):
    minion(pillar(3))
    before = settings.SETTINGS_FILE.read_text()
    facts = {**dict.fromkeys(FOUR[:3], gone()), "db4": online("db4")}
    monkeypatch.setattr(leaving, "facts_of", lambda settings: facts)
    with pytest.raises(CommandExecutionError, match="no majority"):
        leaving.remove(minion.settings, "db4")
    assert settings.SETTINGS_FILE.read_text() == before


@pytest.mark.parametrize(
    ("change", "heir"),
    [
        ({}, None),
        ({"mode": "single-primary"}, UUIDS["db2"]),
        ({"mode": "single-primary", "role": "SECONDARY"}, None),
        ({"mode": "single-primary", "quorum": False}, None),
        (
            {
                "mode": "single-primary",
                "members": [
                    member("db1"),
                    member("db2", "RECOVERING"),
                    member("db3", role="SECONDARY"),
                ],
            },
            UUIDS["db3"],
        ),
        ({"mode": "single-primary", "members": [member("db1")]}, None),
    ],
)
def test_who_is_primary_after_it(change, heir):
    settings = settings_from(pillar(), "db1")
    assert heir_of(settings, {**online("db1", "db3", "db2"), **change}) == heir


class Leaving:
    """A server that is asked to let its member go; what it was told, and when clients were done."""

    def __init__(self, monkeypatch, state="ONLINE", busy=(0,)):
        self.said, self.busy = [], list(busy)
        self.flag_seen = []
        monkeypatch.setattr(leaving, "NOTICE_SECONDS", 0.1)
        monkeypatch.setattr(
            leaving, "observe", lambda connection: {**online("db4"), "state": state}
        )
        monkeypatch.setattr(leaving, "_busy", self._busy)
        monkeypatch.setattr(leaving, "rows", lambda *_: [{"id": 7}, {"id": 8}])
        monkeypatch.setattr(leaving, "execute", self._do)

    def _busy(self, settings, connection):
        self.flag_seen.append(maintenance.leaving())
        return self.busy.pop(0) if len(self.busy) > 1 else self.busy[0]

    def _do(self, connection, sql, values=()):
        self.said.append(sql.replace("%s", str(*values)) if values else sql)
        if values == (7,):
            raise pymysql.OperationalError(1094, "Unknown thread id: 7")


KILLED = ["KILL CONNECTION 7", "KILL CONNECTION 8"]

READ_ONLY, STOP = "SET GLOBAL super_read_only = ON", "STOP GROUP_REPLICATION"


def test_it_leaves_as_soon_as_no_client_is_in_a_transaction(minion, monkeypatch):
    server = Leaving(monkeypatch, busy=(2, 1, 0))
    begin = time.monotonic()
    _leave(minion.settings, server, 600)
    assert 0.1 < time.monotonic() - begin < 100
    assert server.flag_seen == [True, True, True]
    assert server.said.index(READ_ONLY) < server.said.index(STOP)
    # Who is still there would read what was.
    assert server.said[-3:] == [READ_ONLY, *KILLED]
    assert not maintenance.leaving()


def test_clients_that_never_end_hold_it_up_no_longer_than_told(minion, monkeypatch):
    server = Leaving(monkeypatch, busy=(1,))
    begin = time.monotonic()
    _leave(minion.settings, server, 1)
    assert 1 <= time.monotonic() - begin < 60
    assert STOP in server.said


@pytest.mark.parametrize(("state", "seconds"), [("RECOVERING", 30), ("ERROR", 30), ("ONLINE", 0)])
def test_there_is_nothing_to_drain(minion, monkeypatch, state, seconds):
    server = Leaving(monkeypatch, state=state, busy=(1,))
    _leave(minion.settings, server, seconds)
    assert STOP in server.said
    assert server.flag_seen == []


def test_a_member_outside_only_stays_read_only(minion, monkeypatch):
    server = Leaving(monkeypatch, state="OFFLINE")
    _leave(minion.settings, server, 30)
    assert server.said == [READ_ONLY, *KILLED]


def test_a_stop_keeps_the_keeper_away_until_the_server_is_down(minion, monkeypatch):
    server = Leaving(monkeypatch)
    monkeypatch.setattr(leaving, "local", lambda *_: contextlib.nullcontext(server))
    # Another run holds the lock: the stop goes on.
    monkeypatch.setattr(lock, "held", lambda *_: contextlib.nullcontext(False))
    leave_before_stop(minion.settings)
    assert STOP in server.said
    assert maintenance.leaving()


def test_a_drained_member_stays_in_its_group_and_takes_nobody_new(minion, monkeypatch):
    server = Leaving(monkeypatch, busy=(1, 1, 0))
    monkeypatch.setattr(leaving, "exclusive", lambda *_: contextlib.nullcontext(server))
    monkeypatch.setattr(leaving.operation, "current", lambda connection: None)
    with pytest.raises(SaltInvocationError, match="member is 'db1', but this is db4"):
        leaving.drain(minion.settings, "db1", "a kernel")
    with pytest.raises(SaltInvocationError, match="reason is empty"):
        leaving.drain(minion.settings, "db4", " ")
    assert not_for_new() == ""
    assert leaving.drain(minion.settings, "db4", "a kernel ") == {
        "old": "",
        "new": "a kernel",
        "busy": 0,
    }
    assert server.said == []
    assert maintenance.drained() == "a kernel"
    assert not_for_new() == "drained: a kernel"
    assert kept_out(minion.settings) == ""
    server.busy = [2]
    assert leaving.drain(minion.settings, "db4", "a disk", seconds=0) == {
        "old": "a kernel",
        "new": "a disk",
        "busy": 2,
    }
    flag_leaving(60)
    assert not_for_new() == "leaving"
    assert maintenance.undrain() == {"old": "a disk", "new": ""}
    assert maintenance.undrain() == {"old": "", "new": ""}


@pytest.mark.parametrize("what", ["leave", "drain", "remove"])
def test_a_statement_may_take_as_long_as_transactions_are_waited_for(minion, monkeypatch, what):
    server, allowed = Leaving(monkeypatch), []

    def exclusive(settings, seconds=leaving.START_SECONDS):
        allowed.append(seconds)
        return contextlib.nullcontext(server)

    monkeypatch.setattr(leaving, "exclusive", exclusive)
    monkeypatch.setattr(leaving.operation, "current", lambda connection: None)
    if what == "remove":
        minion(pillar(3))
        there = {"state": "ONLINE", "settled": False, "problem": ""}
        monkeypatch.setattr(leaving, "removal", lambda settings: there)
        leaving.remove(minion.settings, "db4", 600)
    else:
        getattr(leaving, what)(minion.settings, "db4", "a kernel", 600)
    assert allowed == [leaving.START_SECONDS + 600]


@pytest.mark.parametrize("before", ["", "since May"])
@pytest.mark.parametrize("what", ["leave", "drain"])
def test_a_call_that_fails_leaves_no_reason_behind(minion, monkeypatch, what, before):
    reasons = {"leave": (maintenance.paused, maintenance.PAUSE_FILE),
               "drain": (maintenance.drained, maintenance.DRAINED_FILE)}  # fmt: skip
    reason, file = reasons[what]
    if before:
        write_whole(file, before + "\n")
    seen = []

    def lost(connection):
        seen.append(reason())
        raise CommandExecutionError("mysqld said: Lost connection to MySQL server (2013)")

    @contextlib.contextmanager
    def busy(*_):
        raise CommandExecutionError("another run on db4 is at it; nothing was done")
        yield

    act = getattr(leaving, what)
    monkeypatch.setattr(leaving.operation, "current", lambda connection: None)
    monkeypatch.setattr(leaving, "exclusive", busy)
    with pytest.raises(CommandExecutionError, match="another run"):
        act(minion.settings, "db4", "tonight")
    assert reason() == before
    monkeypatch.setattr(leaving, "exclusive", lambda *_: contextlib.nullcontext())
    monkeypatch.setattr(leaving, "observe", lost)
    with pytest.raises(CommandExecutionError, match="Lost connection"):
        act(minion.settings, "db4", "tonight")
    # It was there while the member was about to leave.
    assert seen == ["tonight"]
    assert reason() == before


AT_IT = Operation(
    "token", "a master", "rolling restart of all members", "restart db2", "{}", "10:00", "10:02",
    9, 111,
)  # fmt: skip


@pytest.mark.parametrize("what", ["leave", "drain", "pause"])
def test_an_operation_is_not_disturbed(minion, monkeypatch, what):
    row = AT_IT
    server = Leaving(monkeypatch)
    monkeypatch.setattr(leaving, "exclusive", lambda *_: contextlib.nullcontext(server))
    monkeypatch.setattr(leaving, "local", lambda *_: contextlib.nullcontext(server))
    monkeypatch.setattr(leaving.operation, "current", lambda connection: row)
    arguments = ("a kernel",) if what == "pause" else ("db4", "a kernel")
    act = getattr(leaving, what)
    with pytest.raises(CommandExecutionError, match=r"by a master is under way \(restart db2\)"):
        act(minion.settings, *arguments)
    assert (maintenance.paused(), maintenance.drained(), server.said) == ("", "", [])
    # One that was broken off is in nobody's way.
    row = AT_IT._replace(seconds_left=-1)
    act(minion.settings, *arguments)
    assert "a kernel" in (maintenance.paused(), maintenance.drained())


def test_a_server_that_is_away_can_be_paused(minion, monkeypatch):
    def away(*_):
        raise UnreachableError("cannot connect")

    monkeypatch.setattr(leaving, "local", away)
    assert leaving.pause(minion.settings, "a disk") == {"old": "", "new": "a disk"}


def test_no_member_is_removed_beside_an_operation(minion, monkeypatch):
    minion(pillar(3))
    mine = online("db4", "db1", "db2", "db3", operation=AT_IT._asdict())
    monkeypatch.setattr(leaving, "facts_of", lambda settings: whole(db4=mine))
    assert "db4 is not removed: rolling restart" in leaving.removal(minion.settings)["problem"]
    mine["operation"]["seconds_left"] = -1
    assert leaving.removal(minion.settings)["problem"] == ""
