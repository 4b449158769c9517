"""Which definitions differ between members, and what is said of them."""

from __future__ import annotations

import pytest
from group_replication.definition_compare import Item, grant, grouped, told, unlike, variants

ON = "ON `a`.`t` TO `u`@`h`"


def test_parts_of_an_object_are_put_together():
    parts = [
        {"db": "shop", "TBL": "t", "NAME": "k", "C1": "UNIQUE", "C2": "BTREE", "C3": "a"},
        {"db": "shop", "TBL": "t", "NAME": "k", "C1": "", "C2": None, "C3": "b"},
    ]
    item = Item("index", "shop.t.k", "shop.t")
    assert grouped("index", parts) == {item: "UNIQUE BTREE a; b"}
    # Of what is not shown, where a part ends counts, too.
    view = [{"db": "shop", "tbl": "v", "name": "", "c1": "a b", "c2": ""}]
    other = [{"db": "shop", "tbl": "v", "name": "", "c1": "a", "c2": "b"}]
    assert grouped("view", view) != grouped("view", other)


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        (f"GRANT SELECT, INSERT {ON}", f"GRANT INSERT, SELECT {ON}", 1),
        (f"GRANT SELECT (`b`, `a`) {ON}", f"GRANT SELECT (`a`, `b`) {ON}", 1),
        (f"GRANT SELECT (`a`), INSERT (`b`) {ON}", f"GRANT SELECT (`b`), INSERT (`a`) {ON}", 0),
        ("GRANT `r`@`%`,`s`@`%` TO `u`@`h`", "GRANT `s`@`%`,`r`@`%` TO `u`@`h`", 1),
        (f"GRANT SELECT {ON}", f"GRANT SELECT {ON} WITH GRANT OPTION", 0),
        ("REVOKE SELECT ON `a`.* FROM `u`@`h`", "GRANT SELECT ON `a`.* TO `u`@`h`", 0),
    ],
)
def test_the_order_of_privileges_is_no_difference(one, other, alike):
    assert (grant(one) == grant(other)) is bool(alike)


def test_what_is_not_shown_has_a_number():
    assert variants(["a", None, "b", "a"]) == ["variant 1", "absent", "variant 2", "variant 1"]


def test_differences_are_told_without_what_is_not_for_every_eye():
    column = Item("column", "shop.t.c", "shop.t")
    routine = Item("routine", "shop.p (procedure)")
    password = Item("password", "u@%")
    table, inside = Item("table", "shop.new", "shop.new"), Item("column", "shop.new.id", "shop.new")
    same = {Item("schema", "shop"): "utf8mb4"}
    read = {
        "db1": {**same, column: "1 int", routine: "SELECT 1", password: "digest", table: "InnoDB"},
        "db2": {**same, column: "1 bigint", routine: "SELECT 2", password: "another"},
    }
    read["db1"][inside] = "1 int"
    assert told(list(read), unlike(read)) == [
        {"kind": "column", "name": "shop.t.c", "members": {"db1": "1 int", "db2": "1 bigint"}},
        {
            "kind": "password",
            "name": "u@%",
            "members": {"db1": "variant 1", "db2": "variant 2"},
        },
        {
            "kind": "routine",
            "name": "shop.p (procedure)",
            "members": {"db1": "variant 1", "db2": "variant 2"},
        },
        {"kind": "table", "name": "shop.new", "members": {"db1": "InnoDB", "db2": "absent"}},
    ]
