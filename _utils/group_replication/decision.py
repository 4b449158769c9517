"""What a member is to do, decided from what is known of all: docs/decisions.md as code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from group_replication import consensus, memory
from group_replication.errant import errant_of, errant_sentence, is_harmless, words
from group_replication.gtid import (
    GtidSet,
    count_gtids,
    format_gtids,
    parse_gtids,
    subtract_gtids,
    union_gtids,
)
from group_replication.model import OFFLINE, ONLINE, RECOVERING, UNREACHABLE, joined
from group_replication.origins import forked, is_fenced, sentence, yields
from group_replication.tables import by_address, difference, is_listed
from group_replication.verdicts import (
    Facts,
    as_verdict,
    because,
    held_by,
    in_one_group,
    paused_verdict,
    unreachable_verdict,
    view_of,
)
from group_replication.versions import OLDEST, clones, version_of

# An empty member that lacks more transactions is cloned instead of replaying them.
CLONE_THRESHOLD = 1_000_000


def _decide_in_group(me: str, group: str, facts: Facts, online: Facts) -> dict[str, Any] | None:
    """The rows for a member that Group Replication runs on."""
    mine = facts[me]
    if mine["state"] == RECOVERING:
        return as_verdict("recovering", f"{me} is RECOVERING: distributed recovery is under way")
    if mine["state"] != ONLINE:
        return None
    if mine["group"] != group:
        return as_verdict(
            "refuse", f"{me} is ONLINE in group {mine['group']}, but {group} is declared"
        )
    if not mine["quorum"]:
        gone = [member["host"] for member in mine["members"] if member["state"] == UNREACHABLE]
        return as_verdict(
            "refuse",
            f"{me} is ONLINE without a majority: {joined(gone)} UNREACHABLE; writes are blocked",
        )
    fenced = is_fenced(mine)
    other = {
        name: one
        for name, one in online.items()
        if name != me
        # A member that has just come in may have none yet.
        and one["view_id"]
        and mine["view_id"]
        and not in_one_group(mine, one)
    }
    if other:
        fenced = fenced or yields(mine, other.values(), mine["fork"])
        return as_verdict("refuse", sentence(me, mine, other, fenced))
    if fenced:
        return as_verdict("refuse", f"{me} is fenced: {mine['fork']['why']}")
    return consensus.begun_anew(me, facts) or as_verdict(
        "member", f"{me} is ONLINE in group {group}, which has a majority"
    )


def _decide_with_group(
    mine: Mapping[str, Any], me: str, group: str, online: Facts
) -> dict[str, Any]:
    """The rows for a member outside the group, while others are ONLINE."""
    majority = {name: facts for name, facts in online.items() if facts["quorum"]}
    refused = _no_group(group, online, majority) or _unfit(mine, me, online, majority)
    if refused:
        return refused
    held = union_gtids(*[held_by(facts) for facts in majority.values()])
    errant = format_gtids(errant_of(me, {**majority, me: mine}))
    if errant:
        return as_verdict(
            "refuse",
            f"{errant_sentence(me, errant)}{words(mine['errant_kinds'], errant)}; "
            "nothing is wiped unasked",
            errant=errant,
            harmless=is_harmless(mine["errant_kinds"], errant),
            override="clone_over",
        )
    if held_by(mine):
        return _decide_incremental(mine, me, group, majority)
    return _decide_empty(mine, me, group, majority, held)


def _no_group(group: str, online: Facts, majority: Facts) -> dict[str, Any] | None:
    """The rows for members ONLINE that are not one group with a majority."""
    foreign = {name: facts["group"] for name, facts in online.items() if facts["group"] != group}
    if foreign:
        return as_verdict(
            "refuse",
            joined(f"{name} is ONLINE in group {other}" for name, other in foreign.items())
            + f", but {group} is declared",
        )
    views = {name: facts["view_id"] for name, facts in online.items() if facts["view_id"]}
    if not all(in_one_group(online[one], online[two]) for one, two in combinations(views, 2)):
        return as_verdict(
            "refuse",
            "two groups with one name: "
            + joined(f"{name} is in view {view}" for name, view in views.items()),
        )
    if not majority:
        return as_verdict("refuse", f"{joined(online)}: ONLINE, but without a majority")
    if not any(facts["view_id"] for facts in majority.values()):
        return as_verdict("wait", f"{joined(majority)}: ONLINE, and not in a view yet")
    return consensus.awaited(majority)


def _unfit(
    mine: Mapping[str, Any],
    me: str,
    online: Facts,
    majority: Facts,
) -> dict[str, Any] | None:
    """The rows for a member that the group does not take now, whatever transactions it has."""
    if not is_listed(mine["host"], [facts["declared"] for facts in majority.values()]):
        # Not to refuse: a new member's highstate may be ahead of the others'.
        return as_verdict(
            "wait",
            f"{joined(majority)}: ONLINE, and no table of nodes there has {me} ({mine['host']}); "
            "it joins once one has, which a highstate of those members brings, if pillar "
            "cluster:nodes declares it",
        )
    twins = [name for name, one in online.items() if one["server_uuid"] == mine["server_uuid"]]
    if twins:
        return as_verdict(
            "refuse",
            f"{me} has the server_uuid of {joined(twins)}: a copied disk. Stop mysqld on {me}, "
            "remove auto.cnf from its data directory, and start it again",
        )
    stale = seen_by(mine, majority)
    if stale:
        return as_verdict(
            "wait",
            f"{joined(stale)} still has the stale member {me} in its view; "
            f"{me} joins when that is expelled",
        )
    held_back = mine["held_back"]
    if held_back and held_back["view"] in map(view_of, majority.values()):
        return as_verdict("wait", held_back["why"])
    # A group goes by its lowest version, also while it is upgraded member by member.
    lowest = min(majority, key=lambda name: version_of(majority[name]["version"]))
    if too_old(mine, majority[lowest]):
        return as_verdict(
            "refuse",
            f"{me} runs {mine['version']}, which is older than {lowest}'s "
            f"{majority[lowest]['version']}: the group takes no version older than its lowest",
        )
    return None


def seen_by(mine: Mapping[str, Any], majority: Facts) -> list[str]:
    """
    Return the members that have a server in their view, though it is outside the group by now.

    mine, majority
        What the server says of itself, and what members of the group say.
    """
    return [
        name
        for name, facts in majority.items()
        if any(
            member["id"] == mine["server_uuid"] or member["host"] == mine["host"]
            for member in facts["members"]
        )
    ]


def too_old(mine: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Tell whether a group with the other member would refuse this one for its version."""
    left, right = version_of(mine["version"]), version_of(other["version"])
    # Within a series any patch level may join, in the series that promise so.
    return left < right and not (left[:2] == right[:2] and left >= OLDEST)


def purged_of(mine: Mapping[str, Any], majority: Facts) -> dict[str, GtidSet] | None:
    """What each member has purged that this one needs, if that is so for all of them."""
    needed = {
        name: subtract_gtids(parse_gtids(one["gtid_purged"]), parse_gtids(mine["gtid_executed"]))
        for name, one in majority.items()
    }
    return needed if all(needed.values()) else None


def _decide_incremental(
    mine: Mapping[str, Any], me: str, group: str, majority: Facts
) -> dict[str, Any]:
    """The rows for a member with a part of the group's history."""
    why, override = forked(me, mine, majority)
    if why:
        return as_verdict("refuse", why, override=override)
    purged = purged_of(mine, majority)
    if purged:
        return as_verdict(
            "refuse",
            f"every ONLINE member has purged binary logs that {me} needs ("
            + joined(f"{name}: {format_gtids(gtids)}" for name, gtids in purged.items())
            + f"), and {me} is not empty: only a clone over it would do "
            f"(mysql_gr.join method=clone clone_over={me})",
            override="clone_over",
        )
    return as_verdict(
        "join",
        f"{joined(majority)} ONLINE in group {group} with a majority: {me} joins{because(mine)}",
    )


def _decide_empty(
    mine: Mapping[str, Any],
    me: str,
    group: str,
    majority: Facts,
    held: GtidSet,
) -> dict[str, Any]:
    """The rows for a member without any transaction: incremental or by clone."""
    if mine["schemas"]:
        return as_verdict(
            "refuse",
            f"{me} has data that no transaction accounts for ({joined(mine['schemas'])}), which "
            "the group does not know; move it out of the way, or clone over it "
            f"(mysql_gr.join method=clone clone_over={me})",
            override="clone_over",
        )
    if mine["remembered"]:
        return as_verdict("refuse", memory.lost(me, mine["remembered"]), override="clone_over")
    purged, many = purged_of(mine, majority), count_gtids(held) > CLONE_THRESHOLD
    donor = donor_for(mine, majority) if purged or many else None
    if donor:
        reason = (
            "no ONLINE member has all binary logs any more"
            if purged
            else f"more than {CLONE_THRESHOLD} transactions would have to be replayed"
        )
        return as_verdict("clone", f"{me} is empty and clones {donor}: {reason}", donor=donor)
    if purged:
        return as_verdict(
            "refuse",
            f"every ONLINE member has purged binary logs that {me} needs, and none can be cloned: "
            + joined(f"{name} runs {one['version']}" for name, one in majority.items())
            + f", {me} runs {mine['version']}",
        )
    return as_verdict(
        "join", f"{joined(majority)} ONLINE in group {group} with a majority: {me} joins"
    )


def donor_for(mine: Mapping[str, Any], majority: Facts) -> str | None:
    """
    Return which member to clone: the last declared one of a version that can be, or None.

    The first declared ones are those that the balancer sends writes to.

    mine
        What this member says of itself.

    majority
        Declared name to what each ONLINE member says of itself.
    """
    able = [name for name, one in majority.items() if clones(mine["version"], one["version"])]
    return able[-1] if able else None


def ending_of(me: str, facts: Facts) -> dict[str, Any] | None:
    """
    The rows for members that have not ended their part in an old group.

    One that lost its majority is out for its clients long before its group communication has ended.
    Until then it has messages of the old group under way, and a new group of the same name takes
    them: one of its members, and not the others (seen).
    """
    running = {
        name: one["state"]
        for name, one in facts.items()
        if one["answers"] and (one["applier_on"] or one["state"] != OFFLINE)
    }
    if me in running:
        return as_verdict(
            "stop", f"{me} is {running[me]}: its part in the old group is ended before a new one"
        )
    if running:
        return as_verdict(
            "wait", f"{joined(running)}: its part in the old group ends before a new one is made"
        )
    return None


def apply_verdict(me: str, mine: Mapping[str, Any], received: str) -> dict[str, Any]:
    """The row for a member that received what is not applied yet."""
    return as_verdict(
        "apply",
        f"{me} received {received} and has not applied it yet{because(mine)}",
        received=received,
        override="force_member",
    )


def _unbuilt(mine: Mapping[str, Any], group: str, unreachable: Facts, declared: int) -> list[str]:
    """
    The unreachable members that are declared and were never built, as far as this one remembers.

    One that joined while this one was out may have gone on with others: so most of the declared
    members have to answer.
    """
    if (declared - len(unreachable)) * 2 <= declared:
        return []
    return [
        name
        for name, one in unreachable.items()
        if memory.never_seen(mine["remembered"], group, one.get("host"))
    ]


def _decide_without_group(
    mine: Mapping[str, Any], me: str, group: str, facts: Facts
) -> dict[str, Any]:
    """The rows for the time when nobody is ONLINE: who bootstraps or reboots the group?"""
    recovering = [name for name, one in facts.items() if one["state"] == RECOVERING]
    if recovering:
        return as_verdict("wait", f"{joined(recovering)} RECOVERING: what comes of it is awaited")
    unreachable = {name: one["error"] for name, one in facts.items() if not one["answers"]}
    unbuilt = _unbuilt(mine, group, {name: facts[name] for name in unreachable}, len(facts))
    if unbuilt and len(unbuilt) == len(unreachable):
        facts = {name: one for name, one in facts.items() if name not in unbuilt}
    elif unreachable:
        return as_verdict(
            "uncertain",
            "no answer from "
            + joined(f"{name} ({error})" for name, error in unreachable.items())
            + ": it may be alive, so the group is neither bootstrapped nor rebooted without it",
            override="force_member",
        )
    ending = ending_of(me, facts)
    if ending:
        return ending
    held = {name: parse_gtids(one["gtid_executed"]) for name, one in facts.items()}
    everything = union_gtids(*held.values())
    received = _received_first(mine, me, facts, everything)
    if received:
        return received
    complete = [name for name in facts if not subtract_gtids(everything, held[name])]
    if not complete:
        lacking = joined(
            f"{name} lacks {format_gtids(subtract_gtids(everything, held[name]))}" for name in facts
        )
        return as_verdict(
            "refuse",
            f"no member has what all have together: {lacking}",
            override="force_member",
        )
    # By what all see the same: the order of a table is each member's own.
    chosen = min(complete, key=lambda name: by_address(facts[name]["host"]))
    first = not any(source.partition(":")[0] == group for source in everything)
    refused = _differing_tables(mine, me, facts)
    if first and not refused:
        refused = _not_first(me, chosen, group, facts, held)
    if refused:
        return refused
    why, override = forked(me, mine, {}) if chosen == me else ("", "")
    if why:
        return as_verdict("refuse", why, override=override)
    return _bootstrapped_by(chosen, me, first, unbuilt)


def _received_first(
    mine: Mapping[str, Any],
    me: str,
    facts: Facts,
    everything: GtidSet,
) -> dict[str, Any] | None:
    """
    The rows for what nobody executed and somebody received.

    It is applied first, so that what is executed is all.
    """
    received = {
        name: subtract_gtids(parse_gtids(one["gtid_received"]), everything)
        for name, one in facts.items()
    }
    if received[me]:
        return apply_verdict(me, mine, format_gtids(received[me]))
    if any(received.values()):
        return as_verdict(
            "wait",
            joined(
                f"{name} applies {format_gtids(gtids)} first{because(facts[name])}"
                for name, gtids in received.items()
                if gtids
            ),
            override="force_member",
        )
    return None


def _differing_tables(mine: Mapping[str, Any], me: str, facts: Facts) -> dict[str, Any] | None:
    """The row for members whose tables of nodes are not the same."""
    differs = difference(
        mine["declared"] or (),
        {name: one["declared"] for name, one in facts.items() if name != me and mine["declared"]},
    )
    if not differs:
        return None
    return as_verdict(
        "refuse",
        f"the tables of nodes differ, and each decides by its own: {differs}, unlike {me}; "
        "a highstate of all database machines makes them one",
        override="force_member",
    )


def _not_first(
    me: str,
    chosen: str,
    group: str,
    facts: Facts,
    held: Mapping[str, GtidSet],
) -> dict[str, Any] | None:
    """The rows for a new group where more was there before: a group, or data without GTIDs."""
    was = facts[me]["remembered"]
    if me == chosen and was and (was["group"] in ("", group) or not held[me]):
        return as_verdict("refuse", memory.lost(me, was))
    without = joined(
        f"{name} has data that no transaction accounts for ({joined(one['schemas'])})"
        for name, one in facts.items()
        if one["schemas"] and not held[name]
    )
    more = ": the other members would lack it; dump it, drop it, and load it into the group"
    return as_verdict("refuse", without + more) if without else None


def _bootstrapped_by(chosen: str, me: str, first: bool, unbuilt: Sequence[str]) -> dict[str, Any]:
    """The rows for the member that bootstraps or reboots the group, and for those that wait."""
    act = "bootstrap" if first else "reboot"
    reason = (
        "all declared members answered and none ever held a transaction of the group"
        if first
        else "all declared members answered, none is ONLINE, and it holds all that any of them has"
    )
    if unbuilt:
        reason = (
            f"all declared members but {joined(unbuilt)} answered, which {me} never saw in the "
            "group; none is ONLINE, and it holds all that any of them has"
        )
    does = "bootstraps the group" if first else "reboots the group after a complete outage"
    if chosen == me:
        return as_verdict(act, f"{me} {does}: {reason}", bootstrap_member=me)
    return as_verdict(
        "wait",
        f"{chosen} {does}, {me} waits for it: {reason}",
        bootstrap_member=chosen,
        override="force_member",
    )


def decide_by(me: str, group: str, facts: Facts) -> dict[str, Any]:
    """
    Decide what a member is to do from what is known of all (docs/decisions.md has the table).

    me
        The declared name of the member that asks.

    group
        The declared UUID of the group.

    facts
        Declared name to what ``facts_of`` found, in declared order, ``me`` among them.

    Returns a dict: ``verdict`` (one of member, recovering, join, clone, bootstrap, reboot, stop,
    apply, wait, uncertain, paused, unreachable, refuse), ``why`` (the sentence for the operator),
    ``bootstrap_member`` (the member that bootstraps or reboots the group, or None), ``donor`` (the
    member that is cloned, or None), ``errant`` (GTIDs that only this member has, or ""),
    ``received`` (GTIDs to be applied, or "") and ``override`` (the argument with which an operator
    can decide otherwise: ``clone_over`` of ``mysql_gr.join``, ``force_member`` of
    ``mysql_gr.recover``, or "").
    """
    mine = facts[me]
    if not mine["answers"]:
        return unreachable_verdict(me, mine["error"])
    online = {name: one for name, one in facts.items() if one["answers"] and one["state"] == ONLINE}
    inside = _decide_in_group(me, group, facts, online)
    if inside is not None:
        return inside
    if mine["paused"]:
        return paused_verdict(me, mine["paused"])
    if online:
        return _decide_with_group(mine, me, group, online)
    return _decide_without_group(mine, me, group, facts)
