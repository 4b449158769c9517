"""A rolling upgrade as a whole, over a group that is made of plain data."""

from __future__ import annotations

import pytest
from group_replication.stand_in import Site
from group_replication.upgrade_run import Upgrade
from salt.exceptions import CommandExecutionError, SaltInvocationError

from tests.unit.group import HOSTS_OF_THREE as NODES
from tests.unit.group import Clock
from tests.unit.group_replication.test_rolling_run import PROXIES, Group, Killed
from tests.unit.group_replication.test_upgrade_check import NEW, OLD, target

SITE = Site(
    {**dict.fromkeys(NODES, "db"), **dict.fromkeys(PROXIES, "proxy")},
    {**NODES, **dict.fromkeys(PROXIES, "172.28.17.62")},
)


class Packages(Group):
    """A group whose members have packages, too."""

    def __init__(self, *args) -> None:
        super().__init__(*args)
        self.has = dict.fromkeys(NODES, OLD)
        self.candidate = dict.fromkeys(NODES, NEW)
        self.half: set[str] = set()
        self.fetched: dict[str, str] = {}
        self.cannot: dict[str, str] = {}

    def _readiness(self, name, validate=False, version=""):
        found = dict(super()._readiness(name, validate))
        half = name in self.half
        found.update(packages={"a": self.has[name]}, half_way=half, stale=False)
        if validate:
            wanted = version or self.candidate[name]
            order = "same" if wanted == OLD else "older" if wanted < OLD else "newer"
            found["target"] = target(wanted, self.has[name], order=order)
        return found

    def _fetch(self, name, version):
        assert self.row["step"].startswith("fetch packages on")
        assert not self.calls
        self.fetched[name] = version
        return self.cannot.get(name, "")

    def _upgrade(self, name, member, operation, version):
        assert (name, self.row["token"]) == (member, operation)
        assert self.row["step"] == f"upgrade {member}"
        assert version in self.fetched.values()
        due = self.has[name] != version or name in self.half
        if due:
            assert not self.down - {name}, "two members would be away"
            self.calls.append(name)
            if name in self.fails:
                self.down.add(name)
                self.half.add(name)
                raise CommandExecutionError(self.fails[name])
            self.half.discard(name)
            self.has[name] = version
            self.started[name] += 50
        if self.kill_at == name:
            self.kill_at = ""
            self.down.add(name)
            raise Killed
        self.down.discard(name)
        return {"member": name, "upgraded": due, "state": "ONLINE", "seconds": 1}


@pytest.fixture(autouse=True)
def clock(monkeypatch) -> Clock:
    return Clock(monkeypatch)


def run_of(group: Packages, owner: str = "m1", **arguments) -> Upgrade:
    return Upgrade(group, SITE, owner, **arguments)


def test_all_fetch_before_one_is_touched_and_the_writers_is_the_last():
    group = Packages("multi-primary", "db2")
    planned = run_of(group).plan()
    assert (planned["machines"], planned["version"]) == (["db1", "db3", "db2"], NEW)
    assert (planned["refused"], set(planned["gates"].values())) == ("", {""})
    assert planned["installed"] == dict.fromkeys(NODES, OLD)
    assert planned["purpose"] == f"rolling upgrade to {NEW} of all members"
    assert (group.calls, group.fetched, group.row) == ([], {}, None)
    done = run_of(group).run()
    assert done == {"upgraded": ["db1", "db3", "db2"], "gave_up": "", "problem": ""}
    assert group.fetched == dict.fromkeys(NODES, NEW)
    assert (group.has, group.row) == (dict.fromkeys(NODES, NEW), None)


def test_a_second_run_finds_nothing_to_do():
    group = Packages()
    run_of(group).run()
    group.calls.clear()
    planned = run_of(group).plan()
    assert (planned["machines"], planned["refused"]) == ([], "")
    assert run_of(group).run() == {"upgraded": [], "gave_up": "", "problem": ""}
    assert group.calls == []


def test_a_primary_hands_over_first():
    group = Packages("single-primary", "db1")
    assert run_of(group).run()["upgraded"] == ["db2", "db3", "db1"]
    assert group.calls == ["db2", "db3", "db2 primary", "db1"]


@pytest.mark.parametrize(
    ("arguments", "candidate", "sentence"),
    [
        ({"version": "9.7.4-1"}, {}, "db1 has 9.7.4-2, and 9.7.4-1 would be a downgrade"),
        ({}, {"db3": "9.7.4-1"}, "apt would install 9.7.5-1 on db1, 9.7.5-1 on db2, 9.7.4-1 on"),
        ({}, dict.fromkeys(NODES, "9.7.4-1"), "db1 has 9.7.4-2, and 9.7.4-1 would be a downgr"),
    ],
)
def test_it_is_refused_before_anything_is_touched(arguments, candidate, sentence):
    group = Packages()
    group.candidate.update(candidate)
    assert run_of(group, **arguments).plan()["refused"].startswith(sentence)
    assert run_of(group, **arguments).run()["problem"].startswith(sentence)
    assert (group.calls, group.fetched, group.row) == ([], {}, None)


def test_those_that_are_named_need_one_candidate_alone():
    group = Packages()
    group.candidate["db3"] = "9.7.4-3"
    assert run_of(group, machines=["db3"]).run()["upgraded"] == ["db3"]
    assert group.fetched == {"db3": "9.7.4-3"}


def test_a_package_that_one_cannot_take_touches_none():
    group = Packages()
    group.cannot = {"db3": "mysqld refuses the options that are in place"}
    done = run_of(group).run()
    assert done["upgraded"] == []
    assert done["problem"].startswith("db3: mysqld refuses the options that are in place. No memb")
    assert (group.calls, group.row["seconds_left"]) == ([], -1)


@pytest.mark.parametrize("at", NODES)
def test_a_run_that_is_killed_is_continued_with_its_version(at):
    group = Packages()
    group.kill_at = at
    with pytest.raises(Killed):
        run_of(group).run()
    calls, group.calls = group.calls, []
    # Something newer has come to apt meanwhile.
    group.candidate = dict.fromkeys(NODES, "9.7.6-1")
    planned = run_of(group).plan()
    assert (planned["machines"][0], planned["version"]) == (at, NEW)
    assert f"rolling upgrade to {NEW} of all members by m1 is under way" in planned["continues"]
    assert planned["refused"] == ""
    done = run_of(group).run()
    assert (done["problem"], group.row) == ("", None)
    assert group.has == dict.fromkeys(NODES, NEW)
    assert calls + group.calls == ["db2", "db3", "db1"]


def test_a_member_that_is_half_way_ends_the_run_and_the_same_call_goes_on():
    group = Packages()
    group.fails = {"db2": "packages on db2 are half way"}
    done = run_of(group).run()
    assert done["upgraded"] == []
    assert "No other member is touched, and the same call goes on with db2" in done["problem"]
    assert group.calls == ["db2"]
    group.fails, group.calls, group.fetched = {}, [], {}
    assert run_of(group).run()["upgraded"] == ["db2", "db3", "db1"]
    # What is half way fetches nothing before dpkg is at its end.
    assert set(group.fetched) == {"db1", "db3"}


def test_another_operation_is_in_the_way():
    group = Packages()
    group.kill_at = "db2"
    with pytest.raises(Killed):
        run_of(group).run()
    assert "by m1 is under way (upgrade db2)" in run_of(group, "m2").run()["problem"]


@pytest.mark.parametrize("version", ["new est", "-1", "../x", "9.7;"])
def test_a_version_is_one(version):
    with pytest.raises(SaltInvocationError, match=r"expected a package's, such as 9\.7\.4-2"):
        run_of(Packages(), version=version)
