"""Whom a comparison asks, and that no other asks meanwhile."""

from __future__ import annotations

import contextlib

import pytest
from group_replication import member_sessions
from group_replication.member_sessions import AtWorkError, opened, peers_of
from group_replication.server_lock import lock_name
from group_replication.settings import settings_from
from salt.exceptions import CommandExecutionError

from tests.unit.group import HOSTS, member, pillar


def seen(state: str, quorum: bool, *members: dict) -> dict:
    return {"state": state, "quorum": quorum, "server_uuid": "me", "members": members}


def one(name: str, state: str = "ONLINE", uuid: str = "") -> dict:
    return {**member(name, state), "id": uuid or name}


def test_the_other_online_members_are_asked():
    settings = settings_from(pillar(), "db1")
    undeclared = {**one("db3"), "host": "10.0.0.9"}
    members = (one("db1", uuid="me"), one("db2"), one("db3", "RECOVERING"), undeclared)
    found = peers_of(settings, seen("ONLINE", True, *members))
    assert found == {"db2": HOSTS["db2"], "10.0.0.9": "10.0.0.9"}


@pytest.mark.parametrize(
    ("facts", "error"),
    [
        (seen("OFFLINE", False), "db1 is OFFLINE, without a majority"),
        (seen("ONLINE", False, one("db2")), "db1 is ONLINE, without a majority"),
        (seen("RECOVERING", True, one("db2")), "db1 is RECOVERING, with a majority"),
        (seen("ONLINE", True, one("db1", uuid="me")), "no member beside db1 is ONLINE"),
    ],
)
def test_a_member_that_cannot_compare_says_why(facts, error):
    with pytest.raises(CommandExecutionError, match=error):
        peers_of(settings_from(pillar(), "db1"), facts)


@pytest.fixture
def servers(monkeypatch):
    """Members by address, the local one as "me"; returns what each was told, in order."""
    said: list = []

    def make(held: str = "") -> list:
        def rows(connection, sql, values=()):
            assert values == (lock_name(settings_from(pillar(), "db2"), "comparison"),)
            said.append((connection, sql))
            return [{"taken": 0 if connection == held else 1}]

        monkeypatch.setattr(
            member_sessions, "local", lambda *_: contextlib.nullcontext(HOSTS["db2"])
        )
        monkeypatch.setattr(
            member_sessions, "peer", lambda _, address, seconds: contextlib.nullcontext(address)
        )
        monkeypatch.setattr(
            member_sessions,
            "observe",
            lambda _: seen("ONLINE", True, one("db1"), one("db2", uuid="me"), one("db3")),
        )
        monkeypatch.setattr(member_sessions, "rows", rows)
        monkeypatch.setattr(
            member_sessions, "execute", lambda connection, sql: said.append((connection, sql))
        )
        return said

    return make


def test_each_member_lends_its_lock_first(servers):
    """In one order, whoever asks: two that begin at once do not both fail."""
    said = servers()
    with opened(settings_from(pillar(), "db2"), 0.1) as sessions:
        assert sessions.names == ["db1", "db2", "db3"]
    locks = [place for place, sql in said if "GET_LOCK" in sql]
    assert locks == [HOSTS[name] for name in ("db1", "db2", "db3")]
    # A session outlives the longest rest, and not by much.
    assert (HOSTS["db3"], "SET SESSION wait_timeout = 380") in said


@pytest.mark.parametrize("name", ["db1", "db2", "db3"])
def test_a_second_comparison_is_refused(servers, name):
    servers(held=HOSTS[name])
    with (
        pytest.raises(AtWorkError, match=f"another comparison is at work, as {name} says"),
        opened(settings_from(pillar(), "db2"), 1),
    ):
        pytest.fail("it begins")
