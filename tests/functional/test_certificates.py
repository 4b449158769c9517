"""With an authority of its own: who makes what, and what the master's minion signs."""

from __future__ import annotations

import re
from typing import Any
from unittest.mock import Mock

import pytest
import salt.loader
import salt.pillar
import salt.template
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from group_replication import authority as library
from group_replication import signing

import _modules.mysql_authority as module
from tests.functional.conftest import DATABASES, MASTER, PROXY, WEB
from tests.functional.test_render import highstate

TLS = {"source": "ca", "names": ["db.example.org"]}
COMMON = {"tls-trusted-directory-present", "tls-trusted-authority-present"}
OF = {
    MASTER: {
        "tls-authority-directory-present",
        "tls-authority-key-present",
        "tls-authority-certificate-present",
    },
    DATABASES[0]: COMMON
    | {
        "mysql-certificate-key-present",
        "mysql-certificate-current",
        "mysql-config-members-verifiable",
        "mysql-options-certificate-shown",
    },
    WEB: COMMON | {"laravel-env-database-verifiable"},
    PROXY: set(),
}
BACKUP = "backup1"
ALL = set().union(*OF.values())


@pytest.mark.parametrize("machine", OF)
def test_each_machine_makes_what_it_needs(machine, with_cluster):
    chunks = highstate(with_cluster(machine, tls=TLS))[0]
    assert {chunk["__id__"] for chunk in chunks} & ALL == OF[machine]
    for chunk in chunks:
        if chunk["__id__"] == "laravel-env-present":
            assert chunk["values"]["MYSQL_ATTR_SSL_CA"] == "/etc/mysql/tls/ca.pem"


@pytest.mark.parametrize("tls", [{"source": "none"}, None])
@pytest.mark.parametrize("machine", OF)
def test_who_wants_none_makes_none(machine, tls, with_cluster):
    chunks = highstate(with_cluster(machine, tls=tls))[0]
    assert not {chunk["__id__"] for chunk in chunks} & ALL


def test_a_backup_machine_trusts_the_authority_before_it_follows(with_cluster, checkout):
    table = {**yaml.safe_load((checkout / "pillar/cluster.sls").read_text())["cluster"]["nodes"]}
    table[BACKUP] = {"ip": "172.28.17.70", "role": "backup"}
    ids = [chunk["__id__"] for chunk in highstate(with_cluster(BACKUP, tls=TLS, nodes=table))[0]]
    assert {*ids} & ALL == COMMON
    order = (
        "tls-trusted-authority-present",
        "backup-library-settings-stored",
        "backup-follow-group-followed",
    )
    assert sorted(order, key=ids.index) == list(order)


def test_certificates_come_before_the_server_and_are_shown_before_it_joins(with_cluster):
    ids = [chunk["__id__"] for chunk in highstate(with_cluster("db1", tls=TLS))[0]]
    order = (
        "tls-trusted-authority-present",
        "mysql-config-file-managed",
        "mysql-certificate-current",
        "mysql-package-installed",
        "mysql-options-certificate-shown",
        "mysql-group-member-online",
    )
    assert sorted(order, key=ids.index) == list(order)


@pytest.fixture
def authority(with_cluster, tmp_path, monkeypatch):
    """What signs on the master's minion, with an authority in a folder of the test."""
    opts = with_cluster(MASTER, tls=TLS)
    pillar = salt.pillar.get_pillar(opts, opts["grains"], MASTER, "base").compile_pillar()
    functions = salt.loader.minion_mods(opts)
    key, certificate = tmp_path / library.KEY, tmp_path / library.CERTIFICATE
    key.write_text(functions["x509.create_private_key"](**library.KEY_KIND))
    made = functions["x509.create_certificate"](signing_private_key=str(key), **library.REQUEST)
    certificate.write_text(made)
    refreshed = Mock()
    # What the machines have sent.
    mine: dict[str, Any] = {}
    calls = {
        "x509.create_certificate": functions["x509.create_certificate"],
        "mine.get": lambda name, key, tgt_type: {name: mine[name]} if name in mine else {},
        "saltutil.refresh_pillar": refreshed,
    }
    monkeypatch.setattr(library, "DIRECTORY", tmp_path)
    monkeypatch.setattr(library.read, "__defaults__", (tmp_path,))
    for name, value in (("__pillar__", pillar), ("__salt__", calls), ("__opts__", opts)):
        monkeypatch.setattr(module, name, value, raising=False)

    def ask(machine: str, sent: Any, names: list[str]) -> dict[str, str]:
        mine[machine] = sent
        return module.sign(machine, "request 1", names)

    ask.refreshed = refreshed
    ask.certificate = certificate
    return ask


def public_key() -> str:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


NAMES = ["db2", "172.28.17.54", "172.28.17.52", "db.example.org"]


def test_a_database_is_signed_its_key_with_its_declared_names(authority):
    key = public_key()
    answer = authority("db2", key, NAMES)
    assert answer["problem"] == ""
    assert answer["request"] == "request 1"
    assert answer["authority"] == authority.certificate.read_text()
    found = x509.load_pem_x509_certificate(answer["certificate"].encode())
    found.verify_directly_issued_by(x509.load_pem_x509_certificate(answer["authority"].encode()))
    shown = found.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    assert shown.decode() == key
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    addresses = map(str, names.get_values_for_type(x509.IPAddress))
    assert {*names.get_values_for_type(x509.DNSName), *addresses} == {*NAMES}
    assert found.subject.rfc4514_string() == "CN=db2"
    assert {extension.oid._name for extension in found.extensions} == {
        "basicConstraints",
        "keyUsage",
        "extendedKeyUsage",
        "subjectKeyIdentifier",
        "authorityKeyIdentifier",
        "subjectAltName",
    }
    assert not found.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    # Good from an hour before.
    assert (found.not_valid_after_utc - found.not_valid_before_utc).days == 365
    assert found.signature_hash_algorithm.name == "sha256"
    authority.refreshed.assert_not_called()


@pytest.mark.parametrize(
    ("machine", "sent", "names", "problem"),
    [
        ("db2", "", [*NAMES, "172.28.17.53"], "the pillar of the master's minion has 172"),
        ("db9", "", ["db9"], "wants a certificate for db9, and .* has no names for it"),
        ("db2", "/etc/passwd", NAMES, "db2 has sent no public key"),
        ("db2", None, NAMES, "db2 has sent no public key"),
        (WEB, "", [WEB, "172.28.17.51"], f"no '{WEB}' with role db"),
        ("db1,db2", "", [], "no 'db1,db2' with role db"),
    ],
)
def test_everybody_else_is_told_whom_to_trust_alone(machine, sent, names, problem, authority):
    answer = authority(machine, public_key() if sent == "" else sent, names)
    assert answer["certificate"] == ""
    assert answer["authority"] == authority.certificate.read_text()
    assert re.search(problem, answer["problem"])
    # Names that differ are those of a table that has changed since.
    assert authority.refreshed.called is ("wants a certificate" in answer["problem"])


def test_without_an_authority_nothing_is_signed(authority):
    authority.certificate.unlink()
    answer = authority("db2", public_key(), NAMES)
    assert (answer["authority"], answer["certificate"]) == ("", "")
    assert "there is no authority yet" in answer["problem"]


@pytest.mark.parametrize("asked", ["db1", "a: {b: c}\n- d", "{{ 7 * 7 }}"])
def test_a_reactor_hands_on_what_an_event_says_as_data(asked, checkout, opts):
    """Whatever a minion sends, it calls this function alone, on a list of ids."""
    data = {"id": asked, "data": {"signer": asked, "request": asked, "names": [asked]}}
    render = salt.loader.render(opts, salt.loader.minion_mods(opts))
    found = salt.template.compile_template(
        str(checkout / "salt/reactor/certificate.sls"),
        render,
        "jinja|yaml",
        [],
        [],
        data=data,
        tag="mysql_gr/certificate/request",
    )
    assert found == {
        "mysql-certificate-answered": {
            "local.mine.send": [
                {"tgt": asked},
                {"tgt_type": "list"},
                {
                    "args": [
                        {"name": f"{signing.ANSWER}{asked}"},
                        {"mine_function": "mysql_authority.sign"},
                        {"machine": asked},
                        {"number": asked},
                        {"names": [asked]},
                    ]
                },
            ]
        }
    }


def test_the_lab_s_master_hands_the_event_on(checkout):
    configured = yaml.safe_load((checkout / "vagrant/master.conf").read_text())
    assert configured["reactor"] == [{signing.EVENT: ["salt://reactor/certificate.sls"]}]
    assert "peer" not in configured
