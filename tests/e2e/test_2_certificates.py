"""The lab is taken to certificates of its own authority beside the application, and renews one."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator

import pytest
import yaml

from tests.e2e.conftest import LONG
from tests.support.lab import ROOT, Lab

pytestmark = pytest.mark.restores

TABLE = ROOT / "pillar/cluster.sls"
SHOWN = (
    "openssl s_client -starttls mysql -connect {address}:{port} -CAfile /etc/mysql/tls/ca.pem"
    " -verify_return_error -verify_ip {verified} </dev/null 2>/dev/null"
    " | openssl x509 -noout -serial"
)


def shown(lab: Lab, name: str, port: int, verified: str = "") -> str:
    """The serial that a member shows on a port, to who verifies the address; or the empty text."""
    address = lab.address[name]
    command = SHOWN.format(address=address, port=port, verified=verified or address)
    return lab.run(name, command, check=False).strip().removeprefix("serial=")


@pytest.fixture
def certificates(lab: Lab, all_online) -> Iterator[None]:
    """A pillar that wants them; afterwards the old one, and members that ask for none."""
    all_online()
    # A master that was made before may not let minions ask.
    lab.run(
        lab.master,
        "grep -q sign_remote /etc/salt/master && exit\n"
        "echo \"peer: {'.*': [x509.sign_remote_certificate]}\" > /etc/salt/master.d/peer.conf\n"
        "systemctl restart salt-master\n"
        "for i in 1 2 3 4 5 6; do sleep 5; salt -t 5 '*' test.ping > /dev/null && exit; done",
    )
    lab.forget(lab.master)
    before = TABLE.read_text()
    declare(before, source="ca", days_valid=90)
    try:
        yield
    finally:
        # Nobody verifies any more, before anybody shows nothing that can be: the application first.
        declare(before, source="ca", days_valid=90, verify=False)
        lab.salt("*", "saltutil.refresh_pillar wait=True")
        lab.apply(lab.webs)
        TABLE.write_text(before)
        lab.salt("*", "saltutil.refresh_pillar wait=True")
        given_up(lab)
        all_online()


def given_up(lab: Lab) -> None:
    """Certificates go from all members at once: one by one is refused, and nothing is touched."""
    refused = lab.run(
        lab.databases[0], "salt-call --out=json state.apply mysql.config", check=False
    )
    states = next(iter(json.loads(refused).values())).values()
    wrong = [one["comment"] for one in states if one["result"] is False]
    assert any(f"{', '.join(lab.databases)} would be left with" in one for one in wrong), refused
    assert not [one for one in states if one["changes"]]
    for name in reversed(lab.databases):
        lab.run(name, "systemctl stop mysql")
    lab.apply(lab.databases)
    assert not lab.apply(lab.databases)


def declare(table: str, **tls: object) -> None:
    """Write a text of the table with certificates so."""
    told = yaml.safe_load(table)
    told["cluster"]["tls"] = tls
    TABLE.write_text(yaml.safe_dump(told, sort_keys=False))


@pytest.mark.repeated
@pytest.mark.skipif(not LONG, reason="two restarts of all members")
def test_the_lab_is_taken_there_and_a_certificate_is_renewed(lab: Lab, certificates, all_online):
    failed: list[str] = []
    done = threading.Event()

    def visit() -> None:
        while not done.wait(0.2):
            answer = lab.api("GET", "/api/tags")
            if answer.status_code != 200:
                failed.append(f"{answer.status_code} {answer.text[:200]}")

    visitor = threading.Thread(target=visit)
    visitor.start()
    try:
        said = lab.run(
            lab.master, "salt-run --out=json state.orchestrate orch.certificates", check=False
        )
        states = next(iter(json.loads(said[said.index("{") :])["data"].values()))
        wrong = {name: one["comment"] for name, one in states.items() if not one["result"]}
        assert not wrong
        all_online()
        # Who dials another address than the certificate names is told nothing.
        serials = {}
        for name in lab.databases:
            assert lab.sql(name, "SELECT @@group_replication_ssl_mode") == "VERIFY_IDENTITY"
            serials[name] = shown(lab, name, 3306)
            assert serials[name]
            assert shown(lab, name, 33062) == serials[name]
            assert shown(lab, name, 3306, lab.balancer) == serials[name]
            assert not shown(lab, name, 3306, "192.0.2.1")
        # One that has no other reason is kept; one that is of no use is renewed, without a restart.
        name = lab.databases[-1]
        uptime = "SELECT VARIABLE_VALUE FROM performance_schema.global_status"
        started = time.time() - float(lab.sql(name, f"{uptime} WHERE VARIABLE_NAME = 'Uptime'"))
        assert not lab.apply([name], "mysql.certificates")
        lab.run(name, "rm /etc/mysql/tls/server.pem")
        assert lab.apply([name], "mysql.certificates")
        renewed = shown(lab, name, 3306)
        assert renewed not in ("", serials[name])
        assert shown(lab, name, 33062) == renewed
        again = time.time() - float(lab.sql(name, f"{uptime} WHERE VARIABLE_NAME = 'Uptime'"))
        assert abs(again - started) < 5
        answer = lab.salt(lab.databases[0], "mysql_gr.status extended=True")
        assert answer[lab.databases[0]]["problems"] == []
    finally:
        done.set()
        visitor.join()
    assert not failed, failed[:3]
    assert "/etc/mysql/tls/ca.pem" in lab.run(lab.web, "cat /srv/conduit/shared/.env")
