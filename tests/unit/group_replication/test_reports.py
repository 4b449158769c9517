"""What states report."""

from __future__ import annotations

import pytest
from group_replication.reports import converged, failed, predicted, unchanged
from salt.exceptions import CommandExecutionError

CHANGES = {"state": {"old": "OFFLINE", "new": "ONLINE"}}


def report() -> dict:
    return {**unchanged("db1", "db1 is ONLINE"), "changes": CHANGES}


def test_a_prediction_keeps_the_changes_and_a_failure_has_none():
    assert unchanged("db1", "fine")["result"] is True
    assert predicted(report(), "would") == {
        "name": "db1",
        "result": None,
        "comment": "would",
        "changes": CHANGES,
    }
    found = failed(report(), CommandExecutionError("why"))
    assert (found["result"], found["comment"], found["changes"]) == (False, "why", {})


@pytest.mark.parametrize(
    ("verdict", "comment", "changes"),
    [("member", "db1 joins; db1 has come ONLINE", CHANGES), ("paused", "on leave", {})],
)
def test_what_became_of_a_member(verdict, comment, changes):
    decision = {"verdict": verdict, "why": "on leave", "acted": ["db1 joins"]}
    found = converged(report(), decision, 180)
    assert (found["result"], found["comment"], found["changes"]) == (True, comment, changes)


def test_a_member_that_still_waits_has_failed():
    with pytest.raises(CommandExecutionError, match="not ONLINE after 180 s: db2 leads"):
        converged(report(), {"verdict": "wait", "why": "db2 leads"}, 180)
