"""Two groups with one name: which of them is the younger, and what its members may not do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from group_replication.model import ONLINE, joined
from group_replication.verdicts import view_of


def rivals_of(
    mine: Mapping[str, Any], others: Mapping[str, Mapping[str, Any]]
) -> dict[str, Mapping[str, Any]]:
    """
    Return the members that serve in another group of the same name.

    mine
        What the local member says of itself.

    others
        Names to what other members say of themselves.

    A view without an id yet is no other one.
    """
    if mine["state"] != ONLINE or not mine["quorum"] or not mine["view_id"]:
        return {}
    return {
        name: one
        for name, one in others.items()
        if one["answers"]
        and one["state"] == ONLINE
        and one["quorum"]
        and one["group"] == mine["group"]
        and one["view_id"]
        and view_of(one) != view_of(mine)
    }


def is_younger(mine: str, other: str) -> bool:
    """
    Tell whether a group began after another one, or may have.

    mine, other
        The origins of their views: when the first view was made, in units of 100 ns since 1970, by
        the clock of the member that made it. Where it is no number both are the younger ones.
    """
    if not (mine.isdecimal() and other.isdecimal()):
        return True
    return int(mine) >= int(other)


def fork_of(
    me: str,
    mine: Mapping[str, Any],
    others: Mapping[str, Mapping[str, Any]],
    before: Mapping[str, Any],
) -> dict[str, Any]:
    """
    Return what is to be kept of other groups with this one's name.

    me, mine, others
        The local member, and what it and others say of themselves.

    before
        What is kept already, as :py:func:`group_replication.maintenance.fork` returns it: it stays,
        also when the others are unreachable, until the member is in a group that began otherwise.
    """
    origin = view_of(mine)
    rivals = rivals_of(mine, others)
    same = bool(before) and before["origin"] in ("", origin)
    if not rivals:
        # A member that came into another group did so by name, or gave its rows up.
        return dict(before) if same or (before and not before["fenced"]) else {}
    known = before["others"] if same else []
    fenced = (same and before["fenced"]) or any(
        is_younger(origin, view_of(one)) for one in rivals.values()
    )
    return {
        "origin": origin,
        "others": sorted({*known, *(view_of(one) for one in rivals.values())}),
        "fenced": fenced,
        "why": sentence(me, mine, rivals, fenced),
    }


def sentence(
    me: str, mine: Mapping[str, Any], rivals: Mapping[str, Mapping[str, Any]], fenced: bool
) -> str:
    """
    Say that there are two groups, which of them is fenced, and the way out.

    me, mine, rivals
        The local member, and those of another group.

    fenced
        Whether the local member's group is the younger one.
    """
    seen = f"two groups with one name: {me} is in view {mine['view_id']}, " + joined(
        f"{name} in view {one['view_id']}" for name, one in rivals.items()
    )
    unclear = [
        name
        for name, one in rivals.items()
        if is_younger(view_of(mine), view_of(one)) and is_younger(view_of(one), view_of(mine))
    ]
    if unclear:
        return f"{seen}; which is the younger is not clear, and both are fenced: {_way_out(me)}"
    if fenced:
        return (
            f"{seen}; {me}'s is the younger one, which its keepers fence: it serves nobody; "
            + _way_out(me)
        )
    return (
        f"{seen}; {me}'s is the elder one and goes on, the other is fenced by its keepers: it "
        f"serves nobody. {_ways_out(rivals)}"
    )


def _way_out(me: str) -> str:
    return (
        f"to give it up, mysql_maintenance.leave member={me}, then mysql_gr.join method=clone "
        f"clone_over={me}; to keep it, let the other group's members leave, then "
        f"mysql_maintenance.unfence member={me}"
    )


def _ways_out(rivals: Iterable[str]) -> str:
    return " ".join(f"Of {name}: {_way_out(name)}." for name in rivals)


def forked(
    me: str, mine: Mapping[str, Any], majority: Mapping[str, Mapping[str, Any]]
) -> tuple[str, str]:
    """
    Say why a member must neither join nor reboot a group by its transactions alone.

    me, mine
        The local member, outside any group.

    majority
        The members of the group that it would join; none, if it would reboot one.

    Returns the sentence and the argument that overrides it, or two empty texts. Two groups of one
    name number their transactions alike: equal sets of them may be different rows.
    """
    fork = mine["fork"]
    origins = {view_of(one) for one in majority.values() if one["view_id"]}
    if not fork or (not fork["fenced"] and not origins & set(fork["others"])):
        return "", ""
    if majority and origins == {fork["origin"]}:
        return "", ""
    was = f"{me} was in one of two groups with one name, whose transactions have equal numbers"
    unless = f"if it is known that they are the same, mysql_maintenance.unfence member={me}"
    if majority:
        return (
            f"{was}, and {joined(majority)} in the other: its rows may differ though no GTID does; "
            f"mysql_gr.join method=clone clone_over={me} gives them up; {unless}",
            "clone_over",
        )
    return (
        f"{was}, and it was the one that was fenced: it reboots no group unasked; mysql_gr.recover "
        f"force_member=… names the member that does; {unless}",
        "force_member",
    )
