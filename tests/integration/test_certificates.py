"""Machines ask the master's minion for certificates, all at once, through event, reactor, mine."""

from __future__ import annotations

import datetime
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.integration.conftest import checkout  # noqa: F401

WEB, AUTHORITY = "cert-web", "cert-master"
DATABASES = ["cert-db1", "cert-db2", "cert-db3"]
DATABASE = DATABASES[1]
# Where a minion of these tests has its certificate, by its environment.
FOLDER = "FOLDER_OF_CERTIFICATES"
NODES = {
    AUTHORITY: {"ip": "172.28.18.50", "role": "master"},
    WEB: {"ip": "172.28.18.51", "role": "web"},
    "cert-proxy": {"ip": "172.28.18.52", "role": "proxy"},
    DATABASES[0]: {"ip": "172.28.18.53", "role": "db"},
    DATABASE: {"ip": "172.28.18.54", "role": "db"},
    DATABASES[2]: {"ip": "172.28.18.55", "role": "db"},
}
NAMES = {DATABASE, "172.28.18.54", "172.28.18.52", "172.28.18.60", "db.example.org"}


@pytest.fixture(scope="module")
def authority(
    salt_factories: Any,
    checkout: Path,  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Any]:
    """A master whose minion has the authority, below a folder of its own."""
    root = tmp_path_factory.mktemp("authority")
    pillar, states, library = root / "pillar", root / "salt", root / "library"
    for name in ("tls", "reactor"):
        shutil.copytree(checkout / "salt" / name, states / name)
    shutil.copytree(checkout / "_utils", library / "_utils")
    pillar.mkdir()
    write_table(pillar, NODES)
    (pillar / "top.sls").write_text("base:\n  '*': [cluster]\n")
    # Not where a machine has its own; all minions here are one machine.
    for path, old, new in (
        (states / "tls/authority.sls", "/etc/mysql-gr-ca", str(root / "ca")),
        (library / "_utils/group_replication/authority.py", "/etc/mysql-gr-ca", str(root / "ca")),
        (
            library / "_utils/group_replication/tls.py",
            '"/etc/mysql/tls"',
            f'__import__("os").environ["{FOLDER}"]',
        ),
    ):
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))
    configured = yaml.safe_load(Path(checkout, "vagrant/master.conf").read_text())
    daemon = salt_factories.salt_master_daemon(
        "certificates",
        overrides={
            "file_roots": {"base": [str(states), str(library), str(checkout)]},
            "pillar_roots": {"base": [str(pillar)]},
            "interface": "127.0.0.1",
            # What the lab's master has, and no more.
            "reactor": configured["reactor"],
            "worker_threads": configured["worker_threads"],
        },
    )
    daemon.folder = root
    with daemon.started(), ExitStack() as started:
        for name in (AUTHORITY, WEB, *DATABASES):
            minion = daemon.salt_minion_daemon(name)
            minion.environ[FOLDER] = str(root / name)
            minion.after_terminate(daemon.salt_key_cli().run, "-d", minion.id, "-y")
            started.enter_context(minion.started())
        daemon.salt_cli().run("saltutil.sync_all", minion_tgt="*", _timeout=180)
        daemon.salt_cli().run("saltutil.refresh_pillar", "wait=True", minion_tgt="*", _timeout=180)
        yield daemon


def write_table(pillar: Path, nodes: dict[str, Any]) -> None:
    cluster = {
        "subnet": "172.28.18.0/24",
        "virtual_address": "172.28.18.60",
        "tls": {"source": "ca", "names": ["db.example.org"], "days_valid": 40},
        "nodes": nodes,
    }
    (pillar / "cluster.sls").write_text(yaml.safe_dump({"cluster": cluster}, sort_keys=False))


@pytest.fixture(scope="module")
def ask(authority: Any) -> Any:
    """Call a function on one of the minions and return what came of it."""

    def run(minion: str, function: str, *arguments: Any, **options: Any) -> Any:
        return (
            authority.salt_cli()
            .run(function, *arguments, minion_tgt=minion, _timeout=180, **options)
            .data
        )

    return run


@pytest.fixture(scope="module")
def made(ask: Any, authority: Any) -> Path:
    """The authority, made by its states while another machine asks for it already."""
    with ThreadPoolExecutor() as pool:
        trusting = pool.submit(ask, WEB, "mysql_tls.trust")
        answer = ask(AUTHORITY, "state.apply", "tls")
        assert all(state["result"] for state in answer.values()), answer
        folder: Path = authority.folder
        assert trusting.result() == str(folder / WEB / "ca.pem")
    return folder / "ca"


@pytest.fixture(scope="module")
def keys(made: Path, ask: Any, authority: Any) -> dict[str, Path]:
    """Each database's own."""
    paths = {}
    for name in DATABASES:
        assert ask(name, "mysql_tls.trust")
        paths[name] = authority.folder / name / "server.key"
        told = ask(name, "x509.create_private_key", algo="ec", path=str(paths[name]))
        assert "written" in told
    return paths


def test_the_authority_is_made_once_and_its_key_is_root_s_alone(made, ask):
    key = made / "ca.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert made.stat().st_mode & 0o777 == 0o700
    answer = ask(AUTHORITY, "state.apply", "tls")
    assert not any(state["changes"] for state in answer.values()), answer


def test_another_machine_trusts_it(made, authority):
    assert (authority.folder / WEB / "ca.pem").read_text() == (made / "ca.pem").read_text()


def test_a_database_gets_its_names(made, keys, ask):
    answer = ask(DATABASE, "mysql_tls.issue")
    found = x509.load_pem_x509_certificate(keys[DATABASE].with_name("server.pem").read_bytes())
    assert answer == {"serial": f"{found.serial_number:X}"}
    found.verify_directly_issued_by(x509.load_pem_x509_certificate((made / "ca.pem").read_bytes()))
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    shown = {*names.get_values_for_type(x509.DNSName)}
    shown |= {str(one) for one in names.get_values_for_type(x509.IPAddress)}
    assert shown == NAMES == set(ask(DATABASE, "mysql_tls.names"))
    left = found.not_valid_after_utc - datetime.datetime.now(datetime.timezone.utc)
    assert 39 < left / datetime.timedelta(days=1) <= 40
    assert ask(DATABASE, "mysql_tls.why_new") == ""


def test_as_many_ask_at_once_as_the_master_has_workers(keys, ask, authority):
    """A worker that waited for another one would keep the master from everything else."""
    with ThreadPoolExecutor() as pool:
        waiting = [pool.submit(ask, name, "mysql_tls.issue") for name in DATABASES]
        answers = [one.result() for one in waiting]
    assert len({answer["serial"] for answer in answers}) == len(DATABASES)
    assert ask(WEB, "test.ping") is True


def test_who_names_another_machine_gets_no_certificate_of_a_key_of_its_own(keys, ask, authority):
    """The mine has what each machine has sent itself, and an event is taken from anybody."""
    key = authority.folder / WEB / "server.key"
    assert "written" in ask(WEB, "x509.create_private_key", algo="ec", path=str(key))
    name, function = "mysql_certificate_public_key", "x509.get_public_key"
    assert ask(WEB, "mine.send", name, str(key), mine_function=function) is True
    request = {"signer": AUTHORITY, "request": "another's", "names": sorted(NAMES)}
    event = {"tag": "mysql_gr/certificate/request", "data": {"id": DATABASE, "data": request}}
    # As a list of events Salt takes them without looking who each one is said to be from.
    assert ask(WEB, "event.fire_master", "", "", preload={"events": [event]}) is True
    deadline = time.monotonic() + 60
    answer: dict[str, str] = {}
    while answer.get("request") != "another's":
        assert time.monotonic() < deadline
        told = ask(WEB, "mine.get", AUTHORITY, f"mysql_certificate_answer_{DATABASE}")
        answer = told.get(AUTHORITY, {})
    signed = x509.load_pem_x509_certificate(answer["certificate"].encode()).public_key()
    assert signed == load_pem_private_key(keys[DATABASE].read_bytes(), None).public_key()
    assert "no 'cert-web' with role db" in str(ask(WEB, "mysql_tls.issue"))


def test_a_table_that_has_changed_since_is_read_anew(keys, ask, authority):
    """Nobody refreshes the pillar that the master's minion has in memory."""
    name = DATABASES[2]
    moved = {**NODES, name: {**NODES[name], "ip": "172.28.18.99"}}
    write_table(authority.folder / "pillar", moved)
    ask(name, "saltutil.refresh_pillar", "wait=True")
    assert "172.28.18.99" in ask(name, "mysql_tls.names")
    assert set(ask(name, "mysql_tls.issue")) == {"serial"}
