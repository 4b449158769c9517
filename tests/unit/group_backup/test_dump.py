"""Names under which a table or schema may be restored: never the living one's."""

from __future__ import annotations

import pytest
from group_backup.dump import HEAD, check_names, check_schema, written
from group_backup.model import Account, Settings
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


def test_a_file_says_at_which_point_it_was_taken(tmp_path):
    settings = Settings(*("b", "10.0.0.9", "g", {}, Account("a", "p")), directory=str(tmp_path))
    assert written(settings, "shop.items_before") == {}
    (tmp_path / "output").mkdir()
    for name, text, gtids in (
        ("shop.items_before", f"{HEAD}g:1-7\n-- MySQL dump", "g:1-7"),
        ("shop_before", "-- MySQL dump of a version that did not say", ""),
    ):
        file = tmp_path / "output" / f"{name}.sql"
        file.write_text(text)
        assert written(settings, name) == {"file": str(file), "gtids": gtids}
    for name in ("../x", "a.b.c", ""):
        with pytest.raises(SaltInvocationError, match=r"expected SCHEMA\.TABLE"):
            written(settings, name)
