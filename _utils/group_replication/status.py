"""The state of a member and its group, and what is not as it should be, in sentences."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import Any

from group_replication import (
    causes,
    certificates,
    commit_waits,
    comparison,
    comparison_report,
    driver,
    operation,
    stray_accounts,
    tls,
)
from group_replication.communication import write_concurrency
from group_replication.connection import local, rows
from group_replication.decision import decide_by
from group_replication.errant import errant_of, errant_sentence
from group_replication.facts import facts_of, look, writable_by
from group_replication.failures import FAILURE_FILE, failing, own_words
from group_replication.gtid import format_gtids, parse_gtids, subtract_gtids, union_gtids
from group_replication.maintenance import drained, fenced
from group_replication.model import (
    OFFLINE,
    ONLINE,
    PRESENT,
    RECOVERING,
    SINGLE_LEADER,
    Settings,
    write_concurrency_for,
)
from group_replication.operation import Operation
from group_replication.pending import pending_restart
from group_replication.running_options import declared_single_leader
from group_replication.schema_change import Change, sentence
from group_replication.tables import difference
from group_replication.verdicts import held_by


def named(settings: Settings, members: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A view's members with the name that each is declared by, or None."""
    names = {address: name for name, address in settings.nodes.items()}
    return [{"name": names.get(member["host"]), **member} for member in members]


def _status_from(settings: Settings, seen: Mapping[str, Any]) -> dict[str, Any]:
    inside = seen["state"] != OFFLINE
    change, under_way = _change(seen), _operation(seen)
    member = {
        "name": settings.me,
        "id": seen["server_uuid"],
        "host": seen["host"],
        "port": seen["port"],
        "state": seen["state"],
        "role": seen["role"],
        "version": seen["version"],
    }
    return {
        "group": (seen["group"] if inside else None) or settings.group,
        "mode": (seen["mode"] if inside else None) or settings.mode,
        "quorum": seen["quorum"],
        "view_id": seen["view_id"],
        "member": member,
        "members": named(settings, seen["members"]) if inside else [],
        "writable": writable_by(seen),
        "gtid_executed": seen["gtid_executed"],
        "paused": seen["paused"],
        "failing": failing(FAILURE_FILE),
        "fenced": fenced(),
        "drained": drained(),
        "schema_change": sentence(change) if change else "",
        "operation": operation.sentence(under_way) if under_way and under_way.runs else "",
    }


def _change(seen: Mapping[str, Any]) -> Change | None:
    """The schema change that a member sees, where it was looked at from within."""
    found = seen.get("schema_change")
    return Change(**found) if found else None


def _operation(seen: Mapping[str, Any]) -> Operation | None:
    """The operation that a member sees, where it was looked at from within."""
    found = seen.get("operation")
    return Operation(**found) if found else None


def _write_concurrency_now(connection: Any, seen: Mapping[str, Any]) -> int | None:
    if seen["state"] != ONLINE or not seen["quorum"]:
        return None
    try:
        return write_concurrency(connection)
    except driver.Error:
        # The member has left since it was looked at.
        return None


def _channels(connection: Any) -> dict[str, Any]:
    """What the local server says of its channels, its last clone and its own tries to rejoin."""
    connections = {
        row["CHANNEL_NAME"].removeprefix("group_replication_"): row
        for row in rows(
            connection,
            "SELECT CHANNEL_NAME, SERVICE_STATE, LAST_ERROR_MESSAGE"
            " FROM performance_schema.replication_connection_status"
            " WHERE CHANNEL_NAME LIKE 'group\\_replication\\_%'",
        )
    }
    appliers = _appliers(connection)
    stats = rows(
        connection,
        "SELECT COUNT_TRANSACTIONS_REMOTE_IN_APPLIER_QUEUE AS queued,"
        " COUNT_CONFLICTS_DETECTED AS conflicts"
        " FROM performance_schema.replication_group_member_stats"
        " WHERE MEMBER_ID = @@server_uuid",
    )
    applier, recovery = appliers.get("applier", {}), appliers.get("recovery", {})
    clone = _last_clone(connection)
    return {
        "applier": {
            "running": applier.get("state") == "ON",
            "queued": stats[0]["queued"] if stats else 0,
            "lag_seconds": round(float(applier.get("lag_seconds") or 0), 3),
            "error": applier.get("error", ""),
        },
        "recovery": {
            "running": recovery.get("state") == "ON",
            "error": recovery.get("error")
            or connections.get("recovery", {}).get("LAST_ERROR_MESSAGE", ""),
        },
        "clone": clone,
        "rejoining": bool(
            rows(
                connection,
                "SELECT 1 FROM performance_schema.events_stages_current"
                " WHERE EVENT_NAME LIKE '%auto-rejoin%'",
            )
        ),
        "conflicts": stats[0]["conflicts"] if stats else 0,
    }


def _appliers(connection: Any) -> dict[str, dict[str, Any]]:
    """The group's channels, as those that apply what comes by them."""
    appliers: dict[str, dict[str, Any]] = {}
    for row in rows(
        connection,
        "SELECT s.CHANNEL_NAME AS channel, s.SERVICE_STATE AS state,"
        " COALESCE(NULLIF(MAX(w.LAST_ERROR_MESSAGE), ''), MAX(c.LAST_ERROR_MESSAGE), '') AS error,"
        " MAX(IF(w.APPLYING_TRANSACTION = '', 0, TIMESTAMPDIFF(MICROSECOND,"
        "  w.APPLYING_TRANSACTION_ORIGINAL_COMMIT_TIMESTAMP, NOW(6)) / 1000000)) AS lag_seconds"
        " FROM performance_schema.replication_applier_status s"
        " LEFT JOIN performance_schema.replication_applier_status_by_worker w USING (CHANNEL_NAME)"
        " LEFT JOIN performance_schema.replication_applier_status_by_coordinator c"
        "  USING (CHANNEL_NAME)"
        " WHERE s.CHANNEL_NAME LIKE 'group\\_replication\\_%' GROUP BY 1, 2",
    ):
        appliers[row["channel"].removeprefix("group_replication_")] = row
    return appliers


def _last_clone(connection: Any) -> dict[str, Any]:
    """The last clone on this server and how far it came, or nothing."""
    clone = clone_status(connection)
    copied = rows(
        connection,
        "SELECT SUM(DATA) AS bytes, SUM(ESTIMATE) AS expected"
        " FROM performance_schema.clone_progress",
    )[0]
    if not clone:
        return {}
    return {
        "state": clone["STATE"],
        "source": clone["SOURCE"],
        "bytes": int(copied["bytes"] or 0),
        "expected_bytes": int(copied["expected"] or 0),
        "error": clone["ERROR_MESSAGE"],
    }


def diagnosis(
    settings: Settings, seen: Mapping[str, Mapping[str, Any]], channels: Mapping[str, Any]
) -> dict[str, Any]:
    """
    Say what is not as it should be, in sentences, from what is known of all members.

    settings
        The group's settings.

    seen
        As ``facts_of`` returns it.

    channels
        The local server's ``applier``, ``recovery``, ``clone``, ``rejoining``, ``conflicts`` and
        ``write_concurrency``.

    Returns what :py:func:`status_of` adds when it is extended.
    """
    me, mine = settings.me, seen[settings.me]
    decision = decide_by(me, settings.group, seen)
    problems = [] if decision["verdict"] == "member" else [decision["why"]]
    answering = {name: one for name, one in seen.items() if one["answers"]}
    errant = {name: format_gtids(gtids) for name in seen if (gtids := errant_of(name, seen))}
    hosts = [member["host"] for member in mine["members"]] if mine["quorum"] else []
    absent = [name for name, address in settings.nodes.items() if hosts and address not in hosts]
    undeclared = [host for host in hosts if host not in settings.nodes.values()]
    for name, one in seen.items():
        problems += _member_problems(name, one, name in absent, errant.get(name, ""))
        if name != me and one["state"] == RECOVERING and one["recovery_error"]:
            problems.append(f"{name}'s recovery: {one['recovery_error']}")
    problems += [f"{host} is in the group and not declared" for host in undeclared]
    tables = {name: one["declared"] for name, one in answering.items() if name != me}
    differs = difference(mine["declared"] or (), tables if mine["declared"] else {})
    if differs:
        problems.append(f"the tables of nodes differ: {differs}, unlike {me}")
    problems += _group_problems(settings, mine, channels["write_concurrency"])
    problems += _channel_problems(me, mine, channels)
    return {
        "problems": problems,
        "verdict": decision["verdict"],
        "why": decision["why"],
        **channels,
        "errant": errant,
        "absent": absent,
        "undeclared": undeclared,
    }


def _group_problems(
    settings: Settings, mine: Mapping[str, Any], concurrency: int | None
) -> list[str]:
    """What the group has that is not what is declared, from the local member's sight."""
    problems = []
    change = _change(mine)
    if change and (change.problem or change.seconds_left < 0):
        problems.append(sentence(change))
    under_way = _operation(mine)
    if under_way and not under_way.runs:
        problems.append(f"{operation.sentence(under_way)}; the same call continues it")
    if mine["quorum"] and mine["mode"] != settings.mode and not change:
        problems.append(f"the group is {mine['mode']}, and {settings.mode} is declared")
    single_leader = mine["must_match"].get(SINGLE_LEADER)
    if mine["quorum"] and single_leader not in (None, declared_single_leader(settings)):
        problems.append(
            f"the group has {SINGLE_LEADER} {single_leader}, and "
            f"{declared_single_leader(settings)} is declared: it takes that when it is rebooted, "
            "once all members have been out of it"
        )
    right = concurrency and write_concurrency_for(settings, mine["mode"])
    if concurrency != right and not change:
        problems.append(
            f"the group's write concurrency is {concurrency} instead of {right}: "
            "the first ONLINE member's keeper sets it"
        )
    return problems


def _channel_problems(me: str, mine: Mapping[str, Any], channels: Mapping[str, Any]) -> list[str]:
    """What is not as it should be with the local member's channels, clone and tries to rejoin."""
    problems = []
    if mine["state"] in PRESENT and not channels["applier"]["running"]:
        problems.append(f"{me}'s applier does not run: {channels['applier']['error'] or 'stopped'}")
    if mine["state"] not in PRESENT and channels["applier"]["error"]:
        problems.append(
            f"{me}'s applier stopped: {channels['applier']['error']}; a member whose "
            f"content differs is mended by mysql_gr.join method=clone clone_over={me}"
        )
    if mine["state"] == RECOVERING and channels["recovery"]["error"]:
        problems.append(f"{me}'s recovery: {channels['recovery']['error']}")
    if channels["clone"].get("state") == "Failed":
        problems.append(f"{me}'s last clone failed: {channels['clone']['error']}")
    if channels["rejoining"]:
        problems.append(f"{me} is in the server's own auto-rejoin, which asks no other member")
    return problems


def _member_problems(name: str, one: Mapping[str, Any], absent: bool, errant: str) -> list[str]:
    """What is not as it should be with one member, from what it says of itself."""
    if not one["answers"]:
        return [f"{name} does not answer: {one['error']}"]
    problems = []
    if absent:
        said = own_words(one)
        problems.append(
            f"{name} is declared and not in the group: it is {one['state']}"
            + (f"; {said}" if said else "")
        )
    if errant:
        problems.append(errant_sentence(name, errant))
    primary_here = one["state"] == ONLINE and one["role"] == "PRIMARY"
    if not one["super_read_only"] and not primary_here:
        place = f"{one['state']} {one['role'] or ''}".strip()
        problems.append(f"{name} is {place} and would take writes: super_read_only is OFF")
    if one["super_read_only"] and primary_here and one["quorum"]:
        problems.append(f"{name} is primary and read-only: super_read_only is ON")
    if one["offline_mode"] and one["state"] in PRESENT:
        problems.append(f"{name} is {one['state']} and takes no clients: offline_mode is ON")
    waiting = commit_waits.problem(name, one)
    return [*problems, waiting] if waiting else problems


def compared(facts: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """
    Return who has which transactions, from what the members say of themselves.

    facts
        As ``facts_of`` returns them; members that do not answer are left out.
    """
    held = {name: held_by(one) for name, one in facts.items() if one["answers"]}
    everything = union_gtids(*held.values())
    answer = {}
    for name in held:
        others = union_gtids(*(held[other] for other in held if other != name))
        answer[name] = {
            "executed": facts[name]["gtid_executed"],
            "unapplied": format_gtids(
                subtract_gtids(held[name], parse_gtids(facts[name]["gtid_executed"]))
            ),
            "lacks": format_gtids(subtract_gtids(everything, held[name])),
            "alone": format_gtids(subtract_gtids(held[name], others)),
        }
    return answer


def clone_status(connection: Any) -> dict[str, Any]:
    """The last clone on this server, or nothing."""
    found = rows(
        connection,
        "SELECT BEGIN_TIME, END_TIME, STATE, SOURCE, ERROR_NO, ERROR_MESSAGE"
        " FROM performance_schema.clone_status ORDER BY ID DESC LIMIT 1",
    )
    return found[0] if found else {}


def status_of(settings: Settings, extended: bool = False) -> dict[str, Any]:
    """
    Return what the local member knows of itself and its group.

    settings
        The group's settings.

    extended
        Ask the other declared members too, and say what is not as it should be. Default False.
    """
    seen = look(settings)
    plain = _status_from(settings, seen)
    if not extended:
        return plain
    everyone = facts_of(settings)
    kinds = everyone[settings.me].get("errant_kinds", {})
    everyone[settings.me] = {**seen, "errant_kinds": kinds}
    with local(settings) as connection:
        channels = _channels(connection)
        channels["write_concurrency"] = _write_concurrency_now(connection, seen)
        waiting = pending_restart(settings, connection, seen["must_match"])
        ask = functools.partial(rows, connection)
        refused = [
            causes.too_large(settings.me, ask),
            causes.refuses_commits(settings.me, seen["mode"], ask),
        ]
        # Who is outside the group does not know what the group has kept since.
        inside = seen["state"] == ONLINE and seen["quorum"]
        kept = comparison.last(connection) if inside else None
        ends = tls.expires_of(rows(connection, tls.IN_USE)) if settings.certificates else {}
        strays = stray_accounts.look(settings, connection)
    found = diagnosis(settings, everyone, channels)
    if plain["failing"]:
        found["problems"].append(plain["failing"])
    if plain["drained"]:
        found["problems"].append(f"{settings.me} is drained: {plain['drained']}")
    found["problems"] += filter(None, refused)
    found["problems"] += certificates.ending(settings.me, ends)
    if settings.certificates:
        found["problems"] += certificates.authorities_ending(settings.me)
    found["problems"] += strays
    found["problems"] += comparison_report.problems(kept, settings.compare_interval)
    short = comparison_report.short(kept)
    return {**plain, **found, "comparison": short, "pending_restart": waiting}
