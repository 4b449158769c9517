"""Which rows differ between members, and what is said of them."""

from __future__ import annotations

import pytest
from group_replication.row_compare import checked, judged, majority, merged, summed, tables_from
from group_replication.row_compare import unlike as rows_unlike
from salt.exceptions import SaltInvocationError

A, B, C, D = ("1",), ("2",), ("3",), ("4",)


@pytest.mark.parametrize(
    ("lists", "expected"),
    [
        ([[A, B], [A, B]], [A, B]),
        ([[A, C], [B, C]], [B, A, C]),
        ([[A, C], [A, B, C, D]], [A, B, C, D]),
        ([[], [A], []], [A]),
        ([[B, D], [A, B, C], [D]], [A, B, C, D]),
    ],
)
def test_keys_of_all_members_are_put_in_one_order(lists, expected):
    assert merged(lists) == expected


def test_rows_that_differ_in_one_read():
    read = {
        "db1": {A: "x", B: "x", C: "x"},
        "db2": {A: "x", B: "y", C: "x"},
        "db3": {A: "x", C: "x", D: "x"},
    }
    assert rows_unlike(read) == {B: ("x", "y", None), D: (None, None, "x")}


STEADY = {A: ("x", "y", "x")}
MOVED = {A: ("y", "y", "x")}


@pytest.mark.parametrize(
    ("reads", "certain", "unknown"),
    [
        ([STEADY], {}, {A}),
        ([STEADY] * 3, {}, {A}),
        ([STEADY] * 4, STEADY, set()),
        # It changed, and then no more.
        ([MOVED, STEADY, STEADY, STEADY], {}, {A}),
        ([MOVED, *[STEADY] * 4], STEADY, set()),
        # It goes to and fro.
        ([STEADY, MOVED] * 4, {}, {A}),
        # It was the same on all members once.
        ([STEADY, {}, *[STEADY] * 6], {}, set()),
        ([*[STEADY] * 3, {}], {}, set()),
        # What came later is not looked for.
        ([{}, STEADY], {}, set()),
    ],
)
def test_a_row_differs_when_it_stays_so(reads, certain, unknown):
    assert judged(reads) == (certain, unknown)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (("x", "x", "y"), "x"),
        ((None, "x", None), None),
        (("x", "y", "z"), False),
        (("x", "y"), False),
        (("x", None, None, "x"), False),
    ],
)
def test_most_members_are_right(values, expected):
    assert majority(values) is expected


def test_what_differs_is_counted_by_member():
    names = ("db1", "db2", "db3")
    found = {A: ("x", "y", "x"), B: ("x", None, "x"), C: (None, None, "x"), D: ("x", "y", "x")}
    assert summed(names, found) == {
        "db2": {"changed": 2, "missing": 1, "extra": 0},
        "db3": {"changed": 0, "missing": 0, "extra": 1},
    }
    # Nobody can tell which is right.
    assert summed(names, {A: ("x", "y", None)}) == {
        "db1": {"changed": 1, "missing": 0, "extra": 0},
        "db2": {"changed": 1, "missing": 0, "extra": 0},
        "db3": {"changed": 0, "missing": 1, "extra": 0},
    }


def column(name: str, kind: str = "int", charset: str | None = None) -> dict:
    return {"db": "shop", "tbl": "t", "name": name, "type": kind, "charset": charset}


def part(index: str, name: str | None, whole: int = 1) -> dict:
    return {"db": "shop", "tbl": "t", "idx": index, "name": name, "whole": whole}


@pytest.mark.parametrize(
    ("keys", "index", "names"),
    [
        ([part("PRIMARY", "b"), part("PRIMARY", "a")], "PRIMARY", ["b", "a"]),
        ([], "", []),
        # Of its beginning alone, of an expression, or of what the index gives no range of.
        ([part("PRIMARY", "a", 0)], "", []),
        ([part("u", None, 0), part("v", "a")], "v", ["a"]),
        ([part("PRIMARY", "f"), part("u", "a")], "u", ["a"]),
    ],
)
def test_a_table_is_walked_by_a_key_of_whole_columns(keys, index, names):
    columns = [column("a"), column("b", "varchar", "latin1"), column("f", "enum")]
    table = tables_from(columns, keys)["shop.t"]
    assert [one.name for one in table.columns] == ["a", "b", "f"]
    assert (table.key_name, [one.name for one in table.key]) == (index, names)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (([1], 1000, 0.25), r"tables is \[1\]; expected a list of DATABASE.TABLE"),
        ((["users"], 1000, 0.25), r"tables is \['users'\]; expected"),
        (({"a": 1}, 1000, 0.25), "tables is {'a': 1}; expected"),
        ((None, 5, 0.25), "rows is 5; expected a whole number, 10 to 100000"),
        ((None, "many", 0.25), "rows is 'many'; expected"),
        ((None, 1000, 0), "load is 0; expected a number above 0, up to 1"),
        ((None, 1000, 1.5), "load is 1.5; expected"),
        ((None, 1000, True), "load is True; expected"),
    ],
)
def test_wrong_arguments_are_named(arguments, error):
    with pytest.raises(SaltInvocationError, match=error):
        checked(*arguments)


@pytest.mark.parametrize(
    ("tables", "expected"), [(None, []), ("shop.t", ["shop.t"]), (["a.b", "c.d"], ["a.b", "c.d"])]
)
def test_tables_are_named_or_all(tables, expected):
    assert checked(tables, 1000, 1) == expected
