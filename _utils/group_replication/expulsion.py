"""A server that was expelled a moment ago joins when the group has forgotten its connections."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from group_replication.decision import seen_by
from group_replication.model import ONLINE
from group_replication.verdicts import Decide, as_verdict

# The members' keepers see an expulsion within a second, and reconfigure the group in another one. A
# member that joins earlier is called by connections that wait for up to ten seconds.
FORGETTING_SECONDS = 1.5


def once_forgotten(decide: Decide, clock: Callable[[], float] = time.monotonic) -> Decide:
    """
    Return a decision that lets a server wait for a moment after its expulsion.

    decide
        The decision to go by.

    clock
        What tells the time in seconds.
    """
    last = -FORGETTING_SECONDS

    def decided(me: str, group: str, facts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        nonlocal last
        members = {
            name: one
            for name, one in facts.items()
            if name != me and one["answers"] and one["state"] == ONLINE
        }
        if facts[me]["answers"] and seen_by(facts[me], members):
            last = clock()
        verdict = decide(me, group, facts)
        if verdict["verdict"] != "join" or clock() - last >= FORGETTING_SECONDS:
            return verdict
        return as_verdict(
            "wait", f"{me} was expelled a moment ago; it joins once the group has forgotten it"
        )

    return decided
