"""Whose certificate and which password the channel goes by, before anything is changed."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
from group_backup import channel
from group_backup.following import CLONE, CONNECT, FOLLOWS, REFUSED, Decision, Here
from group_backup.model import Settings
from group_replication.connection import UnreachableError
from group_replication.model import Account
from salt.exceptions import CommandExecutionError

NODES = {"db1": "10.0.0.1", "db2": "10.0.0.2"}
SETTINGS = Settings("b", "10.0.0.9", "g", NODES, Account("mysql_gr_backup", "new"))
VERIFIED = SETTINGS._replace(verify=True)
OLD = Account("mysql_gr_backup", "old")
DENIED = UnreachableError("Access denied for user (1045)")
AWAY = UnreachableError("timed out (2003)")
SELF_SIGNED = {"db2": "self-signed certificate"}


@pytest.fixture
def decided(monkeypatch):
    """Have a decision taken that way, of members of which some cannot be verified."""

    def give(settings, verdict, wrong, declared=False):
        here = Here("", (), declared, declared)
        monkeypatch.setattr(channel, "local", lambda *_: nullcontext())
        monkeypatch.setattr(channel, "here", lambda *_: here)
        monkeypatch.setattr(channel, "ask", lambda *_: None)
        monkeypatch.setattr(channel.following, "decide", lambda *_: Decision(verdict, "why"))
        monkeypatch.setattr(channel.server_tls, "not_verified", lambda *_: wrong)
        return channel.decide(settings)

    return give


@pytest.mark.parametrize(
    ("settings", "verdict", "wrong", "declared", "expected"),
    [
        (VERIFIED, CONNECT, {}, False, CONNECT),
        (VERIFIED, CONNECT, SELF_SIGNED, False, REFUSED),
        (VERIFIED, CLONE, SELF_SIGNED, False, REFUSED),
        # It verifies already: the others are followed.
        (VERIFIED, CONNECT, SELF_SIGNED, True, CONNECT),
        (VERIFIED, FOLLOWS, SELF_SIGNED, False, FOLLOWS),
        (SETTINGS, CONNECT, SELF_SIGNED, False, CONNECT),
    ],
)
def test_nobody_begins_to_verify_who_would_have_no_source(
    decided, settings, verdict, wrong, declared, expected
):
    found = decided(settings, verdict, wrong, declared)
    assert found.verdict == expected
    if expected == REFUSED:
        assert "db2: self-signed certificate" in found.why
        assert "orch.certificates" in found.why


def test_the_source_is_one_that_can_be_verified(monkeypatch):
    monkeypatch.setattr(channel.server_tls, "not_verified", lambda *_: SELF_SIGNED)
    assert channel._source(VERIFIED, ("db2", "db1")) == "db1"
    assert channel._source(SETTINGS, ("db2", "db1")) == "db2"
    with pytest.raises(CommandExecutionError, match="db2: self-signed certificate"):
        channel._source(VERIFIED, ("db2",))


@pytest.mark.parametrize("settings", [SETTINGS, VERIFIED])
def test_the_channel_is_made_as_it_is_looked_for(monkeypatch, settings):
    """What is asked for of the channel is what it is made with."""
    said, asked = [], []
    monkeypatch.setattr(channel, "execute", lambda _, *words: said.append(words))
    monkeypatch.setattr(channel, "rows", lambda _, *words: asked.append(words) or [])
    channel._connect(None, settings, "db1")
    (statement, values) = next(one for one in said if "CHANGE REPLICATION SOURCE" in one[0])
    assert statement.count("%s") == len(values)
    assert "SOURCE_SSL_CA = %s, SOURCE_SSL_VERIFY_SERVER_CERT = %s" in statement
    trusted = ("/etc/mysql/tls/ca.pem", 1) if settings.verify else ("", 0)
    assert values[-3:-1] == trusted
    asked.clear()
    channel._is_declared(None, settings)
    ((statement, values),) = asked
    assert statement.count("%s") == len(values)
    assert values[3:5] == trusted


@pytest.mark.parametrize(
    ("before", "answers", "refused"),
    [
        (OLD, [DENIED, DENIED], True),
        (OLD, [AWAY, DENIED], True),
        # In a rotation both are accepted.
        (OLD, [None, DENIED], False),
        (OLD, [DENIED, None], False),
        (OLD, [AWAY, AWAY], False),
        (SETTINGS.account, [DENIED, DENIED], False),
        # A new machine, whose account no member has made yet.
        (None, [DENIED, DENIED], False),
    ],
)
def test_a_password_that_the_group_does_not_have_is_refused(monkeypatch, before, answers, refused):
    told = iter(answers)

    def connect(*_args, **_where):
        answer = next(told)
        if answer:
            raise answer
        return nullcontext()

    monkeypatch.setattr(channel, "connect", connect)
    if not refused:
        channel.refuse_unrotated(SETTINGS, before)
        return
    with pytest.raises(CommandExecutionError, match=r"orch\.rotate") as said:
        channel.refuse_unrotated(SETTINGS, before)
    assert "new" not in str(said.value)
    assert "old" not in str(said.value)
