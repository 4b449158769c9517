"""What an operator may decide otherwise, by naming the member, and what nobody may."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

from salt.exceptions import CommandExecutionError, SaltInvocationError

from group_replication.decision import apply_verdict, decide_by, donor_for, ending_of, purged_of
from group_replication.facts import has_quorum
from group_replication.gtid import format_gtids, parse_gtids, subtract_gtids
from group_replication.model import ONLINE, PRESENT, UNREACHABLE, joined
from group_replication.verdicts import Decide, as_verdict, because, held_by, view_of

METHODS = ("auto", "incremental", "clone")


def join_by(
    me: str,
    group: str,
    facts: Mapping[str, Mapping[str, Any]],
    method: str = "auto",
    clone_over: str | None = None,
) -> dict[str, Any]:
    """
    Decide as :py:func:`decide_by`, for an operator who chooses the recovery method.

    method
        ``auto``: as decided. ``incremental``: never by clone. ``clone``: by clone, of an empty
        member only.

    clone_over
        This member's name, to clone over what it has.
    """
    decision = decide_by(me, group, facts)
    if method == "auto" or decision["verdict"] not in ("join", "clone", "refuse"):
        return decision
    mine = facts[me]
    majority = {
        name: one
        for name, one in facts.items()
        if one["answers"] and one["state"] == ONLINE and one["quorum"]
    }
    if method == "incremental":
        if decision["verdict"] != "clone":
            return decision
        if purged_of(mine, majority):
            why = f"{me} cannot join by incremental recovery: {decision['why']}"
            return as_verdict("refuse", why)
        return as_verdict(
            "join", f"{me} joins by incremental recovery, as the call says", bootstrap_member=None
        )
    if decision["verdict"] == "refuse" and decision["override"] != "clone_over":
        return decision
    donor = donor_for(mine, majority)
    if donor is None:
        return as_verdict("refuse", f"no ONLINE member can be cloned by version {mine['version']}")
    has = format_gtids(held_by(mine)) or joined(mine["schemas"])
    if mine["remembered"] and not has and clone_over != me:
        return decision
    if has and clone_over != me:
        alone = decision["errant"]
        return as_verdict(
            "refuse",
            f"{me} is not empty ({has}"
            + (f"; the group does not have {alone}" if alone else "")
            + f"): a clone gives that up only with clone_over={me}",
            errant=decision["errant"],
            override="clone_over",
        )
    lost = decision["errant"] or "nothing that the group does not have"
    return as_verdict(
        "clone",
        f"{me} clones {donor}, as the call says" + (f", and gives up {lost}" if has else ""),
        donor=donor,
        errant=decision["errant"],
    )


def accept_by(
    me: str, group: str, facts: Mapping[str, Mapping[str, Any]], accept_errant: str
) -> dict[str, Any]:
    """
    Decide as :py:func:`decide_by`, for an operator who lets the group have what changes no rows.

    accept_errant
        This member's name: its errant transactions become empty ones of the group, where it is
        known of all of them that they change no rows.
    """
    decision = decide_by(me, group, facts)
    if accept_errant != me or not decision["errant"]:
        return decision
    errant = decision["errant"]
    if not decision["harmless"]:
        return {**decision, "why": f"{decision['why']}; accept_errant is for what changes no rows"}
    kinds = facts[me]["errant_kinds"]["statements"]
    return as_verdict(
        "accept",
        f"the group gets {errant} of {me} as empty transactions, as the call says: they change no "
        f"rows ({kinds})",
        errant=errant,
        harmless=True,
    )


def recover_by(
    me: str,
    group: str,
    facts: Mapping[str, Mapping[str, Any]],
    force_member: str | None = None,
) -> dict[str, Any]:
    """
    Decide as :py:func:`decide_by`, for an operator who may name the member that reboots the group.

    force_member
        This member's name, to reboot the group where the facts alone do not allow it: a declared
        member does not answer, or members have diverged. Others with errant transactions are then
        refused when they return.
    """
    decision = decide_by(me, group, facts)
    if force_member != me or decision["override"] != "force_member":
        return decision
    ending = ending_of(me, facts)
    if ending:
        return ending
    mine = facts[me]
    received = subtract_gtids(
        parse_gtids(mine["gtid_received"]), parse_gtids(mine["gtid_executed"])
    )
    only = format_gtids(received)
    # It is given up once the applier has said that it cannot.
    if only and not mine["applier_error"]:
        return apply_verdict(me, mine, only)
    unreachable = [name for name, one in facts.items() if not one["answers"]]
    without = {
        name: format_gtids(subtract_gtids(held_by(one), parse_gtids(mine["gtid_executed"])))
        for name, one in facts.items()
        if one["answers"] and name != me
    }
    known = [f"gives up {only}, which it received and cannot apply{because(mine)}"] if only else []
    known += [f"without {gtids}, which {name} has" for name, gtids in without.items() if gtids]
    if unreachable:
        known.append(f"without an answer from {joined(unreachable)}")
    return as_verdict(
        "reboot",
        f"{me} reboots the group after a complete outage, as the call says"
        + "".join(f"; {part}" for part in known),
        bootstrap_member=me,
        received=only,
    )


def survivors_by(
    me: str,
    nodes: Mapping[str, str],
    facts: Mapping[str, Mapping[str, Any]],
    survivors: Sequence[str],
    dead: Sequence[str],
) -> None:
    """
    Check that a group without majority may be forced to go on with the survivors alone.

    me
        The declared name of the member that would do it.

    nodes
        Declared names and addresses.

    facts
        As ``facts_of`` returns them.

    survivors, dead
        Declared names, as the operator gives them: together every declared member, each once.

    Raises SaltInvocationError for names that do not add up, CommandExecutionError where what is
    seen contradicts them.
    """
    if sorted([*survivors, *dead]) != sorted(nodes):
        raise SaltInvocationError(
            f"survivors is '{joined(survivors)}' and dead is '{joined(dead)}'; expected each "
            f"declared member once, in one of them: {joined(nodes)}"
        )
    if me not in survivors:
        raise SaltInvocationError(
            f"survivors is '{joined(survivors)}', but this is {me}; expected a call to a survivor"
        )
    _check_seen(me, nodes, facts, survivors, dead)


def _check_seen(
    me: str,
    nodes: Mapping[str, str],
    facts: Mapping[str, Mapping[str, Any]],
    survivors: Sequence[str],
    dead: Sequence[str],
) -> None:
    """Refuse survivors and dead that are not what is seen of them."""
    mine = facts[me]
    if mine["state"] != ONLINE:
        raise CommandExecutionError(
            f"{me} is {mine['state']}: there is no view to force. After a complete "
            f"outage, mysql_gr.recover force_member={me} reboots the group"
        )
    if mine["quorum"]:
        raise CommandExecutionError(f"{me} is in a view with a majority: nothing is to be forced")
    alive = [name for name in dead if facts[name]["answers"]]
    if alive:
        raise CommandExecutionError(
            f"dead is '{joined(dead)}', but {joined(alive)} answers: it is alive, and would go on "
            "as a second group"
        )
    for name in survivors:
        one = facts[name]
        if not one["answers"] or one["state"] != ONLINE or view_of(one) != view_of(mine):
            raise CommandExecutionError(
                f"survivors has '{name}', which is "
                + (f"{one['state']} in view {one['view_id']}" if one["answers"] else one["error"])
                + f"; expected a member ONLINE in {me}'s view {mine['view_id']}"
            )
    unreachable = {m["host"] for m in mine["members"] if m["state"] == UNREACHABLE}
    reached = [name for name in survivors if nodes[name] in unreachable]
    if reached:
        raise CommandExecutionError(
            f"survivors has {joined(reached)}, which {me} cannot reach: it would not go on with it"
        )


def named_member(given: str, me: str, doing: str, argument: str = "member") -> None:
    """Refuse a call that names another member than this one."""
    if given != me:
        raise SaltInvocationError(
            f"{argument} is '{given}', but this is {me}; expected {argument}={me}: "
            f"{doing} is done only to a member that the call names"
        )


def with_overrides(
    me: str,
    method: str = "auto",
    clone_over: str | None = None,
    force_member: str | None = None,
    accept_errant: str | None = None,
) -> Decide:
    """
    Return how to decide with an operator's arguments, once those are checked.

    Raises SaltInvocationError for what does not fit together, or names another member than ``me``.
    """
    if method not in METHODS:
        raise SaltInvocationError(f"method is '{method}'; expected {', '.join(METHODS)}")
    for argument, value in (("clone_over", clone_over), ("force_member", force_member)):
        if value is not None:
            named_member(value, me, "giving data up", argument)
    if accept_errant is not None:
        named_member(accept_errant, me, "making errant transactions known", "accept_errant")
        if method != "auto" or force_member is not None:
            raise SaltInvocationError(
                f"accept_errant is '{accept_errant}', beside another method or force_member; "
                "expected it alone"
            )
        return functools.partial(accept_by, accept_errant=accept_errant)
    if clone_over is not None and method != "clone":
        raise SaltInvocationError(
            f"clone_over is '{clone_over}' and method is '{method}'; expected method=clone with it"
        )
    if force_member is None:
        return functools.partial(join_by, method=method, clone_over=clone_over)
    if method != "auto":
        raise SaltInvocationError(
            f"method is '{method}' and force_member is '{force_member}'; expected one of them: "
            "the member that reboots the group joins none"
        )
    return functools.partial(recover_by, force_member=force_member)


def unpaused(decided: Decide) -> Decide:
    """Decide as if this member were not paused: the call is the end of the pause."""

    def deciding(me: str, group: str, facts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        return decided(me, group, {**facts, me: {**facts[me], "paused": ""}})

    return deciding


def removal_problem(me: str, facts: Mapping[str, Mapping[str, Any]]) -> str:
    """
    Say why a member that is no longer declared must not be taken out, or return the empty text.

    me
        The name of the member that is to go.

    facts
        As ``facts_of`` returns them: of the members that are declared, and of ``me``.
    """
    mine = facts[me]
    others = {name: one for name, one in facts.items() if name != me and one["answers"]}
    stay = {one["host"]: name for name, one in others.items()}
    if mine["state"] in PRESENT:
        rest = [member for member in mine["members"] if member["id"] != mine["server_uuid"]]
        if not has_quorum(rest) or not any(
            member["state"] == ONLINE and member["host"] in stay for member in rest
        ):
            return (
                f"without {me} the group would have no majority of members that are declared and "
                f"ONLINE: it sees {joined(m['host'] + ' ' + m['state'] for m in rest) or 'nobody'}"
            )
    elif (
        mine["answers"]
        and held_by(mine)
        and not any(one["state"] == ONLINE and one["quorum"] for one in others.values())
    ):
        return (
            f"no declared member is ONLINE in a group with a majority, and {me} may hold "
            "transactions that no other has; it is removed once the group is there"
        )
    return ""
