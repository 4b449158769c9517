"""What ends a fence: an operator's call, once the other group is gone."""

from __future__ import annotations

import contextlib

import pytest
from group_replication import fencing, maintenance
from group_replication.fencing import outside_of, unfence
from group_replication.settings import settings_from
from salt.exceptions import CommandExecutionError, SaltInvocationError

from tests.unit.group import HOSTS_OF_THREE, Server, gone, one, online, pillar

SETTINGS = settings_from(pillar(), "db2")
FORK = {
    "origin": "2",
    "others": ["1"],
    "apart": [],
    "fenced": True,
    "why": "two groups with one name",
}
WRITABLE = "SET GLOBAL super_read_only = OFF"


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        (("db1", "db3"), []),
        (("db1",), ["db3"]),
        ((), ["db1", "db3"]),
        # Who is there and not declared is nobody to ask.
        (("db1", "db3", "db9"), []),
    ],
)
def test_who_is_outside_a_view(view, expected):
    assert outside_of(SETTINGS, online("db2", *view)) == expected


def test_all_are_asked_and_who_does_not_answer_is_said(monkeypatch):
    told = []

    @contextlib.contextmanager
    def peer(settings, address, query_seconds, connect_seconds):
        told.append((address, query_seconds <= 2, connect_seconds <= 1))
        if address == HOSTS_OF_THREE["db3"]:
            raise CommandExecutionError("no route")
        yield "db1"

    monkeypatch.setattr(fencing, "peer", peer)
    monkeypatch.setattr(fencing, "observe", online)
    found = fencing.ask(SETTINGS, ["db1", "db3"])
    assert (found["db1"]["state"], found["db3"]["error"]) == ("ONLINE", "no route")
    assert sorted(told) == [(HOSTS_OF_THREE[name], True, True) for name in ("db1", "db3")]
    assert fencing.ask(SETTINGS, []) == {}


@pytest.fixture
def fenced(monkeypatch, tmp_path):
    """Let db2 be fenced, as one of these members; returns the statements that it is told."""
    monkeypatch.setattr(maintenance, "FORK_FILE", tmp_path / "fork.json")
    maintenance.keep_fork(FORK)
    server = Server()

    def see(**members):
        facts = {"db1": gone(), "db3": gone(), **members}
        monkeypatch.setattr(fencing, "exclusive", lambda settings: server)
        monkeypatch.setattr(fencing, "facts_of", lambda settings, connection: facts)
        return server.said

    return see


@pytest.mark.parametrize(
    ("mine", "said"),
    [
        (online("db2", view_id="2:1", super_read_only=True), [WRITABLE]),
        (online("db2", view_id="2:1", super_read_only=True, role="SECONDARY"), []),
        (online("db2", view_id="2:1", super_read_only=True, quorum=False), []),
        (one("db2"), []),
    ],
)
def test_a_fence_ends_by_name(fenced, mine, said):
    told = fenced(db2=mine)
    assert unfence(SETTINGS, "db2", test=True) == {"old": FORK["why"], "new": ""}
    assert (told, maintenance.fork()) == ([], FORK)
    assert unfence(SETTINGS, "db2") == {"old": FORK["why"], "new": ""}
    assert (told, maintenance.fork()) == (said, {})
    assert unfence(SETTINGS, "db2") == {"old": "", "new": ""}
    # A member that is not fenced is left as it is.
    assert told == said


def test_a_fence_does_not_end_beside_the_other_group(fenced):
    told = fenced(db2=online("db2", view_id="2:1"), db1=online("db1", view_id="1:1"))
    with pytest.raises(CommandExecutionError, match="two groups with one name"):
        unfence(SETTINGS, "db2")
    with pytest.raises(SaltInvocationError, match="this is db2"):
        unfence(SETTINGS, "db1")
    assert (told, maintenance.fork()) == ([], FORK)
