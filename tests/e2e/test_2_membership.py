"""What keeps a member out, what only its name brings in, who reboots the group: row by row."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator

import pytest

from tests.e2e.conftest import long_only
from tests.support.lab import Lab
from tests.support.read_lock import read_locked

pytestmark = [pytest.mark.restores, pytest.mark.waits]


def call(lab: Lab, machine: str, function: str, /, **arguments) -> object:
    """Call a function on one machine; lists and dicts go as YAML does."""
    words = " ".join(f"{name}='{json.dumps(value)}'" for name, value in arguments.items())
    return lab.salt(machine, f"{function} {words}")[machine]


def state(lab: Lab, machine: str, condition: str, /, **arguments) -> dict:
    words = " ".join(f"{key}='{json.dumps(value)}'" for key, value in arguments.items())
    return next(iter(lab.salt(machine, f"state.single {condition} {words}")[machine].values()))


def write(lab: Lab, machine: str, statements: str) -> None:
    """What an operator does who knows better: write to a member that is outside the group."""
    lab.sql(
        machine,
        f"SET GLOBAL super_read_only = OFF; {statements}; SET GLOBAL super_read_only = ON",
    )


def purge(lab: Lab, *machines: str) -> None:
    for machine in machines:
        lab.sql(machine, "FLUSH BINARY LOGS; DO SLEEP(1); PURGE BINARY LOGS BEFORE NOW()")


@pytest.fixture
def whole(lab: Lab, all_online: Callable[..., float]) -> Iterator[Callable[..., float]]:
    """A whole group before and after, with every keeper at work."""
    all_online()
    yield all_online
    for name in lab.databases:
        # Also where a test ended early.
        marks = "/var/lib/mysql-gr/paused /var/lib/mysql-gr/fork.json"
        lab.run(name, f"rm -f {marks}\nsystemctl start mysql mysql-gr-keeper")
    all_online(120)


@pytest.fixture
def keepers_off(lab: Lab) -> Iterator[None]:
    """The keepers rest, so that a test can look at a decision before it is carried out."""
    for name in lab.databases:
        lab.run(name, "systemctl stop mysql-gr-keeper")
    yield
    for name in lab.databases:
        lab.run(name, "systemctl start mysql-gr-keeper")


@pytest.mark.slow
def test_an_empty_member_clones_where_no_binary_logs_are_left(lab: Lab, whole):
    lab.run("db3", "systemctl stop mysql-gr-keeper")
    lab.new_disk("db3")
    purge(lab, "db1", "db2")
    lab.salt("db3", "state.apply mysql.accounts")
    decision = call(lab, "db3", "mysql_gr.decide")
    assert (decision["verdict"], decision["donor"]) == ("clone", "db2"), decision
    assert "db3 is empty and clones db2: no ONLINE member has all binary logs" in decision["why"]
    refused = call(lab, "db3", "mysql_gr.join", method="incremental")
    assert "db3 cannot join by incremental recovery" in refused
    predicted = state(lab, "db3", "mysql_gr.member_online", name="db3", test=True)
    done = state(lab, "db3", "mysql_gr.member_online", name="db3")
    assert (predicted["result"], done["result"]) == (None, True), done
    assert done["changes"] == predicted["changes"]
    assert done["changes"]["cloned"] == {"from": "db2", "given_up": ""}
    assert lab.sql("db3", "SELECT COUNT(*) FROM realworld.users") != "0"
    # Its own file says what pillar does; the copy brought the group's accounts and no pause.
    assert call(lab, "db3", "mysql_server.check_instance") == []
    again = state(lab, "db3", "mysql_gr.member_online", name="db3")
    assert (again["result"], again["changes"]) == (True, {})
    lab.salt("db3", "state.apply")


def test_a_member_with_a_part_of_a_purged_history_is_cloned_over_by_name_alone(lab: Lab, whole):
    call(lab, "db3", "mysql_maintenance.leave", member="db3", reason="trial")
    lab.sql("db1", "CREATE DATABASE trial; DROP DATABASE trial")
    purge(lab, "db1", "db2")
    refused = call(lab, "db3", "mysql_gr.join")
    assert "purged binary logs that db3 needs" in refused
    assert "mysql_gr.join method=clone clone_over=db3" in refused
    assert "db3 is not empty" in call(lab, "db3", "mysql_gr.join", method="clone")
    wrong = call(lab, "db3", "mysql_gr.join", method="clone", clone_over="db2")
    assert "clone_over is 'db2', but this is db3" in wrong
    assert lab.status()["db3"]["paused"] == "trial"
    joined = call(lab, "db3", "mysql_gr.join", method="clone", clone_over="db3")
    assert (joined["cloned"], joined["given_up"]) == ("db2", ""), joined
    whole()
    assert lab.status()["db3"]["paused"] == ""


def test_errant_maintenance_is_accepted_by_name_and_nothing_is_copied(lab: Lab, whole):
    mine = lab.sql("db2", "SELECT @@server_uuid")
    before = lab.sql("db2", "SELECT COUNT(*) FROM realworld.users")
    call(lab, "db2", "mysql_maintenance.leave", member="db2", reason="maintenance")
    lab.sql("db2", "FLUSH PRIVILEGES; FLUSH TABLES")
    write(lab, "db2", "ANALYZE TABLE realworld.users; OPTIMIZE TABLE realworld.users")
    refused = call(lab, "db2", "mysql_gr.join")
    assert f"{mine}:" in refused
    assert "they change no rows (" in refused
    for kind in ("FLUSH PRIVILEGES", "FLUSH TABLES", "ANALYZE TABLE", "OPTIMIZE TABLE"):
        assert kind in refused
    wrong = call(lab, "db2", "mysql_gr.join", accept_errant="db1")
    assert "accept_errant is 'db1', but this is db2" in wrong

    # Beside something else it is refused.
    def executed() -> str:
        return lab.sql("db2", "SELECT REPLACE(@@gtid_executed, '\\n', '')")

    harmless = executed()
    write(lab, "db2", "CREATE DATABASE errant")
    other = call(lab, "db2", "mysql_gr.join", accept_errant="db2")
    assert "is CREATE DATABASE" in other
    assert "accept_errant is for what changes no rows" in other
    assert lab.status()["db2"]["paused"] == "maintenance"
    # The way that this call is for, by hand, once what it made is gone.
    last = lab.sql("db2", f"SELECT GTID_SUBTRACT('{executed()}', '{harmless}')")
    write(lab, "db2", "SET SESSION sql_log_bin = OFF; DROP DATABASE errant")
    lab.sql("db1", f"SET gtid_next = '{last}'; BEGIN; COMMIT; SET gtid_next = 'AUTOMATIC'")

    joined = call(lab, "db2", "mysql_gr.join", accept_errant="db2")
    assert mine in joined["accepted"], joined
    whole()
    assert lab.sql("db2", "SELECT COUNT(*) FROM realworld.users") == before
    errant = call(lab, "db1", "mysql_gr.status", extended=True)["errant"]
    assert errant == {}
    # db2's binary log has the database, and who is recovered from it would get it.
    lab.sql("db1", "DROP DATABASE IF EXISTS errant")


@pytest.mark.slow
def test_errant_transactions_are_given_up_by_name_alone(lab: Lab, whole):
    """Once for a clone of another member, once for an empty start."""
    mine = lab.sql("db2", "SELECT @@server_uuid")
    call(lab, "db2", "mysql_maintenance.leave", member="db2", reason="errant")
    write(lab, "db2", "CREATE DATABASE errant")
    seen = call(lab, "db1", "mysql_gr.status", extended=True)
    assert seen["errant"] == {"db2": f"{mine}:1"} or mine in seen["errant"]["db2"]
    only = seen["errant"]["db2"]
    assert f"db2 has transactions that the group does not have: {only}" in seen["problems"]
    assert "db2 is declared and not in the group: it is OFFLINE" in seen["problems"]
    assert only in call(lab, "db2", "mysql_gr.join", method="clone")
    assert lab.sql("db2", "SHOW DATABASES LIKE 'errant'") == "errant"
    joined = call(lab, "db2", "mysql_gr.join", method="clone", clone_over="db2")
    assert joined["given_up"] == only, joined
    whole()
    assert lab.sql("db2", "SHOW DATABASES LIKE 'errant'") == ""

    call(lab, "db2", "mysql_maintenance.leave", member="db2", reason="errant")
    write(lab, "db2", "CREATE DATABASE errant")
    inside = call(lab, "db1", "mysql_gr.reset_member", member="db1")
    assert "db1 is not emptied: db1 is ONLINE" in inside
    assert "member is 'db1', but this is db2" in call(
        lab, "db2", "mysql_gr.reset_member", member="db1"
    )
    left = state(lab, "db2", "mysql_gr.member_empty", name="db2")
    assert (left["result"], left["changes"]) == (False, {})
    assert lab.sql("db2", "SHOW DATABASES LIKE 'errant'") == "errant"
    predicted = state(lab, "db2", "mysql_gr.member_empty", name="db2", member="db2", test=True)
    assert lab.sql("db2", "SHOW DATABASES LIKE 'errant'") == "errant"
    done = state(lab, "db2", "mysql_gr.member_empty", name="db2", member="db2")
    assert (predicted["result"], done["result"]) == (None, True), done
    assert done["changes"] == predicted["changes"]
    assert done["changes"]["errant"]
    assert lab.sql("db2", "SELECT @@gtid_executed") == ""
    again = state(lab, "db2", "mysql_gr.member_empty", name="db2")
    assert (again["result"], again["changes"]) == (True, {})
    call(lab, "db2", "mysql_maintenance.unpause")
    whole()
    assert call(lab, "db2", "mysql_server.check_instance") == []


def test_a_silent_member_is_led_past_by_name_alone(lab: Lab, whole, mysqld_down, eventually):
    """All were stopped, one is not there: no member reboots the group, until a call names one."""
    for name in lab.databases:
        lab.run(name, "systemctl stop mysql-gr-keeper")
    # With a majority still there: without one, a stop waits half a minute for the others.
    for name in ("db1", "db2"):
        lab.sql(name, "STOP GROUP_REPLICATION")
    mysqld_down("db3")
    decision = call(lab, "db1", "mysql_gr.decide")
    assert (decision["verdict"], decision["override"]) == ("uncertain", "force_member")
    assert "no answer from db3" in decision["why"]
    told = call(lab, "db1", "mysql_gr.decide", force_member="db1")
    assert (told["verdict"], told["bootstrap_member"]) == ("reboot", "db1")
    assert "db1 reboots the group after a complete outage, as the call says" in told["why"]
    assert "without an answer from db3" in told["why"]
    wrong = call(lab, "db1", "mysql_gr.recover", force_member="db2")
    assert "force_member is 'db2', but this is db1" in wrong
    predicted = state(
        lab, "db1", "mysql_gr.member_online", name="db1", force_member="db1", test=True
    )
    done = state(lab, "db1", "mysql_gr.member_online", name="db1", force_member="db1")
    assert (predicted["result"], done["result"]) == (None, True), done
    assert done["changes"] == predicted["changes"] == {"state": {"old": "OFFLINE", "new": "ONLINE"}}
    assert call(lab, "db2", "mysql_gr.recover")["verdict"] == "member"
    eventually(lambda: lab.api("GET", "/api/tags").status_code == 200, 60)
    for name in lab.databases:
        lab.run(name, "systemctl start mysql-gr-keeper")
    mysqld_down.undo("db3")


@pytest.mark.slow
def test_diverged_histories_are_listed_and_led_by_name_alone(lab: Lab, whole, keepers_off):
    for name in lab.databases:
        call(lab, name, "mysql_maintenance.leave", member=name, reason="trial")
    for name in ("db1", "db2"):
        write(lab, name, f"CREATE DATABASE only_{name}")
    for name in lab.databases:
        call(lab, name, "mysql_maintenance.unpause")
    only = {name: row["alone"] for name, row in call(lab, "db1", "mysql_gr.compare_gtids").items()}
    decision = call(lab, "db3", "mysql_gr.decide")
    assert decision["verdict"] == "refuse"
    assert "no member has what all have together" in decision["why"]
    assert f"db1 lacks {only['db2']}" in decision["why"]
    failed = state(lab, "db1", "mysql_gr.member_online", name="db1")
    assert (failed["result"], failed["changes"]) == (False, {})
    rebooted = call(lab, "db1", "mysql_gr.recover", force_member="db1")
    assert rebooted["verdict"] == "member"
    assert f"without {only['db2']}, which db2 has" in " ".join(rebooted["acted"])
    refused = call(lab, "db2", "mysql_gr.join")
    assert f"db2 has transactions that the group does not have: {only['db2']}" in refused
    assert lab.sql("db2", "SHOW DATABASES LIKE 'only_db2'") == "only_db2"
    joined = call(lab, "db2", "mysql_gr.join", method="clone", clone_over="db2")
    assert joined["given_up"] == only["db2"]
    call(lab, "db3", "mysql_gr.join")
    whole()
    lab.sql("db1", "DROP DATABASE only_db1")


@pytest.mark.slow
def test_survivors_go_on_alone_when_the_dead_are_named(lab: Lab, whole, mysqld_down, eventually):
    lab.sql("db1", "SET GLOBAL group_replication_unreachable_majority_timeout = 0")
    for name in ("db2", "db3"):
        mysqld_down(name)
    eventually(lambda: lab.status()["db1"]["quorum"] is False, 60)
    decision = call(lab, "db1", "mysql_gr.decide")
    assert decision["verdict"] == "refuse"
    assert "db1 is ONLINE without a majority" in decision["why"]
    told = {"survivors": ["db1"], "dead": ["db2", "db3"]}
    wrong = call(lab, "db1", "mysql_gr.force_quorum", survivors=["db1"], dead=["db2"])
    assert "each declared member once" in wrong
    predicted = state(lab, "db1", "mysql_gr.quorum_held", name="db1", **told, test=True)
    done = state(lab, "db1", "mysql_gr.quorum_held", name="db1", **told)
    assert (predicted["result"], done["result"]) == (None, True), done
    assert done["changes"] == predicted["changes"]
    again = state(lab, "db1", "mysql_gr.quorum_held", name="db1", **told)
    assert (again["result"], again["changes"]) == (True, {})
    assert lab.sql("db1", "SELECT @@group_replication_force_members") in ("", "NULL")
    eventually(lambda: lab.api("GET", "/api/tags").status_code == 200, 60)
    lab.sql("db1", "SET GLOBAL group_replication_unreachable_majority_timeout = 10")
    for name in ("db2", "db3"):
        mysqld_down.undo(name)


def codes(lab: Lab, member: str) -> list[str]:
    """What a member's health agent answers the machine itself."""
    ask = (
        "from http.client import HTTPConnection\n"
        "for page in ('/writable', '/readable'):\n"
        f"    agent = HTTPConnection('{lab.address[member]}', 9200, timeout=5)\n"
        "    agent.request('GET', page)\n"
        "    print(agent.getresponse().status)\n"
    )
    return lab.run(member, f"python3 - <<'PY'\n{ask}PY").split()


def counted(lab: Lab, member: str) -> int:
    """How many views the group has had, as a member sees it."""
    return int(lab.status()[member]["view_id"].partition(":")[2])


@long_only
def test_what_fails_twice_for_the_same_reason_is_not_tried_for_ever(lab: Lab, whole, eventually):
    """A row that db3 alone has stops its applier, and each try costs the group a change of view."""
    lab.sql("db1", "CREATE TABLE realworld.twice (id INT PRIMARY KEY, v INT)")
    try:
        lab.sql("db3", "SET sql_log_bin = OFF; INSERT INTO realworld.twice VALUES (1, 3)")
        lab.sql("db1", "INSERT INTO realworld.twice VALUES (1, 1)")
        eventually(lambda: "1062" in lab.status()["db3"]["failing"], 90)
        before = counted(lab, "db1")
        time.sleep(30)
        # At most the one try that is due after a minute: it comes and it goes.
        assert counted(lab, "db1") - before <= 2
        why = lab.status()["db3"]["failing"]
        for words in ("in a row to join", "Duplicate entry", "method=clone clone_over=db3"):
            assert words in why
        assert call(lab, "db3", "mysql_gr.decide")["failing"] == why
        assert why in call(lab, "db3", "mysql_gr.status", extended=True)["problems"]
        there = call(lab, "db1", "mysql_gr.status", extended=True)["problems"]
        assert any(
            one.startswith("db3 is declared and not in the group") and "1062" in one
            for one in there
        ), there
        write(lab, "db3", "SET sql_log_bin = OFF; DELETE FROM realworld.twice WHERE id = 1")
        # An operator's call is not held back.
        assert call(lab, "db3", "mysql_gr.join")["verdict"] == "join"
        whole(60)
        eventually(lambda: lab.status()["db3"]["failing"] == "", 10)
        assert lab.sql("db3", "SELECT v FROM realworld.twice") == "1"
    finally:
        lab.run(
            "db3",
            "mysql -e 'SET sql_log_bin = OFF; SET GLOBAL super_read_only = OFF;"
            " DELETE FROM realworld.twice WHERE v = 3' || true",
        )
        whole(660)
        lab.sql("db1", "DROP TABLE realworld.twice")


@long_only
def test_two_groups_with_one_name_are_named_and_the_younger_is_fenced(
    lab: Lab, whole, keepers_off, eventually
):
    for name in lab.databases:
        call(lab, name, "mysql_maintenance.leave", member=name, reason="trial")
    for name in ("db1", "db2"):
        lab.sql(
            name,
            "SET GLOBAL group_replication_bootstrap_group = ON; START GROUP_REPLICATION;"
            " SET GLOBAL group_replication_bootstrap_group = OFF",
        )
    views = {name: status["view_id"] for name, status in lab.status().items()}
    assert views["db1"].partition(":")[0] != views["db2"].partition(":")[0]
    for method in ({}, {"method": "clone", "clone_over": "db3"}):
        refused = call(lab, "db3", "mysql_gr.join", **method)
        assert "two groups with one name" in refused
        assert f"db2 is in view {views['db2']}" in refused
    seen = call(lab, "db1", "mysql_gr.status", extended=True)
    assert any("two groups with one name" in problem for problem in seen["problems"])
    failed = state(lab, "db1", "mysql_gr.member_online", name="db1")
    assert (failed["result"], failed["changes"]) == (False, {})
    assert codes(lab, "db1") == codes(lab, "db2") == ["200", "200"]
    for name in ("db1", "db2"):
        lab.run(name, "systemctl start mysql-gr-keeper")
    eventually(lambda: codes(lab, "db2") == ["503", "503"], 30)
    eventually(lambda: lab.sql("db2", "SELECT @@super_read_only") == "1", 10)
    assert codes(lab, "db1") == ["200", "200"]
    for name, words in (("db1", "is the elder one and goes on"), ("db2", "is the younger one")):
        found = call(lab, name, "mysql_gr.status", extended=True)["problems"]
        said = next(one for one in found if "two groups with one name" in one)
        for part in (words, views["db1"].partition(":")[0], views["db2"].partition(":")[0]):
            assert part in said
        assert "mysql_gr.join method=clone clone_over=db2" in said
    # It outlives the keeper, the agent and mysqld.
    lab.run("db2", "systemctl restart mysql-gr-keeper mysql-gr-health")
    assert codes(lab, "db2") == ["503", "503"]
    beside = call(lab, "db2", "mysql_maintenance.unfence", member="db2")
    assert "two groups with one name" in beside
    lab.run("db2", "systemctl restart mysql")
    assert codes(lab, "db2") == ["503", "503"]
    # No transaction tells the two apart: they number theirs alike.
    refused = call(lab, "db2", "mysql_gr.join")
    assert "its rows may differ though no GTID does" in refused
    # The operator ends one of them; it had taken no write.
    for name in ("db2", "db1"):
        call(lab, name, "mysql_maintenance.unfence", member=name)
    for name in ("db2", "db3"):
        call(lab, name, "mysql_gr.join")
    call(lab, "db1", "mysql_maintenance.unpause")
    eventually(lambda: codes(lab, "db2") == ["200", "200"], 60)


def test_a_member_that_nobody_lets_in_is_told_so_at_once(lab: Lab, whole):
    """START GROUP_REPLICATION would say so after a minute, and each try changes the view."""
    call(lab, "db3", "mysql_maintenance.leave", member="db3", reason="trial")
    before, begin = counted(lab, "db1"), time.monotonic()
    account = lab.sql(
        "db3",
        "SELECT CONCAT(QUOTE(user), '@', QUOTE(host)) FROM mysql.user"
        " WHERE user = 'mysql_gr_recovery'",
    )
    lab.sql(
        "db3",
        "CHANGE REPLICATION SOURCE TO SOURCE_PASSWORD = 'of yesterday' FOR CHANNEL"
        " 'group_replication_recovery'",
    )
    refused = call(lab, "db3", "mysql_gr.join")
    assert "db3 cannot log in at its own mysqld by the recovery account" in refused
    assert "(1045)" in refused
    write(lab, "db3", f"SET sql_log_bin = OFF; ALTER USER {account} IDENTIFIED BY 'of yesterday'")
    refused = call(lab, "db3", "mysql_gr.join")
    assert "db3 cannot log in at any ONLINE member by the recovery account" in refused
    assert refused.count("(1045)") == 2
    assert "of yesterday" not in refused
    assert time.monotonic() - begin < 30
    assert counted(lab, "db1") == before
    write(lab, "db3", f"SET sql_log_bin = OFF; DROP USER {account}")
    lab.salt("db3", "state.apply mysql.accounts")
    assert call(lab, "db3", "mysql_gr.join")["verdict"] == "join"


def test_another_group_is_not_joined(lab: Lab, whole, keepers_off):
    other = "11111111-2222-4333-8444-555555555555"
    declared = lab.secret("group", "name")
    call(lab, "db3", "mysql_maintenance.leave", member="db3", reason="trial")
    lab.sql(
        "db3",
        f"SET GLOBAL group_replication_group_name = '{other}';"
        " SET GLOBAL group_replication_bootstrap_group = ON; START GROUP_REPLICATION;"
        " SET GLOBAL group_replication_bootstrap_group = OFF",
    )
    inside = call(lab, "db3", "mysql_gr.decide")
    assert inside["why"] == f"db3 is ONLINE in group {other}, but {declared} is declared"
    assert lab.status()["db3"]["group"] == other
    call(lab, "db2", "mysql_maintenance.leave", member="db2", reason="trial")
    refused = call(lab, "db2", "mysql_gr.join")
    assert f"db3 is ONLINE in group {other}, but {declared} is declared" in refused
    lab.sql(
        "db3",
        f"STOP GROUP_REPLICATION; SET GLOBAL group_replication_group_name = '{declared}'",
    )
    for name in ("db2", "db3"):
        call(lab, name, "mysql_gr.join")


def test_a_server_with_data_that_no_transaction_accounts_for_is_refused(lab: Lab, whole):
    lab.run("db3", "systemctl stop mysql-gr-keeper")
    lab.new_disk("db3")
    lab.salt("db3", "state.apply mysql.accounts")
    write(lab, "db3", "SET sql_log_bin = OFF; CREATE DATABASE shop")
    refused = call(lab, "db3", "mysql_gr.join")
    assert "db3 has data that no transaction accounts for (shop)" in refused
    write(lab, "db3", "SET sql_log_bin = OFF; DROP DATABASE shop")
    assert call(lab, "db3", "mysql_gr.join")["verdict"] == "join"
    lab.salt("db3", "state.apply")


def test_what_the_package_s_scripts_write_is_no_transaction(lab: Lab, whole):
    """They start a mysqld of their own at each upgrade, and change an account."""
    uuid = lab.sql("db3", "SELECT @@server_uuid")

    def own() -> list[str]:
        return re.findall(f"{uuid}:[0-9:-]+", lab.sql("db3", "SELECT @@gtid_executed"))

    before = own()
    lab.run("db3", "DEBIAN_FRONTEND=noninteractive dpkg-reconfigure mysql-server")
    whole()
    assert own() == before
    assert call(lab, "db3", "mysql_gr.compare_gtids")["db3"]["alone"] == ""


def test_a_member_whose_connections_are_used_up_is_still_asked(lab: Lab, whole, eventually):
    """The place that is kept for an administrator is taken too; the administrators' door is not."""
    before = lab.sql("db1", "SELECT @@max_connections")
    holding = f"SET GLOBAL max_connections = 1; DO SLEEP(6); SET GLOBAL max_connections = {before}"
    lab.run("db1", f"setsid mysql -e '{holding}' > /dev/null 2>&1 &")
    eventually(
        lambda: "Too many connections" in lab.run("db1", "mysql -e 'SELECT 1' 2>&1", check=False),
        10,
    )
    assert lab.status()["db1"]["member"]["state"] == "ONLINE"
    assert call(lab, "db2", "mysql_gr.facts")["db1"]["answers"] is True
    assert call(lab, "db1", "mysql_gr.decide")["verdict"] == "member"
    eventually(lambda: lab.sql("db1", "SELECT @@max_connections") == before, 60)
    eventually(lambda: lab.api("GET", "/api/tags").status_code == 200, 60)


def test_a_lag_is_measured_and_a_stopped_applier_named(lab: Lab, whole, eventually):
    lab.sql("db1", "CREATE TABLE realworld.lag (id INT PRIMARY KEY)")
    try:
        with read_locked(lab, "db3", "realworld.lag", 60):
            for number in range(5):
                lab.sql("db1", f"INSERT INTO realworld.lag VALUES ({number})")
            lag = call(lab, "db3", "mysql_gr.status", extended=True)["applier"]
        assert lag["running"] is True
        assert lag["queued"] >= 1
        assert lag["lag_seconds"] > 0
        eventually(
            lambda: call(lab, "db3", "mysql_gr.status", extended=True)["applier"]["queued"] == 0, 60
        )
        healthy = call(lab, "db3", "mysql_gr.status", extended=True)
        assert (healthy["problems"], healthy["verdict"]) == ([], "member")
    finally:
        lab.sql("db1", "DROP TABLE realworld.lag")


def test_the_group_gets_the_declared_write_concurrency_back(lab: Lab, whole, eventually):
    """A group that is rebooted begins with the server's own default, as this one is told to."""
    first = min(lab.databases, key=lab.address.__getitem__)
    begin = lab.run(first, "date +%s").strip()
    lab.sql("db3", "SELECT group_replication_set_write_concurrency(10)")
    said = f"journalctl -u mysql-gr-keeper -o cat --since @{begin}"
    eventually(lambda: "the group's write concurrency was 10 and is 50" in lab.run(first, said), 30)
    healthy = call(lab, "db3", "mysql_gr.status", extended=True)
    assert (healthy["problems"], healthy["write_concurrency"]) == ([], 50)
