"""A server that nobody would let in is told so in a second, and no view is changed for it."""

from __future__ import annotations

import re
import socket

import pytest
from group_replication import recovery_login
from group_replication.settings import settings_from
from salt.exceptions import CommandExecutionError

from tests.unit.group import gone, one, online, pillar, set_key

ACCOUNT = {"name": "r", "password": "of the recovery account"}
SEEN = {"db1": one("db1"), "db2": online("db2"), "db3": online("db3")}
PASSWORD = "Access denied for user 'r'@'192.0.2.11' (using password: YES) (1045)"


@pytest.mark.parametrize(
    ("seen", "said", "words"),
    [
        (SEEN, {}, ""),
        # Another one is a donor, too.
        (SEEN, {"db2": PASSWORD}, ""),
        (
            SEEN,
            {"db2": PASSWORD, "db3": "timed out"},
            f"db1 cannot log in at any ONLINE member by the recovery account r on port 3306, where "
            f"members speak to each other: db2: {PASSWORD}; db3: timed out.",
        ),
        (
            SEEN,
            {"db1": PASSWORD},
            "db1 cannot log in at its own mysqld by the recovery account r on port 3306, where "
            f"members speak to each other: db1: {PASSWORD}.",
        ),
        ({**SEEN, "db3": gone()}, {"db2": PASSWORD}, "db2: Access denied"),
        ({**SEEN, "db3": one("db3")}, {"db2": PASSWORD}, "db2: Access denied"),
    ],
)
def test_one_member_that_lets_it_in_is_enough(monkeypatch, seen, said, words):
    settings, asked = settings_from(pillar(), "db1"), []

    def refusal(of, address, name, password):
        (member,) = (one for one, where in settings.nodes.items() if where == address)
        asked.append((member, name, password))
        return said.get(member, "")

    monkeypatch.setattr(recovery_login, "refusal", refusal)
    if words:
        with pytest.raises(CommandExecutionError, match=re.escape(words)) as raised:
            recovery_login.check(settings, seen, ACCOUNT)
        assert ACCOUNT["password"] not in str(raised.value)
    else:
        recovery_login.check(settings, seen, ACCOUNT)
    answering = ["db1", *(name for name in ("db2", "db3") if seen[name].get("state") == "ONLINE")]
    assert sorted(asked) == [(member, "r", ACCOUNT["password"]) for member in answering]


def test_a_port_that_is_closed_is_told():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        settings = settings_from(set_key(pillar(), "mysql:port", port), "db1")
        said = recovery_login.refusal(settings, "127.0.0.1", "r", "secret of somebody")
    assert f"cannot connect to mysqld at 127.0.0.1:{port}" in said
    assert "Connection refused" in said
