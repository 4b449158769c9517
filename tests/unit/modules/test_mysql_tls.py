"""How a machine asks the master's minion for a certificate."""

from __future__ import annotations

from contextlib import nullcontext
from unittest.mock import Mock

import pytest
from salt.exceptions import CommandExecutionError, SaltInvocationError, SaltReqTimeoutError

import _modules.mysql_tls as module
from tests.unit.group import Clock, Server, pillar

SIGNER = "master"
NOT_YET = {"authority": "", "certificate": "", "problem": "there is no authority yet"}
BOTH = {"authority": "the authority", "certificate": "a certificate", "problem": ""}
STALE = {**BOTH, "request": "of an earlier one"}


class Mine:
    """Salt's event bus and mine, with answers in the order of the looks at it."""

    def __init__(self, *answers):
        self.answers = [*answers]
        self.events: list[dict] = []

    def send_event(self, tag, data):
        assert tag == "mysql_gr/certificate/request"
        self.events.append(data)

    def get(self, target, name, tgt_type):
        assert (target, name, tgt_type) == (SIGNER, "mysql_certificate_answer_db2", "list")
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return {SIGNER: {"request": self.events[-1]["request"], **answer}} if answer else {}


@pytest.fixture
def asked(monkeypatch):
    """Give the module a mine that answers so; returns it."""
    clock = Clock(monkeypatch)
    monkeypatch.setattr(module, "__pillar__", pillar(), raising=False)
    monkeypatch.setattr(module, "__opts__", {"id": "db2"}, raising=False)

    def give(*answers):
        mine = Mine(*answers)
        functions = {"event.send": mine.send_event, "mine.get": mine.get}
        monkeypatch.setattr(module, "__salt__", functions, raising=False)
        return mine, clock

    return give


@pytest.mark.parametrize("wanted", ["authority", "certificate"])
def test_an_answer_to_another_request_is_waited_past(asked, wanted):
    mine, _ = asked(None, STALE, NOT_YET, BOTH)
    assert module._ask(wanted) == BOTH[wanted]
    (event,) = mine.events
    assert event["signer"] == SIGNER
    assert event["names"] == module.names()


def test_an_event_that_nobody_took_is_sent_again_as_the_same_request(asked):
    mine, _ = asked(*[None] * 13, BOTH)
    assert module._ask("certificate") == "a certificate"
    first, second = mine.events
    assert first == second


@pytest.mark.parametrize(
    ("answer", "words"),
    [(None, "does not answer.*have reactor"), (NOT_YET, "there is no authority yet")],
)
def test_one_that_never_comes_is_given_up_with_the_last_cause(asked, answer, words):
    mine, _ = asked(answer)
    with pytest.raises(CommandExecutionError, match=f"master gave no certificate: .*{words}"):
        module._ask("certificate")
    fastest, slowest = (module.WAIT_SECONDS / each for each in module.AGAIN_SECONDS)
    assert slowest - 3 <= len(mine.events) <= fastest + 1


def test_a_master_that_does_not_answer_is_told(asked):
    asked(SaltReqTimeoutError("Message timed out"))
    with pytest.raises(CommandExecutionError, match="the master does not answer: Message"):
        module._ask("authority")


@pytest.mark.parametrize(
    ("me", "sent", "error", "words"),
    [
        ("db2", False, CommandExecutionError, "could not be sent"),
        ("web", True, SaltInvocationError, "no 'web' with role db"),
    ],
)
def test_nothing_is_asked_for_without_a_key_or_a_database(monkeypatch, me, sent, error, words):
    cluster = {"cluster": {**pillar()["cluster"], "tls": {"source": "ca"}}}
    send = Mock(return_value=sent)
    for name, value in (
        ("__pillar__", cluster),
        ("__opts__", {"id": me}),
        ("__salt__", {"mine.send": send}),
        ("_ask", Mock(side_effect=AssertionError)),
    ):
        monkeypatch.setattr(module, name, value, raising=False)
    with pytest.raises(error, match=words):
        module.issue()


@pytest.mark.parametrize(
    ("source", "why", "force", "shown", "called"),
    [
        ("ca", "", False, [[]], []),
        ("ca", "there is none", False, [["mysql_main"]], ["issue", "reload"]),
        ("ca", "", True, [["mysql_main"]], ["issue", "reload"]),
        # A run was killed before the server had taken the file.
        ("ca", "", False, [["mysql_admin"]], ["reload"]),
        ("none", "there is none", True, [], []),
        ("files", "there is none", False, [], []),
    ],
)
def test_a_certificate_is_renewed_where_it_is_due(monkeypatch, source, why, force, shown, called):
    told = []
    cluster = {"cluster": {**pillar()["cluster"], "tls": {"source": source}}}
    for name, value in (
        ("__pillar__", cluster),
        ("why_new", lambda: why),
        ("issue", lambda: told.append("issue") or {"serial": "3F"}),
        ("reload", lambda: told.append("reload")),
        ("not_shown", Mock(side_effect=shown)),
    ):
        monkeypatch.setattr(module, name, value, raising=False)
    answer = module.renew(force)
    assert told == called
    assert answer["serial"] == ("3F" if "issue" in called else "")
    assert bool(answer["why"]) is ("issue" in called)


@pytest.mark.parametrize(
    ("certificate", "shown", "words"),
    [
        (True, [], ""),
        (True, ["mysql_admin"], "shows another certificate on mysql_admin"),
        # An authority is trusted before the first certificate is made.
        (False, ["mysql_main"], ""),
    ],
)
def test_what_the_server_shows_after_it_is_held(monkeypatch, tmp_path, certificate, shown, words):
    path = tmp_path / "server.pem"
    if certificate:
        path.touch()
    server = Server()
    monkeypatch.setattr(module.tls, "CERTIFICATE_FILE", str(path))
    for name, value in (
        ("__pillar__", pillar()),
        ("__opts__", {"id": "db2"}),
        ("not_shown", lambda: shown),
    ):
        monkeypatch.setattr(module, name, value, raising=False)
    monkeypatch.setattr(module.connection, "local", lambda settings: server)
    with pytest.raises(CommandExecutionError, match=words) if words else nullcontext():
        module.reload()
    assert server.said == [*module.tls.RELOADS.values()]
