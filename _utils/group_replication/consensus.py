"""When a group last agreed on a message, and what a member does that is alone and cannot agree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from group_replication.connection import rows
from group_replication.model import OFFLINE, ONLINE, joined
from group_replication.verdicts import Facts, as_verdict

# Each member sends a message of its own in every period of flow control, busy or not.
PERIOD = "group_replication_flow_control_period"
# An overloaded machine is late by some seconds.
HALTED_SECONDS = 20


def overdue(age: int | None, period: str | None) -> int:
    """
    Return the seconds for which a message of a member's own has been waiting for agreement.

    age
        Seconds since the last one, or None where there was none.

    period
        Seconds between two of them, as the server has the option.
    """
    return max(0, (age or 0) - int(period or 1))


class Watched:
    """When a member's last message was agreed on, by this machine's own time.

    A health agent that went by the server's clock would send everybody away when that is set.
    """

    def __init__(self) -> None:
        self._last: str | None = None
        self._since = 0.0

    def look(self, connection: Any, now: float) -> bool:
        """Ask the server; tell whether it has been waiting for agreement for too long."""
        seen = rows(
            connection,
            "SELECT (SELECT VARIABLE_VALUE FROM performance_schema.global_status"
            " WHERE VARIABLE_NAME = 'Gr_last_consensus_end_timestamp') AS last,"
            " (SELECT VARIABLE_VALUE FROM performance_schema.global_variables"
            " WHERE VARIABLE_NAME = %s) AS period",
            (PERIOD,),
        )[0]
        if seen["last"] != self._last:
            self._last, self._since = seen["last"], now
        waiting = overdue(int(now - self._since), seen["period"])
        # None, or an empty text: it has agreed on nothing since it started.
        return bool(self._last) and waiting >= HALTED_SECONDS


def is_halted(facts: Mapping[str, Any]) -> bool:
    """
    Tell whether a member is alone in its view and its group agrees on nothing.

    facts
        One member's part of ``facts_of``.

    A member that ends in the middle of its join is in no view, and is counted all the same: a group
    of one has lost its majority then, and nothing else tells.
    """
    return (
        facts["state"] == ONLINE
        and facts["quorum"]
        and len(facts["members"]) == 1
        and facts.get("overdue", 0) >= HALTED_SECONDS
    )


def _sentence(name: str, facts: Mapping[str, Any]) -> str:
    return (
        f"{name} is ONLINE alone, and its group has agreed on nothing for {facts['overdue']} s, as "
        "after a join that broke off"
    )


def begun_anew(me: str, facts: Facts) -> dict[str, Any] | None:
    """
    The rows for a member that is alone in a group that agrees on nothing.

    me
        The declared name of the member that asks.

    facts
        As ``facts_of`` returns them.

    Nobody else has a transaction of that group that this member has not: it was alone in it. So
    members that do not answer need not be waited for.
    """
    mine = facts[me]
    if not is_halted(mine):
        return None
    running = [
        name
        for name, one in facts.items()
        if name != me and one["answers"] and (one["applier_on"] or one["state"] != OFFLINE)
    ]
    if running:
        return as_verdict("wait", f"{_sentence(me, mine)}; {joined(running)} has not given up yet")
    return as_verdict(
        "reboot", f"{_sentence(me, mine)}; {me} leaves it and reboots it", bootstrap_member=me
    )


def awaited(majority: Facts) -> dict[str, Any] | None:
    """
    The row for a member outside a group of one that agrees on nothing: it could not join.

    majority
        Declared name to what each ONLINE member says of itself.
    """
    halted = [_sentence(name, one) for name, one in majority.items() if is_halted(one)]
    return as_verdict("wait", f"{halted[0]}; it is to reboot its group first") if halted else None
