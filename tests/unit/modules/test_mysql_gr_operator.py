"""What an operator overrules, by name, and what the extended status names: pure, as tables."""

from __future__ import annotations

import contextlib
import socket

import pymysql
import pytest
from group_replication import connection
from group_replication.settings import settings_from
from salt.exceptions import CommandExecutionError

import _modules.mysql_gr as mysql_gr
from tests.unit.group import (
    ALONE,
    pillar,
)


def lost(dies: bool) -> Exception:
    """What PyMySQL itself raises while it waits for a server: that died, or says nothing."""
    ours, theirs = socket.socketpair()
    with theirs, pymysql.Connection(defer_connect=True) as client:
        ours.settimeout(0.01)
        client._sock, client._rfile = ours, ours.makefile("rb")
        if dies:
            theirs.close()
        with pytest.raises(pymysql.OperationalError, match="2013") as raised:
            client._read_bytes(4)
    return raised.value


@pytest.mark.parametrize(
    ("dies", "error", "words"),
    [
        (False, CommandExecutionError, "no view of db1 alone within 60 s"),
        (True, pymysql.OperationalError, "Lost connection"),
    ],
)
def test_a_view_that_is_late_is_not_a_server_that_died(monkeypatch, dies, error, words):
    def wait(*_):
        raise lost(dies)

    settings = settings_from(pillar(), "db1")
    monkeypatch.setattr(mysql_gr, "_settings", lambda: settings)
    monkeypatch.setattr(mysql_gr, "exclusive", lambda *_: contextlib.nullcontext())
    monkeypatch.setattr(mysql_gr, "facts_of", lambda *_: ALONE)
    monkeypatch.setattr(connection, "execute", wait)
    with pytest.raises(error, match=words):
        mysql_gr.force_quorum(["db1"], ["db2", "db3"], patience=60)


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
    found = mysql_gr.check_statements([statement], "multi-primary")
    assert [one["problem"] for one in found] == problems
    keyless = [one for one in problems if one != "cascading foreign key"]
    found = mysql_gr.check_statements([statement], "single-primary")
    assert [one["problem"] for one in found] == keyless


def test_a_statements_table_is_named():
    assert mysql_gr.check_statements(["create table `s`.`t` (`a` int)"], "single-primary") == [
        {
            "table": "s.t",
            "problem": "no primary key",
            "detail": "it is made without a primary key",
        }
    ]
