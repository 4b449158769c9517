"""What states report."""

from __future__ import annotations

from salt.exceptions import CommandExecutionError
from state_report import failed, predicted, unchanged

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
