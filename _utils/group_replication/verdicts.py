"""The words of a decision, and what it is made of: verdict, sentence, transactions held, view."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from group_replication.gtid import GtidSet, parse_gtids, union_gtids
from group_replication.model import LEAVING, REMOVED

# What is to be done, and by whom:
#   member      nothing: this is a member of a group with a majority
#   recovering  nothing yet: distributed recovery is under way
#   join        start Group Replication here
#   accept      make this member's errant transactions, which change no rows, known to the group
#   clone       copy a member's data onto this empty server; joining comes after it
#   bootstrap   bootstrap the group here, for the first time
#   reboot      bootstrap the group here after a complete outage
#   stop        end what is left of the old group here, so that nothing of it reaches a new one
#   apply       apply what was received before the crash, so that it counts
#   wait        another member acts, or has to finish first
#   uncertain   some declared member does not answer: it may be alive
#   paused      the operator took this member out on purpose
#   unreachable the local mysqld does not answer
#   refuse      an operator has to look: the sentence says at what
STARTS = ("bootstrap", "reboot", "join", "clone")
# What bootstraps a group; whatever else is to be started joins one.
BOOTSTRAPS = ("bootstrap", "reboot")
ACTIONS = (*STARTS, "accept", "stop", "apply")
PENDING = ("wait", "uncertain", "recovering")
# What members say of themselves, by name.
Facts = Mapping[str, Mapping[str, Any]]
Decide = Callable[[str, str, Facts], dict[str, Any]]


def held_by(facts: Mapping[str, Any]) -> GtidSet:
    """Return all transactions that a member has executed or received."""
    return union_gtids(parse_gtids(facts["gtid_executed"]), parse_gtids(facts["gtid_received"]))


def as_verdict(verdict: str, why: str, **more: Any) -> dict[str, Any]:
    """Return a decision: a verdict, its sentence, and what else is known."""
    answer: dict[str, Any] = {"verdict": verdict, "why": why, "bootstrap_member": None}
    answer |= {"donor": None, "errant": "", "harmless": False, "received": "", "override": ""}
    return {**answer, **more}


def unreachable_verdict(me: str, error: str) -> dict[str, Any]:
    """Return the decision for a member whose mysqld does not answer."""
    return as_verdict("unreachable", f"mysqld on {me} does not answer: {error}")


def paused_verdict(me: str, why: str) -> dict[str, Any]:
    """Return the decision for a member that is kept out, and what ends that where a call does."""
    ends = "" if why in (REMOVED, LEAVING) else " (mysql_maintenance.unpause ends that)"
    return as_verdict("paused", f"{me} stays out of the group: {why}{ends}")


def view_of(facts: Mapping[str, Any]) -> str:
    """What is the same in all views of one group's life: the part before the counter."""
    return str(facts["view_id"]).partition(":")[0]


def in_one_group(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """
    Tell whether two members that are ONLINE are in one group.

    Views of one origin that have no member in common are two groups, too: a majority was forced
    while the other half of the group went on.
    """
    hosts, there = ({member["host"] for member in facts["members"]} for facts in (one, other))
    return view_of(one) == view_of(other) and bool(hosts & there)


def because(one: Mapping[str, Any]) -> str:
    """The applier's last error as the end of a sentence, where there is one."""
    return f" (its applier said: {one['applier_error']})" if one["applier_error"] else ""
