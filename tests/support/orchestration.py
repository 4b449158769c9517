"""Orchestrations on the lab's master, whose one state is applied to the master's minion."""

from __future__ import annotations

import json
from typing import Any

from tests.support.lab import Lab


def orchestrated(
    lab: Lab, name: str, test: bool = False, **given: Any
) -> tuple[dict[str, Any], str]:
    """Call an orchestration and return its one state on the master's minion, and all it said."""
    answer = lab.orchestrate(f"orch.{name}", given, test)
    said = json.dumps(answer)
    assert isinstance(answer, dict), said
    (states,) = answer["data"].values()
    (called,) = states.values()
    (machine,) = called["changes"]["ret"].values() if called["changes"] else ({},)
    return next(iter(machine.values()), called), said
