"""Which member speaks for the group, and which is unreachable."""

from __future__ import annotations

import pytest
from group_replication import communication
from group_replication.communication import is_first_online
from group_replication.facts import has_quorum

from tests.unit.group import (
    HOSTS,
    member,
)


@pytest.mark.parametrize(
    ("me", "view", "expected"),
    [
        ("db1", "db1=ONLINE db2=ONLINE db3=ONLINE", True),
        ("db2", "db1=ONLINE db2=ONLINE db3=ONLINE", False),
        ("db2", "db1=RECOVERING db2=ONLINE", True),
        ("db1", "db1=RECOVERING db2=ONLINE", False),
        ("db2", "db1=UNREACHABLE db2=ONLINE db3=ONLINE", True),
        ("db1", "db1=ONLINE", True),
        # Without a majority the group can be told nothing.
        ("db1", "db1=ONLINE db2=UNREACHABLE", False),
    ],
)
def test_one_member_sets_what_any_may_set_for_all(me, view, expected):
    members = [member(*row.split("=")) for row in view.split()]
    facts = {"host": HOSTS[me], "members": members, "quorum": has_quorum(members)}
    assert is_first_online(facts) is expected


class Group:
    """Takes a number at the second look after it was set."""

    def __init__(self, monkeypatch, number):
        self.number, self.asked, self.looks = number, [], 0
        monkeypatch.setattr(communication, "rows", self.rows)
        monkeypatch.setattr(communication.time, "sleep", lambda seconds: None)

    def rows(self, connection, statement, arguments=()):
        if "set_write_concurrency" in statement:
            self.asked.append(arguments[0])
            self.looks = 0
        else:
            self.looks += 1
            if self.looks > 1:
                self.number = self.asked[-1]
        return [{"number": self.number}]


@pytest.mark.parametrize(("number", "other"), [(50, 49), (200, 199), (10, 11)])
def test_the_group_is_reconfigured_until_it_has_forgotten(monkeypatch, number, other):
    group = Group(monkeypatch, number)
    communication.forget_removed(None, number)
    assert group.asked == [other, number, other, number]
    # Each has taken effect before the next one.
    assert group.number == number


def test_a_number_that_does_not_come_is_not_waited_for_without_end(monkeypatch):
    group = Group(monkeypatch, 10)
    monkeypatch.setattr(communication, "SETTLE_SECONDS", 0.05)
    monkeypatch.setattr(group, "asked", [10])
    monkeypatch.setattr(communication, "write_concurrency", lambda connection: 10)
    communication.set_write_concurrency(None, 50)
    assert group.asked == [10, 50]
