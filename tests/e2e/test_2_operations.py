"""What an operator does to a healthy group: another mode, another primary, a drain, a pause."""

from __future__ import annotations

import json

import pytest

from tests.e2e.conftest import check_auto_increment
from tests.support.balancer import servers
from tests.support.lab import Lab

pytestmark = [pytest.mark.restores, pytest.mark.waits]


def test_the_mode_is_switched_online_and_back(lab: Lab, eventually, switch_mode):
    answers = switch_mode("single-primary")
    assert "multi-primary" in {answer["old"] for answer in answers.values()}
    inside = lab.status()
    assert {status["mode"] for status in inside.values()} == {"single-primary"}
    assert [name for name, status in inside.items() if status["writable"]] == ["db1"]
    assert [row["name"] for row in lab.salt("db2", "mysql_gr.primary")["db2"]] == ["db1"]
    check_auto_increment(lab, lab.databases)
    eventually(lambda: servers(lab)["mysql-cluster", "mysql-2"] == "DOWN", 20)
    assert servers(lab)["mysql-read", "mysql-2"] == "UP"
    headers = {"Authorization": f"Token {lab.log_in()}"}
    body = {"user": {"bio": "in single-primary mode"}}
    assert lab.api("PUT", "/api/user", headers=headers, json=body).status_code == 200
    assert lab.api("GET", "/api/user", headers=headers).json()["user"]["bio"] == body["user"]["bio"]

    unknown = lab.salt("db2", "mysql_gr.set_primary db7")["db2"]
    assert "member is 'db7', which is not ONLINE in the group; expected one of db1" in unknown
    for old, new in (("db1", "db3"), ("db3", "db3")):
        answer = lab.salt("db2", "mysql_gr.set_primary db3 drain=2")["db2"]
        assert answer == {"old": old, "new": new}
    eventually(lambda: servers(lab)["mysql-writer", "mysql-3"] == "UP", 20)
    eventually(
        lambda: lab.api("PUT", "/api/user", headers=headers, json=body).status_code == 200, 20
    )

    # A member that joins meanwhile takes the group's mode, whatever its option file says.
    lab.salt("db2", "mysql_maintenance.leave member=db2 reason=trial")
    assert lab.salt("db2", "mysql_gr.join")["db2"]["verdict"] in ("join", "member", "recovering")
    eventually(lambda: lab.status()["db2"]["member"]["role"] == "SECONDARY", 60)

    # Pillar declares multi-primary: the highstate predicts the switch, makes it, and is content.
    def mode_state(target: str, arguments: str) -> dict[str, dict]:
        return {
            name: next(s for s in states.values() if s["__id__"] == "mysql-group-mode")
            for name, states in lab.salt(target, f"state.apply mysql.group {arguments}").items()
        }

    change = {"mode": {"old": "single-primary", "new": "multi-primary"}}
    for state in mode_state("db*", "test=True").values():
        assert (state["result"], state["changes"]) == (None, change), state
    # The primary makes the switch; whoever comes after it finds it made.
    done = mode_state("db*", "")
    assert {state["result"] for state in done.values()} == {True}, done
    assert done["db3"]["changes"] == change
    assert all(state["changes"] == {} for state in mode_state("db*", "").values())
    assert {status["mode"] for status in lab.status().values()} == {"multi-primary"}
    check_auto_increment(lab, lab.databases)


def test_multi_primary_is_refused_for_a_schema_that_it_cannot_take(lab: Lab, switch_mode):
    assert lab.salt("db1", "mysql_schema.check")["db1"] == []
    switch_mode("single-primary")
    lab.sql(
        "db1",
        "CREATE DATABASE trial; USE trial;"
        " CREATE TABLE parent (id INT PRIMARY KEY);"
        " CREATE TABLE child (id INT PRIMARY KEY, parent INT, CONSTRAINT follows"
        " FOREIGN KEY (parent) REFERENCES parent (id) ON DELETE CASCADE)",
    )
    try:
        problems = lab.salt("db1", "mysql_schema.check mode=multi-primary")["db1"]
        assert [(p["table"], p["problem"]) for p in problems] == [
            ("trial.child", "cascading foreign key")
        ]
        assert lab.salt("db1", "mysql_schema.check mode=single-primary")["db1"] == []
        refused = lab.salt("db1", "mysql_gr.switch_mode multi-primary")["db1"]
        assert "multi-primary cannot take trial.child" in refused
        assert "follows: on delete CASCADE" in refused
        assert lab.status()["db1"]["mode"] == "single-primary"
    finally:
        lab.sql("db1", "DROP DATABASE trial")


def test_a_drained_member_gets_nobody_new_and_keeps_whom_it_has(lab: Lab, eventually, all_online):
    all_online()
    reason = "a new kernel"

    def hosts(count: int) -> set[str]:
        found = set()
        for _ in range(count):
            with lab.session() as session, session.cursor() as cursor:
                cursor.execute("SELECT @@report_host")
                found.add(cursor.fetchone()[0])
        return found

    with lab.session(lab.address["db2"]) as direct, direct.cursor() as cursor:
        cursor.execute("SELECT 1")
        drained = f"state.single mysql_maintenance.drained db2 reason='{reason}'"
        predicted = lab.salt("db2", f"{drained} test=True")["db2"]
        assert hosts(6) == {lab.address[name] for name in lab.databases}
        done = lab.salt("db2", drained)["db2"]
        try:
            (before,), (after,) = predicted.values(), done.values()
            assert (before["result"], after["result"]) == (None, True), done
            assert before["changes"] == after["changes"] == {"drained": {"old": "", "new": reason}}
            (again,) = lab.salt("db2", drained)["db2"].values()
            assert (again["result"], again["changes"]) == (True, {})
            eventually(lambda: "NOLB" in servers(lab)["mysql-cluster", "mysql-2"], 10)
            assert hosts(6) == {lab.address[name] for name in lab.databases if name != "db2"}
            cursor.execute("SELECT 2")
            seen = lab.salt("db2", "mysql_gr.status extended=True")["db2"]
            assert (seen["drained"], seen["member"]["state"]) == (reason, "ONLINE")
            assert seen["problems"] == [f"db2 is drained: {reason}"]
        finally:
            lab.salt("db2", "mysql_maintenance.undrain")
        eventually(lambda: servers(lab)["mysql-cluster", "mysql-2"] == "UP", 10)
        assert lab.address["db2"] in hosts(6)


def test_a_running_balancer_is_told_of_one_server(lab: Lab):
    def told(arguments: str) -> dict:
        call = f"state.single haproxy_cfg.server mysql-read/{arguments}"
        (state,) = lab.salt(lab.proxy, call)[lab.proxy].values()
        return state

    change = {"admin": {"old": "ready", "new": "drain"}}
    try:
        predicted, done = told("mysql-2 admin=drain test=True"), told("mysql-2 admin=drain")
        assert (predicted["result"], done["result"]) == (None, True), done
        assert predicted["changes"] == done["changes"] == change
        again = told("mysql-2 admin=drain")
        assert (again["result"], again["changes"]) == (True, {})
        assert "DRAIN" in servers(lab)["mysql-read", "mysql-2"]
    finally:
        back = told("mysql-2")
    assert back["changes"] == {"admin": {"old": "drain", "new": "ready"}}
    wrong = told("mysql-7 admin=drain test=True")
    assert (wrong["result"], "expected one of" in wrong["comment"]) == (False, True)


def test_a_pause_is_shown_and_honoured(lab: Lab, all_online):
    all_online()
    assert lab.salt("db2", "mysql_maintenance.pause 'a look at it'")["db2"]["new"] == "a look at it"
    try:
        assert lab.status()["db2"]["paused"] == "a look at it"
        assert lab.status()["db2"]["member"]["state"] == "ONLINE"
        lab.sql("db2", "STOP GROUP_REPLICATION")
        decision = lab.salt("db2", "mysql_gr.decide")["db2"]
        assert (decision["verdict"], "a look at it" in decision["why"]) == ("paused", True)
        log = lab.run("db2", "sleep 4; journalctl -u mysql-gr-keeper -n 3 --no-pager")
        assert "db2 stays out of the group: a look at it" in log
        assert lab.status()["db2"]["member"]["state"] == "OFFLINE"
    finally:
        lab.salt("db2", "mysql_maintenance.unpause")
    all_online()


def test_accounts_that_somebody_changed_are_mended(lab: Lab, all_online):
    """Locks, passwords that expire, connections without TLS, and privileges beyond the need."""
    all_online()
    inside = "'172.28.17.0/255.255.255.0'"
    lab.sql(
        "db1",
        f"ALTER USER mysql_gr_admin@{inside} ACCOUNT LOCK;"
        f" ALTER USER mysql_gr_recovery@{inside} REQUIRE NONE PASSWORD EXPIRE;"
        f" ALTER USER haproxy_root@{inside} PASSWORD EXPIRE DEFAULT"
        " FAILED_LOGIN_ATTEMPTS 3 PASSWORD_LOCK_TIME UNBOUNDED;"
        f" GRANT ALL ON realworld.* TO haproxy_root@{inside};"
        f" GRANT SELECT ON mysql.* TO haproxy_root@{inside}",
    )

    def accounts(scope: str, test: bool) -> dict:
        words = f"state.single mysql_server.accounts_present {scope} scope={scope} test={test}"
        (one,) = lab.salt("db1", words)["db1"].values()
        return one

    application = "haproxy_root@172.28.17.0/255.255.255.0"
    expected = {
        "members": {
            f"{name}@172.28.17.0/255.255.255.0": {"missing": what}
            for name, what in (
                ("mysql_gr_admin", ["an account that is not locked"]),
                ("mysql_gr_recovery", ["a password that has not expired", "REQUIRE SSL"]),
            )
        },
        "application": {
            application: {
                "missing": ["a password that does not expire", "no lock after failed logins"],
                "unneeded": ["ALL PRIVILEGES ON `realworld`.*", "SELECT ON `mysql`.*"],
            }
        },
    }
    for scope, changes in expected.items():
        predicted, done = accounts(scope, True), accounts(scope, False)
        assert predicted["changes"] == done["changes"] == changes
        assert (predicted["result"], done["result"]) == (None, True)
        again = accounts(scope, False)
        assert (again["result"], again["changes"]) == (True, {})
    assert "mysql" not in lab.sql("db1", f"SHOW GRANTS FOR haproxy_root@{inside}")
    assert lab.log_in()
    assert lab.salt("db2", "mysql_gr.facts")["db2"]["db1"]["answers"] is True


PACKAGES = "mysql-python-packages-installed"
USERS = {PACKAGES, "mysql-keeper-service-running", "mysql-health-program-running"}


def call(lab: Lab, machine: str, words: str) -> dict[str, dict]:
    """Apply states by a process that has loaded nothing yet; return them by id."""
    said = lab.run(machine, f"salt-call --out=json {words} 2> /dev/null", check=False)
    return {one["__id__"]: one for one in json.loads(said)["local"].values()}


def test_a_highstate_brings_what_salt_s_python_lacks(lab: Lab, all_online):
    """States of the same run ask the server, though PyMySQL came when the library was loaded."""
    all_online()
    lab.run("db3", "/opt/salt/bin/pip uninstall -q -y PyMySQL prometheus_client")
    try:
        refused = lab.run("db3", "salt-call mysql_gr.status 2>&1", check=False)
        assert "Salt's Python has no PyMySQL; `salt-call state.apply mysql.python`" in refused
        predicted = call(lab, "db3", "state.apply mysql.python test=True")[PACKAGES]
        assert predicted["result"] is None
        done = call(lab, "db3", "state.apply")
    finally:
        lab.run("db3", "/opt/salt/bin/pip install -q 'PyMySQL>=1.2,<2' 'prometheus_client<1'")
    assert {key for key, one in done.items() if one["result"] is not True} == set()
    assert {key for key, one in done.items() if one["changes"]} == USERS
    assert done[PACKAGES]["changes"] == predicted["changes"]
    assert call(lab, "db3", "state.apply mysql.python")[PACKAGES]["changes"] == {}
    assert lab.status()["db3"]["member"]["state"] == "ONLINE"


# As pillar has them, and what becomes of them: a size that is rounded, a word that stands for
# several, one switch of many, and a buffer pool that grows.
OPTIONS: dict[str, object] = {
    "net_write_timeout": 77,
    "join_buffer_size": 300001,
    "sql_mode": "TRADITIONAL",
    "optimizer_switch": "mrr=off",
    "innodb_buffer_pool_size": "256M",
}


def test_options_come_and_go_without_a_restart(lab: Lab, all_online):
    all_online()
    before = {name: lab.sql("db1", f"SELECT @@GLOBAL.{name}") for name in OPTIONS}
    pillar = "pillar='" + json.dumps({"mysql": {"options": OPTIONS}}) + "'"

    def current(arguments: str) -> dict:
        states = lab.salt("db1", f"state.apply mysql.options {arguments}")["db1"]
        (one,) = [one for one in states.values() if one["__id__"] == "mysql-options-current"]
        return one

    def once(arguments: str) -> dict:
        """What is predicted is done, and done once; it is returned."""
        predicted, done, again = (current(f"{arguments} {more}") for more in ("test=True", "", ""))
        assert (predicted["result"], done["result"]) == (None, True), (predicted, done)
        assert predicted["changes"] == done["changes"], (predicted, done)
        assert (again["result"], again["changes"]) == (True, {}), again
        return dict(done["changes"])

    assert once(pillar).keys() == OPTIONS.keys()
    now = {name: lab.sql("db1", f"SELECT @@GLOBAL.{name}") for name in OPTIONS}
    assert (now["net_write_timeout"], now["join_buffer_size"]) == ("77", "299904")
    assert now["innodb_buffer_pool_size"] == str(256 * 1024**2)
    assert "STRICT_ALL_TABLES" in now["sql_mode"]
    assert "mrr=off" in now["optimizer_switch"]
    assert {one["new"] for one in once("").values()} == {"DEFAULT"}
    assert before == {name: lab.sql("db1", f"SELECT @@GLOBAL.{name}") for name in OPTIONS}
