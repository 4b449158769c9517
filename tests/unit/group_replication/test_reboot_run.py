"""A rolling reboot as a whole, over machines that are made of plain data."""

from __future__ import annotations

import json

import pytest
from group_replication import reboot_run
from group_replication.reboot_run import Reboot
from minion_calls import Answer
from salt.exceptions import CommandExecutionError, SaltInvocationError

from tests.unit.group import HOSTS_OF_THREE as NODES
from tests.unit.group import Clock
from tests.unit.group_replication.test_reboot import ALL, VIRTUAL, site
from tests.unit.group_replication.test_rolling_run import Group, Killed

TWO = site()
ONE = site(proxies=1, webs=1, virtual="")
WEBS, BALANCERS = ("web1", "web2"), ("proxy1", "proxy2")


class Machines(Group):
    """Two of each, a backup machine and the master's; ``calls`` is what was told to them."""

    def __init__(self, one=TWO, mode: str = "multi-primary", writer: str = "db1") -> None:
        super().__init__(mode, writer)
        self.site = one
        self.boots = dict.fromkeys(one.roles, 1)
        self.waits: dict[str, str] = {}
        self.holder = "proxy1" if one.virtual_address else ""
        self.keepalived = set(one.of("proxy")) if one.virtual_address else set()
        self.drained: set[str] = set()
        # How often each is asked in vain while it boots; for ever where it does not come back.
        self.booting: dict[str, float] = {}
        self.takes, self.lost = 2, ""
        self.stays: set[str] = set()
        self.busy, self.backup_runs, self.follows = 0, False, True

    def __call__(self, targets, function, arguments):
        told = {}
        for name in targets:
            if self.booting.get(name, 0) > 0:
                self.booting[name] -= 1
                continue
            word = function.split(".")[1]
            if function.startswith(("web_server", "backup", "packages")):
                word = function.replace(".", "_")
            answer = self._answer(name, word, arguments)
            # The machine was gone before its minion had said so.
            if not (self.lost == name and self.booting.get(name)):
                told[name] = answer
        return told

    def listen(self, name, seconds):
        self._clock._sleep(seconds)

    def _boots(self, name):
        """It is away for a while, and comes back as another boot."""
        if name in self.stays:
            return
        self.booting[name] = float("inf") if name in self.fails else self.takes
        self.boots[name] += 1
        self.keepalived |= {name} if self.site.virtual_address and name in BALANCERS else set()
        self.drained.discard(name)
        if self.kill_at == name:
            self.kill_at = ""
            raise Killed

    def _look(self, name):
        addresses = [self.site.addresses[name]]
        if name == self.holder:
            addresses.append(VIRTUAL)
        waits = self.waits.get(name, "") if self.boots[name] == 1 else ""
        return {"boot": f"x/{self.boots[name]}", "waits": waits, "addresses": addresses}

    def _servers(self, name):
        rows = super()._servers(name)
        away = {one for one in WEBS if self.booting.get(one)} | self.drained | self.unused
        return rows + [
            {"section": "web", "server": one, "address": self.site.addresses[one],
             "admin": "ready", "state": "stopping" if one in away else "up"}
            for one in self.site.of("web")
        ]  # fmt: skip

    def _reboot(self, name, member=None, operation=None, boot=None):
        assert self.row["step"] == f"reboot {name}"
        away = [one for one, left in self.booting.items() if left > 0 and one != name]
        assert not away, "two machines would be away"
        if member is None:
            assert boot == f"x/{self.boots[name]}"
            if name == "proxy1" and self.site.virtual_address and "proxy2" in self.keepalived:
                assert self.holder != name, "the address is cut"
            assert name not in WEBS or self.site is ONE or name in self.drained
            self.calls.append(name)
            self._boots(name)
            return True
        assert (name, self.row["token"]) == (member, operation)
        due = json.loads(self.row["began"])[name] == f"x/{self.boots[name]}"
        if due:
            assert not self.down, "two members would be away"
            self.calls.append(name)
            self.started[name] += 50
            if self.writer == name:
                self.writer = next(one for one in NODES if one != name)
            self._boots(name)
        return {"member": name, "reboots": due, "seconds": 1}

    def _web_server_drain(self, name, reason, seconds):
        assert self.drained <= {name}
        self.drained.add(name)
        return {"old": "", "new": reason, "busy": self.busy}

    def _web_server_undrain(self, name, seconds=60):
        self.drained.discard(name)
        return {"old": "", "new": ""}

    def _web_server_await_health(self, name, seconds):
        return True

    def _backup_running(self, name):
        return self.backup_runs

    def _backup_status(self, name):
        state = "ON" if self.follows else "OFF"
        return {"channel": {"receiver": state, "applier": state, "error": ""}}

    def _status(self, minion, /, **asked):
        assert asked == {"name": "keepalived"}
        return minion in self.keepalived

    def _stop(self, minion, /, **asked):
        self.keepalived.discard(minion)
        self.calls.append(f"{minion} gives its address away")
        if self.keepalived:
            self.holder = min(self.keepalived)

    def _start(self, minion, /, **asked):
        self.keepalived.add(minion)


@pytest.fixture(autouse=True)
def clock(monkeypatch) -> Clock:
    found = Clock(monkeypatch)
    monkeypatch.setattr(Machines, "_clock", found, raising=False)
    return found


def run_of(fleet: Machines, owner: str = "m1", **arguments) -> Reboot:
    return Reboot(fleet, fleet.listen, fleet.site, owner, **arguments)


ORDER = ["backup1", "db2", "db3", "db1", "proxy2", "proxy1", "web1", "web2"]


def test_each_has_its_turn_and_nobody_is_missed():
    machines = Machines()
    planned = run_of(machines).plan()
    assert planned["machines"] == ORDER
    assert (planned["refused"], set(planned["gates"].values())) == ("", {""})
    assert set(planned["costs"]) == {"backup1", "proxy1"}
    assert "call systemctl reboot on master" in planned["by_hand"]["master"]
    assert (machines.calls, machines.row) == ([], None)

    done = run_of(machines).run()
    assert done == {"rebooted": ORDER, "gave_up": "", "problem": ""}
    told = [one for one in machines.calls if "address" not in one]
    assert (told, machines.row) == (ORDER, None)
    # The address has moved once.
    assert [one for one in machines.calls if "address" in one] == ["proxy1 gives its address away"]
    assert machines.holder == "proxy2"
    assert machines.boots == {**dict.fromkeys(ALL, 2), "master": 1}


def test_the_order_of_balancers_is_asked_when_it_is_their_turn():
    machines = Machines()
    machines.holder = "proxy2"
    done = run_of(machines, machines=["proxy1", "proxy2"]).run()
    assert done["rebooted"] == ["proxy1", "proxy2"]


def test_a_primary_hands_over_first():
    machines = Machines(mode="single-primary")
    assert run_of(machines, machines=["db1"]).run()["rebooted"] == ["db1"]
    assert machines.calls == ["db2 primary", "db1"]


def test_what_waits_is_rebooted_and_a_second_run_does_nothing():
    machines = Machines()
    machines.waits = {"web2": "a kernel", "db3": "a library", "master": "a kernel"}
    planned = run_of(machines, only="pending").plan()
    assert (planned["machines"], planned["pending"]) == (["db3", "web2"], machines.waits)
    assert run_of(machines, only="pending").run()["rebooted"] == ["db3", "web2"]
    machines.calls.clear()
    planned = run_of(machines, only="pending").plan()
    # The master's waits still.
    assert (planned["machines"], list(planned["by_hand"])) == ([], ["master"])
    assert run_of(machines, only="pending").run()["problem"] == ""
    assert machines.calls == []


@pytest.mark.parametrize(
    ("outage", "why"),
    [
        ([], "web1: it is the only web server"),
        (["web1"], "proxy1: it is the only balancer"),
        (["proxy1"], "web1: it is the only web server"),
    ],
)
def test_a_single_one_is_refused_before_anything_is_touched(outage, why):
    machines = Machines(ONE)
    for found in (run_of(machines, outage=outage).plan()["refused"],
                  run_of(machines, outage=outage).run()["problem"]):  # fmt: skip
        assert found.startswith(why)
    assert (machines.calls, machines.row) == ([], None)


def test_a_single_one_is_rebooted_where_that_is_accepted():
    machines = Machines(ONE)
    done = run_of(machines, outage=["web1", "proxy1"]).run()
    assert done["problem"] == ""
    assert done["rebooted"] == ["backup1", "db2", "db3", "db1", "proxy1", "web1"]


def test_others_are_rebooted_without_a_word_about_a_single_one():
    machines = Machines(ONE)
    assert run_of(machines, machines=["db2"]).run()["rebooted"] == ["db2"]


@pytest.mark.parametrize("at", ORDER)
def test_a_run_that_is_killed_is_continued(at):
    machines = Machines()
    machines.kill_at = at
    with pytest.raises(Killed):
        run_of(machines).run()
    planned = run_of(machines).plan()
    assert planned["machines"][0] == at
    assert "m1 is under way (reboot" in planned["continues"]
    assert planned["refused"] == ""
    done = run_of(machines).run()
    assert (done["problem"], machines.row) == ("", None)
    # No machine is rebooted twice.
    assert [one for one in machines.calls if "address" not in one] == ORDER
    assert machines.boots == {**dict.fromkeys(ALL, 2), "master": 1}


@pytest.mark.parametrize("at", ORDER)
def test_a_machine_that_does_not_come_back_ends_the_run_and_the_same_call_goes_on(at):
    machines = Machines()
    machines.fails = {at: "its disk is gone"}
    done = run_of(machines).run()
    assert f"{at} does not come back: no answer from its minion for" in done["problem"]
    assert f"No other machine is touched, and the same call goes on with {at}" in done["problem"]
    assert done["rebooted"] == ORDER[: ORDER.index(at)]
    assert [one for one in machines.calls if "address" not in one] == ORDER[: ORDER.index(at) + 1]
    machines.fails, machines.booting = {}, {}
    machines.row["seconds_left"] = -1
    assert run_of(machines).run()["rebooted"] == ORDER[ORDER.index(at) + 1 :]
    assert machines.row is None


@pytest.mark.parametrize("at", ["db2", "web1"])
def test_an_answer_that_goes_with_its_machine_is_none_that_is_missed(at):
    machines = Machines()
    machines.lost = at
    assert run_of(machines, machines=[at]).run()["rebooted"] == [at]


@pytest.mark.parametrize("at", ["db2", "web1", "proxy1"])
def test_a_machine_that_stays_gets_no_clients_until_the_same_call_has_rebooted_it(at):
    """It may go down yet."""
    machines = Machines()
    machines.stays = {at}
    done = run_of(machines, machines=[at]).run()
    assert f"{at} was told to reboot, and still runs 240 s later" in done["problem"]
    assert done["rebooted"] == []
    assert machines.drained == {at} & {*WEBS}
    assert machines.keepalived == {*BALANCERS} - {at}
    machines.stays = set()
    assert run_of(machines, machines=[at]).run()["rebooted"] == [at]
    assert (machines.drained, machines.keepalived) == (set(), {*BALANCERS})


def test_requests_that_do_not_end_keep_a_web_server():
    machines = Machines()
    machines.busy = 3
    done = run_of(machines, machines=["web1", "web2"]).run()
    assert "web1 still has 3 connections of balancers after 60 s" in done["problem"]
    assert (done["rebooted"], machines.calls, machines.drained) == ([], [], set())


def test_a_backup_under_way_is_not_cut():
    machines = Machines()
    machines.backup_runs = True
    done = run_of(machines).run()
    assert "backup1 is at a backup, a drill or a restore" in done["problem"]
    assert machines.calls == []


def test_a_backup_machine_that_does_not_follow_ends_the_run():
    machines = Machines()
    machines.follows = False
    done = run_of(machines).run()
    assert "backup1: after 180 s it does not follow the group" in done["problem"]
    assert machines.calls == ["backup1"]


def test_the_address_stays_where_no_other_balancer_could_take_it():
    machines = Machines()
    machines.keepalived = {"proxy1"}
    done = run_of(machines, machines=["proxy1"]).run()
    assert "keepalived runs on no other balancer" in done["problem"]
    assert (machines.calls, machines.keepalived) == ([], {"proxy1"})


def test_an_address_that_nobody_takes_is_taken_back(monkeypatch):
    machines = Machines()
    machines._stop = lambda minion, /, **asked: machines.keepalived.discard(minion)
    done = run_of(machines, machines=["proxy1"]).run()
    assert "proxy1 is not rebooted: after 10 s no other balancer has taken" in done["problem"]
    assert (machines.calls, machines.keepalived) == ([], set(BALANCERS))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda one: one.unused.add("web2"), "web2: proxy1 does not use it in web"),
        (lambda one: one.unused.add("db3"), "db3: proxy1 does not use it in"),
        (lambda one: one.down.add("db3"), "db3 mysqld does not answer"),
        (lambda one: one.booting.update(web2=99), "web2: no answer from its minion"),
        (lambda one: one.booting.update(proxy2=99), "proxy2: no answer from its minion"),
    ],
)
def test_nothing_is_begun_where_something_stands_in_the_way(change, sentence):
    machines = Machines()
    change(machines)
    done = run_of(machines).run()
    assert sentence in done["problem"]
    assert (machines.calls, machines.row) == ([], None)


def test_a_web_server_that_is_not_used_again_ends_the_run():
    machines = Machines()
    old = machines._reboot

    def reboot(name, **arguments):
        answer = old(name, **arguments)
        machines.unused |= {name} & {"web1"}
        return answer

    machines._reboot = reboot
    done = run_of(machines).run()
    assert "web1 has booted: after 60 s web1: proxy1 does not use it in web" in done["problem"]
    assert "web2" not in machines.calls
    machines.unused.clear()
    assert run_of(machines).run()["rebooted"] == ["web2"]


def test_another_operation_is_in_the_way():
    machines = Machines()
    machines.kill_at = "db2"
    with pytest.raises(Killed):
        run_of(machines).run()
    assert "by m1 is under way (reboot db2)" in run_of(machines, "m2").run()["problem"]


def test_a_machine_is_asked_at_once_when_its_minion_has_started(clock):
    machines = Machines()
    heard: list[str] = []

    def listen(name, seconds):
        heard.append(name)
        machines.booting[name] = 0

    assert Reboot(machines, listen, TWO, "m1", machines=["web1"], settle=0).run()["problem"] == ""
    assert heard == ["web1"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"only": "some"}, "only is 'some'"),
        ({"machines": ["master"]}, "master runs the Salt master"),
        ({"outage": ["db9"]}, r"outage is \['db9'\]"),
        ({"settle": -1}, "settle is -1"),
    ],
)
def test_arguments_are_checked(arguments, sentence):
    with pytest.raises(SaltInvocationError, match=sentence):
        run_of(Machines(), **arguments)


def test_errors_of_a_machine_are_no_answers():
    machines = Machines()

    def refuse(name, **arguments):
        raise CommandExecutionError("systemd does not reboot this machine")

    machines._reboot = refuse
    done = run_of(machines, machines=["web1"]).run()
    assert "web1: systemd does not reboot this machine" in done["problem"]
    assert machines.drained == set()
    assert isinstance(machines(["web1"], "machine.look", {})["web1"], Answer)
    assert reboot_run.BOOT_SECONDS > reboot_run.DOWN_SECONDS
