"""What statements would make that a group cannot write to."""

from __future__ import annotations

import re

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
        ("create table `t` (`a` int unique not null)", []),
        ("create table `t` (`a` int unique)", ["no primary key"]),
        ("create table t (a int not null, b int not null, unique key k (a, b))", []),
        ("create table t (a int not null, b int, unique key k (a, b))", ["no primary key"]),
        ("create table t (a int key, b int)", []),
        ("create table t (a int, b int auto_increment key)", []),
        ("create table t (a int, unique key (a))", ["no primary key"]),
        ("create table t (`primary key` int)", ["no primary key"]),
        ("create table t (a int) -- primary key", ["no primary key"]),
        ("create table t (a int /* primary key */)", ["no primary key"]),
        ("create table `a table` (a int)", ["no primary key"]),
        ("create table t like u", []),
        ("create table t (like u)", []),
        # MySQL asks for a key there, too (3750).
        ("create temporary table t (a int)", ["no primary key"]),
        ("create temporary table t (a int primary key) engine=MEMORY", []),
        ("create table r select 1 as a", ["no primary key"]),
        ("create table r (b int) as select 1 as a", ["no primary key"]),
        ("create table r (primary key (a)) select 1 as a", []),
        ("create table a (b int primary key); create table t (c int)", ["no primary key"]),
        ("create procedure p() begin create table t (a int); end", []),
        ("alter table t drop primary key", ["no primary key"]),
        ("alter table t drop primary key, add primary key (a)", []),
        ("alter table t drop primary key, add c int auto_increment primary key", []),
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
    (found,) = check_statements(["create table `s`.`t` (`a` int)"], "single-primary")
    assert (found["table"], found["problem"]) == ("s.t", "no primary key")


@pytest.mark.parametrize(
    ("statements", "remedy"),
    [
        (["create table t (a int)"], r"\$table->id\(\)"),
        (["create table t (a int)", "alter table `t` add primary key (a)"], "in a later statement"),
        (["create table t (a int)", "alter table u add primary key (a)"], r"\$table->id\(\)"),
        (["create table t select 1"], "before the SELECT"),
        (["alter table t drop primary key"], "in the same statement"),
    ],
)
def test_a_remedy_is_offered(statements, remedy):
    (found,) = check_statements(statements, "single-primary")
    assert re.search(remedy, found["detail"])


@pytest.mark.parametrize(
    ("statements", "problems"),
    [
        (["create table t (a int)"], []),
        (["create table t select 1 as a"], []),
        (["create table t (a int) engine=MyISAM"], ["engine"]),
        (["create temporary table t (a int)"], []),
        (["create table t (a int)", "alter table t add primary key (a)"], ["no primary key"]),
        (["alter table t drop primary key"], ["no primary key"]),
    ],
)
def test_a_server_that_makes_keys_itself_gives_new_tables_one(statements, problems):
    found = check_statements(statements, "single-primary", generated_keys=True)
    assert [one["problem"] for one in found] == problems


@pytest.mark.parametrize(
    ("statement", "problems"),
    [
        # As mysqldump writes them.
        ("SET @@SESSION.SQL_LOG_BIN= 0;", ["SQL_LOG_BIN"]),
        ("SET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ '9791a40b-eb7d:1-17';", ["GTID_PURGED"]),
        ("set session sql_log_bin = off", ["SQL_LOG_BIN"]),
        ("SET @MYSQLDUMP_TEMP_LOG_BIN = @@SESSION.SQL_LOG_BIN;", []),
        ("SET @@SESSION.SQL_LOG_BIN = @MYSQLDUMP_TEMP_LOG_BIN;", []),
        ("SET sql_log_bin = 1", []),
        ("INSERT INTO t VALUES ('SET sql_log_bin = 0')", []),
    ],
)
def test_what_passes_the_group_by_is_named(statement, problems):
    found = check_statements([statement], "multi-primary")
    assert [one["problem"] for one in found] == problems
