"""One member's reboot: what is told to its machine in which order, and what was broken off."""

from __future__ import annotations

import contextlib
import json

import pytest
from group_replication import member_reboot
from group_replication.connection import UnreachableError
from group_replication.member_reboot import Machine
from group_replication.operation import Operation
from salt.exceptions import CommandExecutionError, SaltInvocationError

BEGAN = json.dumps({"db4": "x/1", "web1": "y/1"})
ROW = Operation("token", "m1", "a reboot", "reboot db4", BEGAN, "10:00", "10:02", 5, 60)


class Server:
    """Machine db4 and its server, and what they were told."""

    def __init__(self, monkeypatch):
        self.told: list[str] = []
        self.runs, self.state, self.boot = True, "ONLINE", "x/1"
        self.unclean = self.seen = self.refused = self.out_of_turn = self.others = ""
        patches = {
            "local": self._local,
            "observe": lambda connection: {"state": self.state},
            "turn_of": self._turn,
            "check_others": lambda *_: self._raise(self.others),
            "still_seen": lambda settings: self.seen,
            "come_back": lambda settings: self._come_back(),
        }
        for name, value in patches.items():
            monkeypatch.setattr(member_reboot, name, value)

    @staticmethod
    def _raise(why: str) -> None:
        if why:
            raise CommandExecutionError(why)

    @contextlib.contextmanager
    def _local(self, settings):
        if not self.runs:
            raise UnreachableError("cannot connect")
        yield self

    def _turn(self, settings, connection, token, work):
        assert (token, work.verb) == ("token", "reboot")
        self._raise(self.out_of_turn)
        return ROW

    def _come_back(self):
        assert self.runs
        self.state = "ONLINE"
        self.told.append("back")

    def _service(self, runs):
        self.told.append("start" if runs else "stop")
        self.runs = runs

    def _reboot(self):
        assert not self.runs, "a server is cut"
        self._raise(self.refused)
        self.told.append("reboot")

    def machine(self) -> Machine:
        return Machine(
            boot=self.boot,
            stop=lambda: self._service(False),
            unclean=lambda: self.unclean,
            start=lambda: self._service(True),
            reboot=self._reboot,
        )


@pytest.fixture
def server(monkeypatch) -> Server:
    return Server(monkeypatch)


@pytest.fixture
def reboot(minion, server):
    def call(name="db4"):
        return member_reboot.reboot(minion.settings, name, "token", server.machine())

    return call


def test_it_leaves_and_then_its_machine_reboots(reboot, server):
    assert reboot()["reboots"] is True
    assert server.told == ["stop", "reboot"]


@pytest.mark.parametrize(
    ("state", "runs", "told"),
    [
        ("ONLINE", True, ["back"]),
        ("RECOVERING", True, ["start", "back", "back"]),
        ("", False, ["start", "back", "back"]),
    ],
)
def test_after_the_boot_it_is_waited_for_and_not_rebooted_again(reboot, server, state, runs, told):
    server.boot, server.state, server.runs = "x/2", state, runs
    assert reboot()["reboots"] is False
    assert server.told == told


def test_one_that_was_left_stopped_comes_back_before_it_leaves_again(reboot, server):
    server.runs = False
    assert reboot()["reboots"] is True
    assert server.told == ["start", "back", "stop", "reboot"]


@pytest.mark.parametrize(
    ("change", "told", "sentence"),
    [
        ({"out_of_turn": "it is not db4's turn"}, [], "not db4's turn"),
        ({"others": "db2 is RECOVERING"}, [], "db2 is RECOVERING"),
        ({"unclean": "mysql is failed (timeout) after"}, ["stop", "start"], "is failed .timeout"),
        ({"seen": "db1 still has it in the group"}, ["stop", "start"], "db1 still has it"),
        ({"refused": "systemd does not"}, ["stop", "start"], "db4 is not rebooted, .* systemd do"),
    ],
)
def test_what_stands_in_the_way_leaves_it_serving(reboot, server, change, told, sentence):
    for name, value in change.items():
        setattr(server, name, value)
    with pytest.raises(CommandExecutionError, match=sentence):
        reboot()
    assert (server.told, server.runs) == (told, True)


def test_another_machine_is_not(reboot, server):
    with pytest.raises(SaltInvocationError, match="member is 'db1', but this is db4"):
        reboot(name="db1")
    assert server.told == []
