"""What a member does for a rotation, over a server that is made of plain data."""

from __future__ import annotations

import contextlib

import pytest
from group_replication import rotation
from group_replication.connection import UnreachableError
from group_replication.passwords import PLUGIN
from group_replication.rotation import NONE, OTHER, PILLAR, Entry, not_rotatable, refuse_unrotated
from group_replication.settings import settings_from
from salt.exceptions import CommandExecutionError, SaltInvocationError

from tests.unit.group import member, pillar, set_key

DENIED = CommandExecutionError("Access denied (1045)")
AWAY = UnreachableError("cannot connect")


def entry(current=PILLAR, retained=NONE, plugin=PLUGIN):
    return Entry("app@h", current, retained, plugin)


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (entry(), ""),
        (entry(PILLAR, OTHER), ""),
        (entry(OTHER), ""),
        (entry(OTHER, PILLAR), ""),
        (entry(OTHER, OTHER), "app@h accepts two passwords, and pillar"),
        (entry(NONE, NONE, ""), "there is no account app@h yet"),
        (entry(OTHER, NONE, "auth_socket"), "app@h has plugin auth_socket"),
    ],
)
def test_what_cannot_be_rotated_is_named(one, why):
    told = not_rotatable("application", one._asdict())
    assert told.startswith(why)
    assert bool(told) is bool(why)


def test_accounts_of_further_applications_are_rotated_by_their_place_in_pillar():
    passwords = {role: {"password": f"of-the-shop-{role}"} for role in ("application", "schema")}
    declared = set_key(pillar(), "mysql:accounts:applications", {"shop": passwords})
    accounts = rotation.accounts_by_role(settings_from(declared, "db1"))
    assert accounts["applications:shop:application"].name == "shop"
    assert accounts["applications:shop:schema"].password == "of-the-shop-schema"
    without = rotation.accounts_by_role(settings_from(pillar(), "db1"))
    assert accounts.keys() - without.keys() == {
        "applications:shop:application",
        "applications:shop:schema",
    }


@pytest.fixture
def server(monkeypatch):
    """The local server and the others; ``others`` is what a login there comes to, by address."""

    class Server:
        def __init__(self):
            self.state, self.away = "ONLINE", False
            self.found = dict.fromkeys(("admin", "recovery", "application", "schema"), entry())
            self.others, self.asked = {}, []

        @contextlib.contextmanager
        def local(self, settings):
            if self.away:
                raise AWAY
            yield self

        def log_in(self, settings, role, address):
            self.asked.append((role, address))
            if err := self.others.get(address):
                raise err

    one = Server()
    monkeypatch.setattr(rotation, "local", one.local)
    monkeypatch.setattr(rotation, "observe", lambda connection: {"state": one.state})
    monkeypatch.setattr(rotation, "entries", lambda connection, settings: one.found)
    monkeypatch.setattr(rotation, "_log_in", one.log_in)
    return one


SETTINGS = settings_from(pillar(), "db1")
DB2, DB3 = "172.28.17.54", "172.28.17.55"


@pytest.mark.parametrize(
    ("role", "scope", "refused"),
    [
        ("admin", "members", True),
        ("admin", "keeper", True),
        ("recovery", "keeper", False),
        ("recovery", "members", True),
        ("application", "members", False),
        ("schema", "application", True),
        (None, "application", False),
    ],
)
def test_in_the_group_its_accounts_say_whether_a_password_is_another_one(
    server, role, scope, refused
):
    server.found = {one: entry(OTHER if one == role else PILLAR) for one in server.found}
    with (
        pytest.raises(CommandExecutionError, match=r"orch\.rotate changes it on all machines")
        if refused
        else contextlib.nullcontext()
    ):
        refuse_unrotated(SETTINGS, scope)
    assert server.asked == []


@pytest.mark.parametrize(
    ("others", "refused"),
    [
        ({DB2: DENIED, DB3: DENIED}, True),
        ({DB2: AWAY, DB3: DENIED}, True),
        # It was rotated while this member was away.
        ({}, False),
        ({DB2: DENIED}, False),
        # Nobody is there to be locked out of.
        ({DB2: AWAY, DB3: AWAY}, False),
    ],
)
@pytest.mark.parametrize("away", [True, False])
def test_out_of_the_group_the_others_say_so(server, others, refused, away):
    server.state, server.away, server.others = "OFFLINE", away, others
    server.found = {**server.found, "admin": entry(OTHER)}
    with (
        pytest.raises(CommandExecutionError, match="mysql_gr_admin")
        if refused
        else contextlib.nullcontext()
    ):
        refuse_unrotated(SETTINGS, "keeper")


def test_a_new_server_asks_nobody(server):
    server.state = "OFFLINE"
    server.found = dict.fromkeys(server.found, entry(NONE, NONE, ""))
    refuse_unrotated(SETTINGS, "members")
    assert server.asked == []


def test_an_unknown_scope_is_named():
    with pytest.raises(SaltInvocationError, match="scope is 'all'"):
        refuse_unrotated(SETTINGS, "all")


@pytest.mark.parametrize(
    ("view", "others", "error"),
    [
        ([member("db1"), member("db2")], {}, ""),
        # Who is not in the group accepts what it likes.
        ([member("db1"), member("db2")], {DB3: DENIED}, ""),
        ([member("db1"), member("db2")], {DB2: DENIED}, "db2: Access denied"),
        ([member("db1"), member("db2")], {DB2: AWAY}, "db2: cannot connect"),
        ([member("db1", "OFFLINE")], {DB2: AWAY}, ""),
        ([member("db1", "OFFLINE")], {DB2: AWAY, DB3: DENIED}, "db3: Access denied"),
    ],
)
def test_new_passwords_are_tried_where_they_are_needed(server, view, others, error):
    server.others = others
    with pytest.raises(CommandExecutionError, match=error) if error else contextlib.nullcontext():
        rotation._prove(SETTINGS, view)


def test_nothing_that_was_made_of_a_password_is_answered(monkeypatch):
    """The server's entries stay where they are read."""
    known = {"plugin": PLUGIN, "current": "$A$005$secret", "retained": "$A$005$secret"}
    monkeypatch.setattr(rotation, "rows", lambda *_: [known])
    found = rotation.entries(None, SETTINGS)
    assert {one.current for one in found.values()} == {OTHER}
    assert "secret" not in repr(found)
