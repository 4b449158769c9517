"""Databases join a group that is written to, and leave it: no write fails, none restarts.

Names come from the roles in pillar/cluster.sls, which is edited here and put back.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from ipaddress import ip_address

import pymysql
import pytest

from tests.e2e.conftest import (
    CONVERGE,
    LONG,
    check_auto_increment,
    check_nothing_left_to_do,
    grown_to,
    long_only,
    salt,
)
from tests.support.lab import TABLE, Lab, declared, nodes

pytestmark = [pytest.mark.changes_machines, pytest.mark.slow]

SECTIONS = ("mysql-cluster", "mysql-writer", "mysql-read")


def everywhere(lab: Lab, targets: list[str], command: str) -> dict[str, str]:
    return salt(lab, targets, f"cmd.run '{command}'")


def with_more(text: str, count: int) -> str:
    """The table of nodes with more databases: the last one's line, counted on."""
    last = declared("db", text)[-1]
    line = next(line for line in text.splitlines(keepends=True) if line.strip().startswith(last))
    number = int(re.sub(r"\D", "", last))
    added = [
        line.replace(last, last.replace(str(number), str(number + n))).replace(
            nodes(text)[last]["ip"], str(ip_address(nodes(text)[last]["ip"]) + n)
        )
        for n in range(1, count + 1)
    ]
    return text.replace(line, "".join([line, *added]))


class Writer(threading.Thread):
    """Writes row after row, each on a connection of its own, as the application does."""

    def __init__(self, lab: Lab, port: int) -> None:
        super().__init__(daemon=True)
        self.port = port
        self._lab = lab
        self._over = threading.Event()
        self.acknowledged: list[str] = []
        self.failed: list[str] = []

    def execute(self, statement: str, values: tuple = ()) -> None:
        with (
            self._lab.session(port=self.port, patience=60) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(statement, values)

    def run(self) -> None:
        while not self._over.is_set():
            row = f"{self.port}-{self.native_id}-{len(self.acknowledged) + len(self.failed)}"
            try:
                self.execute("INSERT INTO scale_trial VALUES (%s)", (row,))
                self.acknowledged.append(row)
            except pymysql.Error as err:
                self.failed.append(f"{time.strftime('%T')} {row}: {err}")
            time.sleep(0.05)

    def stop(self) -> None:
        self._over.set()
        self.join(90)


@pytest.fixture
def writers(lab: Lab) -> Iterator[list[Writer]]:
    found = [Writer(lab, port) for port in (3306, 3306, 3307, 3307)]
    lab.sql("db1", "CREATE TABLE IF NOT EXISTS realworld.scale_trial (id VARCHAR(64) PRIMARY KEY)")
    for writer in found:
        writer.start()
    yield found
    for writer in found:
        writer.stop()
    lab.sql("db1", "DROP TABLE realworld.scale_trial")


def check_group(lab: Lab, databases: list[str], pids: dict[str, str]) -> None:
    """Members, seeds and balancer are the declared ones, and no server was restarted for it."""
    table = nodes()
    for name, status in salt(lab, databases, "mysql_gr.status").items():
        assert {row["name"]: row["state"] for row in status["members"]} == dict.fromkeys(
            databases, "ONLINE"
        ), name
    seeds = ",".join(f"{table[name]['ip']}:3306" for name in databases)
    query = 'mysql -N -e "SELECT @@group_replication_group_seeds"'
    assert everywhere(lab, databases, query) == dict.fromkeys(databases, seeds)
    files = everywhere(
        lab, databases, "grep group_seeds /etc/mysql/mysql.conf.d/zz-group-replication.cnf"
    )
    assert all(line.endswith(f"= {seeds}") for line in files.values()), files
    check_auto_increment(lab, databases)
    now = everywhere(lab, list(pids), "systemctl show mysql -p MainPID --value")
    assert now == pids
    found = salt(lab, [lab.proxy], "haproxy_cfg.servers")[lab.proxy]
    expected = sorted(
        (section, table[name]["ip"], "up") for section in SECTIONS for name in databases
    )
    members = [one for one in found if one["section"] in SECTIONS]
    assert sorted((s["section"], s["address"], s["state"]) for s in members) == expected


@long_only
@pytest.mark.repeated
def test_the_group_grows_and_shrinks_under_write_load(lab: Lab, writers):
    before = TABLE.read_text()
    # One more, or with LONG two at once, which takes a minute longer.
    one_more, more = with_more(before, 1), with_more(before, 2 if LONG else 1)
    three, all_of_them = declared("db", before), declared("db", more)
    added = [name for name in all_of_them if name not in three]
    pids = everywhere(lab, three, "systemctl show mysql -p MainPID --value")

    with grown_to(lab, more) as grown:
        check_group(lab, all_of_them, pids)
        check_nothing_left_to_do(grown)

        TABLE.write_text(before)
        predicted = salt(lab, added, "state.apply mysql.removed test=True")
        for states in predicted.values():
            state = next(s for s in states.values() if s["__id__"] == "mysql-removed-member-left")
            assert state["result"] is None
            assert state["changes"] == {"state": {"old": "ONLINE", "new": "OFFLINE"}}
        lab.run(lab.master, CONVERGE)
        check_group(lab, three, pids)
        check_nothing_left_to_do(lab)
        assert lab.apply(added, "mysql.removed") == set()
        # It is given no secrets any more, and by itself nothing is done there.
        for pillar in salt(lab, added, "pillar.items").values():
            assert set(pillar) == {"cluster"}
        unmatched = salt(lab, added, "state.apply")
        assert all("No Top file" in str(states) for states in unmatched.values()), unmatched
        journal = everywhere(lab, added, "journalctl -u mysql-gr-keeper -n 3 --no-pager")
        assert all("no longer declares it" in text for text in journal.values()), journal
        assert all(
            int(count) > 0
            for count in everywhere(
                lab, added, 'mysql -N -e "SELECT COUNT(*) FROM realworld.scale_trial"'
            ).values()
        )

        # Declared again, it joins once a member's table has it; then it leaves by its own SLS.
        told = ((one_more, "ONLINE", ""), (before, "OFFLINE", "mysql.removed"))
        for text, state, states in told:
            TABLE.write_text(text)
            lab.apply(three)
            lab.apply(added[:1], states)
            salt(lab, added[:1], "saltutil.refresh_pillar wait=True")
            status = salt(lab, added[:1], "mysql_gr.status")[added[0]]
            assert status["member"]["state"] == state

        for writer in writers:
            writer.stop()
        assert [failure for writer in writers for failure in writer.failed] == []
        acknowledged = {row for writer in writers for row in writer.acknowledged}
        assert len(acknowledged) > 500
        for name in three:
            rows = lab.sql(
                name,
                "SET SESSION group_replication_consistency = 'BEFORE';"
                " SELECT id FROM realworld.scale_trial",
            )
            assert acknowledged - set(rows.split()) == set(), name
