"""Balancers and web servers are upgraded and restarted in turns, over machines of plain data."""

from __future__ import annotations

import json

import pytest
from group_replication.upgrade_run import Upgrade
from salt.exceptions import CommandExecutionError, SaltInvocationError

from tests.unit.group import HOSTS_OF_THREE as NODES
from tests.unit.group import Clock
from tests.unit.group_replication.test_reboot_run import BALANCERS, ONE, TWO, WEBS, Machines
from tests.unit.group_replication.test_rolling_run import Killed
from tests.unit.group_replication.test_upgrade_check import NEW, OLD
from tests.unit.group_replication.test_upgrade_run import Packages

BESIDE = ["proxy2", "proxy1", "web1", "web2"]
ROLES = ["proxy", "web"]


class Fleet(Machines, Packages):
    """Machines whose services have packages; ``calls`` has each one's turn."""

    def __init__(self, one=TWO, mode: str = "multi-primary", writer: str = "db1") -> None:
        super().__init__(one, mode, writer)
        self.versions = {name: {"haproxy": "1", "keepalived": "1"} for name in BALANCERS}
        self.versions |= {name: {"apache2": "1", "php8.4-fpm": "1"} for name in WEBS}
        self.apt = {name: dict.fromkeys(has, "2") for name, has in self.versions.items()}
        self.broken: set[str] = set()
        self.starts = dict.fromkeys(self.versions, 1)
        self.old: dict[str, list[str]] = {}
        self.silent: set[str] = set()

    def _packages_readiness(self, name, validate=False):
        if name in self.silent:
            raise CommandExecutionError("dpkg-query: error")
        has = self.versions.get(name, {})
        found = {
            "versions": dict(has), "whole": name not in self.broken, "old": [],
            "waits": self.old.get(name, []), "started": {"unit": f"{self.starts.get(name)}"},
        }  # fmt: skip
        if validate:
            target = dict(self.apt.get(name, {}))
            found |= {"target": target, "problem": self.cannot.get(f"{name} apt", "")}
            found["older"] = [one for one in target if target[one] < has[one]]
        return found

    def _packages_fetch(self, name, versions):
        assert self.row["step"].startswith("fetch packages on")
        assert not self.calls
        self.fetched[name] = dict(versions)
        return self.cannot.get(name, "")

    def _turns(self, name, word):
        """What has to be so while a machine's services are changed."""
        assert self.row["step"] == f"{word} {name}"
        assert not self.down
        assert self.drained == ({name} if name in WEBS and self.site.balanced and
                                self.site is not ONE else set())  # fmt: skip
        self.calls.append(name)
        if self.kill_at == name:
            self.kill_at = ""
            raise Killed
        if name in self.fails:
            raise CommandExecutionError(self.fails[name])

    def _packages_upgrade(self, name, versions):
        due = self.versions[name] != versions or name in self.broken
        if due:
            if versions["keepalived" if name in BALANCERS else "apache2"] != "1":
                assert self.holder != name or len(self.keepalived) < 2, "the address is cut"
            self._turns(name, "upgrade")
            self.broken.discard(name)
            self.versions[name] = dict(versions)
        return {"upgraded": due, "seconds": 1}

    def _packages_restart(self, name, started):
        assert started == json.loads(self.row["began"])[name]
        due = started == {"unit": f"{self.starts[name]}"}
        if due:
            assert self.holder != name or len(self.keepalived) < 2, "the address is cut"
            self._turns(name, "restart")
            self.starts[name] += 1
            self.old.pop(name, None)
        return {"restarted": ["unit"] if due else [], "seconds": 1}


@pytest.fixture(autouse=True)
def clock(monkeypatch) -> Clock:
    return Clock(monkeypatch)


def upgrade(fleet: Fleet, owner: str = "m1", **given) -> Upgrade:
    return Upgrade(fleet, fleet.site, owner, **{"roles": ROLES, **given})


def turns(fleet: Fleet) -> list[str]:
    return [one for one in fleet.calls if " " not in one]


def test_all_fetch_first_and_the_one_with_the_address_is_the_last_balancer():
    fleet = Fleet()
    planned = upgrade(fleet).plan()
    assert (planned["machines"], planned["refused"]) == (BESIDE, "")
    assert set(planned["gates"].values()) == {""}
    assert planned["purpose"] == "rolling upgrade of all balancers, web servers"
    assert planned["packages"]["web1"] == "apache2 1 to 2, php8.4-fpm 1 to 2"
    assert list(planned["costs"]) == ["proxy1"]
    assert (planned["version"], planned["installed"]) == ("", {})
    assert (fleet.calls, fleet.fetched, fleet.row) == ([], {}, None)

    done = upgrade(fleet).run()
    assert done == {"upgraded": BESIDE, "gave_up": "", "problem": ""}
    assert fleet.fetched == fleet.apt == fleet.versions
    assert fleet.calls == ["proxy2", "proxy1 gives its address away", *BESIDE[1:]]
    assert (fleet.drained, fleet.keepalived, fleet.row) == (set(), set(BALANCERS), None)
    assert fleet.has == dict.fromkeys(NODES, OLD)


def test_a_second_run_finds_nothing_to_do():
    fleet = Fleet()
    upgrade(fleet).run()
    fleet.calls.clear()
    assert (upgrade(fleet).plan()["machines"], upgrade(fleet).plan()["refused"]) == ([], "")
    assert upgrade(fleet).run() == {"upgraded": [], "gave_up": "", "problem": ""}
    assert fleet.calls == []


def test_a_balancer_that_is_only_reloaded_keeps_its_address():
    fleet = Fleet()
    for name in BALANCERS:
        fleet.apt[name]["keepalived"] = "1"
    assert upgrade(fleet, roles=["proxy"]).plan()["costs"] == {}
    assert upgrade(fleet, roles=["proxy"]).run()["upgraded"] == ["proxy2", "proxy1"]
    assert fleet.calls == ["proxy2", "proxy1"]
    assert fleet.holder == "proxy1"


def test_members_and_others_are_one_run_in_the_order_of_a_reboot():
    fleet = Fleet()
    planned = upgrade(fleet, roles=["web", "db", "proxy"]).plan()
    order = ["db2", "db3", "db1", *BESIDE]
    assert (planned["machines"], planned["version"]) == (order, NEW)
    assert planned["purpose"] == f"rolling upgrade to {NEW} of all members, balancers, web servers"
    assert upgrade(fleet, roles=["web", "db", "proxy"]).run()["upgraded"] == order
    assert set(fleet.fetched) == {*NODES, *BESIDE}
    assert fleet.has == dict.fromkeys(NODES, NEW)


def test_only_those_that_are_named():
    fleet = Fleet()
    assert upgrade(fleet, roles=(), machines=["web2", "proxy2"]).run()["upgraded"] == [
        "proxy2",
        "web2",
    ]
    assert set(fleet.fetched) == {"proxy2", "web2"}


@pytest.mark.parametrize("roles", [ROLES, ["db", *ROLES]])
@pytest.mark.parametrize("at", BESIDE)
def test_an_upgrade_that_is_killed_is_continued(at, roles):
    fleet = Fleet()
    fleet.kill_at = at
    with pytest.raises(Killed):
        upgrade(fleet, roles=roles).run()
    fleet.calls = []
    planned = upgrade(fleet, roles=roles).plan()
    assert planned["machines"][0] == at
    assert f"by m1 is under way (upgrade {at})" in planned["continues"]
    assert planned["refused"] == ""
    done = upgrade(fleet, roles=roles).run()
    assert (done["problem"], fleet.row, fleet.drained) == ("", None, set())
    assert fleet.versions == fleet.apt
    assert fleet.keepalived == set(BALANCERS)


@pytest.mark.parametrize("at", BESIDE)
def test_the_first_that_does_not_come_back_ends_the_run(at):
    fleet = Fleet()
    fleet.fails = {at: "apache2 does not run"}
    fleet.broken = {at}
    fleet.apt[at]["haproxy" if at in BALANCERS else "apache2"] = "2"
    done = upgrade(fleet).run()
    before = BESIDE[: BESIDE.index(at)]
    assert done["upgraded"] == before
    assert f"{at}: apache2 does not run. No other machine is touched" in done["problem"]
    assert turns(fleet) == [*before, at]
    # What is half way gets no clients.
    assert fleet.drained == {at} & {*WEBS}
    fleet.fails, fleet.calls = {}, []
    assert upgrade(fleet).run()["upgraded"] == BESIDE[BESIDE.index(at) :]
    assert (fleet.drained, fleet.keepalived) == (set(), set(BALANCERS))


def test_a_machine_on_which_nothing_was_done_serves_again():
    fleet = Fleet()
    fleet.fails = {"web1": "apt-get: could not get lock"}
    done = upgrade(fleet, roles=["web"]).run()
    assert "could not get lock" in done["problem"]
    assert (done["upgraded"], fleet.drained) == ([], set())


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda one: one.silent.add("web2"), "web2: dpkg-query: error"),
        (lambda one: one.apt["proxy2"].update(haproxy="3"), "apt would install haproxy 2 on pro"),
        (lambda one: one.apt["web1"].update(apache2="0"), "apt would install apache2 0 on web"),
        (lambda one: one.cannot.update({"web2 apt": "/usr: 0 MiB are free"}), "web2: /usr: 0 MiB"),
        (lambda one: one.unused.add("web2"), "web2: proxy1 does not use it in web"),
        (lambda one: one.unused.add("db3"), "db3: proxy1 does not use it in"),
        (lambda one: one.down.add("db3"), "db3 mysqld does not answer"),
        (lambda one: one.booting.update(proxy2=99), "proxy2: no answer from its minion"),
    ],
)
def test_nothing_is_begun_where_something_stands_in_the_way(change, sentence):
    fleet = Fleet()
    change(fleet)
    assert sentence in upgrade(fleet).plan()["refused"]
    assert sentence in upgrade(fleet).run()["problem"]
    assert (fleet.calls, fleet.fetched, fleet.row) == ([], {}, None)


def test_a_downgrade_is_refused():
    fleet = Fleet()
    for name in WEBS:
        fleet.apt[name]["apache2"] = "0"
    assert upgrade(fleet).run()["problem"] == (
        "web1 has apache2 1, and 0 would be a downgrade, web2 has apache2 1, and 0 would be a"
        " downgrade"
    )
    assert fleet.calls == []


def test_a_program_that_refuses_what_is_configured_touches_none():
    fleet = Fleet()
    fleet.cannot = {"proxy1": "the new haproxy refuses its configuration: unknown keyword"}
    done = upgrade(fleet).run()
    assert done["problem"].startswith("proxy1: the new haproxy refuses its configuration")
    assert done["problem"].endswith("No machine is touched")
    assert (fleet.calls, fleet.row["seconds_left"]) == ([], -1)


@pytest.mark.parametrize(
    ("outage", "why"), [([], "web1: it is the only web server"), (["web1"], "")]
)
def test_a_single_web_server_is_missed_and_a_single_balancer_is_not(outage, why):
    fleet = Fleet(ONE)
    planned = upgrade(fleet, outage=outage).plan()
    assert planned["refused"].startswith(why)
    assert bool(planned["refused"]) is bool(why)
    assert "HAProxy is reloaded, which ends no session" in planned["costs"]["proxy1"]
    assert upgrade(fleet, outage=outage).run()["upgraded"] == ([] if why else ["proxy1", "web1"])


def test_requests_that_do_not_end_keep_a_web_server():
    fleet = Fleet()
    fleet.busy = 3
    done = upgrade(fleet, roles=["web"]).run()
    assert "web1 still has 3 connections of balancers after 60 s" in done["problem"]
    assert (fleet.calls, fleet.drained) == ([], set())


def test_a_web_server_that_is_not_used_again_ends_the_run():
    fleet = Fleet()
    old = fleet._packages_upgrade

    def change(name, versions):
        answer = old(name, versions)
        fleet.unused |= {name} & {"web1"}
        return answer

    fleet._packages_upgrade = change
    done = upgrade(fleet).run()
    assert "web1 is back: after 60 s web1: proxy1 does not use it in web" in done["problem"]
    assert "web2" not in fleet.calls


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"version": "9.7.5-1"}, "version is '9.7.5-1', which is MySQL's, and no database"),
        ({"outage": ["db9"]}, r"outage is \['db9'\]; expected a list of"),
        ({"window": "at night"}, "window is 'at night'"),
        ({"settle": -1}, "settle is -1"),
    ],
)
def test_arguments_are_checked(given, sentence):
    with pytest.raises(SaltInvocationError, match=sentence):
        upgrade(Fleet(), **given)
