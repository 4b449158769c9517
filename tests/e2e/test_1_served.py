"""The system as `make up` leaves it: one group, one balancer, one API, and nothing left to do."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.support.application import health
from tests.support.balancer import servers
from tests.support.health import agent_says
from tests.support.lab import FIRST_USER, Lab

pytestmark = pytest.mark.reads


def test_every_member_sees_the_whole_group(lab: Lab):
    # As a person asks; other tests keep a client of Salt (tests/support/salt_client.py).
    shown = lab.run(lab.master, "salt --out=json --static 'db*' mysql_gr.status")
    answers = json.loads(shown)
    assert answers == lab.status()
    assert sorted(answers) == sorted(lab.databases)
    assert len({status["view_id"] for status in answers.values()}) == 1
    for name, status in answers.items():
        assert status["group"] == lab.secret("group", "name")
        assert status["mode"] == "multi-primary"
        assert status["quorum"] is True
        assert status["writable"] is True
        assert status["paused"] == ""
        member = status["member"]
        assert (member["name"], member["host"], member["port"], member["state"]) == (
            name,
            lab.address[name],
            3306,
            "ONLINE",
        )
        assert [row["name"] for row in status["members"]] == lab.databases
        assert {row["state"] for row in status["members"]} == {"ONLINE"}
        assert {row["role"] for row in status["members"]} == {"PRIMARY"}
        assert {row["version"] for row in status["members"]} == {member["version"]}


def test_no_errant_transaction_was_made_on_the_way(lab: Lab):
    answer = lab.salt("db1", "mysql_gr.compare_gtids")["db1"]
    assert sorted(answer) == lab.databases
    for name, member in answer.items():
        assert (member["lacks"], member["alone"]) == ("", ""), name
        assert lab.secret("group", "name") in member["executed"]


def test_each_member_is_configured_to_be_safe(lab: Lab):
    for name in lab.databases:
        values = lab.sql(
            name,
            "SELECT @@group_replication_bootstrap_group, @@group_replication_start_on_boot,"
            " @@sync_binlog, @@innodb_flush_log_at_trx_commit, @@sql_require_primary_key,"
            " @@group_replication_ssl_mode, @@group_replication_recovery_use_ssl",
        )
        assert values.split("\t") == ["0", "0", "1", "1", "1", "VERIFY_IDENTITY", "1"], name


def test_every_member_could_join(lab: Lab):
    assert lab.salt("db*", "mysql_server.check_instance") == {name: [] for name in lab.databases}


def every_state(answers: dict) -> list[tuple[str, dict]]:
    for minion, states in answers.items():
        assert isinstance(states, dict), f"{minion}: {states}"
    return [(minion, state) for minion, states in answers.items() for state in states.values()]


SERVICES = {
    "db": ["mysql", "mysql-gr-health.socket", "mysql-gr-health", "mysql-gr-keeper"],
    "proxy": ["haproxy"],
    "web": ["apache2", "'php*-fpm.service'"],
}


def started(lab: Lab) -> dict[str, str]:
    """What names each start of a service on every machine: the same as long as none restarts."""
    machines = dict.fromkeys(lab.databases, "db") | {lab.proxy: "proxy", lab.web: "web"}
    return {
        name: lab.run(name, f"systemctl show --property=Id,InvocationID {' '.join(SERVICES[role])}")
        for name, role in machines.items()
    }


@pytest.mark.parametrize("call", ["state.apply", "state.apply test=True"])
def test_a_second_run_changes_nothing(lab: Lab, call):
    before = {name: status["gtid_executed"] for name, status in lab.status().items()}
    running = started(lab)
    answers = lab.salt("*", call)
    assert sorted(answers) == sorted(lab.address)
    for minion, state in every_state(answers):
        where = f"{minion} {state['__id__']}: {state['comment']}"
        assert state["result"] is True, where
        assert state["changes"] == {}, where
    after = {name: status["gtid_executed"] for name, status in lab.status().items()}
    assert after == before
    assert started(lab) == running


def test_the_statistics_page_asks_for_its_password(lab: Lab):
    page = f"http://{lab.address['proxy']}:9201/"
    refused = requests.get(page, timeout=10)
    assert refused.status_code == 401
    assert "Haproxy Statistics" in refused.headers["WWW-Authenticate"]
    assert requests.get(page, auth=("admin", "admin"), timeout=10).status_code == 401
    seen = requests.get(page, auth=("admin", lab.secret("haproxy", "password")), timeout=10)
    assert seen.status_code == 200
    assert "mysql-cluster" in seen.text


def test_prometheus_reads_the_balancers_numbers_with_the_same_password(lab: Lab):
    page = f"http://{lab.address[lab.proxy]}:9201/metrics"
    assert requests.get(page, timeout=10).status_code == 401
    assert requests.get(page, auth=("admin", "admin"), timeout=10).status_code == 401
    seen = requests.get(page, auth=("admin", lab.secret("haproxy", "password")), timeout=10)
    assert seen.status_code == 200
    up = 'haproxy_server_status{proxy="mysql-cluster",server="mysql-1",state="UP"} 1'
    assert up in seen.text


def test_the_statistics_page_shows_the_servers_as_they_are(lab: Lab):
    sections = ["mysql-cluster", "mysql-writer", "mysql-read"]
    expected = {(s, f"mysql-{n}"): "UP" for s in sections for n in (1, 2, 3)}
    assert servers(lab) == expected


def test_agents_that_start_anew_close_no_session(lab: Lab):
    """As a highstate does when it brings a new agent: on all members at once."""

    def renew(name: str) -> str:
        how = "reload" if name != lab.databases[0] else "restart"
        lab.run(name, f"systemctl {how} mysql-gr-health")
        return lab.run(name, "systemctl show -P MainPID mysql-gr-health").strip()

    downs = servers(lab, "chkdown")
    processes = []
    with lab.session() as session, session.cursor() as cursor:
        for _ in range(5):
            with ThreadPoolExecutor() as pool:
                processes.append(list(pool.map(renew, lab.databases)))
            time.sleep(1)
            cursor.execute("SELECT 1")
    assert servers(lab, "chkdown") == downs
    # A reload is a new process, too, to which the old one gave its place.
    assert all(len(set(one)) == len(processes) for one in zip(*processes, strict=True)), processes
    for name in lab.databases:
        lab.run(name, "systemctl kill --signal=KILL mysql-gr-health")
        assert agent_says(lab, name, "writable") == "ONLINE, with a majority, role PRIMARY"


def test_the_health_agent_tells_what_it_sees_to_whom_it_knows(lab: Lab):
    for name in lab.databases:
        seen = json.loads(agent_says(lab, name, ""))
        members = {row["host"] for row in seen.pop("members")}
        assert members == {lab.address[one] for one in lab.databases}
        assert seen == {
            "name": name,
            "host": lab.address[name],
            "live": True,
            "writable": True,
            "readable": True,
            "draining": "",
            "handing_over": False,
            "state": "ONLINE",
            "role": "PRIMARY",
            "quorum": True,
            "queued": seen["queued"],
            "least_queued": seen["least_queued"],
            "disk_full": False,
            "halted": False,
            "fenced": False,
            "age": seen["age"],
            "reason": "ONLINE, with a majority, role PRIMARY",
        }
        assert "mysql_gr_writable 1.0" in agent_says(lab, name, "metrics")
        with pytest.raises(requests.ConnectionError):
            requests.get(f"http://{lab.address[name]}:9200/live", timeout=10)


def test_the_walk(lab: Lab):
    """Log in as a seeded user, get a token, update, see the row on every member."""
    token = lab.log_in()
    headers = {"Authorization": f"Token {token}"}
    me = lab.api("GET", "/api/user", headers=headers)
    assert (me.status_code, me.json()["user"]["email"]) == (200, FIRST_USER)
    bio = f"updated at {time.time_ns()}"
    update = lab.api("PUT", "/api/user", headers=headers, json={"user": {"bio": bio}})
    assert (update.status_code, update.json()["user"]["bio"]) == (200, bio)
    assert lab.api("GET", "/api/user", headers=headers).json()["user"]["bio"] == bio
    rows = {
        name: lab.sql(
            name,
            "SET SESSION group_replication_consistency = 'BEFORE';"
            f" SELECT bio FROM realworld.users WHERE email = '{FIRST_USER}'",
        )
        for name in lab.databases
    }
    assert rows == dict.fromkeys(lab.databases, bio)


def test_the_api_refuses_whom_it_should(lab: Lab):
    wrong = {"user": {"email": FIRST_USER, "password": "not the password"}}
    assert lab.api("POST", "/api/users/login", json=wrong).status_code == 401
    assert lab.api("GET", "/api/user").status_code == 401
    forged = {"Authorization": "Token " + lab.log_in()[:-2] + "xx"}
    assert lab.api("GET", "/api/user", headers=forged).status_code == 401


def test_a_new_user_registers_once(lab: Lab):
    name = f"user{time.time_ns()}"
    user = {"username": name, "email": f"{name}@conduit.example", "password": "a password of mine"}
    made = lab.api("POST", "/api/users", json={"user": user})
    assert made.status_code == 201
    assert made.json()["user"]["token"]
    assert lab.api("POST", "/api/users", json={"user": user}).status_code == 409


def test_reads_are_spread_and_never_stale(lab: Lab):
    """The application writes through one port and reads through another: it reads what it wrote."""
    headers = {"Authorization": f"Token {lab.log_in()}"}
    for n in range(30):
        bio = f"number {n}"
        lab.api("PUT", "/api/user", headers=headers, json={"user": {"bio": bio}})
        assert lab.api("GET", "/api/user", headers=headers).json()["user"]["bio"] == bio
    answers = [one["database"] for one in health(lab, 30)]
    readers = {database["read"]["host"] for database in answers}
    assert len({database["write"]["host"] for database in answers}) == 1
    assert readers == set(lab.databases)


@pytest.mark.parametrize(
    "path", ["/.env", "/../.env", "/%2e%2e/.env", "/composer.json", "/storage/logs/laravel.log"]
)
def test_only_the_public_folder_is_exposed(lab: Lab, path):
    answer = lab.api("GET", path)
    assert answer.status_code in (400, 403, 404)
    assert "APP_KEY" not in answer.text


def test_versions_are_not_told(lab: Lab):
    headers = lab.api("GET", "/api/tags").headers
    assert headers.get("Server", "Apache") == "Apache"
    assert "X-Powered-By" not in headers


def test_the_web_servers_logs_are_rotated(lab: Lab):
    assert lab.run(lab.web, "systemctl is-active logrotate.timer").strip() == "active"
    told = lab.run(lab.web, "logrotate --debug /etc/logrotate.conf 2>&1")
    for log in ("apache2/conduit-access.log", "apache2/conduit-error.log"):
        assert f"considering log /var/log/{log}" in told, log


def test_the_application_is_no_administrator(lab: Lab):
    grants = lab.sql("db1", "SHOW GRANTS FOR haproxy_root@'172.28.17.0/255.255.255.0'")
    assert "SUPER" not in grants
    assert "ALL PRIVILEGES" not in grants
    assert "`realworld`.*" in grants
    # Who changes the schema is another account.
    assert {word for word in ("CREATE", "ALTER", "DROP", "INDEX") if word in grants} == set()
