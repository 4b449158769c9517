"""The row of the one operation: who may claim it beside which, and what is said of it."""

from __future__ import annotations

import contextlib
import json

import pytest
from group_replication import operation
from group_replication.operation import (
    CONTINUE_SECONDS,
    Operation,
    begin,
    claimed_over,
    proceed,
    refuse_meanwhile,
    sentence,
)
from pymysql import err as errors
from salt.exceptions import CommandExecutionError

BEGAN = {"db1": 100, "db2": 200}
ROW = Operation(
    token="theirs",
    owner="the master on m1",
    purpose="rolling restart of all members",
    step="restart db2",
    began=json.dumps(BEGAN),
    since="2026-01-01 10:00:00",
    deadline="2026-01-01 10:02:00",
    age=60,
    seconds_left=60,
)
OVER = ROW._replace(seconds_left=-1)
NOW = {"db1": 111, "db2": 222, "db3": 333}


def test_who_is_at_it_is_said():
    assert sentence(ROW) == (
        "rolling restart of all members by the master on m1 is under way (restart db2), since "
        "2026-01-01 10:00:00 UTC, until 2026-01-01 10:02:00 UTC"
    )
    assert sentence(OVER._replace(step="")) == (
        "rolling restart of all members by the master on m1 was broken off, since "
        "2026-01-01 10:00:00 UTC, deadline 2026-01-01 10:02:00 UTC"
    )


@pytest.mark.parametrize(
    ("row", "token", "refused"),
    [
        (None, "", False),
        (ROW, "", True),
        (ROW, "mine", True),
        (ROW, "theirs", False),
        (ROW._replace(seconds_left=0), "", True),
        (OVER, "", False),
    ],
)
def test_what_would_disturb_it_is_refused(row, token, refused):
    if not refused:
        refuse_meanwhile(row, "db1 is not paused", token)
        return
    with pytest.raises(CommandExecutionError, match="db1 is not paused: rolling restart of all"):
        refuse_meanwhile(row, "db1 is not paused", token)


@pytest.mark.parametrize(
    ("row", "purpose", "owner", "expected"),
    [
        (None, ROW.purpose, ROW.owner, "new"),
        # An owner has one at a time: its row of before is of a run that has died.
        (ROW, ROW.purpose, ROW.owner, "continues"),
        (ROW, "another purpose", ROW.owner, "gave up"),
        (ROW, ROW.purpose, "the master on m2", "refused"),
        (ROW, "another purpose", "the master on m2", "refused"),
        (OVER, ROW.purpose, "the master on m2", "continues"),
        (OVER, "another purpose", "the master on m2", "gave up"),
        # The members have had another life since.
        (OVER._replace(age=CONTINUE_SECONDS + 1), ROW.purpose, ROW.owner, "gave up"),
    ],
)
def test_a_claim_beside_a_row(row, purpose, owner, expected):
    if expected == "refused":
        with pytest.raises(CommandExecutionError, match=r"is not begun: .* is under way"):
            claimed_over(row, purpose, owner, NOW)
        return
    claim = claimed_over(row, purpose, owner, NOW)
    assert claim["continues"] is (expected == "continues")
    assert claim["step"] == ("restart db2" if expected == "continues" else "")
    assert claim["began"] == ({**NOW, **BEGAN} if expected == "continues" else NOW)
    assert ("was broken off" in claim["gave_up"]) is (expected == "gave up")


class Server:
    """A server with the row; a write is refused with an error, or hits so many rows."""

    def __init__(self, monkeypatch, *rows, error=None, hit=1):
        self.rows, self.error, self.hit, self.said = list(rows), error, hit, []
        monkeypatch.setattr(operation, "current", lambda connection: self.rows.pop(0))
        monkeypatch.setattr(operation, "has_table", lambda connection, name: True)

    def cursor(self):
        return contextlib.nullcontext(self)

    def execute(self, statement, values=()):
        self.said.append((statement.split()[0], values))
        if self.error:
            raise self.error
        return self.hit


def test_a_claim_is_an_insert_or_takes_over_what_was_seen(monkeypatch):
    server = Server(monkeypatch, None)
    token = begin(server, "a trial", "me", NOW)["token"]
    ((word, values),) = server.said
    assert (word, values[:4]) == ("INSERT", (token, "me", "a trial", ""))
    server = Server(monkeypatch, OVER)
    begin(server, "a trial", "me", NOW)
    ((word, values),) = server.said
    assert (word, values[-3:]) == ("UPDATE", (False, "theirs", "2026-01-01 10:02:00"))


def test_a_dry_run_claims_nothing(monkeypatch):
    server = Server(monkeypatch, None)
    assert begin(server, "a trial", "me", NOW, test=True)["began"] == NOW
    assert server.said == []


@pytest.mark.parametrize("code", [1062, 3101, 1213])
def test_who_comes_second_is_told_who_was_first(monkeypatch, code):
    lost = errors.OperationalError(code, "certified after another one")
    with pytest.raises(CommandExecutionError, match=r"a trial is not begun: .*m1 is under way"):
        begin(Server(monkeypatch, None, ROW, error=lost), "a trial", "me", NOW)
    with pytest.raises(CommandExecutionError, match="another one was as fast"):
        begin(Server(monkeypatch, None, OVER, error=lost), "a trial", "me", NOW)


def test_what_was_taken_over_meanwhile_is_not_claimed(monkeypatch):
    with pytest.raises(CommandExecutionError, match=r"m1 is under way"):
        begin(Server(monkeypatch, OVER, ROW, hit=0), "a trial", "me", NOW)


def test_another_error_is_no_second_claim(monkeypatch):
    broken = errors.OperationalError(1290, "super-read-only")
    with pytest.raises(errors.OperationalError):
        begin(Server(monkeypatch, None, error=broken), "a trial", "me", NOW)


def test_without_its_table_it_is_said_what_makes_it(monkeypatch):
    server = Server(monkeypatch)
    monkeypatch.setattr(operation, "has_table", lambda connection, name: False)
    with pytest.raises(
        CommandExecutionError, match=r"no table mysql_gr\.operation yet: a highstate"
    ):
        begin(server, "a trial", "me", NOW)


@pytest.mark.parametrize("found", [None, ROW])
def test_an_operation_that_was_lost_is_told(monkeypatch, found):
    with pytest.raises(CommandExecutionError, match="is not this run's any more"):
        proceed(Server(monkeypatch, found, hit=0), "mine", "restart db3")


def test_the_same_step_again_is_no_loss(monkeypatch):
    proceed(Server(monkeypatch, ROW, hit=0), "theirs", "restart db2")
