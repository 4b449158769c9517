"""A schema change beside writers: one member alone writes, and no row gets into wrong columns."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pymysql
import pytest

from tests.e2e.conftest import LONG, Killer, long_only
from tests.support.lab import Lab

pytestmark = pytest.mark.restores

TABLE = "realworld.change_trial"
MULTI, SINGLE = "multi-primary", "single-primary"
# Each kind on its own put rows into wrong columns, or members out of the group, or neither, when
# it ran beside writes on other members.
KINDS = (
    "ADD COLUMN y INT NOT NULL DEFAULT 0 FIRST",
    "MODIFY c VARCHAR(300) CHARACTER SET utf8mb4",
    "DROP COLUMN y",
    "ADD COLUMN z INT NOT NULL DEFAULT 7",
    "ADD UNIQUE KEY trial (a, id)",
    "RENAME COLUMN z TO zz",
    "MODIFY b BIGINT",
    "DROP KEY trial, DROP COLUMN zz",
    "ENGINE = InnoDB, ALGORITHM = COPY",
    "MODIFY c VARCHAR(30) CHARACTER SET latin1, MODIFY b INT",
)
# Clients by port of the balancer, and those that go to each member directly.
PORTS = (3306, 3306, 3306, 3307)


class Inserter(threading.Thread):
    """Inserts rows as long as it may, by one way; what is refused is tried anew."""

    def __init__(self, lab: Lab, password: str, host: str, port: int) -> None:
        super().__init__(daemon=True)
        self._lab, self._password, self._place = lab, password, (host, port)
        self._over = threading.Event()
        self.acknowledged = 0
        self.longest = 0.0

    def run(self) -> None:
        last = time.monotonic()
        while not self._over.is_set():
            try:
                with self._lab.session(*self._place, password=self._password) as session:
                    while not self._over.is_set():
                        with session.cursor() as cursor:
                            cursor.execute(f"INSERT INTO {TABLE} (a, b) VALUES (111, 222)")
                        now = time.monotonic()
                        self.longest, last = max(self.longest, now - last), now
                        self.acknowledged += 1
            except pymysql.Error:
                # A member that is read only says so, again and again.
                time.sleep(0.05)

    def stop(self) -> None:
        self._over.set()


@pytest.fixture
def inserters(lab: Lab, all_online) -> Iterator[list[Inserter]]:
    all_online()
    lab.sql(
        "db1",
        f"DROP TABLE IF EXISTS {TABLE}; CREATE TABLE {TABLE}"
        " (id INT AUTO_INCREMENT PRIMARY KEY, a INT NOT NULL, b INT,"
        " c VARCHAR(30) CHARACTER SET latin1)",
    )
    password = lab.secret("application_database", "password")
    places = [(lab.balancer, port) for port in PORTS]
    places += [(lab.address[name], 3306) for name in lab.databases]
    found = [Inserter(lab, password, *place) for place in places]
    for one in found:
        one.start()
    yield found
    for one in found:
        one.stop()
        one.join(30)
    lab.sql("db1", f"DROP TABLE {TABLE}")


def acknowledged(inserters: list[Inserter]) -> int:
    return sum(one.acknowledged for one in inserters)


def test_a_column_before_others_is_added_beside_writers(lab: Lab, inserters, eventually):
    eventually(lambda: min(one.acknowledged for one in inserters) > 20, 30)
    alter = f"ALTER TABLE {TABLE} ADD COLUMN x INT NOT NULL DEFAULT 0 AFTER id"
    call = f"mysql_schema.change '{alter}'"
    elsewhere = lab.salt("db2", call)["db2"]
    assert "db1 makes schema changes for the group" in elsewhere
    predicted = lab.salt("db1", f"{call} test=True")["db1"]
    assert predicted["statements"][0]["algorithm"] == "INSTANT"
    assert predicted["statements"][0]["seconds"] is None
    assert "x" not in lab.sql("db2", f"SHOW COLUMNS FROM {TABLE}").split()

    done = lab.salt("db1", call)["db1"]
    assert done["writer"] == "db1", done
    assert done["statements"][0]["algorithm"] == "INSTANT"
    assert {status["mode"] for status in lab.status().values()} == {MULTI}
    before = [one.acknowledged for one in inserters]
    # All of them write again, each where it did.
    eventually(
        lambda: all(
            one.acknowledged > count + 5 for one, count in zip(inserters, before, strict=True)
        ),
        30,
    )
    check_rows(lab, inserters)


def check_rows(lab: Lab, inserters: list[Inserter]) -> None:
    """End the writers: each row that they had is on all members, and right in its columns."""
    for one in inserters:
        one.stop()
        one.join(30)
    for kind, some in (("by the balancer", inserters[: len(PORTS)]), ("directly", inserters)):
        print(f"longest without an answer, {kind}: {max(one.longest for one in some):.2f} s")
    rows = {
        lab.sql(
            name,
            "SET SESSION group_replication_consistency = 'BEFORE';"
            f" SELECT COUNT(*), SUM(a = 111 AND b = 222 AND c IS NULL) FROM {TABLE};"
            f" CHECKSUM TABLE {TABLE}",
        )
        for name in lab.databases
    }
    assert len(rows) == 1, rows
    count, right = (int(word) for word in rows.pop().split()[:2])
    assert count == right >= acknowledged(inserters)
    assert [lab.view_of(name) for name in lab.databases] == [["ONLINE"] * 3] * 3


@pytest.mark.repeated
def test_ten_kinds_of_schema_changes_beside_writers(lab: Lab, inserters, eventually):
    """In one window; the long run makes a window for each, a hundred times."""
    eventually(lambda: min(one.acknowledged for one in inserters) > 20, 30)
    alters = [f"ALTER TABLE {TABLE} {kind}" for kind in KINDS]
    for call in [[one] for one in alters * 10] if LONG else [alters]:
        statements = json.dumps(call)
        done = lab.salt("db1", f"mysql_schema.change statements='{statements}'")["db1"]
        assert [one["algorithm"] != "" for one in done["statements"]] == [True] * len(call), done
    check_rows(lab, inserters)


@pytest.mark.repeated
@long_only
def test_a_writer_that_is_killed_in_the_middle(
    lab: Lab, inserters, mysqld_down: Killer, eventually
):
    eventually(lambda: min(one.acknowledged for one in inserters) > 20, 30)
    alter = f"ALTER TABLE {TABLE} ADD COLUMN y INT NOT NULL DEFAULT 0 FIRST"
    statements = json.dumps(["DO SLEEP(30)", alter])
    with ThreadPoolExecutor() as pool:
        call = pool.submit(lab.salt, "db1", f"mysql_schema.change statements='{statements}'")
        eventually(lambda: "open" in change_of(lab, "db2"), 30)
        mysqld_down("db1")
        assert "mysqld said" in str(call.result()["db1"])
    # Another member takes the writes once it is elected, and no other than that one.
    eventually(lambda: [lab.status()[name]["writable"] for name in ("db2", "db3")].count(True), 30)
    assert [lab.status()[name]["writable"] for name in ("db2", "db3")].count(True) == 1
    mysqld_down.undo("db1")
    eventually(lambda: change_of(lab, "db2") == "", 120)
    eventually(lambda: all(lab.view_of(name) == ["ONLINE"] * 3 for name in lab.databases), 60)
    assert {status["mode"] for status in lab.status().values()} == {MULTI}
    assert "y" not in lab.sql("db2", f"SHOW COLUMNS FROM {TABLE}").split()
    check_rows(lab, inserters)


def change_of(lab: Lab, name: str = "db1") -> str:
    return str(lab.salt(name, "mysql_gr.status")[name]["schema_change"])


def test_a_window_whose_owner_died_is_closed(lab: Lab, all_online, eventually):
    all_online()
    # As a program that may change the schema asks for it, and is heard of no more.
    with lab.session(port=3307, schema=True) as session, session.cursor() as cursor:
        cursor.execute(
            "INSERT INTO mysql_gr.schema_change (token, owner, account, deadline) VALUES"
            " ('trial', 'a trial', 'schema_change', UTC_TIMESTAMP() + INTERVAL 60 SECOND)"
        )
    eventually(lambda: "open" in change_of(lab), 30)
    assert {status["mode"] for status in lab.status().values()} == {SINGLE}
    # Nothing else disturbs it: not the highstate, and no operator.
    for test in ("True", "False"):
        state = lab.salt("db1", f"state.single mysql_gr.mode {MULTI} test={test}")["db1"]
        (one,) = state.values()
        assert (one["result"], one["changes"]) == (True, {}), one
        assert "a trial changes the schema" in one["comment"]
    refused = lab.salt("db1", f"mysql_gr.switch_mode {MULTI}")["db1"]
    assert "a trial changes the schema" in refused
    with lab.session(port=3307, schema=True) as session, session.cursor() as cursor:
        with pytest.raises(pymysql.Error, match="Duplicate entry"):
            cursor.execute(
                "INSERT INTO mysql_gr.schema_change (token, owner, account, deadline) VALUES"
                " ('other', 'another', 'schema_change', UTC_TIMESTAMP())"
            )
        cursor.execute(
            "UPDATE mysql_gr.schema_change SET deadline = UTC_TIMESTAMP() - INTERVAL 1 SECOND"
        )
    eventually(lambda: {s["mode"] for s in lab.status().values()} == {MULTI}, 60)
    eventually(lambda: change_of(lab) == "", 30)
    # What its account still had open was ended.
    with pytest.raises(pymysql.Error), session.cursor() as cursor:
        cursor.execute("DO 0")


def test_a_window_is_closed_once_the_statement_of_a_program_that_was_killed_has_ended(
    lab: Lab, all_online, eventually
):
    """Whoever calls the program says that it has finished; mysqld is still at its statement."""
    all_online()
    ended = []
    with (
        lab.session(port=3307, schema=True) as session,
        lab.session(port=3307, schema=True, patience=60) as working,
        ThreadPoolExecutor() as pool,
    ):
        with session.cursor() as cursor:
            cursor.execute(
                "INSERT INTO mysql_gr.schema_change (token, owner, account, deadline) VALUES"
                " ('trial', 'a trial', 'schema_change', UTC_TIMESTAMP() + INTERVAL 60 SECOND)"
            )
        eventually(lambda: "open" in change_of(lab), 30)

        def work() -> None:
            with contextlib.suppress(pymysql.Error), working.cursor() as cursor:
                cursor.execute("DO SLEEP(40)")
            ended.append(time.monotonic())

        done = pool.submit(work)
        time.sleep(1)
        with session.cursor() as cursor:
            cursor.execute("UPDATE mysql_gr.schema_change SET step = 'done'")
        begin = time.monotonic()
        eventually(lambda: MULTI in {one["mode"] for one in lab.status().values()}, 60)
        switched = time.monotonic()
        done.result()
    assert ended[0] <= switched
    assert switched - begin < 30
    eventually(lambda: change_of(lab) == "", 30)


def test_the_application_cannot_change_the_schema(lab: Lab):
    with lab.session(port=3307) as session, session.cursor() as cursor:
        for statement in ("CREATE TABLE t (id INT PRIMARY KEY)", "DROP TABLE users"):
            with pytest.raises(pymysql.err.OperationalError, match="command denied"):
                cursor.execute(statement)
        with pytest.raises(pymysql.err.OperationalError, match="command denied"):
            cursor.execute("SELECT * FROM mysql_gr.schema_change")
