"""With an authority of its own: who makes what, and what the master's minion would sign."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import salt.loader
import salt.pillar
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

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


def test_the_master_alone_has_the_policies_and_they_are_for_databases(with_cluster):
    def policies(machine: str) -> dict:
        opts = with_cluster(machine, tls=TLS)
        pillar = salt.pillar.get_pillar(opts, opts["grains"], machine, "base").compile_pillar()
        return pillar.get("x509_signing_policies", {})

    found = policies(MASTER)
    # In lists, of which Salt takes a copy.
    found = {name: {k: v for one in rows for k, v in one.items()} for name, rows in found.items()}
    assert {name: policy["minions"] for name, policy in found.items()} == {
        f"mysql-gr-{name}": name for name in (MASTER, WEB, PROXY, *DATABASES)
    }
    keys = {name: bool(policy["signing_private_key"]) for name, policy in found.items()}
    assert keys == {
        f"mysql-gr-{name}": name in DATABASES for name in (MASTER, WEB, PROXY, *DATABASES)
    }
    assert found["mysql-gr-db1"]["subjectAltName"] == [
        "DNS:db1",
        "IP:172.28.17.53",
        "IP:172.28.17.52",
        "DNS:db.example.org",
    ]
    assert not policies("db1")
    assert not policies(WEB)


@pytest.fixture
def authority(with_cluster, tmp_path):
    """What signs on the master's minion, with an authority in a folder of the test."""
    opts = with_cluster(MASTER, tls=TLS)
    policies = Path(opts["pillar_roots"]["base"][0], "certificates.sls")
    policies.write_text(policies.read_text().replace("/etc/mysql-gr-ca", str(tmp_path)))
    opts["pillar"] = salt.pillar.get_pillar(opts, opts["grains"], MASTER, "base").compile_pillar()
    functions = salt.loader.minion_mods(opts)
    key = functions["x509.create_private_key"](algo="ec", path=str(tmp_path / "ca.key"))
    assert "written" in key
    functions["x509.create_certificate"](
        signing_private_key=str(tmp_path / "ca.key"),
        path=str(tmp_path / "ca.pem"),
        CN="authority",
        basicConstraints="critical, CA:TRUE, pathlen:0",
        subjectKeyIdentifier="hash",
        days_valid=10,
    )

    def ask(minion: str, node: str, **more: Any) -> dict[str, Any]:
        public = ec.generate_private_key(ec.SECP256R1()).public_key()
        wanted = {
            "public_key": public.public_bytes(
                Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
            ).decode(),
            **more,
        }
        return functions["x509.sign_remote_certificate"](
            f"mysql-gr-{node}", wanted, __pub_id=minion
        )

    return ask


def test_nothing_that_is_asked_for_goes_into_a_certificate(authority, tmp_path):
    answer = authority(
        "db2",
        "db2",
        CN="db1",
        O="evil",
        subject="CN=db1",
        subjectAltName="IP:172.28.17.53,DNS:db1",
        basicConstraints="critical, CA:TRUE",
        keyUsage="critical, keyCertSign",
        nameConstraints="permitted;IP:0.0.0.0/0.0.0.0",
        not_after="2099-01-01 00:00:00",
        days_valid=9999,
        copypath=str(tmp_path),
        serial_number=1,
        digest="sha1",
        csr="/etc/passwd",
        private_key="/etc/passwd",
        signing_private_key="/etc/passwd",
        skip_load_signing_private_key=True,
    )
    assert not answer["errors"]
    found = x509.load_der_x509_certificate(answer["data"])
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["db2", "db.example.org"]
    addresses = [str(one) for one in names.get_values_for_type(x509.IPAddress)]
    assert addresses == ["172.28.17.54", "172.28.17.52"]
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
    assert (found.not_valid_after_utc - found.not_valid_before_utc).days == 365
    assert found.signature_hash_algorithm.name == "sha256"
    assert found.serial_number > 1
    assert not list(tmp_path.glob("*.crt"))


@pytest.mark.parametrize(
    ("minion", "node", "asks", "said"),
    [
        ("db2", "db1", {}, "minion not permitted"),
        (WEB, "db1", {}, "minion not permitted"),
        ("db9", "db9", {}, "signing_policy must be specified"),
        (WEB, WEB, {}, "Could not load"),
        (WEB, WEB, {"signing_private_key": "ca.key"}, "Could not load"),
        (WEB, WEB, {"skip_load_signing_private_key": True}, "Could not load"),
    ],
)
def test_everybody_else_is_signed_nothing(minion, node, asks, said, authority, tmp_path):
    if "signing_private_key" in asks:
        asks = {"signing_private_key": str(tmp_path / "ca.key")}
    # The second time, too: Salt takes the minions out of what it finds.
    for _ in range(2):
        answer = authority(minion, node, **asks)
        assert answer["data"] is None
        assert said in str(answer["errors"])
