"""What statements would make that a group cannot write to."""

from __future__ import annotations

import pytest
from group_replication.schema_check import check_statements

KEYED = "create table `t` (`id` bigint unsigned not null auto_increment primary key)"


CASCADE = "alter table `a` add foreign key (`b`) references `c` (`id`) on delete cascade"


@pytest.mark.parametrize(
    ("statement", "problems"),
    [
        (KEYED, []),
        ("CREATE TABLE IF NOT EXISTS s.t (a INT, b INT, PRIMARY KEY (a, b))", []),
        ("create table `t` (`a` int)", ["no primary key"]),
        ("create table `t` (`a` int comment 'no primary key')", ["no primary key"]),
        ("create table `t` (`a` int unique not null)", ["no primary key"]),
        ("create table t like u", []),
        ("create temporary table t (a int)", []),
        ("alter table t drop primary key", ["no primary key"]),
        ("alter table t drop primary key, add primary key (a)", []),
        (f"{KEYED} engine = MyISAM", ["engine"]),
        (f"{KEYED} engine=InnoDB", []),
        (CASCADE, ["cascading foreign key"]),
        (CASCADE.replace("delete cascade", "update set null"), ["cascading foreign key"]),
        (CASCADE.replace("on delete cascade", "on delete restrict"), []),
        ("insert into t values ('create table t (a int)')", []),
        ("drop table t", []),
    ],
)
def test_what_statements_would_make_is_judged(statement, problems):
    found = check_statements([statement], "multi-primary")
    assert [one["problem"] for one in found] == problems
    keyless = [one for one in problems if one != "cascading foreign key"]
    found = check_statements([statement], "single-primary")
    assert [one["problem"] for one in found] == keyless


def test_a_statements_table_is_named():
    assert check_statements(["create table `s`.`t` (`a` int)"], "single-primary") == [
        {
            "table": "s.t",
            "problem": "no primary key",
            "detail": "it is made without a primary key",
        }
    ]
