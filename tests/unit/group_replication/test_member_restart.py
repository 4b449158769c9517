"""One member's restart: whose turn it is, once and not twice, and what is waited for."""

from __future__ import annotations

import contextlib
import json

import pytest
from group_replication import member_restart
from group_replication.connection import UnreachableError
from group_replication.operation import Operation
from salt.exceptions import CommandExecutionError, SaltInvocationError

from tests.unit.group import Clock, online

ROW = Operation(
    "token", "m1", "a restart", "restart db4", json.dumps({"db4": 100}), "10:00", "10:02", 5, 60
)
OTHERS = ("db1", "db2", "db3")


class Machine:
    """Machine db4: what its server, its unit and its health agent say, and what they were told."""

    def __init__(self, monkeypatch):
        self.told: list[str] = []
        self.started, self.row, self.away = 100, ROW, False
        self.seen = {**online("db4", *OTHERS), "queued": 0}
        self.others = {
            name: {**online(name, *({"db4", *OTHERS} - {name})), "queued": 0}
            for name in (*OTHERS, "db4")
        }
        self.verdict, self.refuses = "member", ""
        Clock(monkeypatch)
        patches = {
            "local": self._local,
            "observe": lambda connection: self.seen,
            "started_at": lambda connection: self.started,
            "facts_of": lambda settings: self.others,
            "answered": lambda *_: self.told.append("answers"),
            "converge_by": self._converge,
            "_agent_refuses": lambda *_: self.refuses,
        }
        for name, value in patches.items():
            monkeypatch.setattr(member_restart, name, value)
        monkeypatch.setattr(member_restart.operation, "current", lambda connection: self.row)

    @contextlib.contextmanager
    def _local(self, settings):
        if self.away:
            raise UnreachableError("cannot connect")
        yield self

    def _converge(self, settings, timeout, patience):
        self.told.append("converged")
        return {"verdict": self.verdict, "why": "db1 does not answer"}

    def restart_service(self):
        self.told.append("restart")
        self.started += 50

    def start_service(self):
        self.told.append("start")
        self.away = False


@pytest.fixture
def machine(monkeypatch) -> Machine:
    return Machine(monkeypatch)


@pytest.fixture
def restart(minion, machine):
    def call(member="db4", token="token"):
        return member_restart.restart(
            minion.settings, member, token, machine.restart_service, machine.start_service
        )

    return call


def test_it_is_restarted_once_however_often_it_is_told(restart, machine):
    assert restart()["restarted"] is True
    again = restart()
    assert (again["restarted"], again["state"]) == (False, "ONLINE")
    assert machine.told == ["restart", "answers", "converged", "answers", "converged"]


def test_another_machine_is_not(restart, machine):
    with pytest.raises(SaltInvocationError, match="member is 'db1', but this is db4"):
        restart(member="db1")
    assert machine.told == []


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (None, "there is no operation"),
        (ROW._replace(step="restart db3"), r"under way \(restart db3\)"),
        (ROW._replace(token="another"), "a restart by m1"),
    ],
)
def test_out_of_turn_it_is_refused(restart, machine, row, said):
    machine.row = row
    with pytest.raises(CommandExecutionError, match=f"it is not db4's turn.*{said}"):
        restart()
    assert machine.told == []


def test_a_row_may_arrive_later(restart, machine, monkeypatch):
    looks = iter([None, ROW._replace(step="db3 is back")])
    monkeypatch.setattr(
        member_restart.operation, "current", lambda connection: next(looks, machine.row)
    )
    assert restart()["restarted"] is True


def test_the_others_are_asked_once_more(restart, machine):
    machine.others["db2"] = {**machine.others["db2"], "state": "RECOVERING"}
    with pytest.raises(CommandExecutionError, match="db4 is not restarted: db2 is RECOVERING"):
        restart()
    assert machine.told == []


def test_a_member_that_is_out_is_brought_back_and_not_restarted(restart, machine):
    """Its own copy of the row may be of before."""
    machine.seen = {**machine.seen, "state": "RECOVERING"}
    machine.row = None
    assert restart()["restarted"] is False
    assert machine.told == ["answers", "converged"]


def test_a_server_that_is_away_is_started(restart, machine):
    machine.away = True
    assert restart()["restarted"] is False
    assert machine.told == ["start", "answers", "converged"]


def test_a_member_that_does_not_come_back_is_told(restart, machine):
    machine.verdict = "wait"
    with pytest.raises(CommandExecutionError, match="db4 does not come back: db1 does not answer"):
        restart()


@pytest.mark.parametrize(
    ("queued", "agent", "said"),
    [
        (5000, "", "it has 5000 transactions to apply"),
        (0, "http://172.28.17.56:9200/writable says 404", "says 404"),
    ],
)
def test_a_member_that_does_not_serve_is_told(restart, machine, queued, agent, said):
    machine.seen["queued"], machine.refuses = queued, agent
    with pytest.raises(CommandExecutionError, match=f"does not serve within 120 s: {said}|{said}"):
        restart()


def test_the_agent_is_asked(minion):
    settings = minion.settings._replace(health_port=1, nodes={"db4": "127.0.0.1"})
    said = member_restart._agent_refuses(settings, True)
    assert said.startswith("http://127.0.0.1:1/writable: ")


def test_a_server_that_does_not_answer_is_not_ready(minion):
    gone = minion.settings._replace(socket="/nonexistent/mysqld.sock")
    found = member_restart.readiness(gone)
    assert (found["answers"], found["state"]) == (False, "UNKNOWN")
    assert "cannot connect" in found["error"]
