"""Names under which a table or schema may be restored: never the living one's."""

from __future__ import annotations

import pytest
from group_backup.dump import check_names, check_schema
from salt.exceptions import SaltInvocationError


def test_schema_and_table():
    assert check_names("shop.items", "items_before") == ("shop", "items")
    check_schema("shop", "shop_before")


@pytest.mark.parametrize(
    ("table", "into"),
    [
        ("items", "x"),
        ("mysql.user", "x"),
        ("shop.items", "items"),
        ("shop.items", "ITEMS"),
        ("shop.items", "../x"),
        ("shop.items", "a`b"),
        ("shop.`items`", "x"),
    ],
)
def test_a_table_that_is_refused(table, into):
    with pytest.raises(SaltInvocationError):
        check_names(table, into)


@pytest.mark.parametrize(("schema", "into"), [("sys", "x"), ("shop", "mysql"), ("shop", "Shop")])
def test_a_schema_that_is_refused(schema, into):
    with pytest.raises(SaltInvocationError):
        check_schema(schema, into)
