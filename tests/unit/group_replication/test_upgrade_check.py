"""Whether members may be upgraded to a version: the whole table."""

from __future__ import annotations

import pytest
from group_replication.upgrade_check import gates, is_at, step_refused

from tests.unit.group import HOSTS_OF_THREE as NODES
from tests.unit.group import gone
from tests.unit.group_replication.test_rolling import ready

OLD, NEW = "9.7.4-2", "9.7.5-1"


def target(version=NEW, installed=OLD, **more) -> dict:
    return {
        "version": version,
        "installed": installed,
        "order": "newer",
        "problem": "",
        "options": [],
        "native_accounts": [],
        "script_account": True,
        **more,
    }


def group(version=NEW, **changes) -> dict:
    told = {name: {"version": version, **changes.get(name, {})} for name in NODES}
    return {name: ready(name, target=target(**told[name])) for name in NODES}


def test_nothing_stands_in_the_way_of_a_patch():
    assert set(gates(NODES, group(), NEW).values()) == {""}


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("9.7.4-2", "9.7.4-3", ""),
        ("9.7.2-4", "9.7.5-1", ""),
        ("8.4.7-1", "9.7.4-2", ""),
        ("8.0.46-0ubuntu0.24.04.1", "8.4.7-0ubuntu0.26.04.1", ""),
        ("9.7.4-2", "26.7.0-1", ""),
        ("9.5.0-1", "9.7.4-2", ""),
        ("8.0.46-1", "9.7.4-2", "from 8.0 to 9.7 the way leads by 8.4"),
        ("8.4.7-1", "26.7.0-1", "from 8.4 to 26.7 the way leads by 9.7"),
        ("8.0.46-1", "26.7.0-1", "from 8.0 to 26.7 the way leads by 8.4, 9.7"),
        ("9.7.4-2", "10.0.1-1", "10.0.1 is no version that is taken: MySQL 8.0.35 or later"),
        ("1:9.7.4-2", "1:9.7.4-3", ""),
    ],
)
def test_series_are_taken_one_at_a_time(old, new, why):
    assert step_refused(old, new).startswith(why)
    assert bool(step_refused(old, new)) == bool(why)


@pytest.mark.parametrize(
    ("version", "changes", "sentence"),
    [
        (
            "",
            {"db2": {"version": "9.7.4-3"}},
            "apt would install 9.7.5-1 on db1, 9.7.4-3 on db2, 9.7.5-1 on db3: one is to be named",
        ),
        ("9.7.4-1", {"db2": {"order": "older"}}, "db2 has 9.7.4-2, and 9.7.4-1 would be a downgra"),
        (NEW, {"db3": {"problem": "apt has no x 9.7.5-1"}}, "db3: apt has no x 9.7.5-1"),
        (NEW, {"db3": {"installed": "8.0.46-1"}}, "db3: from 8.0 to 9.7 the way leads by 8.4"),
        (NEW, {"db1": {"options": ["expire-logs-days"]}}, "mysql:options:expire-logs-days on db1"),
        (NEW, {"db1": {"native_accounts": ["a@%"]}}, "a@% on db1 could log in no more"),
        (NEW, {"db2": {"script_account": False}}, "db2 has no account 'debian-sys-maint'@'local"),
    ],
)
def test_one_thing_is_enough(version, changes, sentence):
    answers = gates(NODES, group(**changes), version)
    assert [why[: len(sentence)] for why in answers.values() if why] == [sentence]


def test_another_series_is_for_multi_primary_mode():
    facts = group("26.7.0-1")
    assert set(gates(NODES, facts, "26.7.0-1").values()) == {""}
    facts["db2"]["mode"] = "single-primary"
    answers = gates(NODES, facts, "26.7.0-1")
    assert "db2: another series is reached in multi-primary mode alone" in "".join(answers.values())


def test_who_says_nothing_is_not_judged():
    facts = {**group(), "db3": gone("no answer from db3's minion")}
    assert set(gates(NODES, facts, NEW).values()) == {""}
    silent = {name: gone("no answer") for name in NODES}
    assert "apt knows no version" in "".join(gates(NODES, silent, "").values())


@pytest.mark.parametrize(
    ("one", "there"),
    [
        ({"packages": {"a": NEW, "b": NEW}, "half_way": False, "stale": False}, True),
        ({"packages": {"a": NEW, "b": OLD}, "half_way": True, "stale": False}, False),
        ({"packages": {"a": NEW}, "half_way": False, "stale": True}, False),
        ({"packages": {"a": NEW}, "half_way": True, "stale": False}, False),
        ({"packages": {"a": OLD}, "half_way": False, "stale": False}, False),
        ({}, False),
    ],
)
def test_who_is_there(one, there):
    assert is_at(one, NEW) is there
