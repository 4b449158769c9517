"""What the states of what was restored report."""

from __future__ import annotations

from unittest.mock import Mock

import pytest
from salt.exceptions import CommandExecutionError

import _states.backup_restore as states

POINT, OTHER = "g:1-7", "g:1-6"


class Machine:
    """A backup machine: its instances and files, each with the GTID set that it is at."""

    def __init__(self) -> None:
        self.instances: dict[str, str] = {}
        self.files: dict[str, str] = {}
        self.done: list[str] = []

    def restore_point(self, name, point, snapshot=None, test=False):
        assert (point, snapshot) == ("noon", "ab")
        if not test:
            self.done.append(name)
            self.instances[name] = POINT
        return {"gtids": POINT, "socket": "/s"}

    def drop_instance(self, name):
        self.done.append(f"drop {name}")
        del self.instances[name]

    def restore(self, name, into, point, snapshot=None, test=False):
        assert (point, snapshot) == ("noon", "ab")
        target = f"{name.split('.')[0]}.{into}" if "." in name else into
        if not test:
            self.done.append(target)
            self.files[target] = POINT
        return {"gtids": POINT, "file": f"/o/{target}.sql", "rows": 3}

    def written(self, name):
        return {"file": "/o", "gtids": self.files[name]} if name in self.files else {}


@pytest.fixture
def machine(monkeypatch):
    one = Machine()
    functions = {
        "restore_point": one.restore_point,
        "instances": lambda: sorted(one.instances),
        "executed": one.instances.get,
        "drop_instance": one.drop_instance,
        "restore_table": lambda table, **given: one.restore(table, **given),
        "restore_schema": lambda schema, **given: one.restore(schema, **given),
        "written": one.written,
    }
    named = {f"backup_restore.{name}": function for name, function in functions.items()}
    monkeypatch.setattr(states, "__salt__", named, raising=False)
    one.salt = named
    return one


@pytest.fixture
def run(machine, monkeypatch):
    """Call a state three times: what a dry run predicts is done, and done once."""

    def thrice(state, *words):
        monkeypatch.setattr(states, "__opts__", {"test": True}, raising=False)
        predicted = state(*words)
        assert machine.done == []
        monkeypatch.setattr(states, "__opts__", {"test": False}, raising=False)
        ret, again = state(*words), state(*words)
        assert (predicted["result"], ret["result"], again["result"]) == (None, True, True)
        assert predicted["changes"] == ret["changes"] != {}
        assert again["changes"] == {}
        return ret

    return thrice


CASES = [
    (states.instance_running, ("a", "noon", "ab"), {"a": {"old": "absent", "new": POINT}}, "a"),
    (
        states.table_written,
        ("s.t", "t_old", "noon", "ab"),
        {"s.t_old": {"old": "absent", "new": POINT}},
        "s.t_old",
    ),
    (
        states.schema_written,
        ("s", "s_old", "noon", "ab"),
        {"s_old": {"old": "absent", "new": POINT}},
        "s_old",
    ),
]


@pytest.mark.parametrize(("state", "words", "changes", "done"), CASES)
def test_what_is_not_there_is_restored_once(machine, run, state, words, changes, done):
    assert run(state, *words)["changes"] == changes
    assert machine.done == [done]


def test_an_instance_goes_once(machine, run):
    machine.instances["a"] = POINT
    assert run(states.instance_absent, "a")["changes"] == {"a": {"old": "present", "new": "absent"}}
    assert machine.done == ["drop a"]


@pytest.mark.parametrize(("have", "told"), [(OTHER, OTHER), ("", "at another point")])
def test_a_file_of_another_point_is_written_anew(machine, run, have, told):
    machine.files["s.t_old"] = have
    ret = run(states.table_written, "s.t", "t_old", "noon", "ab")
    assert ret["changes"] == {"s.t_old": {"old": told, "new": POINT}}


@pytest.mark.parametrize("test", [True, False])
def test_an_instance_of_another_point_stays_as_it_is(machine, monkeypatch, test):
    monkeypatch.setattr(states, "__opts__", {"test": test}, raising=False)
    machine.instances["a"] = OTHER
    ret = states.instance_running("a", "noon", "ab")
    assert (ret["result"], ret["changes"], machine.done) == (False, {}, [])
    assert "backup_restore.drop_instance a first" in ret["comment"]


@pytest.mark.parametrize(("state", "words", "changes", "done"), CASES)
def test_what_fails_is_told_and_changes_nothing(machine, monkeypatch, state, words, changes, done):
    monkeypatch.setattr(states, "__opts__", {"test": False}, raising=False)
    refusal = Mock(side_effect=CommandExecutionError("the repository is away"))
    for name in ("restore_point", "restore_table", "restore_schema"):
        machine.salt[f"backup_restore.{name}"] = refusal
    ret = state(*words)
    assert (ret["result"], ret["changes"]) == (False, {})
    assert ret["comment"] == "the repository is away"
