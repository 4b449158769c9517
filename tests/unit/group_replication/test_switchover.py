"""Another primary, another mode."""

from __future__ import annotations

import contextlib

import pymysql
import pytest
from group_replication import switchover
from group_replication.operation import Operation
from group_replication.schema_change import Change
from group_replication.switchover import set_primary, switch_mode
from salt.exceptions import CommandExecutionError, SaltInvocationError

from tests.unit.group import (
    Clock,
    online,
)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda mine: switch_mode(mine, "multi-primary", None, 60, True),
            "multi-primary cannot take",
        ),
        (lambda mine: set_primary(mine, "db3", 10, True), "member is 'db3', which is not ONLINE"),
    ],
)
def test_a_dry_run_refuses_what_a_run_does(minion, monkeypatch, call, sentence):
    seen = online("db4", "db1", mode="single-primary")
    change = None
    problem = {"table": "shop.t", "problem": "engine", "detail": "MyISAM, not InnoDB"}
    monkeypatch.setattr(switchover, "exclusive", lambda *_: contextlib.nullcontext())
    monkeypatch.setattr(switchover, "observe", lambda connection: seen)
    monkeypatch.setattr(switchover.schema_change, "current", lambda connection: change)
    row = None
    monkeypatch.setattr(switchover.operation, "current", lambda connection: row)
    level = "REPEATABLE-READ"
    monkeypatch.setattr(switchover, "_isolation", lambda connection: level)
    monkeypatch.setattr(switchover, "check_schema", lambda *_: [problem])
    with pytest.raises((CommandExecutionError, SaltInvocationError), match=sentence):
        call(minion.settings)
    monkeypatch.setattr(switchover, "check_schema", lambda *_: [])
    assert switch_mode(minion.settings, "multi-primary", None, 60, True)["new"] == "multi-primary"
    assert set_primary(minion.settings, "db1", 10, True)["new"] == "db1"
    change = Change("token", "a trial", "open", "root", 1, "172.28.17.53", "multi-primary", "", 9)
    for act in (
        lambda: switch_mode(minion.settings, "multi-primary", None, 60, True),
        lambda: set_primary(minion.settings, "db4", 10, True),
    ):
        with pytest.raises(CommandExecutionError, match="a trial changes the schema"):
            act()
    change = None
    row = Operation("token", "a master", "a restart", "restart db1", "{}", "10:00", "10:02", 9, 111)
    for act in (
        lambda: switch_mode(minion.settings, "multi-primary", None, 60, True),
        lambda: set_primary(minion.settings, "db4", 10, True),
        lambda: set_primary(minion.settings, "db4", 10, True, "another"),
    ):
        with pytest.raises(CommandExecutionError, match="a restart by a master is under way"):
            act()
    # What the operation does itself is let through.
    assert set_primary(minion.settings, "db4", 10, True, "token")["new"] == "db4"


@pytest.mark.parametrize(
    ("level", "tables", "words"),
    [
        ("REPEATABLE-READ", [], ""),
        ("SERIALIZABLE", [], "cannot take transaction_isolation SERIALIZABLE"),
        ("SERIALIZABLE", ["shop.t"], "MyISAM); transaction_isolation SERIALIZABLE"),
    ],
)
def test_serializable_is_for_one_primary_alone(monkeypatch, level, tables, words):
    found = [{"table": t, "problem": "engine", "detail": "MyISAM"} for t in tables]
    monkeypatch.setattr(switchover, "check_schema", lambda *_: found)
    monkeypatch.setattr(switchover, "rows", lambda *_: [{"level": level}])
    said = switchover.problems_of_multi_primary(None)
    assert words in said
    assert bool(said) == bool(words)


@pytest.mark.parametrize("elsewhere", [True, False])
def test_an_election_that_another_member_began_is_awaited(minion, monkeypatch, elsewhere):
    """A state that runs on all members has each of them elect; the server lets one do so."""
    before, after = (online("db4", "db1", "db2", mode="single-primary") for _ in range(2))
    for view, primary in ((before, "db2"), (after, "db1")):
        for row in view["members"]:
            here = row["host"] == minion.settings.nodes[primary]
            row["role"] = "PRIMARY" if here else "SECONDARY"
    seen, clock = [before, before], Clock(monkeypatch)

    def refuse(connection, member_id, drain):
        if elsewhere:
            seen.append(after)
        raise pymysql.OperationalError(3910, "another configuration operation is executed")

    monkeypatch.setattr(switchover, "exclusive", lambda *_: contextlib.nullcontext())
    monkeypatch.setattr(
        switchover, "observe", lambda connection: seen.pop(0) if len(seen) > 1 else seen[0]
    )
    monkeypatch.setattr(switchover, "set_as_primary", refuse)
    for owner in (switchover.schema_change, switchover.operation):
        monkeypatch.setattr(owner, "current", lambda connection: None)
    if elsewhere:
        assert set_primary(minion.settings, "db1", 10)["new"] == "db1"
        return
    with pytest.raises(pymysql.OperationalError):
        set_primary(minion.settings, "db1", 10)
    assert clock.now >= 10


def test_an_election_may_take_as_long_as_transactions_are_waited_for(minion, monkeypatch):
    asked = []

    def exclusive(settings, seconds):
        asked.append(seconds)
        return contextlib.nullcontext()

    seen = online("db4", mode="single-primary")
    monkeypatch.setattr(switchover, "exclusive", exclusive)
    monkeypatch.setattr(switchover, "observe", lambda connection: seen)
    assert set_primary(minion.settings, "db4", 600, True) == {"old": "db4", "new": "db4"}
    assert asked == [switchover.START_SECONDS + 600]
