"""What an operator overrules, by name, and what nobody may: pure, as tables."""

from __future__ import annotations

import pytest
from group_replication.decision import decide_by
from group_replication.overrides import (
    join_by,
    recover_by,
    removal_problem,
    survivors_by,
    with_overrides,
)
from hypothesis import given
from hypothesis import strategies as st
from salt.exceptions import CommandExecutionError, SaltInvocationError

from tests.unit.group import (
    ALONE,
    FOUR,
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
    whole,
)

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
        PURGED, "incremental", None, "refuse", ["cannot join by incremental recovery"],
    ),
    "a clone of an empty member": (
        EMPTY, "clone", None, "clone", ["db2 clones db3, as the call says"],
    ),
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
    decision = join_by("db2", GROUP, ordered, method, clone_over)
    assert decision["verdict"] == verdict, decision["why"]
    for word in words:
        assert word in decision["why"]
    assert (decision["donor"] is not None) == (verdict == "clone")


FLUSHED = f"{OTHER}:1-2"
# row: what is known of the errant transactions, accept_errant, the verdict, words of the sentence
ACCEPTED = {
    "nothing is known": ({}, "db2", "refuse", ["for what changes no rows"]),
    "they change no rows, unnamed": (
        {"gtids": FLUSHED, "statements": "FLUSH TABLES (2 times)", "other": ""}, None, "refuse",
        ["they change no rows (FLUSH TABLES (2 times))", "nothing is wiped unasked"],
    ),
    "they change no rows, named": (
        {"gtids": FLUSHED, "statements": "FLUSH TABLES (2 times)", "other": ""}, "db2", "accept",
        [f"the group gets {FLUSHED} of db2 as empty transactions", "FLUSH TABLES (2 times)"],
    ),
    "one of them may change rows": (
        {"gtids": f"{OTHER}:1", "statements": "FLUSH TABLES", "other": f"{OTHER}:2 is CREATE USER"},
        "db2", "refuse", [f"of these {OTHER}:2 is CREATE USER", "for what changes no rows"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("row", ACCEPTED)
def test_errant_transactions_are_accepted_by_name_where_they_change_no_rows(row):
    kinds, accept_errant, verdict, words = ACCEPTED[row]
    facts = {**ERRANT, "db2": {**ERRANT["db2"], "errant_kinds": kinds}}
    decision = with_overrides("db2", accept_errant=accept_errant)("db2", GROUP, facts)
    assert (decision["verdict"], decision["errant"]) == (verdict, FLUSHED), decision["why"]
    for word in words:
        assert word in decision["why"]


def test_accepting_changes_no_other_decision():
    told = with_overrides("db2", accept_errant="db2")
    for facts in (BEHIND, EMPTY, PURGED, {**LIVING, "db2": one("db2", paused="on leave")}):
        assert told("db2", GROUP, facts) == decide_by("db2", GROUP, facts)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"method": "dump"}, ["method is 'dump'", "auto, incremental, clone"]),
        ({"method": "clone", "clone_over": "db3"}, ["clone_over is 'db3'", "this is db2"]),
        ({"clone_over": "db2"}, ["method is 'auto'", "expected method=clone"]),
        ({"accept_errant": "db1"}, ["accept_errant is 'db1'", "this is db2"]),
        ({"accept_errant": "db2", "method": "clone"}, ["expected it alone"]),
        ({"accept_errant": "db2", "force_member": "db2"}, ["expected it alone"]),
        ({"force_member": "db1"}, ["force_member is 'db1'", "expected force_member=db2"]),
        ({"method": "clone", "force_member": "db2"}, ["expected one of them"]),
    ],
)
def test_arguments_that_do_not_fit_are_named(told, words):
    with pytest.raises(SaltInvocationError) as err:
        with_overrides("db2", **told)
    for word in words:
        assert word in str(err.value)


def test_no_argument_changes_no_decision():
    assert with_overrides("db2")("db2", GROUP, ERRANT) == decide_by("db2", GROUP, ERRANT)


DIVERGED = {
    "db1": one("db1", gtids=f"{GROUP}:1-9"),
    "db2": one("db2", gtids=f"{GROUP}:1-8:10"),
    "db3": one("db3", gtids=f"{GROUP}:1-5"),
}


# row: what is seen, who is told, the verdict, and words of the sentence
FORCED = {
    "histories diverged": (
        DIVERGED, "db2", "reboot", ["as the call says", f"without {GROUP}:9, which db1 has"],
    ),
    "a member is unreachable": (
        {**DIVERGED, "db1": gone("no route")}, "db2", "reboot", ["without an answer from db1"],
    ),
    "another one would reboot": (
        {**DIVERGED, "db2": one("db2", gtids=f"{GROUP}:1-8")}, "db2", "reboot",
        [f"without {GROUP}:9, which db1 has"],
    ),
    "the tables of nodes differ": (
        {**DIVERGED, "db1": one("db1", declared=[HOSTS["db1"]]),
         "db2": one("db2", gtids=f"{GROUP}:1-9", declared=[HOSTS["db1"], HOSTS["db2"]])},
        "db2", "reboot", ["as the call says"],
    ),
    "what I received comes first": (
        {**DIVERGED, "db2": one("db2", gtids=f"{GROUP}:1-5", gtid_received=f"{GROUP}:6")},
        "db2", "apply", [f"received {GROUP}:6"],
    ),
    "what I received and cannot apply is given up, and named": (
        {**DIVERGED, "db2": one("db2", gtids=f"{GROUP}:1-5", gtid_received=f"{GROUP}:6-12",
                                applier_error="Duplicate entry '6'")},
        "db2", "reboot", [f"gives up {GROUP}:6-12", "Duplicate entry '6'",
                        f"without {GROUP}:6-9, which db1 has"],
    ),
    "what another one received and does not apply": (
        {"db1": one("db1", gtids=f"{GROUP}:1-5", gtid_received=f"{GROUP}:6",
                    applier_error="Duplicate entry '6'"),
         "db2": one("db2", gtids=f"{GROUP}:1-5"), "db3": one("db3")},
        "db2", "reboot", [f"without {GROUP}:6, which db1 has"],
    ),
    "no argument overrides a living group": (
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
    decision = recover_by("db2", GROUP, facts, told)
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
        verdict = recover_by(name, GROUP, facts, name)["verdict"]
        if any(state not in ("OFFLINE", "gone") for state, _, _ in rows):
            assert verdict not in ("bootstrap", "reboot")
        joined = join_by(name, GROUP, facts, "clone", name)
        if joined["verdict"] == "clone":
            assert facts[joined["donor"]]["state"] == "ONLINE"
            assert facts[name]["state"] in ("OFFLINE", "ERROR")


NODES = HOSTS_OF_THREE


def test_survivors_go_on_when_all_that_is_said_is_so():
    survivors_by("db1", NODES, ALONE, ["db1"], ["db2", "db3"])


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
        survivors_by("db1", NODES, facts, survivors, dead)
    for word in words:
        assert word in str(err.value)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (whole(), ""),
        # Two of three others are gone and not expelled yet: the last one would stand alone.
        (
            whole(
                db2=gone(),
                db3=gone(),
                db4=one(
                    "db4",
                    "ONLINE",
                    members=[
                        member("db1"),
                        member("db2", "UNREACHABLE"),
                        member("db3", "UNREACHABLE"),
                        member("db4"),
                    ],
                ),
            ),
            "no majority",
        ),
        (
            {**dict.fromkeys(FOUR[:3], gone()), "db4": online("db4")},
            "it sees nobody",
        ),
        # Only members that go themselves would be left.
        (
            {
                **dict.fromkeys(FOUR[:3], gone()),
                "db4": one("db4", "ONLINE", members=[member("db4"), member("db5")]),
            },
            "declared and ONLINE",
        ),
        (whole(db4=one("db4", gtids=f"{GROUP}:1-5")), ""),
        (
            {**{n: one(n) for n in FOUR[:3]}, "db4": one("db4", gtids=f"{GROUP}:1-5")},
            "db4 may hold transactions that no other has",
        ),
        ({**{n: one(n) for n in FOUR[:3]}, "db4": one("db4")}, ""),
        (whole(db4=gone()), ""),
    ],
)
def test_what_would_break_is_refused(facts, words):
    problem = removal_problem("db4", facts)
    assert words in problem
    assert bool(problem) is bool(words)
