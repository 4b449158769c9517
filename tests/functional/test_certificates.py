"""With an authority of its own: who makes what, and what the master's minion would sign."""

from __future__ import annotations

import pytest
import salt.pillar

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
ALL = set().union(*OF.values())


@pytest.mark.parametrize("machine", OF)
def test_each_machine_makes_what_it_needs(machine, with_cluster):
    chunks = highstate(with_cluster(machine, tls=TLS))[0]
    assert {chunk["__id__"] for chunk in chunks} & ALL == OF[machine]
    for chunk in chunks:
        if chunk["__id__"] == "laravel-env-present":
            assert chunk["values"]["MYSQL_ATTR_SSL_CA"] == "/etc/mysql/tls/ca.pem"


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
