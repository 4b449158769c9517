"""What a member received is applied, for as long as that goes on."""

from __future__ import annotations

import pymysql
import pytest
from group_replication.recovery import apply_received
from salt.exceptions import CommandExecutionError

from tests.unit.group import (
    GROUP,
    Clock,
    Server,
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
        assert said == [f"START {SQL_THREAD}", f"STOP {SQL_THREAD}"]
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
