"""Whether a restored point is judged by what was acknowledged: the pure parts of bench-backup."""

from __future__ import annotations

import pytest

from bench import points
from bench.points import GTID, TIME, Change, Gtids, Point

A = "aaaaaaaa-0000-0000-0000-000000000001"


def change(number, rows, at):
    """A transaction that was begun at a time and acknowledged half a second later."""
    return Change(f"{A}:{number}", at, at + 0.5, rows)


# Two writers: one inserts, changes and deletes its rows; the other inserts.
WRITERS = [
    [
        change(1, ((1, "a"),), 10),
        change(3, ((2, "b"), (1, "c")), 12),
        change(5, ((3, "d"), (2, None)), 14),
    ],
    [change(2, ((11, "x"),), 11), change(4, ((12, "y"),), 13)],
]


def answer(upto, last=None):
    return {"gtids": f"{A}:1-{upto}", "before": [{"gtid": f"{A}:{last or upto}"}]}


def test_a_set_has_its_transactions():
    found = Gtids(f"{A}:1-3:7,\n{A}:tag:2")
    assert len(found) == 5
    assert [f"{A}:{one}" in found for one in ("3", "4", "7", "tag:2", "tag:1")] == [
        *(True, False, True, True, False)
    ]
    assert len(Gtids("")) == 0


def test_the_server_tells_a_session_its_own_transaction():
    told = b"\x00\x32\x03\x2e\x00" + b"-" + f"{A}:12".encode()
    assert points.own_gtid(told) == f"{A}:12"
    with pytest.raises(ValueError, match="with 0 GTIDs"):
        points.own_gtid(b"")


@pytest.mark.parametrize(
    ("upto", "rows"),
    [
        (1, {1: "a"}),
        (3, {1: "c", 2: "b", 11: "x"}),
        (5, {1: "c", 3: "d", 11: "x", 12: "y"}),
    ],
)
def test_rows_are_those_of_the_transactions_that_are_there(upto, rows):
    assert points.expected(WRITERS, Gtids(f"{A}:1-{upto}")) == rows


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ((GTID, f"{A}:3", answer(3), {1: "c", 2: "b", 11: "x"}), []),
        ((GTID, f"{A}:3", answer(3), {1: "a", 2: "b", 11: "x"}), ["1 rows are of another content"]),
        ((GTID, f"{A}:3", answer(3), {1: "c", 2: "b"}), ["1 rows are missing: 11"]),
        ((GTID, f"{A}:1", answer(1), {1: "a", 9: "?"}), ["1 rows are too many: 9"]),
        ((GTID, f"{A}:3", answer(4, 4), points.expected(WRITERS, Gtids(f"{A}:1-4"))), [f"{A}:3"]),
        ((TIME, "", answer(3), {1: "c", 2: "b", 11: "x"}), []),
        ((TIME, "", answer(4), points.expected(WRITERS, Gtids(f"{A}:1-4"))), ["begun later"]),
        ((TIME, "", answer(2), {1: "a", 11: "x"}), ["acknowledged are missing"]),
    ],
)
def test_what_is_not_exact_is_told(given, wrong):
    kind, text, said, rows = given
    found = points.judge(Point(1, kind, text, 12.9), said, rows, WRITERS)
    assert len(found) == len(wrong)
    for sentence, words in zip(found, wrong, strict=True):
        assert words in sentence


def test_a_hole_in_what_one_wrote_is_told():
    said = {"gtids": f"{A}:1:5", "before": [{"gtid": f"{A}:5"}]}
    rows = points.expected(WRITERS, Gtids(said["gtids"]))
    (found,) = points.judge(Point(1, GTID, f"{A}:5", 15), said, rows, WRITERS)
    assert found.startswith("writer 1 has a later transaction")


def test_points_come_after_the_first_full_backup_and_by_both_ways():
    changes = [one for writer in WRITERS for one in writer]
    found = points.draw(changes, 11.5, 20, 1)
    assert [one.kind for one in found] == [GTID, TIME] * 10
    assert {one.text for one in found if one.kind == GTID} <= {f"{A}:{n}" for n in (3, 4, 5)}
    assert all(11.5 <= one.at <= 14.5 for one in found)
    assert points.draw(changes, 11.5, 20, 1) == found != points.draw(changes, 11.5, 20, 2)
    assert points.as_text(0.25) == "1970-01-01 00:00:00.250000"
    with pytest.raises(ValueError, match="nothing was acknowledged"):
        points.draw(changes, 20, 1, 1)


def test_the_table_counts_what_is_exact():
    def one(kind, problems=(), seconds=3.0):
        return {
            "began": "2026-01-01T00:00:00+00:00",
            "versions": {"mysqld": "9.7.4"},
            "load": [1.0],
            "kind": kind,
            "seconds": seconds,
            "replayed": 7,
            "rows": 5,
            "problems": list(problems),
        }

    text = points.table([one(GTID), one(GTID, ["wrong"], None), one(TIME, seconds=4.0)])
    assert text.startswith("3 points, 2026-01-01; mysqld 9.7.4")
    assert "| GTID | 1 of 2 | 3.00 / 3.00 / 3.00 / 3.00 | 7 | 5 |" in text
    assert "| time | 1 of 1 | 4.00 / 4.00 / 4.00 / 4.00 | 7 | 5 |" in text
