"""Whom a comparison asks."""

from __future__ import annotations

import pytest
from group_replication.member_sessions import peers_of
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
