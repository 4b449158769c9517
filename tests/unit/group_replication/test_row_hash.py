"""SQL that turns rows into hashes and walks a table by its key."""

from __future__ import annotations

import pytest
from group_replication.row_hash import (
    Column,
    Table,
    bound_query,
    content_of,
    hash_of,
    key_of,
    key_value,
    literal,
    quoted,
    rows_query,
    shown_key,
    sum_query,
    within,
)

ID = Column("id", "int")
ONE = Table("shop", "a", (ID, Column("h", "varchar", "latin1")), (ID,), "PRIMARY")
TEXT, DAY = Column("b", "varchar", "latin1"), Column("c", "date")
TWO = Table("shop", "c", (ID, TEXT, DAY), (ID, TEXT, DAY), "PRIMARY")
KEYLESS = Table("shop", "log", (ID,))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("int", "CAST(`x` AS CHAR)"),
        ("decimal", "CAST(`x` AS CHAR)"),
        ("timestamp", "CAST(`x` AS CHAR)"),
        ("float", "CAST(`x` + 0e0 AS CHAR)"),
        ("bit", "CAST(`x` + 0 AS CHAR)"),
        ("varchar", "HEX(`x`)"),
        ("enum", "HEX(`x`)"),
        ("varbinary", "HEX(`x`)"),
        ("json", "SHA2(CAST(`x` AS CHAR), 256)"),
        ("longblob", "SHA2(`x`, 256)"),
        ("geometry", "SHA2(`x`, 256)"),
    ],
)
def test_all_of_a_column_counts(kind, expected):
    assert content_of(Column("x", kind)) == expected


def test_where_a_null_was_is_part_of_a_hash():
    assert hash_of(ONE) == (
        "SHA2(CONCAT_WS('#', CAST(`id` AS CHAR), HEX(`h`), ISNULL(`id`), ISNULL(`h`)), 256)"
    )


@pytest.mark.parametrize(
    ("column", "value", "sql", "person"),
    [
        (ID, "-5", "-5", {"x": -5}),
        (Column("x", "decimal"), "1.50", "1.50", {"x": "1.50"}),
        (Column("x", "bit"), "2", "2", {"x": 2}),
        (Column("x", "datetime"), "2024-01-01 00:00:00", "'2024-01-01 00:00:00'", None),
        (Column("x", "varchar", "latin1"), "E9", "_latin1 X'E9'", {"x": "é"}),
        (Column("x", "varchar", "utf8mb4"), "", "_utf8mb4 X''", {"x": ""}),
        (Column("x", "char", "ascii"), "FF", "_ascii X'FF'", {"x": "0xFF"}),
        (Column("x", "char", "gbk"), "41", "_gbk X'41'", {"x": "0x41"}),
        (Column("x", "binary"), "0027", "X'0027'", {"x": "0x0027"}),
    ],
)
def test_a_keys_value_is_a_literal_and_is_shown(column, value, sql, person):
    assert literal(column, value) == sql
    table = Table("d", "t", (column,), (column._replace(name="x"),), "PRIMARY")
    assert shown_key(table, (value,)) == (person or {"x": value})


def test_what_a_literal_is_made_of_is_asked_for():
    assert key_value(ID) == "CAST(`id` AS CHAR)"
    assert key_value(TEXT) == "HEX(`b`)"
    assert key_value(Column("e", "bit")) == "CAST(`e` + 0 AS CHAR)"


@pytest.mark.parametrize(
    ("table", "lower", "upper", "expected"),
    [
        (ONE, None, None, "TRUE"),
        (ONE, ("1",), None, "(`id` > 1)"),
        (ONE, None, ("9",), "(`id` <= 9)"),
        (ONE, ("1",), ("9",), "(`id` > 1) AND (`id` <= 9)"),
        (
            TWO,
            ("1", "41", "2024-01-01"),
            None,
            "(`id` >= 1 AND (`id` > 1 OR (`id` = 1 AND `b` >= _latin1 X'41' AND"
            " (`b` > _latin1 X'41' OR (`b` = _latin1 X'41' AND `c` > '2024-01-01')))))",
        ),
        (
            TWO,
            None,
            ("1", "41", "2024-01-01"),
            "(`id` <= 1 AND (`id` < 1 OR (`id` = 1 AND `b` <= _latin1 X'41' AND"
            " (`b` < _latin1 X'41' OR (`b` = _latin1 X'41' AND `c` <= '2024-01-01')))))",
        ),
    ],
)
def test_a_range_is_above_its_lower_key_and_up_to_its_upper_one(table, lower, upper, expected):
    assert within(table, lower, upper) == expected


def test_a_table_is_walked_by_its_key():
    assert bound_query(ONE, ("5",), None, 100) == (
        "SELECT CAST(`id` AS CHAR) AS k0 FROM `shop`.`a` AS t FORCE INDEX (`PRIMARY`)"
        " WHERE (`id` > 5) ORDER BY t.`id` LIMIT 1 OFFSET 99"
    )
    assert "FORCE INDEX" not in sum_query(KEYLESS, None, None)
    assert rows_query(KEYLESS, None, None).endswith("GROUP BY 1 ORDER BY 1")
    # A column that is called as what is asked for is not taken for that.
    assert rows_query(ONE, None, None).endswith("ORDER BY t.`id`")
    assert key_of({"k0": 1, "k1": "41", "h": "abc"}) == ("1", "41")
    assert shown_key(KEYLESS, ("abc",)) == {}


def test_a_name_with_a_backtick_is_a_name():
    assert quoted("a`b") == "`a``b`"
