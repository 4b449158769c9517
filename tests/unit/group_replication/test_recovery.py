"""What a member received is applied and a member is cloned, for as long as that goes on."""

from __future__ import annotations

import socket
import threading

import pymysql
import pytest
from group_replication import causes, recovery
from group_replication.recovery import (
    UNCOUNTED_SECONDS,
    _await_progress,
    apply_received,
    clone,
    forget_transactions,
)
from group_replication.settings import settings_from
from salt.exceptions import CommandExecutionError

from tests.unit.group import (
    GROUP,
    Clock,
    Server,
    one,
    online,
    pillar,
)


class Said(Server):
    """A server that answers queries, each by its beginning."""

    def __init__(self, answers: dict, fails_at: str = "", code: int = 2013) -> None:
        super().__init__()
        self._answers, self._at, self._code = answers, fails_at, code
        self._rows: list = []

    def execute(self, statement, values=None):
        super().execute(statement, values)
        if self._at and statement.startswith(self._at):
            raise pymysql.OperationalError(self._code, "it fails")
        found = next((r for begin, r in self._answers.items() if statement.startswith(begin)), [])
        self._rows = found() if callable(found) else found

    def fetchall(self):
        return self._rows


RECEIVED = f"{GROUP}:7-8"


SQL_THREAD = "REPLICA SQL_THREAD FOR CHANNEL 'group_replication_applier'"


def applying(monkeypatch, errors=(), left=(), work=()):
    """Apply with answers in a row, the last of which stays; returns the seconds it took."""
    clock = Clock(monkeypatch)

    def row(name, values, default):
        kept = list(values) or [default]
        return lambda: [{name: kept.pop(0) if len(kept) > 1 else kept[0]}]

    server = Said(
        {
            "SELECT GTID_SUBTRACT": row("s", left, RECEIVED),
            "SELECT IF(": row("error", errors, ""),
            "SELECT COALESCE((SELECT SUM(trx": row("work", work, 0),
        }
    )
    try:
        apply_received(server, RECEIVED, 1)
    finally:
        said = [one for one in server.said if not one.startswith("SELECT")]
        # What an ALTER has done is counted from the start on.
        assert said == [causes.COUNT_STAGES, f"START {SQL_THREAD}", f"STOP {SQL_THREAD}"]
    return clock.now


def test_an_applier_that_cannot_is_told_at_once(monkeypatch):
    with pytest.raises(CommandExecutionError, match=r"7-8; the applier said: Duplicate entry '5'"):
        applying(monkeypatch, errors=["", "Duplicate entry\n'5'"])


def test_an_applier_that_stands_still_is_given_up(monkeypatch):
    with pytest.raises(CommandExecutionError, match=r"no progress for 1 s.*7-8"):
        applying(monkeypatch)


def test_one_transaction_may_take_longer_than_the_patience(monkeypatch):
    took = applying(monkeypatch, left=[RECEIVED] * 20 + [""], work=range(30))
    assert took > 1


# What a clone shows while it comes no further, and the seconds after which that is given up.
WAITS = [
    # It waits for the donor's schema changes, or is between two stages.
    ([], UNCOUNTED_SECONDS),
    ([{"stage": "DROP DATA", "bytes": 0}], UNCOUNTED_SECONDS),
    ([{"stage": "FILE SYNC", "bytes": 0}], UNCOUNTED_SECONDS),
    ([{"stage": "FILE COPY", "bytes": 4711}], 60),
    ([{"stage": "PAGE COPY", "bytes": 0}], 60),
    ([{"stage": "REDO COPY", "bytes": 0}], 60),
]


def looking(monkeypatch, shown, answers=True):
    """Let the local server show these stages of a clone; returns its clock."""
    clock = Clock(monkeypatch)

    def local(settings, seconds=None):
        if not answers:
            raise CommandExecutionError("cannot connect")
        return Said({"SELECT STAGE": shown})

    monkeypatch.setattr(recovery, "local", local)
    monkeypatch.setattr(recovery, "observe", lambda connection: one("db1"))
    monkeypatch.setattr(recovery, "applier", lambda connection: {})
    return clock


@pytest.mark.parametrize(("shown", "seconds"), WAITS)
def test_what_a_clone_counts_nothing_of_takes_its_time(monkeypatch, shown, seconds):
    clock = looking(monkeypatch, shown)
    with pytest.raises(CommandExecutionError, match=f"no progress for {seconds:.0f} s"):
        _await_progress(settings_from(pillar(), "db1"), 60, lambda _: False, cloning=True)
    assert seconds < clock.now < seconds + 2


def test_bytes_that_come_are_progress(monkeypatch):
    came = iter(range(1000))
    clock = looking(monkeypatch, lambda: [{"stage": "FILE COPY", "bytes": next(came) // 100}])
    done = lambda _: clock.now > 400  # noqa: E731
    _await_progress(settings_from(pillar(), "db1"), 60, done, cloning=True)


def test_a_server_that_hangs_while_it_is_cloned_is_given_up(monkeypatch):
    clock = looking(monkeypatch, [], answers=False)
    with pytest.raises(CommandExecutionError, match="no progress for 60 s: cannot connect"):
        _await_progress(settings_from(pillar(), "db1"), 60, lambda _: False, cloning=True)
    assert clock.now < 62


class Copying(Said):
    """A server whose clone ends only with the connection."""

    def __init__(self, said: list[str]) -> None:
        super().__init__({"SELECT PID": [{"pid": 7}]})
        self.said = said
        self._sock, self._theirs = socket.socketpair()

    def execute(self, statement, values=None):
        super().execute(statement, values)
        if statement.startswith("CLONE INSTANCE"):
            self._sock.recv(1)
            raise CommandExecutionError("the connection was closed")


@pytest.mark.parametrize("held", ["", f"{GROUP}:1-5"])
def test_a_clone_forgets_first_and_one_that_stands_still_holds_nobody_up(monkeypatch, held):
    said: list[str] = []
    begun = threading.Event()

    def stand_still(settings, patience, enough, cloning=False):
        begun.wait(60)
        raise CommandExecutionError("db1 is OFFLINE and made no progress for 60 s")

    class Local(Copying):
        def execute(self, statement, values=None):
            if statement.startswith("CLONE INSTANCE"):
                begun.set()
            super().execute(statement, values)

    monkeypatch.setattr(recovery, "_await_progress", stand_still)
    monkeypatch.setattr(recovery, "local", lambda *_: Local(said))
    credentials = [{"name": "mysql_gr_recovery", "password": "secret"}]
    monkeypatch.setattr(recovery, "recovery_credentials", lambda _: credentials)
    settings = settings_from(pillar(), "db1")
    with pytest.raises(CommandExecutionError, match="made no progress"):
        clone(settings, Local(said), one("db1", gtids=held), online("db2"), 60)
    acts = [text for text in said if not text.startswith("SELECT STATE, SOURCE")]
    copied = next(n for n, text in enumerate(acts) if text.startswith("CLONE INSTANCE"))
    assert ("RESET BINARY LOGS AND GTIDS" in acts[:copied]) == bool(held)
    # The clone that is at it, and not an older one's number.
    assert any(text.startswith("SELECT PID") and "'In Progress'" in text for text in acts)
    assert "KILL QUERY %s" in acts[copied:]


@pytest.mark.parametrize(("code", "forgets"), [(3074, True), (1290, False)])
def test_a_server_that_was_in_no_group_forgets_its_transactions_too(code, forgets):
    server = Said({}, "RESET REPLICA", code)
    if not forgets:
        with pytest.raises(pymysql.OperationalError):
            forget_transactions(server, "9.7.4")
    else:
        forget_transactions(server, "9.7.4")
    assert ("RESET BINARY LOGS AND GTIDS" in server.said) == forgets
