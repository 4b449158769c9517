"""What states report of a member."""

from __future__ import annotations

import pytest
from group_replication.reports import converged
from salt.exceptions import CommandExecutionError
from state_report import unchanged

CHANGES = {"state": {"old": "OFFLINE", "new": "ONLINE"}}


def report() -> dict:
    return {**unchanged("db1", "db1 is ONLINE"), "changes": CHANGES}


@pytest.mark.parametrize(
    ("verdict", "comment", "changes"),
    [("member", "db1 joins; db1 has come ONLINE", CHANGES), ("paused", "on leave", {})],
)
def test_what_became_of_a_member(verdict, comment, changes):
    decision = {"verdict": verdict, "why": "on leave", "acted": ["db1 joins"]}
    found = converged(report(), decision, 180)
    assert (found["result"], found["comment"], found["changes"]) == (True, comment, changes)


def test_a_member_that_still_waits_has_failed():
    with pytest.raises(CommandExecutionError, match="not ONLINE after 180 s: db2 reboots"):
        converged(report(), {"verdict": "wait", "why": "db2 reboots"}, 180)
