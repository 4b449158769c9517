"""A server waits for a moment after its expulsion, and joins then."""

from __future__ import annotations

import pytest
from group_replication import expulsion
from group_replication.decision import decide_by

from tests.unit.group import GROUP, gone, member, one

STILL_THERE = ("db1", "db2", "db3")
EXPELLED = ("db1", "db2")
HELD = f"{GROUP}:1-5"


def facts(*view):
    members = [member(name) for name in view]
    survivors = {name: one(name, "ONLINE", HELD, members=members) for name in ("db1", "db2")}
    return {**survivors, "db3": one("db3", gtids=HELD)}


@pytest.fixture
def verdicts():
    """Decide for db3 at some seconds; returns the verdicts of a list of pairs."""
    now = [0.0]
    decided = expulsion.once_forgotten(decide_by, lambda: now[0])

    def of(*looks):
        answers = []
        for now[0], seen in looks:
            answers.append(decided("db3", GROUP, seen)["verdict"])
        return answers

    return of


def test_who_was_expelled_waits_until_it_is_forgotten(verdicts):
    looks = [(10, STILL_THERE), (10.5, EXPELLED), (11.4, EXPELLED), (11.5, EXPELLED)]
    assert verdicts(*((at, facts(*view)) for at, view in looks)) == ["wait", "wait", "wait", "join"]


def test_who_was_not_in_the_view_joins_at_once(verdicts):
    assert verdicts((0, facts(*EXPELLED))) == ["join"]


def test_another_verdict_is_left_as_it_is(verdicts):
    alone = {**facts(*EXPELLED), "db1": gone(), "db2": gone()}
    unreachable = {**facts(*EXPELLED), "db3": gone()}
    looks = [(10, facts(*STILL_THERE)), (10.5, alone), (10.6, unreachable)]
    assert verdicts(*looks) == ["wait", "uncertain", "unreachable"]
