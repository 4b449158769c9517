"""Another primary, another mode."""

from __future__ import annotations

import contextlib

import pytest
from group_replication import switchover
from group_replication.operation import Operation
from group_replication.schema_change import Change
from group_replication.switchover import set_primary, switch_mode
from salt.exceptions import CommandExecutionError, SaltInvocationError

from tests.unit.group import (
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
