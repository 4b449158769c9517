"""Servers that are away or busy are waited for, within deadlines."""

from __future__ import annotations

import contextlib
import time

import pymysql
import pytest
from group_replication import connection, lock
from group_replication.connection import (
    LOCAL_SECONDS,
    UnreachableError,
    answered,
    machine_lock,
    set_when_free,
)
from group_replication.settings import settings_from

from tests.unit.group import (
    Clock,
    pillar,
)

ON = "SET GLOBAL group_replication_bootstrap_group = ON"


@pytest.mark.parametrize(("busy", "set_after"), [(0, 0), (3, 1.5), (1000, None)])
def test_an_option_is_set_once_the_server_is_at_no_other_one(monkeypatch, busy, set_after):
    clock, tries = Clock(monkeypatch), []

    def do(connection, statement, values):
        tries.append(statement)
        if len(tries) <= busy:
            raise pymysql.OperationalError(3724, "This option cannot be set while ...")

    monkeypatch.setattr(connection, "execute", do)
    if set_after is None:
        with pytest.raises(pymysql.OperationalError, match="3724"):
            set_when_free(None, ON)
        assert clock.now > LOCAL_SECONDS
    else:
        set_when_free(None, ON)
        assert (tries, clock.now) == ([ON] * (busy + 1), set_after)


def test_a_server_that_is_away_is_asked_again_for_a_while(monkeypatch):
    """As while a clone restarts it beside a highstate."""
    answers = iter([UnreachableError("away"), UnreachableError("away"), "there"])

    @contextlib.contextmanager
    def local(_settings):
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        yield answer

    monkeypatch.setattr(connection, "local", local)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    assert answered(settings_from(pillar(), "db1"), 30, lambda connection: connection) == "there"
    answers = iter([UnreachableError("away")])
    with pytest.raises(UnreachableError):
        answered(settings_from(pillar(), "db1"), 0, lambda connection: connection)


@pytest.mark.parametrize(
    ("changing", "seconds", "taken", "took"),
    [(0, 0, True, 0), (3, 5, True, 1.5), (1, 0, False, 0), (99, 5, False, 5)],
)
def test_a_start_that_a_killed_run_left_is_waited_for(
    monkeypatch, tmp_path, changing, seconds, taken, took
):
    """The lock went with the run; the statement goes on in the server."""
    left, now = [changing], [0.0]
    monkeypatch.setattr(lock, "LOCK_FILE", tmp_path / "lock")
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "sleep", lambda s: now.__setitem__(0, now[0] + s))

    def rows(connection, sql):
        assert "group_replication_start" in sql
        left[0] -= 1
        return [{"1": 1}] if left[0] >= 0 else []

    monkeypatch.setattr(connection, "rows", rows)
    with machine_lock(None, seconds) as found:
        assert (found, now[0]) == (taken, took)
