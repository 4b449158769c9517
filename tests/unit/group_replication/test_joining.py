"""One member bootstraps a group, and members join it one after the other: named locks."""

from __future__ import annotations

import contextlib

import pytest
from group_replication import joining
from group_replication.connection import START_SECONDS, UnreachableError
from group_replication.server_lock import lock_name
from group_replication.settings import settings_from

from tests.unit.group import HOSTS, gone, one, online, pillar

DB1, DB2, DB3 = HOSTS["db1"], HOSTS["db2"], HOSTS["db3"]
SETTINGS = settings_from(pillar(), "db1")


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"db2": online("db2", "db3"), "db3": online("db3", "db2")}, [DB2, DB3]),
        # Each table of nodes has its own order; the addresses' is the same for all.
        ({"db3": online("db3", "db2"), "db2": online("db2", "db3")}, [DB2, DB3]),
        # Who is not of the group yet, or not with a majority, lets nobody in.
        ({"db2": online("db2"), "db3": one("db3", "RECOVERING")}, [DB2]),
        ({"db2": online("db2", quorum=False), "db3": online("db3")}, [DB3]),
        ({"db2": online("db2"), "db3": gone()}, [DB2]),
        ({"db2": one("db2"), "db3": gone()}, []),
    ],
)
def test_a_join_is_held_at_each_online_member(facts, expected):
    # The member itself may be ONLINE in its own eyes.
    assert joining.places("db1", {"db1": online("db1"), **facts}) == expected


@pytest.fixture
def members(monkeypatch):
    """Members whose lock is free (1), taken (0), or that do not answer; returns what was asked."""

    def make(**free: int | None) -> list:
        asked: list = []
        by_address = {HOSTS[name]: got for name, got in free.items()}

        @contextlib.contextmanager
        def peer(settings, address, seconds):
            if by_address[address] is None:
                raise UnreachableError("cannot connect")
            asked.append(("open", address, seconds))
            yield address
            asked.append(("closed", address))

        def rows(connection, sql, values):
            waits = {lock_name(SETTINGS, "join"): 7, lock_name(SETTINGS, "bootstrap"): 0}
            assert sql == "SELECT GET_LOCK(%s, %s) AS got"
            name, seconds = values
            assert waits[name] == seconds
            return [{"got": by_address[connection]}]

        def execute(connection, sql, values):
            # Who loses power in its join keeps nobody out for longer.
            assert (sql, values) == ("SET SESSION wait_timeout = %s", (START_SECONDS,))

        monkeypatch.setattr(joining, "peer", peer)
        monkeypatch.setattr(joining, "execute", execute)
        monkeypatch.setattr(joining, "rows", rows)
        return asked

    return make


SEEN = {"db1": one("db1"), "db2": online("db2", "db3"), "db3": online("db3", "db2")}


@pytest.mark.parametrize(
    ("free", "joiner_at", "opened"),
    [
        ({"db2": 1, "db3": 1}, "", [DB2, DB3]),
        ({"db2": 0, "db3": 1}, DB2, [DB2]),
        ({"db2": 1, "db3": 0}, DB3, [DB2, DB3]),
        # It has left since it was asked.
        ({"db2": None, "db3": 1}, "", [DB3]),
        ({"db2": None, "db3": None}, "", []),
    ],
)
def test_one_member_joins_at_a_time(members, free, joiner_at, opened):
    asked = members(**free)
    with joining.alone(SETTINGS, SEEN, 7) as where:
        assert where == joiner_at
        # All are held until the join is over, and none longer.
        assert [entry[:2] for entry in asked] == [("open", address) for address in opened]
    closed = [("closed", address) for address in reversed(opened)]
    assert [entry[:2] for entry in asked[len(opened) :]] == closed
    # The server answers when the wait for the lock has ended.
    assert all(entry[2] > 7 for entry in asked[: len(opened)])


@pytest.mark.parametrize(
    ("free", "bootstraps_at", "opened"),
    [
        ({"db1": 1, "db2": 1, "db3": 1}, "", [DB1, DB2, DB3]),
        # Another one asks this member, too: of two that answer each other one comes first.
        ({"db1": 0, "db2": 1, "db3": 1}, DB1, [DB1]),
        ({"db1": 1, "db2": 1, "db3": 0}, DB3, [DB1, DB2, DB3]),
        ({"db1": 1, "db2": None, "db3": 1}, "", [DB1, DB3]),
    ],
)
def test_one_member_bootstraps_at_a_time(members, free, bootstraps_at, opened):
    asked = members(**free)
    outside = {"db3": one("db3"), "db1": one("db1"), "db2": one("db2"), "db4": gone()}
    with joining.bootstrapping(SETTINGS, outside) as where:
        assert where == bootstraps_at
        assert [entry[:2] for entry in asked] == [("open", address) for address in opened]


def test_a_join_that_fails_lets_the_next_one_go(members):
    asked = members(db2=1, db3=1)
    with (
        pytest.raises(ValueError, match="START"),
        joining.alone(SETTINGS, SEEN, 7),
    ):
        raise ValueError("START")
    # The connections go with the exception.
    assert [entry[0] for entry in asked] == ["open", "open"]


def test_who_waits_says_for_what():
    assert joining.busy("db1", DB2) == (
        f"another member is joining, as {DB2} says; db1 joins after it"
    )
