"""Which statements are ALTER TABLE, and of which table."""

from __future__ import annotations

import pytest
from group_replication.alter import parsed, reaches_beyond


@pytest.mark.parametrize(
    ("statement", "parts"),
    [
        ("ALTER TABLE t ADD x INT", ("shop", "t", "ADD x INT")),
        ("alter table `t` add `x` int;", ("shop", "t", "add `x` int")),
        ("ALTER TABLE a.t\n  ADD x INT,\n  DROP y ;\n", ("a", "t", "ADD x INT,\n  DROP y")),
        ("ALTER TABLE `a b` . `c d` ENGINE=InnoDB", ("a b", "c d", "ENGINE=InnoDB")),
        ("CREATE TABLE t (x INT)", None),
        ("ALTER VIEW v AS SELECT 1", None),
        ("ALTER TABLE", None),
    ],
)
def test_an_alter_is_taken_apart(statement, parts):
    assert parsed(statement, "shop") == parts


@pytest.mark.parametrize(
    ("rest", "beyond"),
    [
        ("ADD x INT", False),
        ("RENAME COLUMN a TO b, RENAME INDEX i TO j", False),
        ("RENAME TO shop.other", True),
        ("rename other", True),
        ("ADD x INT, RENAME AS other", True),
        ("EXCHANGE PARTITION p WITH TABLE shop.t", True),
        ("exchange  partition p with table t", True),
        ("DISCARD TABLESPACE", True),
        ("IMPORT TABLESPACE", True),
    ],
)
def test_what_touches_another_table_is_not_tried(rest, beyond):
    assert reaches_beyond(rest) is beyond
