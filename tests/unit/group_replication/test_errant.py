"""What errant transactions did, by the events of binary logs as a real server shows them."""

from __future__ import annotations

import pytest
from group_replication.errant import (
    ERRANT_MAX,
    by_transaction,
    errant_of,
    is_harmless,
    judged,
    make_known,
    read,
    statement_of,
    words,
)
from group_replication.gtid import parse_gtids

from tests.unit.group import GROUP, OTHER, gone, one, online

# row: the events of a transaction, what is said of it, and whether it changes no row
TRANSACTIONS = {
    "flush": ([("Query", "flush privileges")], "FLUSH PRIVILEGES", True),
    "with a database": ([("Query", "use `t2`; flush tables t2.a")], "FLUSH TABLES", True),
    "a database with a quote": ([("Query", "use `a``; b`; FLUSH STATUS")], "FLUSH STATUS", True),
    "with a comment": ([("Query", "use `t2`; /* c */ flush tables")], "FLUSH TABLES", True),
    "analyze": ([("Query", "ANALYZE TABLE a")], "ANALYZE TABLE", True),
    "optimize": ([("Query", "OPTIMIZE\nTABLE a")], "OPTIMIZE TABLE", True),
    "repair": ([("Query", "repair table a")], "REPAIR TABLE", True),
    "repair that loses rows": ([("Query", "repair table a use_frm")], "REPAIR TABLE", False),
    "nothing": ([("Query", "BEGIN"), ("Query", "COMMIT")], "an empty transaction", True),
    "nothing, with an end of InnoDB's": (
        [("Query", "BEGIN"), ("Xid", "COMMIT /* xid=7 */")], "an empty transaction", True,
    ),
    "rows": (
        [("Query", "BEGIN"), ("Table_map", "table_id: 7 (a)"), ("Write_rows", "table_id: 7"),
         ("Xid", "COMMIT /* xid=7 */")],
        "Table_map, Write_rows", False,
    ),
    "rows by their statement": (
        [("Query", "BEGIN"), ("Query", "flush x"), ("Xid", "COMMIT")], "several statements", False,
    ),
    "rows, compressed": ([("Transaction_payload", "compression='ZSTD'")],
                         "Transaction_payload", False),
    "an account, without its password": (
        [("Query", "CREATE USER 'x'@'y' IDENTIFIED WITH 'p' AS 'secret'")], "CREATE USER", False,
    ),
    "a statement in a comment of MySQL's own": (
        [("Query", "/*!50000 drop table a */ flush tables")], "DROP TABLE", False,
    ),
    "a word that only begins like it": ([("Query", "FLUSHED x")], "FLUSHED X", False),
    "no word at the beginning": ([("Query", "(flush tables)")], "FLUSH TABLES", False),
    "cut off": ([("Query", "flush tables"), ("Cut", "")], "Cut", False),
    "no event": ([], "several statements", False),
}  # fmt: skip


@pytest.mark.parametrize("row", TRANSACTIONS)
def test_what_a_transaction_did(row):
    events, said, harmless = TRANSACTIONS[row]
    assert statement_of(events) == (said, harmless)


def gtid(text: str) -> dict:
    return {"Event_type": "Gtid", "Info": f"SET @@SESSION.GTID_NEXT= '{text}'"}


def query(text: str) -> dict:
    return {"Event_type": "Query", "Info": text}


LOG = [
    {"Event_type": "Format_desc", "Info": "Server ver: 9.7.4-2, Binlog ver: 4"},
    {"Event_type": "Previous_gtids", "Info": f"{GROUP}:1-9"},
    gtid(f"{OTHER}:1"),
    query("flush privileges"),
    gtid(f"{GROUP}:10"),
    query("drop table a"),
    gtid(f"{OTHER}:2"),
    query("flush tables"),
    {"Event_type": "Rotate", "Info": "binlog.000002;pos=4"},
]


def test_a_log_is_read_as_transactions():
    assert list(by_transaction([*LOG, *LOG[:4]])) == [
        (f"{OTHER}:1", [("Query", "flush privileges")]),
        (f"{GROUP}:10", [("Query", "drop table a")]),
        (f"{OTHER}:2", [("Query", "flush tables")]),
        (f"{OTHER}:1", [("Query", "flush privileges")]),
    ]


# row: the errant transactions, and what is found of them in LOG
JUDGED = {
    "all change no rows": (f"{OTHER}:1-2", f"{OTHER}:1-2", "FLUSH PRIVILEGES, FLUSH TABLES", ""),
    "one does": (
        f"{OTHER}:1,{GROUP}:10", f"{OTHER}:1", "FLUSH PRIVILEGES", f"{GROUP}:10 is DROP TABLE",
    ),
    "one is not there": (
        f"{OTHER}:2-3", f"{OTHER}:2", "FLUSH TABLES",
        f"{OTHER}:3 is not in the binary logs that were read",
    ),
}  # fmt: skip


@pytest.mark.parametrize("row", JUDGED)
def test_what_is_not_known_is_not_harmless(row):
    errant, harmless, statements, other = JUDGED[row]
    found = judged(parse_gtids(errant), by_transaction(LOG))
    assert found == {"gtids": harmless, "statements": statements, "other": other}
    assert is_harmless(found, errant) == (row == "all change no rows")
    assert (other or "they change no rows (") in words(found, errant)


def test_nothing_known_is_not_harmless():
    assert not is_harmless({}, f"{OTHER}:1")
    assert not is_harmless({"gtids": "", "statements": "", "other": ""}, "")
    assert words({}, f"{OTHER}:1") == ""


def test_a_tag_is_no_maintenance():
    found = judged(
        parse_gtids(f"{OTHER}:a:1"), by_transaction([gtid(f"{OTHER}:a:1"), query("flush tables")])
    )
    assert found["gtids"] == ""
    assert found["other"]


class Logs:
    """Binary logs that are asked for: what came before each, and its events."""

    def __init__(self, *files: tuple[str, list[dict]]) -> None:
        self._files = {f"binlog.{n}": file for n, file in enumerate(files, start=1)}
        self.read: list[str] = []

    def __call__(self, statement, values=()):
        if statement == "SHOW BINARY LOGS":
            return [{"Log_name": name} for name in self._files]
        before, events = self._files[values[0]]
        head = {"Event_type": "Previous_gtids", "Info": before, "End_log_pos": 4}
        if len(values) == 1:
            return [head]
        _, begin, count = values
        self.read.append(values[0])
        numbered = [{**event, "End_log_pos": n + 5} for n, event in enumerate(events)]
        return numbered[begin - 4 :][:count]


def test_the_newest_logs_are_read_first_and_no_more_than_is_needed():
    logs = Logs(
        ("", [gtid(f"{OTHER}:1"), query("insert")]),
        (f"{OTHER}:1", [gtid(f"{OTHER}:2"), query("flush tables")]),
        (f"{OTHER}:1-2", [gtid(f"{GROUP}:1"), query("insert")]),
        (f"{OTHER}:1-2,{GROUP}:1", [gtid(f"{OTHER}:3"), query("flush logs")]),
    )
    errant = parse_gtids(f"{OTHER}:2-3")
    assert read(logs, errant)["gtids"] == f"{OTHER}:2-3"
    assert logs.read == ["binlog.4", "binlog.2"]


def test_a_log_is_read_in_pages(monkeypatch):
    monkeypatch.setattr("group_replication.errant.PAGE", 3)
    events = [event for n in range(1, 6) for event in (gtid(f"{OTHER}:{n}"), query("flush tables"))]
    logs = Logs(("", events))
    assert read(logs, parse_gtids(f"{OTHER}:1-5"))["gtids"] == f"{OTHER}:1-5"
    assert len(logs.read) == 4


def test_reading_is_bounded():
    logs = Logs(("", LOG))
    assert "not in the binary logs" in read(logs, parse_gtids(f"{OTHER}:1"), seconds=-1)["other"]
    many = read(logs, parse_gtids(f"{OTHER}:1-{ERRANT_MAX + 1}"))
    assert many["other"] == f"there are more than {ERRANT_MAX}"
    assert logs.read == []


LIVING = {"db1": online("db1", gtids=f"{GROUP}:1-5"), "db3": gone()}


@pytest.mark.parametrize(
    ("facts", "errant"),
    [
        ({**LIVING, "db2": one("db2", gtids=f"{GROUP}:1-3,{OTHER}:1")}, f"{OTHER}:1"),
        ({**LIVING, "db2": one("db2", gtids=f"{GROUP}:1-5")}, ""),
        ({**LIVING, "db2": online("db2", gtids=f"{GROUP}:1-6")}, ""),
        ({**LIVING, "db2": gone()}, ""),
        ({"db1": one("db1"), "db2": one("db2", gtids=f"{OTHER}:1"), "db3": gone()}, ""),
        ({"db1": online("db1", quorum=False), "db2": one("db2", gtids=f"{OTHER}:1")}, ""),
    ],
)
def test_who_is_outside_is_compared_with_those_inside(facts, errant):
    assert errant_of("db2", facts) == parse_gtids(errant)


def test_a_failure_leaves_the_session_as_it_was():
    said = []

    def execute(statement, values=()):
        said.append((statement, *values))
        if statement == "COMMIT":
            raise RuntimeError

    with pytest.raises(RuntimeError):
        make_known(execute, parse_gtids(f"{OTHER}:7"))
    assert said == [
        ("SET SESSION gtid_next = %s", f"{OTHER}:7"),
        ("BEGIN",),
        ("COMMIT",),
        ("SET SESSION gtid_next = 'AUTOMATIC'",),
    ]
