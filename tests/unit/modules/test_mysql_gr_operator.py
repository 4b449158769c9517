"""What an operator overrules, by name, and what the extended status names: pure, as tables."""

from __future__ import annotations

import contextlib
import socket
import time

import pymysql
import pytest
from group_replication.model import SINGLE_LEADER
from group_replication.settings import settings_from
from salt.exceptions import CommandExecutionError

import _modules.mysql_gr as mysql_gr
from tests.unit.group import (
    ALONE,
    HOSTS,
    HOSTS_OF_THREE,
    OTHER,
    UUIDS,
    gone,
    one,
    online,
    pillar,
)

NODES = HOSTS_OF_THREE


def lost(dies: bool) -> Exception:
    """What PyMySQL itself raises while it waits for a server: that died, or says nothing."""
    ours, theirs = socket.socketpair()
    with theirs, pymysql.Connection(defer_connect=True) as connection:
        ours.settimeout(0.01)
        connection._sock, connection._rfile = ours, ours.makefile("rb")
        if dies:
            theirs.close()
        with pytest.raises(pymysql.OperationalError, match="2013") as raised:
            connection._read_bytes(4)
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
    monkeypatch.setattr(mysql_gr, "_exclusive", lambda *_: contextlib.nullcontext())
    monkeypatch.setattr(mysql_gr, "_facts", lambda *_: ALONE)
    monkeypatch.setattr(mysql_gr, "_do", wait)
    with pytest.raises(error, match=words):
        mysql_gr.force_quorum(["db1"], ["db2", "db3"], patience=60)


QUIET = {
    "applier": {"running": True, "queued": 0, "lag_seconds": 0.0, "error": ""},
    "recovery": {"running": False, "error": ""},
    "clone": {},
    "rejoining": False,
    "conflicts": 0,
    "write_concurrency": 50,
}


WHOLE = {name: online(name, *(n for n in NODES if n != name)) for name in NODES}


OUT = {
    "db1": online("db1", "db2"),
    "db2": online("db2", "db1"),
    "db3": one("db3", gtids=f"{OTHER}:1"),
}


def diagnosed(seen, declared=None, **channels):
    settings = settings_from(declared or pillar(), "db1")
    return mysql_gr.diagnosis(settings, seen, {**QUIET, **channels})


def test_a_whole_group_has_no_problem():
    answer = diagnosed(WHOLE)
    assert (answer["problems"], answer["verdict"]) == ([], "member")
    assert (answer["errant"], answer["absent"], answer["undeclared"]) == ({}, [], [])


STRANGER = {"id": UUIDS["db9"], "host": HOSTS["db9"], "port": 3306, "state": "ONLINE",
            "role": "PRIMARY", "version": "9.7.4"}  # fmt: skip


@pytest.mark.parametrize(
    ("seen", "channels", "sentence"),
    [
        ({**WHOLE, "db3": gone("no route")}, {}, "db3 does not answer: no route"),
        (
            WHOLE, {"write_concurrency": 10},
            "the group's write concurrency is 10 instead of 50: "
            "the first ONLINE member's keeper sets it",
        ),
        (OUT, {}, "db3 is declared and not in the group: it is OFFLINE"),
        (OUT, {}, f"db3 has transactions that the group does not have: {OTHER}:1"),
        (
            {**OUT, "db3": one("db3", super_read_only=False)}, {},
            "db3 is OFFLINE and would take writes: super_read_only is OFF",
        ),
        (
            {**WHOLE, "db2": {**WHOLE["db2"], "role": "SECONDARY"}}, {},
            "db2 is ONLINE SECONDARY and would take writes: super_read_only is OFF",
        ),
        (
            {**WHOLE, "db2": {**WHOLE["db2"], "super_read_only": True}}, {},
            "db2 is primary and takes no writes: super_read_only is ON",
        ),
        (
            {**WHOLE, "db1": {**WHOLE["db1"], "offline_mode": True}}, {},
            "db1 is ONLINE and takes no clients: offline_mode is ON",
        ),
        (
            {**WHOLE, "db1": {**WHOLE["db1"], "members": [*WHOLE["db1"]["members"], STRANGER]}},
            {}, f"{HOSTS['db9']} is in the group and not declared",
        ),
        (
            {name: {**facts, "mode": "single-primary"} for name, facts in WHOLE.items()}, {},
            "the group is single-primary, and multi-primary is declared",
        ),
        (
            {**WHOLE, "db1": {**WHOLE["db1"], "alike": {SINGLE_LEADER: "OFF"}}}, {},
            "the group has group_replication_paxos_single_leader OFF, and ON is declared: it takes "
            "that when it is led again, once all members have been out of it",
        ),
        (
            WHOLE, {"applier": {"running": False, "error": "duplicate key"}},
            "db1's applier does not run: duplicate key",
        ),
        (
            {**WHOLE, "db1": one("db1", "RECOVERING")},
            {"recovery": {"running": True, "error": "access denied"}},
            "db1's recovery: access denied",
        ),
        (WHOLE, {"clone": {"state": "Failed", "error": "disk"}}, "db1's last clone failed: disk"),
        (WHOLE, {"rejoining": True}, "db1 is in the server's own auto-rejoin, which asks no other "
         "member"),
        (
            {**WHOLE, "db2": {**WHOLE["db2"], "view_id": "9:1"}}, {},
            "two groups with one name: db1 is in view 17954915269696091:3, db2 in view 9:1",
        ),
    ],
)  # fmt: skip
def test_each_problem_has_its_sentence(seen, channels, sentence):
    assert sentence in diagnosed(seen, **channels)["problems"]


def test_what_differs_is_listed_too():
    answer = diagnosed(OUT)
    assert answer["errant"] == {"db3": f"{OTHER}:1"}
    assert answer["absent"] == ["db3"]


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


def test_a_server_that_is_away_is_asked_again_for_a_while(monkeypatch):
    """As while a clone restarts it beside a highstate."""
    answers = iter([mysql_gr.UnreachableError("away"), mysql_gr.UnreachableError("away"), "there"])

    @contextlib.contextmanager
    def local(_settings):
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        yield answer

    monkeypatch.setattr(mysql_gr, "local", local)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    assert (
        mysql_gr._answered(settings_from(pillar(), "db1"), 30, lambda connection: connection)
        == "there"
    )
    answers = iter([mysql_gr.UnreachableError("away")])
    with pytest.raises(mysql_gr.UnreachableError):
        mysql_gr._answered(settings_from(pillar(), "db1"), 0, lambda connection: connection)
