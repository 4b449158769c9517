"""What a certificate says, whom one is signed for, and what is taken for a public key."""

from __future__ import annotations

import pytest
from group_replication import signing
from salt.exceptions import CommandExecutionError, SaltInvocationError

from tests.unit.group import pillar

NOW = 1_800_000_000.0
KEY = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYI\nKoZI==\n-----END PUBLIC KEY-----\n"


def with_tls(**said) -> dict:
    told = pillar()
    told["cluster"] = {**told["cluster"], "tls": said}
    return told


def test_all_that_it_says_is_from_the_table():
    told = with_tls(source="ca", names=["db.example.org"], days_valid=40)
    nodes = told["cluster"]["nodes"]
    proxies = sorted(node["ip"] for node in nodes.values() if node["role"] == "proxy")
    found = signing.content(told, "db1", NOW)
    assert found["subject"] == "CN=db1"
    assert found["subjectAltName"][0] == "DNS:db1"
    assert {*found["subjectAltName"]} == {
        "DNS:db1",
        "DNS:db.example.org",
        f"IP:{nodes['db1']['ip']}",
        *(f"IP:{one}" for one in proxies),
    }
    assert found["days_valid"] == 40
    assert found["basicConstraints"] == "critical, CA:FALSE"
    # An hour before.
    assert found["not_before"] == "2027-01-15 07:00:00"


@pytest.mark.parametrize(
    ("said", "machine", "words"),
    [
        ({"source": "none"}, "db1", "cluster:tls:source is none; expected ca"),
        ({"source": "files"}, "db1", "cluster:tls:source is files; expected ca"),
        ({"source": "ca"}, "web", "has no 'web' with role db"),
        ({"source": "ca"}, "db77", "has no 'db77' with role db"),
    ],
)
def test_nobody_else_gets_one(said, machine, words):
    with pytest.raises(SaltInvocationError, match=words):
        signing.content(with_tls(**said), machine, NOW)


def test_a_public_key_is_handed_on():
    assert signing.public_key("db1", KEY) == KEY


@pytest.mark.parametrize(
    "sent",
    [
        None,
        "",
        "/etc/passwd",
        {"key": KEY},
        KEY.replace("PUBLIC", "PRIVATE"),
        f"/etc/passwd\n{KEY}",
        KEY + KEY,
    ],
)
def test_nothing_else_is_taken_for_one(sent):
    with pytest.raises(CommandExecutionError, match="db1 has sent no public key"):
        signing.public_key("db1", sent)
