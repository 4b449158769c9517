"""How a machine asks the master's minion for a certificate."""

from __future__ import annotations

from unittest.mock import Mock

import pytest
from salt.exceptions import CommandExecutionError, SaltInvocationError

import _modules.mysql_tls as module
from tests.unit.group import Clock, pillar

NOT_YET = CommandExecutionError("ca_server reported errors: Could not deserialize binary data")


@pytest.fixture
def asked(monkeypatch):
    """Give the module an x509 that answers so; returns what asks it."""
    Clock(monkeypatch)
    monkeypatch.setattr(module, "__pillar__", pillar(), raising=False)
    monkeypatch.setattr(module, "__opts__", {"id": "db2"}, raising=False)
    monkeypatch.setattr(module.time, "time", lambda: 0.0)

    def give(*answers):
        function = Mock(side_effect=answers)
        monkeypatch.setattr(module, "__salt__", {"x509.it": function}, raising=False)
        return function

    return give


def test_an_authority_that_is_not_there_yet_is_asked_again(asked):
    function = asked(
        SaltInvocationError("ca_server did not respond."),
        TypeError("string indices must be integers, not 'str'"),
        NOT_YET,
        "a certificate",
    )
    assert module._ask("x509.it", "policy", days_valid=3) == "a certificate"
    assert function.call_count == 4
    function.assert_called_with("policy", ca_server="master", days_valid=3)


def test_one_that_never_comes_is_given_up(asked):
    function = asked(*[NOT_YET] * 100)
    with pytest.raises(CommandExecutionError, match=r"master signs nothing: .*have peer"):
        module._ask("x509.it")
    assert 10 < function.call_count < module.WAIT_SECONDS


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("signing_policy must be specified and defined on signing minion", "refresh_pillar"),
        ("minion not permitted to use specified signing policy", "for itself alone"),
    ],
)
def test_a_refusal_is_told_at_once(asked, said, hint):
    function = asked(CommandExecutionError(f"ca_server reported errors:\n{said}"))
    with pytest.raises(CommandExecutionError, match=hint):
        module._ask("x509.it")
    function.assert_called_once()


@pytest.mark.parametrize(
    ("source", "why", "force", "shown", "called"),
    [
        ("ca", "", False, [[]], []),
        ("ca", "there is none", False, [["mysql_main"], []], ["issue", "reload"]),
        ("ca", "", True, [["mysql_main"], []], ["issue", "reload"]),
        # A run was killed before the server had taken the file.
        ("ca", "", False, [["mysql_admin"], []], ["reload"]),
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
        ("issue", lambda in_turn: told.append("issue") or {"serial": "3F"}),
        ("reload", lambda: told.append("reload")),
        ("not_shown", Mock(side_effect=shown)),
    ):
        monkeypatch.setattr(module, name, value, raising=False)
    answer = module.renew(force)
    assert told == called
    assert answer["serial"] == ("3F" if "issue" in called else "")
    assert bool(answer["why"]) is ("issue" in called)


def test_a_certificate_that_the_server_does_not_take_is_told(monkeypatch):
    cluster = {"cluster": {**pillar()["cluster"], "tls": {"source": "ca"}}}
    for name, value in (
        ("__pillar__", cluster),
        ("why_new", lambda: ""),
        ("reload", lambda: None),
        ("not_shown", lambda: ["mysql_admin"]),
    ):
        monkeypatch.setattr(module, name, value, raising=False)
    with pytest.raises(CommandExecutionError, match="another certificate on mysql_admin"):
        module.renew()
