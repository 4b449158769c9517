"""What a state reports: that nothing is to be done, what a run would do, or why it failed."""

from __future__ import annotations

from typing import Any

from salt.exceptions import CommandExecutionError


def unchanged(name: str, comment: str) -> dict[str, Any]:
    """Say that nothing is to be done, which is how a report begins."""
    return {"name": name, "result": True, "comment": comment, "changes": {}}


def predicted(ret: dict[str, Any], comment: str) -> dict[str, Any]:
    """Say what a run would do."""
    ret["result"] = None
    ret["comment"] = comment
    return ret


def failed(ret: dict[str, Any], err: Exception) -> dict[str, Any]:
    """Say why it could not be done."""
    ret["result"] = False
    ret["comment"] = str(err)
    ret["changes"] = {}
    return ret


def converged(ret: dict[str, Any], decision: dict[str, Any], timeout: float) -> dict[str, Any]:
    """
    Say what became of a member that was to come ONLINE.

    ret
        The report so far, with the changes that were foreseen.

    decision
        What ``mysql_gr.converge`` returned.

    timeout
        The seconds that it had.
    """
    if decision["verdict"] == "paused":
        ret["changes"] = {}
        ret["comment"] = decision["why"]
    elif decision["verdict"] != "member":
        raise CommandExecutionError(f"not ONLINE after {timeout} s: {decision['why']}")
    else:
        ret["comment"] = "; ".join([*decision["acted"], f"{ret['name']} has come ONLINE"])
    return ret
