"""The authority on the master's minion: signs for declared databases, with their names alone."""

from __future__ import annotations

import base64
import datetime
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.integration.conftest import checkout  # noqa: F401

POLICIES = "x509_signing_policies"
DATABASE, WEB, AUTHORITY = "cert-db2", "cert-web", "cert-master"
NODES = {
    AUTHORITY: {"ip": "172.28.18.50", "role": "master"},
    WEB: {"ip": "172.28.18.51", "role": "web"},
    "cert-proxy": {"ip": "172.28.18.52", "role": "proxy"},
    "cert-db1": {"ip": "172.28.18.53", "role": "db"},
    DATABASE: {"ip": "172.28.18.54", "role": "db"},
    "cert-db3": {"ip": "172.28.18.55", "role": "db"},
}
NAMES = {DATABASE, "172.28.18.54", "172.28.18.52", "172.28.18.60", "db.example.org"}


def public_key() -> str:
    """A key in one line, as a call by the command line has it."""
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    return base64.b64encode(
        key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ).decode()


@pytest.fixture(scope="module")
def authority(
    salt_factories: Any,
    checkout: Path,  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Any]:
    """A master whose minion has the authority, below a folder of its own."""
    root = tmp_path_factory.mktemp("authority")
    pillar, states = root / "pillar", root / "salt"
    shutil.copytree(checkout / "salt/tls", states / "tls")
    pillar.mkdir()
    shutil.copy(checkout / "pillar/certificates.sls", pillar)
    tls = {"source": "ca", "names": ["db.example.org"], "days_valid": 40}
    cluster = {
        "subnet": "172.28.18.0/24",
        "virtual_address": "172.28.18.60",
        "tls": tls,
        "nodes": NODES,
    }
    (pillar / "cluster.sls").write_text(yaml.safe_dump({"cluster": cluster}, sort_keys=False))
    (pillar / "top.sls").write_text(
        f"base:\n  '*': [cluster]\n  {AUTHORITY}: [{{match: list}}, certificates]\n"
    )
    # Not where a machine has its own.
    for path in (pillar / "certificates.sls", states / "tls/authority.sls"):
        path.write_text(path.read_text().replace("/etc/mysql-gr-ca", str(root / "ca")))
    configured = yaml.safe_load(Path(checkout, "vagrant/master.conf").read_text())
    daemon = salt_factories.salt_master_daemon(
        "certificates",
        overrides={
            "file_roots": {"base": [str(states), str(checkout)]},
            "pillar_roots": {"base": [str(pillar)]},
            "interface": "127.0.0.1",
            # What the lab's master allows, and no more.
            "peer": configured["peer"],
            "worker_threads": configured["worker_threads"],
        },
    )
    daemon.folder = root
    with daemon.started():
        minions = {name: daemon.salt_minion_daemon(name) for name in (AUTHORITY, DATABASE, WEB)}
        for minion in minions.values():
            minion.after_terminate(daemon.salt_key_cli().run, "-d", minion.id, "-y")
        with (
            minions[AUTHORITY].started(),
            minions[DATABASE].started(),
            minions[WEB].started(),
        ):
            daemon.salt_cli().run("saltutil.sync_all", minion_tgt="*", _timeout=180)
            daemon.salt_cli().run(
                "saltutil.refresh_pillar", "wait=True", minion_tgt="*", _timeout=180
            )
            yield daemon


@pytest.fixture(scope="module")
def ask(authority: Any) -> Any:
    """Call a function on one of the minions and return what came of it."""

    def run(minion: str, function: str, *arguments: Any, **options: Any) -> Any:
        # Root's account is its own here: states give files to it.
        return (
            authority.salt_cli()
            .run(function, *arguments, minion_tgt=minion, _timeout=120, **options)
            .data
        )

    return run


@pytest.fixture(scope="module")
def made(ask: Any, authority: Any) -> Path:
    """The authority, made by its states."""
    answer = ask(AUTHORITY, "state.apply", "tls")
    assert all(state["result"] for state in answer.values()), answer
    return authority.folder / "ca"


def signed(text: Any) -> x509.Certificate:
    assert "BEGIN CERTIFICATE" in str(text), text
    return x509.load_pem_x509_certificate(text.encode())


def request(ask: Any, minion: str, node: str, **more: Any) -> Any:
    return ask(
        minion,
        "x509.create_certificate",
        ca_server=AUTHORITY,
        signing_policy=f"mysql-gr-{node}",
        public_key=public_key(),
        **more,
    )


def test_the_authority_is_made_once_and_its_key_is_root_s_alone(made, ask):
    key = made / "ca.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert made.stat().st_mode & 0o777 == 0o700
    answer = ask(AUTHORITY, "state.apply", "tls")
    assert not any(state["changes"] for state in answer.values()), answer


def test_a_database_gets_its_names_and_nothing_that_it_asks_for(made, ask):
    authority = x509.load_pem_x509_certificate((made / "ca.pem").read_bytes())
    earlier = "2026-01-02 03:04:05"
    found = signed(
        request(ask, DATABASE, DATABASE, CN="cert-db1", days_valid=9999, not_before=earlier)
    )
    found.verify_directly_issued_by(authority)
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    shown = {*names.get_values_for_type(x509.DNSName)}
    shown |= {str(one) for one in names.get_values_for_type(x509.IPAddress)}
    assert shown == NAMES
    assert found.subject.rfc4514_string() == f"CN={DATABASE}"
    # From when on is the asking machine's to say: clocks differ.
    assert str(found.not_valid_before_utc) == f"{earlier}+00:00"
    left = found.not_valid_after_utc - datetime.datetime.now(datetime.timezone.utc)
    assert 39 < left / datetime.timedelta(days=1) <= 40


def test_nobody_is_signed_another_s(made, ask):
    """Twice: what Salt takes out of a policy must be there again."""
    for node in ("cert-db1", DATABASE):
        answer = request(ask, WEB, node)
        assert "minion not permitted to use specified signing policy" in str(answer)


def test_whom_to_trust_is_told_to_each_declared_node(made, ask):
    told = ask(WEB, "x509.get_signing_policy", f"mysql-gr-{WEB}", ca_server=AUTHORITY)
    assert told["signing_cert"].strip() == (made / "ca.pem").read_text().strip()
    assert "signing_private_key" not in told


def test_what_a_database_wants_is_what_it_is_given(made, ask):
    """The pillar of the master and the library name the same."""
    assert set(ask(DATABASE, "mysql_tls.names")) == NAMES
