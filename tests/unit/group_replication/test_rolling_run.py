"""A rolling restart as a whole, over a group that is made of plain data."""

from __future__ import annotations

import json
import time

import pytest
from group_replication import rolling_run
from group_replication.operation import Operation, claimed_over
from group_replication.rolling_run import Rolling
from minion_calls import Answer
from salt.exceptions import CommandExecutionError, SaltInvocationError

from tests.unit.group import HOSTS_OF_THREE as NODES
from tests.unit.group import Clock, gone
from tests.unit.group_replication.test_rolling import WAITS, ready

PROXIES = ("proxy",)


class Killed(BaseException):
    """The program that runs it is gone, as by SIGKILL."""


class Group:
    """Three members and a balancer, as their minions answer; ``calls`` is what was told to them."""

    def __init__(self, mode: str = "multi-primary", writer: str = "db1") -> None:
        self.mode, self.primary, self.writer = mode, writer, writer
        self.started = dict.fromkeys(NODES, 100)
        self.pending = {name: {"a": WAITS} for name in NODES}
        self.row: dict | None = None
        self.down: set[str] = set()
        self.unused: set[str] = set()
        self.calls: list[str] = []
        self.fails: dict[str, str] = {}
        self.kill_at = ""

    def __call__(self, targets, function, arguments):
        word = function.split(".")[1]
        return {name: self._answer(name, word, arguments) for name in targets}

    def _answer(self, name, word, arguments) -> Answer:
        try:
            return Answer(getattr(self, f"_{word}")(name, **arguments))
        except CommandExecutionError as err:
            return Answer(None, str(err))

    def _refresh_pillar(self, name, wait):
        return wait

    def _readiness(self, name, validate=False):
        if name in self.down:
            return gone("mysqld does not answer")
        single = self.mode == "single-primary"
        role = "SECONDARY" if single and name != self.primary else "PRIMARY"
        view = [
            {**member, "state": "ONLINE", "role": role if member["host"] == NODES[name] else (
                "PRIMARY" if not single or member["host"] == NODES[self.primary] else "SECONDARY")}
            for member in ready(name)["members"]
            if member["host"] not in {NODES[one] for one in self.down}
        ]  # fmt: skip
        return ready(
            name, mode=self.mode, role=role, super_read_only=role == "SECONDARY", members=view,
            started=self.started[name], pending=self.pending[name], operation=self.row,
        )  # fmt: skip

    def _servers(self, name):
        return [
            {"section": section, "server": one, "address": address, "admin": "ready",
             "state": "down" if one in self.down | self.unused else "up"}
            for section in ("mysql-writer", "mysql-read")
            for one, address in NODES.items()
        ]  # fmt: skip

    def _stats(self, name):
        return [{"pxname": "mysql-writer", "svname": self.writer, "scur": 1}]

    def _begin(self, name, purpose, owner, began):
        claim = claimed_over(Operation(**self.row) if self.row else None, purpose, owner, began)
        self.row = {
            "token": f"token{len(self.calls)}", "owner": owner, "purpose": purpose,
            "step": claim["step"], "began": json.dumps(claim["began"]), "since": "10:00",
            "deadline": "10:02", "age": 5, "seconds_left": 60,
        }  # fmt: skip
        return {**claim, "token": self.row["token"]}

    def _proceed(self, name, token, step, seconds):
        assert name not in self.down
        assert self.mode == "multi-primary" or name == self.primary
        if self.row is None or self.row["token"] != token:
            raise CommandExecutionError("the operation is not this run's any more")
        self.row.update(step=step, seconds_left=seconds)

    def _break_off(self, name, token):
        self.row.update(seconds_left=-1)

    def _end(self, name, token):
        assert self.row["token"] == token
        self.row = None

    def _set_primary(self, name, member, drain, operation):
        assert (name, operation) == (self.primary, self.row["token"])
        self.calls.append(f"{member} primary")
        self.primary = self.writer = member

    def _restart(self, name, member, operation):
        assert (name, self.row["token"]) == (member, operation)
        assert self.row["step"] == f"restart {member}"
        again = self.started[name] != json.loads(self.row["began"])[name]
        if not again:
            assert not self.down, "two members would be away"
            assert self.mode == "multi-primary" or name != self.primary
            self.calls.append(name)
            if name in self.fails:
                self.down.add(name)
                raise CommandExecutionError(self.fails[name])
            self.started[name] += 50
            self.pending[name] = {}
            if self.writer == name:
                self.writer = next(one for one in NODES if one != name)
        if self.kill_at == name:
            self.kill_at = ""
            raise Killed
        self.down.discard(name)
        return {"member": name, "restarted": not again, "state": "ONLINE", "seconds": 1}


@pytest.fixture(autouse=True)
def clock(monkeypatch) -> Clock:
    return Clock(monkeypatch)


def run_of(group: Group, owner: str = "m1", **arguments) -> Rolling:
    return Rolling(group, NODES, PROXIES, owner, **arguments)


def test_one_after_the_other_the_writers_last():
    group = Group(writer="db2")
    planned = run_of(group).plan()
    assert (planned["machines"], planned["writer"]) == (["db1", "db3", "db2"], "db2")
    assert (planned["refused"], set(planned["gates"].values())) == ("", {""})
    done = run_of(group).run()
    assert done == {"restarted": ["db1", "db3", "db2"], "gave_up": "", "problem": ""}
    assert (group.calls, group.row) == (["db1", "db3", "db2"], None)


def test_a_primary_hands_over_first():
    group = Group("single-primary")
    assert run_of(group).run()["restarted"] == ["db2", "db3", "db1"]
    assert group.calls == ["db2", "db3", "db2 primary", "db1"]


def test_what_waits_is_restarted_and_a_second_run_does_nothing():
    group = Group()
    group.pending["db1"] = group.pending["db3"] = {}
    assert run_of(group, only="pending").run()["restarted"] == ["db2"]
    assert run_of(group, only="pending").run() == {"restarted": [], "gave_up": "", "problem": ""}
    assert group.calls == ["db2"]


def test_an_option_that_a_restart_does_not_bring_in_is_no_endless_run():
    group = Group()
    group.pending["db2"] = {"a": {**WAITS, "class": "persisted"}}
    assert run_of(group, only="pending").run()["restarted"] == ["db3", "db1"]


def test_only_those_that_are_named():
    group = Group()
    assert run_of(group, machines=["db3"]).run()["restarted"] == ["db3"]


def test_a_plan_does_nothing():
    group = Group()
    run_of(group).plan()
    assert (group.calls, group.row) == ([], None)


def test_the_order_is_asked_anew():
    """The writer's member goes to another one in the middle."""
    group = Group()
    old = group._restart

    def restart(name, member, operation):
        answer = old(name, member, operation)
        if name == "db2":
            group.writer = "db3"
        return answer

    group._restart = restart
    assert run_of(group).run()["restarted"] == ["db2", "db1", "db3"]


@pytest.mark.parametrize("mode", ["multi-primary", "single-primary"])
@pytest.mark.parametrize("at", NODES)
def test_a_run_that_is_killed_is_continued(mode, at):
    group = Group(mode)
    group.kill_at = at
    with pytest.raises(Killed):
        run_of(group).run()
    planned = run_of(group).plan()
    assert planned["machines"][0] == at
    assert "m1 is under way (restart" in planned["continues"]
    done = run_of(group).run()
    assert (done["problem"], group.row) == ("", None)
    # No mysqld is restarted twice.
    assert [call for call in group.calls if call in NODES] == ["db2", "db3", "db1"]


def test_another_master_is_refused_and_continues_once_the_deadline_is_over():
    group = Group()
    group.kill_at = "db3"
    with pytest.raises(Killed):
        run_of(group).run()
    sentence = "rolling restart of all members by m1 is under way (restart db3), since 10:00 UTC"
    assert sentence in run_of(group, "m2").plan()["refused"]
    assert sentence in run_of(group, "m2").run()["problem"]
    assert group.calls == ["db2", "db3"]
    group.row["seconds_left"] = -1
    assert run_of(group, "m2").run()["restarted"] == ["db1"]


def test_another_purpose_gives_up_what_was_broken_off_and_says_so():
    group = Group()
    group.kill_at = "db2"
    with pytest.raises(Killed):
        run_of(group).run()
    done = run_of(group, machines=["db3"]).run()
    assert done["restarted"] == ["db3"]
    assert "rolling restart of all members by m1 was broken off (restart db2)" in done["gave_up"]


def test_a_member_that_does_not_come_back_ends_the_run_and_the_same_call_goes_on():
    group = Group()
    group.fails = {"db2": "mysqld does not start"}
    done = run_of(group).run()
    assert done["restarted"] == []
    assert done["problem"] == (
        "db2: mysqld does not start. No other member is touched, and the same call goes on with db2"
    )
    assert (group.calls, group.row["seconds_left"]) == (["db2"], -1)
    group.fails, group.down = {}, set()
    assert run_of(group).run()["restarted"] == ["db2", "db3", "db1"]


def test_a_balancer_that_does_not_use_a_member_ends_the_run(monkeypatch):
    group = Group()
    old = group._restart

    def restart(name, member, operation):
        group.unused.add(name)
        return old(name, member, operation)

    group._restart = restart
    done = run_of(group).run()
    assert done["restarted"] == ["db2"]
    assert "db2 is ONLINE again, and after 60 s proxy does not use it in" in done["problem"]
    assert "db2: proxy does not use it" in run_of(group).plan()["refused"]
    group._restart, group.unused = old, set()
    assert run_of(group).run()["restarted"] == ["db3", "db1"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda group: group.down.add("db3"), "db3 is UNKNOWN|db3 mysqld does not answer"),
        (lambda group: group.unused.add("db3"), "db3: proxy does not use it in"),
    ],
)
def test_nothing_is_begun_where_something_stands_in_the_way(change, sentence):
    group = Group()
    change(group)
    done = run_of(group).run()
    assert done["restarted"] == []
    assert any(one in done["problem"] for one in sentence.split("|"))
    assert (group.calls, group.row) == ([], None)


def test_members_get_time_to_be_well(clock, monkeypatch):
    group = Group()
    looks = []
    old = group._readiness

    def readiness(name, validate=False):
        seen = old(name, validate)
        if group.calls == ["db2"] and len(looks) < 6:
            looks.append(name)
            seen["queued"] = 5000
        return seen

    group._readiness = readiness
    assert run_of(group).run()["problem"] == ""
    assert len(looks) == 6


def test_members_that_do_not_get_well_end_the_run(monkeypatch):
    group = Group()
    old = group._readiness
    group._readiness = lambda name, validate=False: {
        **old(name, validate),
        "queued": 5000 if group.calls else 0,
    }
    done = run_of(group).run()
    assert done["restarted"] == ["db2"]
    assert "transactions to apply, more than 1000" in done["problem"]


def test_an_operation_that_was_taken_over_is_let_go():
    group = Group()
    old = group._restart

    def restart(name, member, operation):
        answer = old(name, member, operation)
        group.row = {**group.row, "token": "another", "owner": "m2"}
        return answer

    group._restart = restart
    done = run_of(group).run()
    assert "is not this run's any more" in done["problem"]
    assert group.calls == ["db2"]


def test_a_minion_that_does_not_answer_is_named():
    group = Group()
    call = lambda targets, function, arguments: {  # noqa: E731
        name: answer
        for name, answer in group(targets, function, arguments).items()
        if name != "db2"
    }
    planned = Rolling(call, NODES, PROXIES, "m1").plan()
    assert planned["refused"] == "db2 no answer from db2's minion"


def test_between_two_members_it_settles(clock):
    run_of(Group(), settle=100).run()
    assert 300 <= clock.now < 320
    assert rolling_run.LEASE_SECONDS > 100


@pytest.fixture
def hour(monkeypatch):
    """Sets the clock of the master's machine."""
    found = [3]
    monkeypatch.setattr(
        rolling_run.time, "localtime", lambda: time.struct_time((2026, 1, 1, found[0], *[0] * 5))
    )
    return found


def test_outside_of_the_window_nothing_is_begun(hour):
    group, hour[0] = Group(), 12
    planned = run_of(group, window="02:00-04:00").plan()
    assert planned["refused"] == "it is 12:00, and the window is 02:00-04:00"
    assert planned["gates"]["it is within the window"] == planned["refused"]
    assert run_of(group, window="02:00-04:00").run()["problem"] == planned["refused"]
    assert (group.calls, group.row) == ([], None)
    assert "it is within the window" not in run_of(group).plan()["gates"]


def test_what_was_begun_when_the_window_closes_is_brought_to_its_end(hour):
    group = Group()
    old = group._restart

    def restart(name, member, operation):
        hour[0] = 4 if name == "db3" else 3
        return old(name, member, operation)

    group._restart = restart
    done = run_of(group, window="02:00-04:00").run()
    assert done["restarted"] == group.calls == ["db2", "db3"]
    assert done["problem"] == (
        "it is 04:00, and the window is 02:00-04:00. Left to restart: db1;"
        " the same call goes on then"
    )
    hour[0] = 2
    assert run_of(group, window="02:00-04:00").run()["restarted"] == ["db1"]


def test_a_member_that_a_killed_run_was_at_is_brought_back_outside_of_the_window(hour):
    group = Group()
    group.kill_at = "db3"
    with pytest.raises(Killed):
        run_of(group, window="02:00-04:00").run()
    hour[0] = 12
    done = run_of(group, window="02:00-04:00").run()
    assert done["problem"].startswith("it is 12:00, and the window is 02:00-04:00. Left to restart")
    assert group.down == set()


@pytest.mark.parametrize("window", ["now", 5])
def test_a_window_is_checked(window):
    with pytest.raises(SaltInvocationError, match="window is"):
        run_of(Group(), window=window)
