"""The table grows: two databases, a balancer with an address that moves, a web server; and back.

One growth for all of it, under write load: no write fails, and no server restarts. Names come from
the roles in pillar/cluster.sls, which is edited here and put back.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import ip_address
from typing import NamedTuple

import pymysql
import pytest

from tests.chaos.clients import Writers
from tests.chaos.ledger import judge, longest_gap
from tests.e2e.conftest import (
    CONVERGE,
    check_nothing_left_to_do,
    grown_to,
    highest_address,
    kept_down,
    salt,
    with_second,
)
from tests.lab import APPLICATION, DATABASE, ROOT, TABLE, Lab, cluster, declared, nodes
from tests.visitors import Crowd, counted, failed

SECTIONS = ("mysql-cluster", "mysql-writer", "mysql-read")

# Two checks that fail or three missed signs of life, and a connection that is tried anew.
MOVE_SECONDS = 6
ENV = f"grep DB_HOST {APPLICATION}/shared/.env"

FEW, PAUSE = 4, 0.4
MIGRATION = ROOT / "app/database/migrations/2099_01_01_000001_create_trials_table.php"
MIGRATES = """<?php

use Illuminate\\Database\\Migrations\\Migration;
use Illuminate\\Database\\Schema\\Blueprint;
use Illuminate\\Support\\Facades\\Schema;

return new class extends Migration
{
    public function up(): void
    {
        sleep(3);
        Schema::create('trials', fn (Blueprint $table) => $table->id());
    }
};
"""


def doubled(text: str) -> str:
    """The table with one proxy and one web server more, and a virtual address."""
    two = with_second(with_second(text, "proxy"), "web")
    return two.replace("  nodes:\n", f"  virtual_address: {highest_address(two) + 1}\n  nodes:\n")


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
        self._began = f"{port}-{time.time_ns()}"
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
            row = f"{self._began}-{len(self.acknowledged) + len(self.failed)}"
            try:
                self.execute("INSERT INTO scale_trial VALUES (%s)", (row,))
                self.acknowledged.append(row)
            except pymysql.Error as err:
                self.failed.append(f"{time.strftime('%T')} {row}: {err}")
            time.sleep(0.05)

    def stop(self) -> None:
        self._over.set()
        self.join(90)


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
    now = everywhere(lab, list(pids), "systemctl show mysql -p MainPID --value")
    assert now == pids
    found = salt(lab, [lab.proxy], "haproxy_cfg.servers")[lab.proxy]
    expected = sorted(
        (section, table[name]["ip"], "up") for section in SECTIONS for name in databases
    )
    assert sorted((s["section"], s["address"], s["state"]) for s in found) == expected


class Growth(NamedTuple):
    """The table before and after, and what was there before."""

    before: str
    after: str
    pids: dict[str, str]

    @property
    def added(self) -> list[str]:
        return [one for one in declared("db", self.after) if one not in declared("db", self.before)]


@contextmanager
def rows_written(lab: Lab) -> Iterator[list[Writer]]:
    """Return a context under write load; at its end no write has failed, and each row is there."""
    writers = [Writer(lab, port) for port in (3306, 3306, 3307, 3307)]
    lab.sql("db1", "CREATE TABLE IF NOT EXISTS realworld.scale_trial (id VARCHAR(64) PRIMARY KEY)")
    try:
        for writer in writers:
            writer.start()
        yield writers
    finally:
        for writer in writers:
            writer.stop()
    assert [failure for writer in writers for failure in writer.failed] == []
    acknowledged = {row for writer in writers for row in writer.acknowledged}
    assert len(acknowledged) > 500
    for name in lab.databases:
        rows = lab.sql(
            name,
            "SET SESSION group_replication_consistency = 'BEFORE';"
            " SELECT id FROM realworld.scale_trial",
        )
        assert acknowledged - set(rows.split()) == set(), name


@pytest.fixture(scope="module")
def growth(lab: Lab) -> Growth:
    """What is to be added to the table as it is."""
    text = TABLE.read_text()
    if cluster(text).get("virtual_address"):
        pytest.skip("the table of nodes has a virtual address of its own")
    pids = everywhere(lab, lab.databases, "systemctl show mysql -p MainPID --value")
    return Growth(text, doubled(with_more(text, 2)), pids)


@pytest.fixture(scope="module")
def grown(lab: Lab, growth: Growth) -> Iterator[Lab]:
    """The lab with all that was added, which came while rows were written."""
    with ExitStack() as until_shrunk:
        with rows_written(lab):
            one = until_shrunk.enter_context(grown_to(lab, growth.after))
        yield one
    lab.sql(lab.databases[0], "DROP TABLE IF EXISTS realworld.scale_trial")


def test_two_databases_joined_under_write_load(grown: Lab, growth: Growth):
    check_group(grown, declared("db", growth.after), growth.pids)
    check_nothing_left_to_do(grown)


@contextmanager
def writing(lab: Lab) -> Iterator[Writers]:
    """Return a context with clients that write, and take their table with them."""
    writers = Writers(lab)
    writers.prepare()
    writers.start()
    try:
        yield writers
    finally:
        writers.stop()
        writers.remove()


@contextmanager
def kept_off(lab: Lab) -> Iterator[Callable[[str], None]]:
    """Return a context with a function that takes a machine's power; it gets it back afterwards."""
    with ExitStack() as given_back:

        def take(machine: str) -> None:
            given_back.callback(lab.power_on, machine)
            lab.power_off(machine)

        yield take


def holders(lab: Lab, proxies: list[str]) -> list[str]:
    """Those that have the virtual address."""
    return [name for name in proxies if f"{lab.balancer}/32" in lab.run(name, "ip -4 address")]


def moved(
    lab: Lab, writers: Writers, fault: Callable[[str], None], eventually: Callable[..., float]
) -> tuple[str, str]:
    """A fault takes the address from one to the other: both, when all are served again."""
    (old,) = holders(lab, declared("proxy"))
    (new,) = {*declared("proxy")} - {old}
    begin = time.monotonic()
    fault(old)
    eventually(lambda: holders(lab, [new]), MOVE_SECONDS)
    took = time.monotonic() - begin
    eventually(lambda: writers.all_served_since(begin + took), 30)
    gap = longest_gap(writers.ledger.through_balancer, begin, time.monotonic())
    print(f"{old} -> {new}: there within {took:.1f} s, nobody was served for {gap:.1f} s")
    assert gap < MOVE_SECONDS
    assert lab.log_in()
    return old, new


def stays(lab: Lab, back: str, holder: str, eventually: Callable[..., float]) -> None:
    """The one that is back could serve, and does not take the address."""
    ready = "systemctl is-active keepalived && curl --fail http://127.0.0.1:9202/"
    eventually(lambda: lab.run(back, ready, check=False).startswith("active\n<html>"), 60)
    time.sleep(5)
    assert holders(lab, [back, holder]) == [holder]


def test_the_address_moves_and_stays(grown: Lab, eventually):
    proxies = declared("proxy")
    assert len(proxies) == 2
    assert len(holders(grown, proxies)) == 1
    assert grown.log_in()
    for web in grown.webs:
        assert grown.run(web, ENV) == f"DB_HOST={grown.balancer}\n"

    with writing(grown) as writers:
        with kept_down(grown, "haproxy") as haproxy_down:
            old, new = moved(grown, writers, haproxy_down, eventually)
        stays(grown, old, new, eventually)
        with kept_off(grown) as power_cut:
            old, new = moved(grown, writers, power_cut, eventually)
        stays(grown, old, new, eventually)
        writers.stop()
        ledger = writers.ledger
        rows = writers.rows(grown.databases, min(ledger.attempted))
        assert len(ledger.acknowledged) > 500
        assert judge(set(ledger.acknowledged), ledger.attempted, rows).problems == []


@pytest.fixture
def migration(lab: Lab) -> Iterator[str]:
    """A migration more in the application; it and its table are gone afterwards."""
    MIGRATION.write_text(MIGRATES)
    try:
        yield MIGRATION.stem
    finally:
        MIGRATION.unlink()
        lab.sql(
            lab.databases[0],
            f"USE {DATABASE}; DROP TABLE IF EXISTS trials;"
            f" DELETE FROM migrations WHERE migration = '{MIGRATION.stem}'",
        )


def test_two_web_servers_are_one_application(grown: Lab, migration: str):
    first, second = grown.webs
    db = grown.databases[0]
    bases = [f"http://{grown.address[name]}" for name in grown.webs]
    # The seeds were there, and came no second time.
    seeded = f"SELECT COUNT(*) FROM {DATABASE}.seed_runs"
    assert grown.sql(db, seeded) == "1"
    addresses = f"SELECT COUNT(*), COUNT(DISTINCT email) FROM {DATABASE}.users"
    assert len({*grown.sql(db, addresses).split()}) == 1

    with Crowd(bases, FEW, PAUSE).there() as crowd:
        states = salt(grown, grown.webs, "state.apply laravel")
        for name, one in states.items():
            assert {state["result"] for state in one.values()} == {True}, (name, one)
        ran = {
            name: next(s for s in one.values() if s["__id__"] == "laravel-migrate-migrated")
            for name, one in states.items()
        }
        assert ran[first]["changes"] == {"migrations": [migration]}
        assert ran[second]["changes"] == {}
        live = salt(grown, grown.webs, f"laravel.served {APPLICATION}")
        assert live[first] == live[second] != ""
    assert not failed(crowd.answers()), counted(crowd.answers())
    assert crowd.lost() == []
    # A token of one is good at the other.
    token = {"Authorization": f"Token {grown.log_in()}"}
    assert grown.api("GET", "/api/user", web=second, headers=token).status_code == 200


def test_three_databases_and_one_of_each_again(lab: Lab, grown: Lab, growth: Growth):
    proxies, added, three = declared("proxy"), growth.added, declared("db", growth.before)
    with rows_written(lab):
        TABLE.write_text(growth.before)
        for states in salt(lab, added, "state.apply test=True").values():
            state = next(s for s in states.values() if s["__id__"] == "mysql-removed-member-left")
            assert state["result"] is None
            assert state["changes"] == {"state": {"old": "ONLINE", "new": "OFFLINE"}}
        lab.run(lab.master, CONVERGE)
        check_group(lab, three, growth.pids)

        for name in proxies:
            ended = "systemctl is-active keepalived; systemctl is-enabled keepalived"
            assert grown.run(name, ended, check=False) == "inactive\ndisabled\n", name
        assert holders(grown, proxies) == []
        assert lab.run(lab.web, ENV) == f"DB_HOST={lab.address[lab.proxy]}\n"
        assert lab.log_in()
        check_nothing_left_to_do(lab)

        assert lab.apply(added) == set()
        journal = everywhere(lab, added, "journalctl -u mysql-gr-keeper -n 3 --no-pager")
        assert all("no longer declares it" in text for text in journal.values()), journal
        # Nothing was wiped where it is wanted no more.
        kept = 'mysql -N -e "SELECT COUNT(*) FROM realworld.scale_trial"'
        assert all(int(count) > 0 for count in everywhere(lab, added, kept).values())

        # Declared again, it joins once a member's table has it; then it leaves with its own, too.
        one_more = with_more(growth.before, 1)
        for text, state in ((one_more, "ONLINE"), (growth.before, "OFFLINE")):
            TABLE.write_text(text)
            lab.apply([*three, *added[:1]])
            salt(lab, added[:1], "saltutil.refresh_pillar wait=True")
            status = salt(lab, added[:1], "mysql_gr.status")[added[0]]
            assert status["member"]["state"] == state
