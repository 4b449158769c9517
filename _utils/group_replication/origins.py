"""Two groups with one name: which of them gives way, and what its members may not do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from group_replication.model import ONLINE, joined
from group_replication.verdicts import in_one_group, view_of


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
        and not in_one_group(mine, one)
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


def gives_way(mine: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """
    Tell whether a member's group is the one that is fenced beside another one.

    mine, other
        What a member of each says of itself.

    The younger of two gives way. Of two halves of one group the smaller does: the larger had the
    majority without force. Where neither is, both do.
    """
    if view_of(mine) != view_of(other):
        return is_younger(view_of(mine), view_of(other))
    return _size(mine) <= _size(other)


def is_fenced(mine: Mapping[str, Any]) -> bool:
    """Tell whether a member in a group is fenced: it stays so until somebody decides."""
    fork = mine["fork"]
    return bool(fork) and bool(fork["fenced"]) and fork["origin"] in ("", view_of(mine))


def yields(
    mine: Mapping[str, Any], rivals: Iterable[Mapping[str, Any]], before: Mapping[str, Any]
) -> bool:
    """
    Tell whether the local member's group gives way to one of its rivals.

    mine, rivals
        What the local member says of itself, and those of other groups.

    before
        As for :py:func:`fork_of`. Which of two halves gave way is seen once: the larger one may
        lose members later.
    """
    origin = view_of(mine)
    seen = bool(before) and before["origin"] == origin and origin in before["others"]
    return any(gives_way(mine, one) for one in rivals if not (seen and view_of(one) == origin))


def _size(facts: Mapping[str, Any]) -> int:
    return sum(member["state"] == ONLINE for member in facts["members"])


def _hosts(members: Iterable[Mapping[str, Any]]) -> set[str]:
    return {str(member["host"]) for member in members}


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
        if same and _hosts(mine["members"]) & {*before["apart"]}:
            return {}
        return dict(before) if same or (before and not before["fenced"]) else {}
    known = before["others"] if same else []
    fenced = (same and before["fenced"]) or yields(mine, rivals.values(), before)
    half = [one for one in rivals.values() if view_of(one) == origin]
    other_half = _hosts(member for one in half for member in one["members"])
    return {
        "origin": origin,
        "others": sorted({*known, *(view_of(one) for one in rivals.values())}),
        "apart": sorted({*(before["apart"] if same else ()), *other_half}),
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
    less, more = ("younger", "elder")
    if any(view_of(one) == view_of(mine) for one in rivals.values()):
        seen += ", two halves of one group, since a majority was forced"
        less, more = ("smaller", "larger")
    if fenced and any(gives_way(mine, one) and gives_way(one, mine) for one in rivals.values()):
        return f"{seen}; which is the {less} is not clear, and both are fenced: {_way_out(me)}"
    if fenced:
        return (
            f"{seen}; {me}'s is the {less} one, which its keepers fence: it serves nobody; "
            + _way_out(me)
        )
    return (
        f"{seen}; {me}'s is the {more} one and goes on, the other is fenced by its keepers: it "
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


def _is_other_half(fork: Mapping[str, Any], majority: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether members of a group are those of the other half of it, or came from there."""
    met = _hosts(majority.values()) & {*fork["apart"]}
    # Members of the half that gave way may have come into the one that went on since.
    return bool(met) and (fork["fenced"] or len(met) == len(majority))


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
    if majority and origins == {fork["origin"]} and not _is_other_half(fork, majority):
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
