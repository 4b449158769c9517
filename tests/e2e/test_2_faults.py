"""A member leaves, is killed, all are killed: the API goes on or comes back with nobody's hand."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pymysql
import pytest

from chaos.broken_joins import UNTIL_JOIN
from tests.e2e.conftest import long_only
from tests.support.api_client import bio_on, client
from tests.support.balancer import asked, servers
from tests.support.lab import Lab
from tests.support.read_lock import read_locked

pytestmark = [pytest.mark.restores, pytest.mark.waits]


def test_the_api_goes_on_without_its_writer(lab: Lab, all_online, eventually, mysqld_down):
    all_online()
    victim, number = lab.databases[0], 1
    survivors = [name for name in lab.databases if name != victim]
    with client(lab) as writer:
        eventually(lambda: len(writer.acknowledged) > 20, 60)
        mysqld_down(victim)
        fault = time.monotonic()
        eventually(lambda: servers(lab)["mysql-cluster", f"mysql-{number}"] == "DOWN", 30)
        eventually(lambda: sum(when > fault for when, _ in writer.acknowledged) > 100, 60)
        answer = lab.salt(victim, "mysql_gr.status")[victim]
        assert "cannot connect to mysqld at /run/mysqld/mysqld.sock" in answer
        assert bio_on(lab, survivors[0])
    # Two seconds is what detection takes; the rest is the machine's noise.
    assert writer.longest_gap() < 15
    late = [code for when, code in writer.refused if when > fault + 15]
    assert not late, f"still refused 15 s after the fault: {late}"
    last = writer.acknowledged[-1][1]
    assert {bio_on(lab, name) for name in survivors} == {last}

    mysqld_down.undo(victim)
    all_online()
    assert bio_on(lab, victim) == last
    eventually(lambda: servers(lab)["mysql-cluster", f"mysql-{number}"] == "UP", 30)


@contextmanager
def served_by(lab: Lab, name: str) -> Iterator[Any]:
    """Return a context with a session that a member serves, by the balancer in turn."""
    for _ in range(9):
        with lab.session() as session:
            if asked(session, "SELECT @@report_host") == lab.address[name]:
                yield session
                return
    raise AssertionError(f"{name} served none of 9 sessions")


def test_a_member_leaves_on_purpose_and_stays_out(lab: Lab, all_online, eventually):
    all_online()
    refusal = lab.salt("db3", "mysql_maintenance.leave member=db1")["db3"]
    assert "member is 'db1', but this is db3" in refusal
    try:
        with served_by(lab, "db3") as session:
            # The process that has it asks no health agent any more.
            lab.run(lab.proxy, "systemctl reload haproxy")
            assert asked(session, "SELECT 'served'") == "served"
            call = "mysql_maintenance.leave member=db3 reason='memory is replaced'"
            assert lab.salt("db3", call)["db3"] == {"old": "ONLINE", "new": "OFFLINE"}
            with pytest.raises(pymysql.Error):
                asked(session, "SELECT 'rows of before'")
        eventually(lambda: servers(lab)["mysql-read", "mysql-3"] == "DOWN", 20)
        inside = lab.status()
        assert set(inside["db3"]) == set(inside["db1"])
        assert inside["db3"]["member"]["state"] == "OFFLINE"
        assert inside["db3"]["writable"] is False
        assert inside["db3"]["paused"] == "memory is replaced"
        assert inside["db3"]["members"] == []
        assert [row["name"] for row in inside["db1"]["members"]] == ["db1", "db2"]
        decision = lab.salt("db3", "mysql_gr.decide")["db3"]
        assert decision["verdict"] == "paused"
        applied = lab.salt("db3", "state.apply mysql.group")["db3"]
        online = next(s for s in applied.values() if s["__id__"] == "mysql-group-member-online")
        assert (online["result"], online["changes"]) == (True, {})
        assert "stays out of the group: memory is replaced" in online["comment"]
        refused = lab.run("db3", "mysql -e 'CREATE DATABASE nope' 2>&1", check=False)
        assert "--super-read-only" in refused
        # What a run that was killed in the middle of a bootstrap would leave: no second group.
        lab.sql("db3", "SET GLOBAL group_replication_bootstrap_group = ON")
    finally:
        joined = lab.salt("db3", "mysql_gr.join")["db3"]
    assert joined["verdict"] == "join"
    all_online()
    assert lab.sql("db3", "SELECT @@group_replication_bootstrap_group") == "0"


def test_test_mode_says_what_a_run_then_does(lab: Lab, all_online):
    """A member is stopped behind the keeper's back: predicted, then done, then nothing."""
    all_online()
    lab.run("db2", "systemctl stop mysql-gr-keeper\nmysql -e 'STOP GROUP_REPLICATION'")
    try:
        seen = {}
        for mode in ("test=True", "test=False"):
            states = lab.salt("db2", f"state.apply mysql.group {mode}")["db2"]
            seen[mode] = next(
                s for s in states.values() if s["__id__"] == "mysql-group-member-online"
            )
        assert seen["test=True"]["result"] is None
        assert "db2 joins" in seen["test=True"]["comment"]
        assert seen["test=True"]["changes"] == {"state": {"old": "OFFLINE", "new": "ONLINE"}}
        assert seen["test=False"]["result"] is True
        assert seen["test=False"]["changes"] == seen["test=True"]["changes"]
        assert "db2 has come ONLINE" in seen["test=False"]["comment"]
    finally:
        lab.run("db2", "systemctl start mysql-gr-keeper")
    all_online()


def test_a_member_with_errant_transactions_is_refused(lab: Lab, all_online):
    """Nothing of its own is wiped: it stays out, and says which transactions nobody else has."""
    all_online()
    lab.salt("db2", "mysql_maintenance.leave member=db2 reason=errant")
    lab.sql(
        "db2",
        "SET GLOBAL super_read_only = OFF; CREATE DATABASE errant; SET GLOBAL super_read_only = ON",
    )
    theirs = lab.status()["db1"]["gtid_executed"]
    alone = lab.sql("db2", f"SELECT GTID_SUBTRACT(@@gtid_executed, '{theirs}')")
    assert re.fullmatch(rf"{lab.sql('db2', 'SELECT @@server_uuid')}:\d+", alone)
    refused = lab.salt("db2", "mysql_gr.join")["db2"]
    assert f"db2 has transactions that the group does not have: {alone}" in refused
    assert lab.sql("db2", f"SELECT GTID_SUBSET('{alone}', @@gtid_executed)") == "1"
    assert lab.status()["db2"]["paused"] == "errant"
    # The group is given the same transaction, empty: then it is nobody's alone any more.
    lab.sql("db1", f"SET GTID_NEXT = '{alone}'; BEGIN; COMMIT; SET GTID_NEXT = AUTOMATIC")
    lab.sql(
        "db2",
        "SET GLOBAL super_read_only = OFF; SET sql_log_bin = OFF; DROP DATABASE errant;"
        " SET GLOBAL super_read_only = ON",
    )
    assert lab.salt("db2", "mysql_gr.join")["db2"]["verdict"] == "join"
    all_online()
    # db2's binary log has the database, and who is recovered from it would get it.
    lab.sql("db1", "DROP DATABASE IF EXISTS errant")


@contextmanager
def cut_off(lab: Lab, far: dict[str, list[str]]) -> Iterator[None]:
    """Return a context in which members send nothing to some of the others."""

    def routes(change: str) -> None:
        for name, peers in far.items():
            lab.run(name, "\n".join(f"ip route {change} {lab.address[peer]}/32" for peer in peers))

    routes("add blackhole")
    try:
        yield
    finally:
        routes("del blackhole")


@long_only
def test_members_that_lost_each_other_find_together_again(lab: Lab, all_online, eventually):
    """No majority anywhere: all go to offline mode, and come back when the network does."""
    all_online()
    others = {name: [peer for peer in lab.databases if peer != name] for name in lab.databases}
    with cut_off(lab, others):
        eventually(
            lambda: (
                {s["member"]["state"] for s in lab.status().values()} == {"ERROR"}
                and not any(s["writable"] for s in lab.status().values())
            ),
            90,
        )
        assert set(servers(lab).values()) == {"DOWN"}
        assert lab.api("GET", "/api/tags").status_code == 503
        decision = lab.salt("db2", "mysql_gr.decide")["db2"]
        assert decision["verdict"] == "uncertain"
        assert "no answer from db1" in decision["why"]
    all_online(240)
    # No member rebooted the group while another's part in the old group had not ended.
    journal = "journalctl -u mysql-gr-keeper --no-pager -n 30"
    logs = "".join(lab.run(name, journal) for name in lab.databases)
    assert "its part in the old group is ended before a new one" in logs
    eventually(lambda: lab.api("GET", "/api/tags").status_code == 200, 30)
    eventually(lambda: set(servers(lab).values()) == {"UP"}, 30)


@pytest.mark.slow
def test_a_member_joins_when_what_is_left_of_its_join_is_removed(lab: Lab, all_online, eventually):
    """Its mysqld ends before a view has it; a start in the minute after that would be refused."""
    all_online()
    *_, victim = lab.databases
    lab.run(victim, "mysql -e 'STOP GROUP_REPLICATION'")
    lab.run(victim, f"{UNTIL_JOIN}\nsystemctl kill --signal=KILL mysql")
    killed = time.monotonic()
    eventually(lambda: "in the middle of" in str(lab.salt(victim, "mysql_gr.decide")[victim]), 40)
    status = lab.salt(victim, "mysql_gr.status extended=True")[victim]
    (said,) = [one for one in status["problems"] if "in the middle of" in one]
    assert (status["verdict"], status["why"]) == ("wait", said)
    predicted = lab.salt(victim, "state.apply mysql.group test=True")[victim]
    assert said in str(predicted)
    all_online(150)
    assert time.monotonic() - killed > 78
    # One start, which succeeded.
    starts = lab.run(victim, "journalctl -u mysql-gr-keeper -o cat --since '-70 s' | grep ^join:")
    assert len(starts.splitlines()) == 1
    # A start may go on for a second after the member is ONLINE.
    eventually(lambda: "joining" not in lab.run(victim, "ls /var/lib/mysql-gr"), 10)


@long_only
def test_a_group_of_one_outlives_a_join_that_breaks_off(lab: Lab, all_online, eventually):
    """A joiner is killed before its view is there: no view says that the majority is lost."""
    all_online()
    alone, joiner, outside = lab.databases
    age = (
        "SELECT TIMESTAMPDIFF(SECOND, VARIABLE_VALUE, UTC_TIMESTAMP(6)) FROM"
        " performance_schema.global_status WHERE VARIABLE_NAME = 'Gr_last_consensus_end_timestamp'"
    )
    # A start may go on for a second after the member is ONLINE.
    stop = "until mysql -e 'STOP GROUP_REPLICATION'; do sleep 0.5; done"
    for name in (joiner, outside):
        lab.run(name, f"systemctl stop mysql-gr-keeper\n{stop}")
    try:
        eventually(lambda: lab.view_of(alone) == ["ONLINE"], 30)
        for _ in range(6):
            broken_off = (
                "timeout 0.5 mysql -e 'START GROUP_REPLICATION' || true\npkill -KILL -x mysqld"
            )
            lab.run(joiner, broken_off)
            time.sleep(5)
            if int(lab.sql(alone, age)) > 3:
                break
            eventually(lambda: lab.sql(joiner, "SELECT 1") == "1", 30)
        else:
            raise AssertionError("no join broke off in the middle")
        assert lab.view_of(alone) == ["ONLINE"]
        hangs = "timeout 3 mysql -e 'CREATE DATABASE hangs' || echo $?"
        assert lab.run(alone, hangs).strip() == "124"
        eventually(lambda: "agreed on nothing" in lab.salt(alone, "mysql_gr.decide")[alone]["why"])
    finally:
        for name in (joiner, outside):
            lab.run(name, "systemctl start mysql-gr-keeper")
    all_online(240)
    journal = lab.run(alone, "journalctl -u mysql-gr-keeper --no-pager -n 30")
    assert f"{alone} leaves it and reboots it" in journal
    lab.sql(alone, "DROP DATABASE IF EXISTS hangs")


@long_only
def test_of_two_halves_of_one_group_the_smaller_is_fenced(lab: Lab, all_online, eventually):
    """A majority is forced on one side of a cut, and the cut ends."""
    all_online()
    *larger, alone = lab.databases
    mark = "/var/lib/mysql-gr/fork.json"
    wait = "SET GLOBAL group_replication_unreachable_majority_timeout = {}"
    lab.sql(alone, wait.format(0))
    try:
        with cut_off(lab, {alone: larger, **{name: [alone] for name in larger}}):
            eventually(lambda: lab.status()[alone]["quorum"] is False, 60)
            force = f"mysql_gr.force_quorum survivors='[{alone}]' dead='[{', '.join(larger)}]'"
            lab.salt(alone, force)
            eventually(lambda: lab.status()[alone]["quorum"] is True, 60)
            eventually(lambda: lab.status()[larger[0]]["quorum"] is True, 60)
        eventually(lambda: lab.sql(alone, "SELECT @@super_read_only") == "1", 60)
        for name, words in ((alone, "smaller one, which its keepers fence"), (larger[0], "larger")):
            problems = lab.salt(name, "mysql_gr.status extended=True")[name]["problems"]
            said = next(one for one in problems if "two halves of one group" in one)
            assert words in said
        assert {lab.sql(name, "SELECT @@super_read_only") for name in larger} == {"0"}
        assert lab.api("GET", "/api/tags").status_code == 200
        leave = f"mysql_maintenance.leave member={alone} reason=trial"
        assert lab.salt(alone, leave)[alone] == {"old": "ONLINE", "new": "OFFLINE"}
        assert f"clone_over={alone}" in lab.salt(alone, "mysql_gr.join")[alone]
        lab.salt(alone, f"mysql_gr.join method=clone clone_over={alone}")
        all_online(240)
        # All have one history again, and nobody is held back by the other one.
        for name in lab.databases:
            eventually(lambda on=name: lab.run(on, f"ls {mark} || true") == "", 30)
            assert lab.salt(name, "mysql_gr.status extended=True")[name]["problems"] == []
    finally:
        lab.sql(alone, wait.format(10))
        lab.run(alone, f"rm -f {mark}")


def write_with_equal_xids(lab: Lab) -> None:
    """Let all members write with the same numbers, as two writers of a busy group do by chance."""
    lab.sql("db1", "CREATE TABLE IF NOT EXISTS realworld.noise (id INT AUTO_INCREMENT PRIMARY KEY)")
    current = (
        "SELECT STATEMENT_ID FROM performance_schema.events_statements_current"
        " WHERE THREAD_ID = PS_CURRENT_THREAD_ID()"
    )
    reached = {name: int(lab.sql(name, current)) for name in lab.databases}

    def write(name: str) -> None:
        behind = max(reached.values()) - reached[name]
        lab.run(name, f"yes 'DO 0;' | head -n {behind} | mysql")
        lab.run(name, "yes 'INSERT INTO noise VALUES (NULL);' | head -n 1000 | mysql realworld")

    with ThreadPoolExecutor() as pool:
        list(pool.map(write, lab.databases))
    for name in ("db2", "db3"):
        channel = "group_replication_applier"
        last = lab.run(name, f"tail -n 1 /var/lib/mysql/relay-bin-{channel}.index").strip()
        events = lab.sql(name, f"SHOW RELAYLOG EVENTS IN '{last}' FOR CHANNEL '{channel}'")
        xids = re.findall(r"xid=(\d+)", events)
        assert len(set(xids)) < len(xids), f"{name} has received no number twice"


def test_what_was_received_and_not_applied_is_not_lost(lab: Lab, all_online, eventually):
    """
    The appliers of two members are blocked, all are killed, the third one's disk is lost.

    mysqld would cut off what the two have received at a number that is there twice.
    """
    all_online()
    write_with_equal_xids(lab)
    lab.sql("db1", "CREATE TABLE IF NOT EXISTS realworld.ledger (id INT PRIMARY KEY)")
    lab.sql("db1", "DELETE FROM realworld.ledger")
    with (
        read_locked(lab, "db2", "realworld.ledger", 300),
        read_locked(lab, "db3", "realworld.ledger", 300),
    ):
        for number in range(1, 31):
            lab.sql("db1", f"INSERT INTO realworld.ledger VALUES ({number})")
        assert lab.sql("db2", "SELECT COUNT(*) FROM realworld.ledger") == "0"

        with ThreadPoolExecutor() as pool:
            kill = "systemctl stop mysql-gr-keeper\nsystemctl kill --signal=KILL mysql"
            list(pool.map(lambda name: lab.run(name, kill), lab.databases))
    lab.new_disk("db1")
    assert lab.sql("db1", "SELECT @@gtid_executed") == ""
    eventually(lambda: "does not answer" not in str(lab.salt("db2", "mysql_gr.decide")), 60)
    decision = lab.salt("db2", "mysql_gr.decide")["db2"]
    assert decision["verdict"] == "uncertain", decision
    lab.run("db2", "systemctl start mysql-gr-keeper")
    lab.run("db3", "systemctl start mysql-gr-keeper")
    applied = lab.salt("db1", "state.apply")["db1"]
    assert all(state["result"] for state in applied.values()), applied
    all_online(240)
    counts = {
        name: lab.sql(name, "SELECT COUNT(*) FROM realworld.ledger") for name in lab.databases
    }
    assert counts == dict.fromkeys(lab.databases, "30")
    # Whichever of the two was first applied what it had; then it was no longer missing anywhere.
    journal = "journalctl -u mysql-gr-keeper --no-pager -n 20"
    logs = lab.run("db2", journal) + lab.run("db3", journal)
    assert "and has not applied it yet" in logs
    lab.sql("db2", "DROP TABLE realworld.ledger, realworld.noise")
