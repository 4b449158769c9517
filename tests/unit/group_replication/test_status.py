"""What the extended status names: pure, as tables."""

from __future__ import annotations

import contextlib

import pytest
from group_replication import status
from group_replication.comparison_report import Kept, short
from group_replication.errant import errant_sentence
from group_replication.model import SINGLE_LEADER
from group_replication.settings import settings_from
from group_replication.status import compared, diagnosis

from tests.unit.group import (
    GROUP,
    HOSTS,
    HOSTS_OF_THREE,
    OTHER,
    UUIDS,
    gone,
    one,
    online,
    pillar,
)


def test_compared_names_what_each_lacks_and_has_alone():
    facts = {
        "db1": one("db1", gtids=f"{GROUP}:1-9"),
        "db2": one("db2", gtids=f"{GROUP}:1-5,{OTHER}:1", gtid_received=f"{GROUP}:4-7"),
        "db3": gone(),
    }
    assert compared(facts) == {
        "db1": {
            "executed": f"{GROUP}:1-9",
            "unapplied": "",
            "lacks": f"{OTHER}:1",
            "alone": f"{GROUP}:8-9",
        },
        "db2": {
            "executed": f"{GROUP}:1-5,{OTHER}:1",
            "unapplied": f"{GROUP}:6-7",
            "lacks": f"{GROUP}:8-9",
            "alone": f"{OTHER}:1",
        },
    }


NODES = HOSTS_OF_THREE


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
    return diagnosis(settings, seen, {**QUIET, **channels})


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
        (
            {**OUT, "db3": one("db3", "ERROR", applier_error="Duplicate entry '5'")}, {},
            "db3 is declared and not in the group: it is ERROR; its applier said: Duplicate entry "
            "'5'",
        ),
        (
            {**OUT, "db3": one("db3", recovery_error="Access denied (1045)")}, {},
            "db3 is declared and not in the group: it is OFFLINE; its recovery said: Access denied "
            "(1045)",
        ),
        (
            {**WHOLE, "db3": one("db3", "RECOVERING", recovery_error="Duplicate entry '5'")}, {},
            "db3's recovery: Duplicate entry '5'",
        ),
        (OUT, {}, errant_sentence("db3", f"{OTHER}:1")),
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
            "db2 is primary and read-only: super_read_only is ON",
        ),
        (
            {**WHOLE, "db1": {**WHOLE["db1"], "offline_mode": True}}, {},
            "db1 is ONLINE and takes no clients: offline_mode is ON",
        ),
        (
            {**WHOLE, "db2": {**WHOLE["db2"], "commit_wait": 12}}, {},
            "db2: a commit has been waiting for 12 s; after a join that ended with its server that "
            "lasts for 80 s at most",
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
            {**WHOLE, "db1": {**WHOLE["db1"], "must_match": {SINGLE_LEADER: "OFF"}}}, {},
            "the group has group_replication_paxos_single_leader OFF, and ON is declared: it takes "
            "that when it is rebooted, once all members have been out of it",
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
    ],
)  # fmt: skip
def test_each_problem_has_its_sentence(seen, channels, sentence):
    assert sentence in diagnosed(seen, **channels)["problems"]


def test_what_differs_is_listed_too():
    answer = diagnosed(OUT)
    assert answer["errant"] == {"db3": f"{OTHER}:1"}
    assert answer["absent"] == ["db3"]


FAILED = Kept(1, 9, failed=5, error="db2: Lost connection")


@pytest.mark.parametrize(
    ("mine", "kept", "known"),
    [
        (online("db1", "db2", "db3"), FAILED, True),
        (online("db1", "db2", "db3"), None, False),
        # Outside, or without a majority, it does not know what the others have kept since.
        (one("db1"), FAILED, False),
        (online("db1", quorum=False), FAILED, False),
    ],
)
def test_the_extended_status_speaks_of_the_last_comparison(monkeypatch, mine, kept, known):
    settings = settings_from(pillar(), "db1")
    for name, value in (
        ("look", lambda _: mine),
        ("facts_of", lambda _: WHOLE),
        ("local", lambda _: contextlib.nullcontext()),
        ("_channels", lambda _: dict(QUIET)),
        ("_write_concurrency_now", lambda *_: 50),
        ("drained", lambda: ""),
    ):
        monkeypatch.setattr(status, name, value)
    monkeypatch.setattr(status.comparison, "last", lambda connection: kept)
    monkeypatch.setattr(status.causes, "too_large", lambda me, ask: f"{me} refused a transaction")
    monkeypatch.setattr(status.causes, "refuses_commits", lambda me, mode, ask: "")
    monkeypatch.setattr(status.stray_accounts, "look", lambda settings, connection: ["a stray"])
    monkeypatch.setattr(status, "pending_restart", lambda *_: {"port": {"class": "restart"}})
    assert "comparison" not in status.status_of(settings)
    answer = status.status_of(settings, True)
    assert answer["pending_restart"] == {"port": {"class": "restart"}}
    assert answer["comparison"] == (short(FAILED) if known else {})
    assert {"db1 refused a transaction", "a stray"} <= {*answer["problems"]}
    said = [sentence for sentence in answer["problems"] if "comparison" in sentence]
    assert len(said) == (1 if known else 0)


@pytest.mark.parametrize(("left", "runs"), [(60, True), (-1, False)])
def test_an_operation_is_shown_while_it_runs_and_a_problem_once_it_was_broken_off(left, runs):
    row = {
        "token": "t", "owner": "m1", "purpose": "a restart", "step": "restart db2", "began": "{}",
        "since": "10:00", "deadline": "10:02", "age": 5, "seconds_left": left,
    }  # fmt: skip
    settings = settings_from(pillar(), "db1")
    mine = {**WHOLE["db1"], "operation": row, "schema_change": None}
    plain = status._status_from(settings, mine)
    assert plain["operation"].startswith("a restart by m1 is under way (restart db2)") is runs
    assert bool(plain["operation"]) is runs
    problems = status._group_problems(settings, mine, 50)
    told = [one for one in problems if "the same call continues it" in one]
    assert len(told) == (0 if runs else 1)
