"""What a state reports: that nothing is to be done, what a run would do, or why it failed."""

from __future__ import annotations

from typing import Any


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
