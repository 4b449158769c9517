"""What an operator overrules, by name, and what the extended status names: pure, as tables."""

from __future__ import annotations

import contextlib
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st
from salt.exceptions import CommandExecutionError, SaltInvocationError

import _modules.mysql_gr as mysql_gr
from tests.unit.group import (
    GROUP,
    HISTORIES,
    HOSTS,
    HOSTS_OF_THREE,
    OTHER,
    STATES,
    UUIDS,
    gone,
    member,
    one,
    online,
    pillar,
)

# --- how to come in ------------------------------------------------------------------------------

LIVING = {"db1": online("db1", "db3", gtids=f"{GROUP}:1-9"), "db3": online("db3", "db1")}
ERRANT = {**LIVING, "db2": one("db2", gtids=f"{GROUP}:1-5,{OTHER}:1-2")}
BEHIND = {**LIVING, "db2": one("db2", gtids=f"{GROUP}:1-5")}
EMPTY = {**LIVING, "db2": one("db2")}
PURGED = {
    "db1": online("db1", gtids=f"{GROUP}:1-9", gtid_purged=f"{GROUP}:1-7"),
    "db2": one("db2"),
    "db3": gone(),
}
MEMORY = {"group": GROUP, "server_uuid": UUIDS["db2"], "view_id": "1:1", "members": [HOSTS["db2"]],
          "seen": [HOSTS["db2"]]}  # fmt: skip
NOT_EMPTY = {**PURGED, "db2": one("db2", gtids=f"{GROUP}:1-2")}

# row: what is seen, method, clone_over, the verdict, and words of the sentence
JOINS = {
    "auto is what is decided": (BEHIND, "auto", None, "join", ["db2 joins"]),
    "incremental where it can be": (EMPTY, "incremental", None, "join", ["db2 joins"]),
    "incremental where it cannot be": (
        PURGED, "incremental", None, "refuse", ["cannot join incrementally"],
    ),
    "a clone of an empty member": (EMPTY, "clone", None, "clone", ["db2 clones db3, as told"]),
    "a clone that was decided anyway": (PURGED, "clone", None, "clone", ["clones db1"]),
    "a clone over data, unnamed": (
        BEHIND, "clone", None, "refuse", [f"not empty ({GROUP}:1-5)", "only with clone_over=db2"],
    ),
    "a clone over data, named": (
        BEHIND, "clone", "db2", "clone", ["gives up nothing that the group does not have"],
    ),
    "a clone over errant transactions, unnamed": (
        ERRANT, "clone", None, "refuse", ["not empty", f"the group does not have {OTHER}:1-2"],
    ),
    "a clone over errant transactions, named": (
        ERRANT, "clone", "db2", "clone", [f"gives up {OTHER}:1-2"],
    ),
    "a clone over a part of a purged history": (
        NOT_EMPTY, "clone", "db2", "clone", ["db2 clones db1"],
    ),
    "a clone over data without transactions": (
        {**LIVING, "db2": one("db2", schemas=["shop"])}, "clone", "db2", "clone", ["clones db3"],
    ),
    "a clone onto a machine whose disk is missing, unnamed": (
        {**LIVING, "db2": one("db2", remembered=MEMORY)}, "clone", None, "refuse",
        ["a disk missing"],
    ),
    "a clone onto a machine whose disk is missing, named": (
        {**LIVING, "db2": one("db2", remembered=MEMORY)}, "clone", "db2", "clone",
        ["db2 clones db3"],
    ),
    "no increments for a machine whose disk is missing": (
        {**LIVING, "db2": one("db2", remembered=MEMORY)}, "incremental", None, "refuse",
        ["a disk missing"],
    ),
    "no name makes a group without majority a donor": (
        {"db1": one("db1", "ONLINE", quorum=False), "db2": one("db2", gtids=f"{OTHER}:1"),
         "db3": gone()},
        "clone", "db2", "refuse", ["without a majority"],
    ),
    "no name makes another group a donor": (
        {**LIVING, "db1": online("db1", group=OTHER), "db2": one("db2")},
        "clone", "db2", "refuse", [f"db1 is ONLINE in group {OTHER}"],
    ),
    "no name makes one of two groups a donor": (
        {**LIVING, "db1": online("db1", view_id="9:1"), "db2": one("db2")},
        "clone", "db2", "refuse", ["two groups with one name"],
    ),
    "no donor of this version": (
        {**EMPTY, "db2": one("db2", version="26.7.0")}, "clone", "db2", "refuse",
        ["no ONLINE member can be cloned by version 26.7.0"],
    ),
    "a member of the group is none to clone over": (
        {**LIVING, "db2": online("db2", "db1", "db3")}, "clone", "db2", "member", ["db2 is ONLINE"],
    ),
    "a paused member is none to clone over": (
        {**LIVING, "db2": one("db2", paused="on leave")}, "clone", "db2", "paused", ["on leave"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("row", JOINS)
def test_how_a_member_comes_in(row):
    facts, method, clone_over, verdict, words = JOINS[row]
    ordered = {name: facts[name] for name in ("db1", "db2", "db3")}
    decision = mysql_gr.join_by("db2", GROUP, ordered, method, clone_over)
    assert decision["verdict"] == verdict, decision["why"]
    for word in words:
        assert word in decision["why"]
    assert (decision["donor"] is not None) == (verdict == "clone")


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"method": "dump"}, ["method is 'dump'", "auto, incremental, clone"]),
        ({"method": "clone", "clone_over": "db3"}, ["clone_over is 'db3'", "this is db2"]),
        ({"clone_over": "db2"}, ["method is 'auto'", "expected method=clone"]),
        ({"force_member": "db1"}, ["force_member is 'db1'", "expected force_member=db2"]),
        ({"method": "clone", "force_member": "db2"}, ["expected one of them"]),
    ],
)
def test_arguments_that_do_not_fit_are_named(told, words):
    with pytest.raises(SaltInvocationError) as err:
        mysql_gr.overruling("db2", **told)
    for word in words:
        assert word in str(err.value)


def test_no_argument_changes_no_decision():
    assert mysql_gr.overruling("db2")("db2", GROUP, ERRANT) == mysql_gr.decide_by(
        "db2", GROUP, ERRANT
    )


# --- who leads, told by name ---------------------------------------------------------------------

DIVERGED = {
    "db1": one("db1", gtids=f"{GROUP}:1-9"),
    "db2": one("db2", gtids=f"{GROUP}:1-8:10"),
    "db3": one("db3", gtids=f"{GROUP}:1-5"),
}

# row: what is seen, who is told, the verdict, and words of the sentence
FORCED = {
    "histories diverged": (
        DIVERGED, "db2", "lead", ["as told", f"without {GROUP}:9, which db1 has"],
    ),
    "a member is silent": (
        {**DIVERGED, "db1": gone("no route")}, "db2", "lead", ["without an answer from db1"],
    ),
    "another one would lead": (
        {**DIVERGED, "db2": one("db2", gtids=f"{GROUP}:1-8")}, "db2", "lead",
        [f"without {GROUP}:9, which db1 has"],
    ),
    "the tables of nodes differ": (
        {**DIVERGED, "db1": one("db1", declared=[HOSTS["db1"]]),
         "db2": one("db2", gtids=f"{GROUP}:1-9", declared=[HOSTS["db1"], HOSTS["db2"]])},
        "db2", "lead", ["as told"],
    ),
    "what I received comes first": (
        {**DIVERGED, "db2": one("db2", gtids=f"{GROUP}:1-5", gtid_received=f"{GROUP}:6")},
        "db2", "apply", [f"received {GROUP}:6"],
    ),
    "what I received and cannot apply is given up, and named": (
        {**DIVERGED, "db2": one("db2", gtids=f"{GROUP}:1-5", gtid_received=f"{GROUP}:6-12",
                                applier_error="Duplicate entry '6'")},
        "db2", "lead", [f"gives up {GROUP}:6-12", "Duplicate entry '6'",
                        f"without {GROUP}:6-9, which db1 has"],
    ),
    "what another one received and does not apply": (
        {"db1": one("db1", gtids=f"{GROUP}:1-5", gtid_received=f"{GROUP}:6",
                    applier_error="Duplicate entry '6'"),
         "db2": one("db2", gtids=f"{GROUP}:1-5"), "db3": one("db3")},
        "db2", "lead", [f"without {GROUP}:6, which db1 has"],
    ),
    "nobody is led past a living group": (
        {**DIVERGED, "db1": online("db1")}, "db2", "refuse", ["does not have"],
    ),
    "nor past a living group without majority": (
        {**DIVERGED, "db1": one("db1", "ONLINE", quorum=False)}, "db2", "refuse",
        ["without a majority"],
    ),
    "nor past one that is RECOVERING": (
        {**DIVERGED, "db1": one("db1", "RECOVERING")}, "db2", "wait", ["db1 RECOVERING"],
    ),
    "nor past one that has not ended its part in the old group": (
        {**DIVERGED, "db1": gone(), "db3": one("db3", "ERROR")}, "db2", "wait", ["db3: its part"],
    ),
    "my own part in the old group is ended first": (
        {**DIVERGED, "db1": gone(), "db2": one("db2", "ERROR")}, "db2", "stop", ["db2 is ERROR"],
    ),
    "nor is a paused member": (
        {**DIVERGED, "db2": one("db2", paused="on leave")}, "db2", "paused", ["on leave"],
    ),
    "a name changes nothing for another member": (
        DIVERGED, "db3", "refuse", ["no member has what all have"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("row", FORCED)
def test_who_leads_when_told(row):
    facts, told, verdict, words = FORCED[row]
    decision = mysql_gr.recover_by("db2", GROUP, facts, told)
    assert decision["verdict"] == verdict, decision["why"]
    for word in words:
        assert word in decision["why"]


@given(st.lists(st.tuples(STATES, HISTORIES, HISTORIES), min_size=3, max_size=9))
def test_no_name_leads_beside_a_group_that_is_seen(rows):
    names = [f"db{n}" for n in range(1, len(rows) + 1)]
    facts = {
        name: gone() if state == "gone" else one(name, state, gtids, gtid_received=received)
        for name, (state, gtids, received) in zip(names, rows, strict=True)
    }
    for name in names:
        verdict = mysql_gr.recover_by(name, GROUP, facts, name)["verdict"]
        if any(state not in ("OFFLINE", "gone") for state, _, _ in rows):
            assert verdict not in ("create", "lead")
        joined = mysql_gr.join_by(name, GROUP, facts, "clone", name)
        if joined["verdict"] == "clone":
            assert facts[joined["donor"]]["state"] == "ONLINE"
            assert facts[name]["state"] in ("OFFLINE", "ERROR")


# --- going on without the dead -------------------------------------------------------------------

LAST = one(
    "db1",
    "ONLINE",
    quorum=False,
    members=[member("db1"), member("db2", "UNREACHABLE"), member("db3", "UNREACHABLE")],
)
ALONE = {"db1": LAST, "db2": gone(), "db3": gone()}
NODES = HOSTS_OF_THREE


def test_survivors_go_on_when_all_that_is_said_is_so():
    mysql_gr.survivors_by("db1", NODES, ALONE, ["db1"], ["db2", "db3"])


@pytest.mark.parametrize(
    ("facts", "survivors", "dead", "error", "words"),
    [
        (ALONE, ["db1"], ["db2"], SaltInvocationError, ["each declared member once", "db3"]),
        (ALONE, ["db1"], ["db1", "db2", "db3"], SaltInvocationError, ["each declared member once"]),
        (ALONE, ["db1"], ["db2", "db9"], SaltInvocationError, ["dead is 'db2, db9'"]),
        (ALONE, ["db2"], ["db1", "db3"], SaltInvocationError, ["but this is db1"]),
        (
            {**ALONE, "db3": one("db3")},
            ["db1"], ["db2", "db3"], CommandExecutionError, ["db3 answers: it is alive"],
        ),
        (ALONE, ["db1", "db3"], ["db2"], CommandExecutionError, ["survivors has 'db3'"]),
        (
            {**ALONE, "db3": online("db3", view_id="9:9")},
            ["db1", "db3"], ["db2"], CommandExecutionError, ["ONLINE in view 9:9"],
        ),
        (
            {**ALONE, "db3": online("db3")},
            ["db1", "db3"], ["db2"], CommandExecutionError, ["db1 cannot reach"],
        ),
        (
            {**ALONE, "db1": one("db1", "ERROR")},
            ["db1"], ["db2", "db3"], CommandExecutionError, ["recover force_member=db1"],
        ),
        (
            {**ALONE, "db1": online("db1", "db2", "db3")},
            ["db1"], ["db2", "db3"], CommandExecutionError, ["with a majority"],
        ),
    ],
)  # fmt: skip
def test_nobody_is_left_behind_who_may_be_alive(facts, survivors, dead, error, words):
    with pytest.raises(error) as err:
        mysql_gr.survivors_by("db1", NODES, facts, survivors, dead)
    for word in words:
        assert word in str(err.value)


def lost(dies: bool) -> Exception:
    """What PyMySQL itself raises while it waits for a server: that died, or says nothing."""
    ours, theirs = socket.socketpair()
    with theirs, mysql_gr.pymysql.Connection(defer_connect=True) as connection:
        ours.settimeout(0.01)
        connection._sock, connection._rfile = ours, ours.makefile("rb")
        if dies:
            theirs.close()
        with pytest.raises(mysql_gr.pymysql.OperationalError, match="2013") as raised:
            connection._read_bytes(4)
    return raised.value


@pytest.mark.parametrize(
    ("dies", "error", "words"),
    [
        (False, CommandExecutionError, "no view of db1 alone within 60 s"),
        (True, mysql_gr.pymysql.OperationalError, "Lost connection"),
    ],
)
def test_a_view_that_is_late_is_not_a_server_that_died(monkeypatch, dies, error, words):
    def wait(*_):
        raise lost(dies)

    settings = mysql_gr.settings_from(pillar(), "db1")
    monkeypatch.setattr(mysql_gr, "_settings", lambda: settings)
    monkeypatch.setattr(mysql_gr, "_exclusive", lambda *_: contextlib.nullcontext())
    monkeypatch.setattr(mysql_gr, "_facts", lambda *_: ALONE)
    monkeypatch.setattr(mysql_gr, "_do", wait)
    with pytest.raises(error, match=words):
        mysql_gr.force_quorum(["db1"], ["db2", "db3"], patience=60)


# --- what is not as it should be -----------------------------------------------------------------

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
    settings = mysql_gr.settings_from(declared or pillar(), "db1")
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
            {**WHOLE, "db1": {**WHOLE["db1"], "alike": {mysql_gr.SINGLE_LEADER: "OFF"}}}, {},
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


# ---- what statements would make ----

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
    monkeypatch.setattr(mysql_gr.time, "sleep", lambda _: None)
    assert (
        mysql_gr._answered(
            mysql_gr.settings_from(pillar(), "db1"), 30, lambda connection: connection
        )
        == "there"
    )
    answers = iter([mysql_gr.UnreachableError("away")])
    with pytest.raises(mysql_gr.UnreachableError):
        mysql_gr._answered(
            mysql_gr.settings_from(pillar(), "db1"), 0, lambda connection: connection
        )
