"""Who speaks for the group, and who is silent."""

from __future__ import annotations

import contextlib
import socket
import threading

import pytest
from group_replication import communication
from group_replication.communication import is_first_online, silent_of
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


def test_who_greets_or_refuses_is_not_silent(monkeypatch):
    monkeypatch.setattr(communication, "GREETING_SECONDS", 0.2)
    greets, refuses, *silent = [f"127.0.0.{number}" for number in range(1, 5)]
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.create_server((greets, 0)))
        port = server.getsockname()[1]
        for host in silent:
            stack.enter_context(socket.create_server((host, port)))

        def greet():
            with server.accept()[0] as peer:
                peer.send(b"\n")

        thread = threading.Thread(target=greet)
        thread.start()
        assert silent_of([greets, *silent, refuses], port) == silent
        thread.join()
    assert silent_of([], port) == []
