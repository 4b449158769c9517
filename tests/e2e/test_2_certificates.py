"""The lab's certificates: verified, renewed, given up and taken again, of another authority."""

from __future__ import annotations

import json
import time
from functools import partial

import pytest
import yaml

from tests.e2e.conftest import long_only
from tests.support.lab import APPLICATION, ROOT, Lab
from tests.support.orchestration import orchestrated
from tests.support.visitors import Crowd

pytestmark = [pytest.mark.restores, pytest.mark.repeated]

TABLE = ROOT / "pillar/cluster.sls"
TRUSTED = "/etc/mysql/tls/ca.pem"
SHOWN = (
    "openssl s_client -starttls mysql -connect {address}:{port} -CAfile /etc/mysql/tls/ca.pem"
    " -verify_return_error -verify_ip {verified} </dev/null 2>/dev/null"
    " | openssl x509 -noout -serial"
)
UPTIME = (
    "SELECT VARIABLE_VALUE FROM performance_schema.global_status WHERE VARIABLE_NAME = 'Uptime'"
)

# What the application's own connections are encrypted by, for reads and for writes.
CIPHERS = r"""cd {directory}/current && runuser -u www-data -- php <<'PHP'
<?php
require 'vendor/autoload.php';
$app = require 'bootstrap/app.php';
$app->make(Illuminate\Contracts\Console\Kernel::class)->bootstrap();
foreach ([true, false] as $read) {{
    echo $app->make('db')->select("SHOW STATUS LIKE 'Ssl_cipher'", [], $read)[0]->Value, "\n";
}}
PHP
"""


def shown(lab: Lab, name: str, port: int, verified: str = "") -> str:
    """The serial that a member shows on a port, to who verifies the address; or the empty text."""
    address = lab.address[name]
    command = SHOWN.format(address=address, port=port, verified=verified or address)
    return lab.run(name, command, check=False).strip().removeprefix("serial=")


def check_all_verified(lab: Lab) -> dict[str, str]:
    """Each member shows a certificate that its clients verify; returns the serials."""
    serials = {}
    for name in lab.databases:
        assert lab.sql(name, "SELECT @@group_replication_ssl_mode") == "VERIFY_IDENTITY"
        serials[name] = shown(lab, name, 3306)
        assert serials[name]
        assert shown(lab, name, 33062) == serials[name]
        assert shown(lab, name, 3306, lab.balancer) == serials[name]
        # Who dials another address than the certificate names is told nothing.
        assert not shown(lab, name, 3306, "192.0.2.1")
    assert TRUSTED in lab.run(lab.web, f"cat {APPLICATION}/shared/.env")
    assert len(lab.run(lab.web, CIPHERS.format(directory=APPLICATION)).split()) == 2
    return serials


def started(lab: Lab, name: str) -> float:
    return time.time() - float(lab.sql(name, UPTIME))


def declare(table: str, **tls: object) -> None:
    """Write a text of the table with certificates so."""
    told = yaml.safe_load(table)
    told["cluster"]["tls"] = tls
    TABLE.write_text(yaml.safe_dump(told, sort_keys=False))


def refresh(lab: Lab) -> None:
    """Functions that are called by themselves go by the pillar that a minion has in memory."""
    lab.salt("*", "saltutil.refresh_pillar wait=True")


def check_one_by_one_is_refused(lab: Lab) -> None:
    """Certificates go from all members at once; a highstate of one of them touches nothing."""
    refused = lab.run(
        lab.databases[0], "salt-call --out=json state.apply mysql.config", check=False
    )
    states = next(iter(json.loads(refused).values())).values()
    wrong = [one["comment"] for one in states if one["result"] is False]
    assert any(f"{', '.join(lab.databases)} would be left with" in one for one in wrong), refused
    assert not [one for one in states if one["changes"]]


def taken_up(lab: Lab) -> None:
    """All verify all again, by one call."""
    said = lab.run(
        lab.master, "salt-run --out=json state.orchestrate orch.certificates", check=False
    )
    states = next(iter(json.loads(said[said.index("{") :])["data"].values()))
    assert not {name: one["comment"] for name, one in states.items() if not one["result"]}


def given_up(lab: Lab, table: str) -> None:
    """Nobody verifies any more, and then nobody has a certificate."""
    # The application first.
    declare(table, source="ca", verify=False)
    refresh(lab)
    lab.apply(lab.webs)
    declare(table, source="none")
    refresh(lab)
    check_one_by_one_is_refused(lab)
    for name in reversed(lab.databases):
        lab.run(name, "systemctl stop mysql")
    lab.apply(lab.databases)
    assert not lab.apply(lab.databases)


@pytest.fixture
def without(lab: Lab, all_online) -> None:
    """A lab that has no certificates, with a pillar that wants them again."""
    all_online()
    before = TABLE.read_text()
    try:
        given_up(lab, before)
    finally:
        TABLE.write_text(before)
        refresh(lab)
    all_online()


def test_all_verify_all(lab: Lab, all_online):
    all_online()
    check_all_verified(lab)
    for name, answer in lab.salt("db*", "mysql_gr.status extended=True").items():
        assert answer["problems"] == [], name


def test_a_certificate_is_renewed_without_a_restart(lab: Lab, all_online):
    all_online()
    serials = check_all_verified(lab)
    # One that has no other reason is kept; one that is of no use is renewed.
    name = lab.databases[-1]
    since = started(lab, name)
    assert not lab.apply([name], "mysql.certificates")
    lab.run(name, "rm /etc/mysql/tls/server.pem")
    assert lab.apply([name], "mysql.certificates")
    renewed = shown(lab, name, 3306)
    assert renewed not in ("", serials[name])
    assert shown(lab, name, 33062) == renewed
    assert abs(started(lab, name) - since) < 5
    # What each minion calls by itself finds nothing to do.
    scheduled = lab.salt(name, "schedule.is_enabled mysql_gr_certificate")[name]
    assert scheduled["function"] == "scheduled.renew_certificate"
    assert lab.salt(name, "scheduled.renew_certificate")[name] == {"why": "", "serial": ""}
    answer = lab.salt(lab.databases[0], "mysql_gr.status extended=True")
    assert answer[lab.databases[0]]["problems"] == []


@long_only
def test_an_installation_without_certificates_is_taken_there(
    lab: Lab, without, crowd: Crowd, all_online
):
    assert lab.sql(lab.databases[0], "SELECT @@group_replication_ssl_mode") == "REQUIRED"
    taken_up(lab)
    all_online()
    check_all_verified(lab)


@long_only
def test_another_authority_takes_the_place_of_the_one_that_a_call_names(
    lab: Lab, crowd: Crowd, all_online
):
    all_online()
    before = check_all_verified(lab)
    since = {name: started(lab, name) for name in lab.databases}
    present, said = orchestrated(lab, "authority")
    assert (present["result"], present["changes"]) == (True, {}), said
    serial = lab.salt(lab.master, "mysql_authority.plan")[lab.master]["authority"]
    other, said = orchestrated(lab, "authority", replace="1F")
    assert other["result"] is False
    assert f"expected '{serial}'" in other["comment"]

    predicted, said = orchestrated(lab, "authority", test=True, replace=serial)
    assert predicted["result"] is None, said
    assert check_all_verified(lab) == before
    done, said = orchestrated(lab, "authority", replace=serial)
    assert done["result"] is True, said
    assert done["changes"] == predicted["changes"]
    assert done["changes"]["replaced"] == serial
    assert done["changes"]["renew"] == lab.databases
    assert {*done["changes"]["narrow"]} == {*lab.databases, *lab.webs}

    after = check_all_verified(lab)
    assert not {*after.values()} & {*before.values()}
    trusted = {lab.run(name, f"cat {TRUSTED}") for name in (*lab.databases, *lab.webs)}
    assert len(trusted) == 1
    assert trusted.pop().count("BEGIN CERTIFICATE") == 1
    for name in lab.databases:
        assert abs(started(lab, name) - since[name]) < 5, name
    # A member that comes back dials the others, and is verified, by the new one alone.
    lab.run(lab.databases[0], "systemctl restart mysql")
    all_online()
    again, said = orchestrated(lab, "authority", replace=serial)
    assert (again["result"], again["changes"]) == (True, {}), said
    assert not lab.apply([lab.master, *lab.databases, *lab.webs], "test=True")


def check_all_trust_what_is_shown(lab: Lab) -> None:
    """Whoever connects to a member, from any machine, at any moment of a replacement."""
    for name in (*lab.databases, *lab.webs):
        for member in lab.databases:
            command = SHOWN.format(
                address=lab.address[member], port=3306, verified=lab.address[member]
            )
            assert lab.run(name, command, check=False), (name, member)


def is_in_step(lab: Lab, step: str) -> bool:
    return step in lab.sql(lab.databases[0], "SELECT * FROM mysql_gr.operation")


@long_only
def test_a_replacement_that_is_killed_is_continued(lab: Lab, crowd: Crowd, all_online, eventually):
    """In each step that takes time; a unit test has it killed before and behind all of them."""
    all_online()
    before = check_all_verified(lab)
    serial = lab.salt(lab.master, "mysql_authority.plan")[lab.master]["authority"]
    call = json.dumps({"replace": serial})
    begin = f"nohup salt-run state.orchestrate orch.authority pillar='{call}' >/dev/null 2>&1 &"
    for step in ("next authority, too", "certificate of the next", "one authority alone"):
        lab.run(lab.master, begin)
        eventually(partial(is_in_step, lab, step))
        lab.run(
            lab.master,
            "pkill -KILL -f 'salt-run.*orch.authority'\nsystemctl kill --signal=KILL salt-minion",
        )
        check_all_trust_what_is_shown(lab)
        eventually(lambda: lab.salt("*", "test.ping", timeout=2).get(lab.master) is True, 60)
        left = lab.salt(lab.master, "mysql_authority.plan")[lab.master]
        assert left["continues"] or left["why"], left
    done, said = orchestrated(lab, "authority", replace=serial)
    assert done["result"] is True, said
    after = check_all_verified(lab)
    assert not {*after.values()} & {*before.values()}
    left = lab.salt(lab.master, "mysql_authority.plan")[lab.master]
    assert (left["trust"], left["renew"], left["narrow"]) == ([], [], [])


@long_only
def test_an_authority_that_is_lost_is_made_anew_and_brought_to_all(
    lab: Lab, crowd: Crowd, all_online
):
    """As when the master's machine is another one."""
    all_online()
    before = check_all_verified(lab)
    lab.run(lab.master, "rm -r /etc/mysql-gr-ca")
    assert lab.apply([lab.master])
    # Nothing fails of what runs.
    assert check_all_verified(lab) == before
    refused = lab.run(lab.databases[0], "salt-call mysql_tls.renew force=True 2>&1", check=False)
    assert "orch.authority has all machines trust the authority that signs now" in refused
    done, said = orchestrated(lab, "authority")
    assert done["result"] is True, said
    assert not {*check_all_verified(lab).values()} & {*before.values()}
    trusted = {lab.run(name, f"cat {TRUSTED}") for name in (*lab.databases, *lab.webs)}
    assert trusted == {lab.run(lab.master, "cat /etc/mysql-gr-ca/ca.pem")}
