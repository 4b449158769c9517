"""What a comparison of the members means, in sentences and in numbers: pure, as tables."""

from __future__ import annotations

import pytest
from group_replication import comparison_report
from group_replication.comparison_report import (
    Kept,
    carried,
    counted,
    deviants,
    numbers_of,
    problems,
    short,
)

DAY = 24 * 3600
NOW = 1_795_867_401
ALL = ("db1", "db2", "db3")
CHANGED = {"changed": 1, "missing": 0, "extra": 0}


def found(first: int, last: int, *members: str, table: str = "shop.t", rows: int = 2) -> dict:
    return {
        "table": table,
        "from": {"id": first},
        "to": {"id": last},
        "rows": rows,
        "members": dict.fromkeys(members, CHANGED),
    }


def defined(name: str, *values: str, kind: str = "table") -> dict:
    return {"kind": kind, "name": name, "members": dict(zip(ALL, values, strict=False))}


def result(differences=(), definitions=(), skipped=(), members=ALL) -> dict:
    return {
        "members": list(members),
        "tables": 3,
        "rows": 900,
        "seconds": 2.5,
        "differences": list(differences),
        "definitions": list(definitions),
        "undecided": 1,
        "skipped": [{"table": name, "why": "locked"} for name in skipped],
    }


def kept(differences=(), definitions=(), **more) -> Kept:
    row = {"since": NOW - 9 * DAY, "now": NOW, "ended": NOW - 60}
    row["result"] = counted(result(differences, definitions))
    return Kept(**{**row, **more})


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (("a", "a", "b"), ["db3"]),
        (("absent", "a", "a"), ["db1"]),
        (("a", "b", "c"), [*ALL]),
        (("a", "b"), ["db1", "db2"]),
    ],
)
def test_who_is_unlike_most(values, expected):
    assert deviants(defined("shop.t", *values)) == expected


ROW = found(1, 2, "db3")
TABLE = defined("shop.u", "a", "a", "absent")


@pytest.mark.parametrize(
    ("now", "declared", "rows", "definitions"),
    [
        # Mended, since all were compared.
        (result(), ALL, [], []),
        # Its member was not compared.
        (result(members=ALL[:2]), ALL, [ROW], [TABLE]),
        # Another member was not.
        (result(members=ALL[1:]), ALL, [], []),
        # It went for good.
        (result(members=ALL[:2]), ALL[:2], [], []),
        # The table could not be looked at.
        (result(skipped=["shop.t"]), ALL, [ROW], []),
        (result(skipped=["shop.other"]), ALL, [], []),
        # What is new takes the place of what was known.
        (result([found(5, 5, "db1")], members=ALL[:2]), ALL, [found(5, 5, "db1")], [TABLE]),
        (
            result(definitions=[defined("shop.u", "a", "b")], members=ALL[:2]),
            ALL,
            [ROW],
            [defined("shop.u", "a", "b")],
        ),
    ],
)
def test_what_was_not_looked_at_is_not_mended(now, declared, rows, definitions):
    answer = carried(counted(result([ROW], [TABLE])), now, declared)
    assert (answer["differences"], answer["definitions"]) == (rows, definitions)
    assert answer["members"] == now["members"]
    # Of the first comparison there is none before.
    assert carried({}, now, declared) == now


def test_lists_are_cut_and_counted(monkeypatch):
    monkeypatch.setattr(comparison_report, "LIST_MAX", 2)
    many = [found(n, n, "db3") for n in range(3)]
    answer = counted(result(many, [TABLE], ["a", "b", "c"]))
    assert [len(answer[name]) for name in ("differences", "definitions", "skipped")] == [2, 1, 2]
    assert (answer["differences_count"], answer["definitions_count"]) == (3, 1)
    assert (answer["skipped_count"], answer["rows_differing"]) == (3, 6)


WAY = "mysql_maintenance.leave and then mysql_gr.join method=clone clone_over"


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (kept(), []),
        (None, []),
        (
            kept([ROW]),
            [f"shop.t differs on db3: 2 rows from id 1 to id 2; {WAY}=db3 give it the group's "],
        ),
        (
            kept([found(1, 2, "db3"), found(7, 9, "db1", rows=3), found(4, 4, "db2", table="a.b")]),
            [
                f"shop.t differs on db1, db3: 5 rows from id 1 to id 9; {WAY}=NAME of the one that "
                "is wrong give it the group's ",
                f"a.b differs on db2: 2 rows at id 4; {WAY}=db2 give",
            ],
        ),
        # Without a key there is no range.
        (
            kept([{**ROW, "from": {}, "to": {}, "rows": 1}]),
            ["shop.t differs on db3: 1 row; mysql_m"],
        ),
        (
            kept([{**ROW, "from": {"a": 1, "b": "x"}, "to": {"a": 2, "b": "y"}}]),
            ["shop.t differs on db3: 2 rows from a 1, b x to a 2, b y; "],
        ),
        (kept((), [TABLE]), [f"table shop.u differs on db3; {WAY}=db3"]),
        (
            kept((), [defined("shop.p", "variant 1", "variant 2", kind="routine")]),
            [f"routine shop.p differs on db1, db2; {WAY}=NAME of"],
        ),
    ],
)
def test_a_difference_is_a_sentence(one, expected):
    answer = problems(one, "daily")
    assert len(answer) == len(expected)
    for sentence, words in zip(answer, expected, strict=True):
        assert sentence.startswith(words)


def test_many_differences_are_not_all_told(monkeypatch):
    monkeypatch.setattr(comparison_report, "SENTENCES", 1)
    answer = problems(kept([found(1, 1, "db3", table=f"shop.t{n}") for n in range(3)]), "daily")
    assert answer[0].startswith("shop.t0 ")
    assert answer[1:] == ["2 tables more differ between the members"]


@pytest.mark.parametrize(
    ("one", "interval", "expected"),
    [
        (kept(ended=NOW - 2 * DAY), "daily", ""),
        (kept(ended=NOW - 2 * DAY - 1), "daily", "last compared at 2026-11-26 12:03:20 UTC, and"),
        (kept(ended=NOW - 2 * DAY - 1), "weekly", ""),
        (kept(ended=NOW - 2 * DAY - 1), "hourly", "mysql:compare:interval is hourly"),
        (kept(ended=NOW - 60 * DAY), "monthly", ""),
        (kept(ended=NOW - 99 * DAY), "monthly", "mysql:compare:interval is monthly"),
        # Switched off, nothing is promised.
        (kept(ended=NOW - 99 * DAY), "", ""),
        # A new installation, and one whose timer never did it.
        (Kept(NOW - DAY, NOW), "daily", ""),
        (Kept(NOW - 3 * DAY, NOW), "daily", "the members were never compared, and mysql:com"),
        (Kept(NOW - 3 * DAY, NOW), "", ""),
    ],
)
def test_a_comparison_that_is_late_is_a_problem(one, interval, expected):
    answer = problems(one, interval)
    assert bool(answer) is bool(expected)
    assert all(expected in sentence for sentence in answer)


def test_one_that_failed_is_a_problem_beside_what_was_found_before():
    answer = problems(kept([ROW], failed=NOW, error="db2: Lost connection"), "")
    assert [sentence.partition(" ")[0] for sentence in answer] == ["shop.t", "the"]
    assert "failed at 2026-11-28 12:03:21 UTC: db2: Lost connection; `systemctl start" in answer[1]


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (kept([ROW], [TABLE]), {"differences": 3, "timestamp": NOW - 60, "success": 1}),
        (kept(failed=NOW), {"differences": 0, "timestamp": NOW - 60, "success": 0}),
        (Kept(1, NOW, failed=NOW), {"differences": None, "timestamp": None, "success": 0}),
    ],
)
def test_numbers_for_a_monitor(one, expected):
    assert numbers_of(one) == expected


def test_the_last_one_in_short():
    assert short(None) == short(Kept(1, NOW)) == {}
    assert short(kept([ROW], [TABLE], failed=NOW, error="gone")) == {
        "ended": "2026-11-28 12:02:21 UTC",
        "members": [*ALL],
        "tables": 3,
        "rows": 900,
        "seconds": 2.5,
        "differences": 2,
        "definitions": 1,
        "undecided": 1,
        "skipped": 0,
        "failed": "2026-11-28 12:03:21 UTC",
        "error": "gone",
    }
    assert short(Kept(1, NOW, failed=NOW, error="gone"))["ended"] == ""
