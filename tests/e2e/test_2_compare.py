"""What members hold apart from each other is named, also beside writers."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator

import pymysql
import pytest

from tests.support.lab import Lab

ROWS, COLUMNS = "realworld.compare_rows", "realworld.compare_columns"
ROUTINE = "realworld.compare_trial"


def compare(lab: Lab, machine: str, **arguments) -> dict:
    words = " ".join(f"{name}='{json.dumps(value)}'" for name, value in arguments.items())
    found = lab.salt(machine, f"mysql_schema.compare_rows {words}")[machine]
    assert isinstance(found, dict), found
    return found


def apart(lab: Lab, machine: str, statements: str) -> None:
    """Write to one member, and let no other know."""
    lab.sql(machine, f"SET SESSION sql_log_bin = OFF; {statements}")


@pytest.fixture
def trial(lab: Lab, all_online) -> Iterator[None]:
    all_online()
    lab.sql(
        "db1",
        f"DROP TABLE IF EXISTS {ROWS}, {COLUMNS}; DROP PROCEDURE IF EXISTS {ROUTINE};"
        f" CREATE TABLE {ROWS} (id INT PRIMARY KEY, name VARCHAR(30), at TIMESTAMP NULL);"
        f" CREATE TABLE {COLUMNS} (id INT PRIMARY KEY); CREATE PROCEDURE {ROUTINE}() SELECT 1;"
        f" INSERT INTO {ROWS} (id) WITH RECURSIVE n (i) AS"
        " (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) SELECT i FROM n",
    )
    yield
    # A row that one member alone has is dropped with the table; an applier takes no offence.
    lab.sql("db1", f"DROP TABLE {ROWS}, {COLUMNS}; DROP PROCEDURE {ROUTINE}")
    all_online()


def test_what_one_member_holds_apart_is_named(lab: Lab, trial):
    apart(
        lab,
        "db2",
        f"UPDATE {ROWS} SET name = 'apart' WHERE id = 7; DELETE FROM {ROWS} WHERE id = 250;"
        f" INSERT INTO {ROWS} (id) VALUES (9000); ALTER TABLE {COLUMNS} ADD COLUMN apart INT;"
        f" DROP PROCEDURE {ROUTINE}; CREATE PROCEDURE {ROUTINE}() SELECT 'a secret'",
    )
    sets = {lab.sql(name, "SELECT @@gtid_executed") for name in lab.databases}
    assert len(sets) == 1
    # Asked on each side: of a peer, and of the member itself.
    found = compare(lab, "db1", load=1)
    named = compare(lab, "db2", tables=[ROWS], rows=100, load=1)
    assert found["members"] == named["members"] == sorted(lab.databases)
    (one,) = found["differences"]
    assert one == {
        "table": ROWS,
        "from": {"id": 7},
        "to": {"id": 9000},
        "rows": 3,
        "members": {"db2": {"changed": 1, "missing": 1, "extra": 1}},
    }
    assert [(o["from"]["id"], list(o["members"])) for o in named["differences"]] == [
        (7, ["db2"]),
        (250, ["db2"]),
        (9000, ["db2"]),
    ]
    definitions = {(one["kind"], one["name"]): one["members"] for one in found["definitions"]}
    assert definitions == {
        ("column", f"{COLUMNS}.apart"): {"db1": "absent", "db2": "2 int NULL", "db3": "absent"},
        ("routine", f"{ROUTINE} (procedure)"): {
            "db1": "variant 1",
            "db2": "variant 2",
            "db3": "variant 1",
        },
    }
    assert {one["table"] for one in found["skipped"]} == {COLUMNS}
    assert "a secret" not in json.dumps(found)
    wrong = lab.salt("db1", "mysql_schema.compare_rows realworld.none")["db1"]
    assert "tables has 'realworld.none'; expected" in wrong


class Writer(threading.Thread):
    """Changes a few rows again and again, some of them to and fro, and adds others."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(daemon=True)
        self._lab, self._over, self.written = lab, threading.Event(), 0

    def run(self) -> None:
        while not self._over.is_set():
            try:
                with self._lab.session() as session, session.cursor() as cursor:
                    while not self._over.is_set():
                        number = self.written
                        flag = f"IF(name = 'a', 'b', 'a') WHERE id = {number % 5}"
                        cursor.execute(f"UPDATE {ROWS} SET name = {flag}")
                        cursor.execute(f"UPDATE {ROWS} SET name = '{number}' WHERE id = 400")
                        cursor.execute(f"INSERT INTO {ROWS} (id) VALUES ({10000 + number})")
                        self.written += 1
            except pymysql.Error:
                time.sleep(0.05)

    def stop(self) -> None:
        self._over.set()
        self.join(30)


def test_nothing_is_found_beside_writers(lab: Lab, trial, eventually):
    writer = Writer(lab)
    writer.start()
    try:
        eventually(lambda: writer.written > 20, 20)
        before = writer.written
        found = compare(lab, "db3", tables=[ROWS], rows=100, load=1)
        assert writer.written > before
    finally:
        writer.stop()
    assert (found["differences"], found["definitions"], found["skipped"]) == ([], [], [])
    assert found["rows"] >= 500
    quiet = compare(lab, "db3", tables=[ROWS], load=1)
    assert (quiet["differences"], quiet["undecided"]) == ([], 0)
