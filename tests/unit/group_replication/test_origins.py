"""Two groups with one name: who is the younger, what is kept of it, and what it keeps out."""

from __future__ import annotations

import pytest
from group_replication.decision import decide_by
from group_replication.origins import fork_of, forked, is_younger, rivals_of
from group_replication.overrides import join_by, recover_by

from tests.unit.group import GROUP, HOSTS, OTHER, gone, one, online

ELDER, YOUNGER = "17958668752626857", "17958680000000000"
HELD = f"{GROUP}:1-9"


def view(origin: str, number: int = 3) -> str:
    return f"{origin}:{number}"


def elder(name: str, *others: str, **more) -> dict:
    return online(name, *others, **{"gtids": HELD, "view_id": view(ELDER), **more})


def younger(name: str, *others: str, **more) -> dict:
    return online(name, *others, **{"gtids": HELD, "view_id": view(YOUNGER), **more})


@pytest.mark.parametrize(
    ("mine", "other", "expected"),
    [
        (YOUNGER, ELDER, True),
        (ELDER, YOUNGER, False),
        # By number, and not by text.
        ("9", "10", False),
        ("10", "9", True),
        # Nobody is the elder: both are fenced.
        (ELDER, ELDER, True),
        ("", ELDER, True),
        (ELDER, "", True),
        ("a-word", ELDER, True),
        (ELDER, "-1", True),
    ],
)
def test_who_is_younger(mine, other, expected):
    assert is_younger(mine, other) is expected


@pytest.mark.parametrize(
    ("mine", "other", "expected"),
    [
        (elder("db1"), younger("db2"), True),
        (elder("db1", "db2"), elder("db2", "db1", view_id=view(ELDER, 9)), False),
        # The one has not seen yet that the other has come, or has gone.
        (elder("db1"), elder("db2", "db1", view_id=view(ELDER, 9)), False),
        (elder("db1", "db3"), elder("db2", "db3"), False),
        # Two halves of one group, each with a majority of its own.
        (elder("db1"), elder("db2", view_id=view(ELDER, 9)), True),
        (elder("db1"), elder("db2", quorum=False), False),
        (elder("db1"), younger("db2", group=OTHER), False),
        (elder("db1"), younger("db2", quorum=False), False),
        (elder("db1"), younger("db2", view_id=None), False),
        (elder("db1"), one("db2"), False),
        (elder("db1"), one("db2", "RECOVERING", view_id=view(YOUNGER)), False),
        (elder("db1"), gone(), False),
        (elder("db1", quorum=False), younger("db2"), False),
        (elder("db1", view_id=None), younger("db2"), False),
        (one("db1"), younger("db2"), False),
    ],
)
def test_who_serves_in_another_group(mine, other, expected):
    assert bool(rivals_of(mine, {"db2": other})) is expected


MARK = {"origin": YOUNGER, "others": [ELDER], "apart": [], "fenced": True, "why": "two groups"}
BESIDE = {"origin": ELDER, "others": [YOUNGER], "apart": [], "fenced": False, "why": "two groups"}
UNREADABLE = {"origin": "", "others": [], "apart": [], "fenced": True, "why": "cannot be read"}


@pytest.mark.parametrize(
    ("mine", "others", "before", "fenced", "origins"),
    [
        (younger("db2"), {"db1": elder("db1")}, {}, True, [ELDER]),
        (elder("db1"), {"db2": younger("db2")}, {}, False, [YOUNGER]),
        (elder("db1", view_id="odd:1"), {"db2": younger("db2")}, {}, True, [YOUNGER]),
        (younger("db2"), {"db1": elder("db1"), "db3": gone()}, {}, True, [ELDER]),
        # The eldest of three alone goes on.
        (
            younger("db2"),
            {"db1": elder("db1"), "db3": online("db3", view_id=view("18" + "0" * 15))},
            {}, True, sorted([ELDER, "18" + "0" * 15]),
        ),
        # Nobody is asked, or nobody answers: who was fenced stays so.
        (younger("db2"), {}, MARK, True, [ELDER]),
        (younger("db2"), {"db1": gone()}, MARK, True, [ELDER]),
        (younger("db2"), {}, UNREADABLE, True, []),
        (elder("db1"), {}, BESIDE, False, [YOUNGER]),
        (elder("db1", view_id=view("17959000000000000")), {}, BESIDE, False, [YOUNGER]),
        # In the elder group now, or in one that was rebooted by name.
        (elder("db2", "db1"), {}, MARK, None, None),
        (online("db2", view_id=view("17959000000000000")), {}, MARK, None, None),
        (elder("db1"), {}, {}, None, None),
    ],
)  # fmt: skip
def test_what_is_kept_of_another_group(mine, others, before, fenced, origins):
    kept = fork_of("me", mine, others, before)
    assert (kept.get("fenced"), kept.get("others")) == (fenced, origins)


def test_the_sentence_names_both_views_who_is_fenced_and_the_way_out():
    here = fork_of("db2", younger("db2"), {"db1": elder("db1")}, {})["why"]
    there = fork_of("db1", elder("db1"), {"db2": younger("db2")}, {})["why"]
    for sentence in (here, there):
        assert view(ELDER) in sentence
        assert view(YOUNGER) in sentence
        assert "mysql_gr.join method=clone clone_over=db2" in sentence
        assert "mysql_maintenance.unfence member=db2" in sentence
    assert "db2's is the younger one" in here
    assert "db1's is the elder one and goes on" in there
    unclear = fork_of("db1", elder("db1", view_id="odd:1"), {"db2": younger("db2")}, {})["why"]
    assert "both are fenced" in unclear


@pytest.mark.parametrize(
    ("fork", "majority", "expected"),
    [
        ({}, {"db1": elder("db1")}, ""),
        (MARK, {"db1": elder("db1")}, "clone_over"),
        (MARK, {"db1": online("db1", view_id=view("17959000000000000"))}, "clone_over"),
        # Back into its own group, which is fenced as it is itself.
        (MARK, {"db3": younger("db3")}, ""),
        (MARK, {}, "force_member"),
        (UNREADABLE, {"db1": elder("db1")}, "clone_over"),
        (BESIDE, {"db2": younger("db2")}, "clone_over"),
        # After an outage of all a group has another origin each time.
        (BESIDE, {"db3": online("db3", view_id=view("17959000000000000"))}, ""),
        (BESIDE, {}, ""),
    ],
)
def test_what_a_member_of_two_groups_does_by_name_alone(fork, majority, expected):
    assert forked("db2", one("db2", gtids=HELD, fork=fork), majority)[1] == expected


def facts(**members) -> dict:
    return {"db1": gone(), "db2": gone(), "db3": gone(), **members}


OUT = one("db2", gtids=HELD, fork=MARK)


@pytest.mark.parametrize(
    ("seen", "verdict", "override", "words"),
    [
        # Equal GTID sets are no proof.
        (
            facts(db1=elder("db1", "db3"), db2=OUT, db3=elder("db3", "db1")),
            "refuse", "clone_over", "rows may differ though no GTID does",
        ),
        (
            facts(db1=elder("db1", "db3"), db2={**OUT, "fork": {}}, db3=elder("db3", "db1")),
            "join", "", "db2 joins",
        ),
        (
            facts(
                db1=elder("db1", "db3"), db2={**OUT, "gtid_executed": f"{HELD},{OTHER}:1"},
                db3=elder("db3", "db1"),
            ),
            "refuse", "clone_over", f"does not have: {OTHER}:1",
        ),
        (facts(db1=gone(), db2=OUT, db3=younger("db3")), "join", "", "db2 joins"),
        # An empty one has nothing that could differ.
        (
            facts(db1=elder("db1", "db3"), db2={**OUT, "gtid_executed": ""}, db3=elder("db3")),
            "join", "", "db2 joins",
        ),
        # All were down: it has all that any has, and reboots by name alone.
        (
            facts(db1=one("db1", gtids=f"{GROUP}:1-5"), db2=OUT, db3=one("db3")),
            "refuse", "force_member", "reboots no group unasked",
        ),
        (
            facts(db1=elder("db1", "db3", view_id=None), db2=OUT, db3=elder("db3", "db1")),
            "refuse", "clone_over", "in the other",
        ),
        (
            facts(db1=one("db1", gtids=HELD), db2=OUT, db3=one("db3")),
            "wait", "force_member", "db1 reboots the group after a complete outage",
        ),
        (
            facts(db2=younger("db2", fork=MARK)), "refuse", "", "db2 is fenced: two groups",
        ),
        (facts(db2=elder("db2", fork=MARK)), "member", "", "db2 is ONLINE"),
        (facts(db2=elder("db2", fork=BESIDE)), "member", "", "db2 is ONLINE"),
        (
            facts(db1=elder("db1"), db2=younger("db2")),
            "refuse", "", "db2's is the younger one, which its keepers fence",
        ),
        (facts(db1=online("db1", view_id=None), db2=younger("db2")), "member", "", "ONLINE"),
    ],
)  # fmt: skip
def test_the_decision(seen, verdict, override, words):
    decision = decide_by("db2", GROUP, seen)
    assert (decision["verdict"], decision["override"]) == (verdict, override), decision
    assert words in decision["why"]


def test_an_operator_names_the_member():
    seen = facts(db1=elder("db1", "db3"), db2=OUT, db3=elder("db3", "db1"))
    assert join_by("db2", GROUP, seen, "clone", "db2")["verdict"] == "clone"
    assert join_by("db2", GROUP, seen, "clone")["verdict"] == "refuse"
    down = facts(db1=one("db1", gtids=f"{GROUP}:1-5"), db2=OUT, db3=one("db3"))
    assert recover_by("db2", GROUP, down, "db2")["verdict"] == "reboot"


def half(name: str, *others: str, **more) -> dict:
    """A member of one half of the elder group, all of whose members each half has."""
    return elder(name, *others, **more)


LARGER = half("db1", "db2")
SMALLER = half("db3")


def mark(mine: dict, rival: dict, before: dict | None = None) -> dict:
    return fork_of("me", mine, {"rival": rival}, before or {})


def hosts(*names: str) -> list[str]:
    return sorted(HOSTS[name] for name in names)


@pytest.mark.parametrize(
    ("mine", "rival", "fenced", "apart"),
    [
        (LARGER, SMALLER, False, hosts("db3")),
        (SMALLER, LARGER, True, hosts("db1", "db2")),
        # Neither had a majority without force.
        (half("db1"), SMALLER, True, hosts("db3")),
    ],
)
def test_of_two_halves_the_smaller_gives_way(mine, rival, fenced, apart):
    found = mark(mine, rival)
    assert (found["fenced"], found["apart"], found["others"]) == (fenced, apart, [ELDER])
    assert "two halves of one group" in found["why"]
    # What was seen once stays, whoever is lost later.
    alone = half("db1") if mine is LARGER else mine
    assert mark(alone, rival, found)["fenced"] is fenced


def test_the_halves_are_named_with_the_way_out():
    assert "is the larger one and goes on" in mark(LARGER, SMALLER)["why"]
    assert "is the smaller one, which its keepers fence" in mark(SMALLER, LARGER)["why"]
    assert "both are fenced" in mark(half("db1"), SMALLER)["why"]


def test_a_half_forgets_the_other_once_a_member_of_it_is_in_its_view():
    kept = mark(LARGER, SMALLER)
    assert fork_of("me", LARGER, {"db3": gone()}, kept) == kept
    assert fork_of("me", half("db1", "db2", "db3"), {}, kept) == {}
    given_up = mark(SMALLER, LARGER)
    assert fork_of("db3", half("db3", "db1", "db2"), {}, given_up) == {}


@pytest.mark.parametrize(
    ("fork", "majority", "expected"),
    [
        # The half that gave way, at the one that went on.
        (mark(SMALLER, LARGER), {"db1": LARGER, "db2": half("db2", "db1")}, "clone_over"),
        (mark(SMALLER, LARGER), {"db1": half("db1")}, "clone_over"),
        # Another member of its half has cloned and is there already.
        (
            mark(SMALLER, LARGER),
            {"db1": half("db1", "db4"), "db4": half("db4", "db1")}, "clone_over",
        ),
        (mark(SMALLER, LARGER), {}, "force_member"),
        # Back into its own half.
        (mark(SMALLER, LARGER), {"db4": half("db4")}, ""),
        (mark(LARGER, SMALLER), {"db2": half("db2")}, ""),
        (mark(LARGER, SMALLER), {"db2": half("db2", "db3"), "db3": half("db3", "db2")}, ""),
        (mark(LARGER, SMALLER), {}, ""),
        # The half that went on, at the other.
        (mark(LARGER, SMALLER), {"db3": SMALLER}, "clone_over"),
    ],
)  # fmt: skip
def test_no_member_joins_the_other_half_by_its_transactions(fork, majority, expected):
    assert forked("me", one("db2", gtids=HELD, fork=fork), majority)[1] == expected


@pytest.mark.parametrize(
    ("me", "seen", "words"),
    [
        ("db2", facts(db1=half("db1"), db2=one("db2", gtids=HELD), db3=SMALLER), "is in view"),
        ("db3", facts(db1=LARGER, db2=half("db2", "db1"), db3=SMALLER), "db3's is the smaller one"),
        ("db1", facts(db1=LARGER, db2=half("db2", "db1"), db3=SMALLER), "db1's is the larger one"),
        (
            "db1",
            facts(db1=half("db1", fork=mark(LARGER, SMALLER)), db3=SMALLER),
            "db1's is the larger one",
        ),
    ],
)
def test_nobody_joins_while_two_halves_serve(me, seen, words):
    decision = decide_by(me, GROUP, seen)
    assert decision["verdict"] == "refuse"
    assert words in decision["why"]
