"""What a state reports of a member that was to come ONLINE."""

from __future__ import annotations

from typing import Any

from salt.exceptions import CommandExecutionError


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
