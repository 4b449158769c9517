"""Servers that are told to restart within a minute or two do it one after the other."""

from __future__ import annotations

import contextlib
from contextlib import ExitStack

import pytest
from group_replication import turns
from group_replication.settings import settings_from
from salt.exceptions import CommandExecutionError

from tests.unit.group import HOSTS, member, pillar

NODES = {name: HOSTS[name] for name in ("db1", "db2", "db3")}


def address(*names: str) -> list[str]:
    return [HOSTS[name] for name in names]


@pytest.mark.parametrize(
    ("members", "gone", "expected"),
    [
        ("db1=ONLINE db2=ONLINE db3=ONLINE", [], []),
        # On its way back, or about to be.
        ("db1=RECOVERING db2=ONLINE db3=ONLINE", ["db1"], ["db1"]),
        ("db2=ONLINE db3=ONLINE", ["db1"], ["db1"]),
        ("db1=UNREACHABLE db2=ONLINE db3=ONLINE", [], ["db1"]),
        # Back since.
        ("db1=ONLINE db2=ONLINE db3=ONLINE", ["db1"], []),
        # Out for longer: an operator's pause, a machine that is being repaired.
        ("db2=ONLINE db3=ONLINE", [], []),
        # It waits for others alone, and for declared ones.
        ("db1=ONLINE db2=RECOVERING db3=ONLINE", ["db2", "db9"], []),
    ],
)
def test_who_is_on_the_way_back_is_waited_for(members, gone, expected):
    rows = [member(*one.split("=")) for one in members.split()]
    hosts = [HOSTS.get(name, "192.0.2.9") for name in gone]
    assert turns.waited_for("db2", NODES, rows, hosts) == expected


def test_the_log_of_the_server_says_who_left(monkeypatch):
    text = (
        "Plugin group_replication reported: 'Members removed from the group:"
        " 172.28.17.53:3306, 172.28.17.55:3306'"
    )
    monkeypatch.setattr(turns, "rows", lambda connection, sql, values: [{"text": text}])
    assert turns._gone(None) == ["172.28.17.53", "172.28.17.55"]


class Group:
    """What a member sees of its group, and its lock, at each look."""

    def __init__(self, monkeypatch, looks: list[tuple[str, list[str], bool | Exception]]) -> None:
        self.looks, self.now, self.said = looks, 0.0, []
        self.asked: list[str] = []
        monkeypatch.setattr(turns, "_seen", lambda settings: self.looks[0][:2])
        monkeypatch.setattr(turns, "peer", self.peer)
        monkeypatch.setattr(turns, "_has", self.has)
        monkeypatch.setattr(turns.time, "sleep", self.sleep)

    @contextlib.contextmanager
    def peer(self, settings, where):
        self.asked.append(where)
        yield where

    def has(self, connection, name):
        found = self.looks[0][2]
        if isinstance(found, Exception):
            raise found
        return found

    def sleep(self, seconds):
        self.now += seconds
        if len(self.looks) > 1:
            self.looks.pop(0)

    def take(self, held: ExitStack) -> str:
        settings = settings_from(pillar(), "db2")
        return turns.take(settings, held, self.said.append, lambda: self.now)


LEFT = CommandExecutionError("mysqld said: Lost connection")


@pytest.mark.parametrize(
    ("looks", "asked", "said"),
    [
        # All are there, and nobody else restarts.
        ([("db1", [], True)], ["db1"], []),
        # Not a member: nothing to wait for, and nobody asked.
        ([("", [], True)], [], []),
        ([("db1", ["db3"], True), ("db1", [], True)], ["db1"], ["db3 is not ONLINE again"]),
        ([("db1", [], False), ("db1", [], True)], ["db1"], ["another member's turn has not ended"]),
        # The member with the lock restarts: the next one by address has it.
        (
            [("db1", [], False), ("db1", [], LEFT), ("db2", ["db1"], True), ("db1", [], True)],
            ["db1", "db2"],
            ["another member's turn has not ended", str(LEFT), "db1 is not ONLINE again"],
        ),
    ],
)
def test_a_turn_comes_when_nobody_else_is_out(monkeypatch, looks, asked, said):
    group = Group(monkeypatch, list(looks))
    with ExitStack() as held:
        assert group.take(held) == ""
    assert group.asked == asked
    assert group.said == [f"db2 waits for its turn to restart: {one}" for one in said]


def test_nobody_waits_for_ever(monkeypatch):
    group = Group(monkeypatch, [("db1", ["db3"], True)])
    with ExitStack() as held:
        assert group.take(held) == "db3 is not ONLINE again after 150 s"
    assert group.now == pytest.approx(turns.TURN_SECONDS, abs=1)


@pytest.mark.parametrize(("drain", "seconds"), [(0, 300), (10, 300), (600, 800)])
def test_systemd_waits_for_a_turn_and_for_the_transactions(drain, seconds):
    """150 s for the turn, then as long as the pillar says, and the server has to stop, too."""
    assert turns.stop_timeout(drain) == seconds
