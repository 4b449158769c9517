"""A commit that waits for long is told of a member of the group."""

from __future__ import annotations

import pytest
from group_replication.commit_waits import longest, problem

from tests.unit.group import one, online


@pytest.mark.parametrize("seconds", [0, 17])
def test_the_longest_wait_is_asked_for(seconds):
    assert longest(lambda query: [{"seconds": seconds}]) == seconds


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        (online("db2", commit_wait=3), True),
        (online("db2", commit_wait=2), False),
        (one("db2", "OFFLINE", commit_wait=60), False),
    ],
)
def test_a_commit_that_waits_in_the_group_is_a_problem(facts, told):
    assert bool(problem("db2", facts)) is told
