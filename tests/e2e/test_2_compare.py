"""What members hold apart from each other is named, also beside writers."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pymysql
import pytest

from tests.support.health import agent_says
from tests.support.lab import Lab

pytestmark = pytest.mark.restores

ROWS, COLUMNS = "realworld.compare_rows", "realworld.compare_columns"
ROUTINE = "realworld.compare_trial"


UNIT = "mysql-gr-compare"


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
    # What was found is kept in the group, until a comparison finds it no more.
    assert compare(lab, "db1", load=1)["not_kept"] == ""


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


def extended(lab: Lab, machine: str) -> dict[str, Any]:
    return lab.salt(machine, "mysql_gr.status extended=True")[machine]


def told(lab: Lab, machine: str) -> list[str]:
    """What a member's extended status says of the table of the trial."""
    return [sentence for sentence in extended(lab, machine)["problems"] if ROWS in sentence]


def gauges(lab: Lab, machine: str) -> dict[str, float]:
    """What Prometheus reads of a member's agent about comparisons."""
    text = agent_says(lab, machine, "metrics")
    lines = [line.split() for line in text.splitlines() if not line.startswith("#")]
    return {
        name: float(value)
        for name, value in lines
        if name.startswith(("mysql_gr_comparison_", "mysql_gr_differences"))
    }


def test_what_the_timer_finds_is_seen_on_every_member_until_it_is_mended(
    lab: Lab, trial, eventually: Callable[..., float]
):
    begin = time.time()
    # By the coordinator alone; on the others it ends at once, with a sentence.
    lab.run("db2", f"systemctl start {UNIT}")
    assert "db1 compares for the group" in lab.run("db2", f"journalctl -u {UNIT} -n 5 -o cat")
    apart(lab, "db3", f"UPDATE {ROWS} SET name = 'apart' WHERE id IN (41, 42)")
    lab.run("db1", f"systemctl start {UNIT}")
    eventually(lambda: told(lab, "db2"), 10)
    (sentence,) = told(lab, "db2")
    assert sentence.startswith(f"{ROWS} differs on db3: 2 rows from id 41 to id 42; ")
    assert "mysql_gr.join method=clone clone_over=db3" in sentence
    short = extended(lab, "db3")["comparison"]
    assert (short["differences"], short["members"]) == (2, sorted(lab.databases))
    for name in lab.databases:
        eventually(lambda name=name: gauges(lab, name)["mysql_gr_differences"] == 2, 15)
    found = gauges(lab, "db2")
    assert found["mysql_gr_comparison_timestamp_seconds"] >= begin - 5
    assert found["mysql_gr_comparison_success"] == 1
    # A look at another table hides nothing.
    named = compare(lab, "db1", tables=[COLUMNS], load=1)
    assert named["not_kept"] == "tables were named"
    assert told(lab, "db2")
    apart(lab, "db3", f"UPDATE {ROWS} SET name = NULL WHERE id IN (41, 42)")
    lab.run("db1", f"systemctl start {UNIT}")
    eventually(lambda: not told(lab, "db2"), 10)
    for name in lab.databases:
        eventually(lambda name=name: gauges(lab, name)["mysql_gr_differences"] == 0, 15)
    # The application's accounts cannot read what is kept.
    for schema in (False, True):
        with (
            lab.session(schema=schema) as session,
            session.cursor() as cursor,
            pytest.raises(pymysql.err.OperationalError, match="denied"),
        ):
            cursor.execute("SELECT * FROM mysql_gr.comparison")


def test_a_comparison_that_is_killed_leaves_nothing(lab: Lab, trial, eventually):
    before = lab.sql("db1", "SELECT ended, failed FROM mysql_gr.comparison")
    lab.run(
        "db1",
        f"systemctl start --no-block {UNIT}\n"
        "timeout 30 sh -c 'until mysql -N -e \"SELECT 1 FROM performance_schema.metadata_locks"
        ' WHERE OBJECT_NAME LIKE \\"comparison-%\\"" | grep -q 1; do sleep 0.05; done\'\n'
        f"systemctl kill -s KILL {UNIT}",
    )
    eventually(lambda: "failed" in lab.run("db1", f"systemctl is-active {UNIT}", check=False), 20)
    lab.run("db1", f"systemctl reset-failed {UNIT}")
    assert lab.sql("db1", "SELECT ended, failed FROM mysql_gr.comparison") == before
    # Nor a lock that would keep the next one out, from whichever member.
    assert compare(lab, "db2", load=1)["not_kept"] == ""


def states(lab: Lab, call: str) -> set[tuple[str, str]]:
    """What applying the SLS of the comparison makes, or would: IDs and names."""
    answer = lab.salt("db3", f"state.apply mysql.compare {call}")["db3"]
    assert isinstance(answer, dict), answer
    assert all(one["result"] is not False for one in answer.values()), answer
    return {
        (one["__id__"], one["name"])
        for one in answer.values()
        if one["__id__"].startswith("mysql-compare-")
        # What follows from the others, and is judged by them.
        and not one["__id__"].endswith("-units-read")
        and (one["changes"] or one["result"] is None)
    }


def test_the_timer_goes_by_pillar_and_comes_back(lab: Lab):
    off = f"""pillar='{json.dumps({"mysql": {"compare": {"interval": False}}})}'"""
    names = "/etc/systemd/system/mysql-gr-compare.* /usr/local/lib/mysql-gr/compare.py"
    try:
        assert states(lab, "") == set()
        predicted = states(lab, f"{off} test=True")
        assert lab.run("db3", f"systemctl is-active {UNIT}.timer").strip() == "active"
        assert states(lab, off) == predicted
        assert len(predicted) > 3
        assert states(lab, off) == set()
        assert lab.run("db3", f"ls {names} 2> /dev/null", check=False) == ""
        listed = lab.run("db3", "systemctl list-units --all --no-legend 'mysql-gr-compare*'")
        assert listed == ""
    finally:
        states(lab, "")
    assert lab.run("db3", f"systemctl is-enabled {UNIT}.timer").strip() == "enabled"
    assert states(lab, "") == set()
