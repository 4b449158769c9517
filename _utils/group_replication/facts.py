"""What members say of themselves: one observed, all asked at once, and what follows from it."""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from salt.exceptions import CommandExecutionError

from group_replication import (
    causes,
    commit_waits,
    consensus,
    cut_join,
    errant,
    memory,
    operation,
    schema_change,
)
from group_replication.connection import TOO_MANY_CONNECTIONS, local, peer, rows
from group_replication.gtid import GtidSet, format_gtids
from group_replication.maintenance import fork, kept_out
from group_replication.model import (
    MODES,
    OFFLINE,
    ONLINE,
    PRESENT,
    SINGLE_LEADER,
    SYSTEM_SCHEMAS,
    UNKNOWN,
    UNREACHABLE,
    Settings,
)
from group_replication.tables import by_address, hosts_of

# What a server says of itself that tells whether it serves, and what else it says.
SERVING = (
    "@@server_uuid AS server_uuid, @@report_host AS host, @@port AS port,"
    " @@super_read_only AS super_read_only, @@offline_mode AS offline_mode"
)
IDENTITY = (
    "@@server_id AS server_id, @@version AS version,"
    " @@gtid_executed AS gtid_executed, @@gtid_purged AS gtid_purged,"
    # The same all the time that a mysqld runs.
    " (SELECT UNIX_TIMESTAMP() - VARIABLE_VALUE FROM performance_schema.global_status"
    "  WHERE VARIABLE_NAME = 'Uptime') AS started,"
    # Kept in UTC; no time at all where Group Replication does not run.
    " (SELECT TIMESTAMPDIFF(SECOND, VARIABLE_VALUE, UTC_TIMESTAMP(6))"
    "  FROM performance_schema.global_status"
    "  WHERE VARIABLE_NAME = 'Gr_last_consensus_end_timestamp') AS consensus_age"
)

USER_SCHEMAS = (
    "SELECT schema_name AS name FROM information_schema.schemata"
    " WHERE schema_name NOT IN %s ORDER BY 1"
)

# So long may what is under way go on where a healthy member has ended to take writes.
HAND_OVER_SECONDS = 2.0

# What Group Replication wants to be equal in all members; it refuses one that differs.
MUST_MATCH = (
    "lower_case_table_names",
    "default_table_encryption",
    "group_replication_gtid_assignment_block_size",
    SINGLE_LEADER,
    "group_replication_view_change_uuid",
)


def has_quorum(members: Iterable[Mapping[str, Any]]) -> bool:
    """
    Tell whether a view has a majority.

    members
        The view's rows, each with ``state``. RECOVERING counts as present; UNREACHABLE counts among
        those that a majority is needed of; a row OFFLINE or ERROR is none of the group's.
    """
    states = [member["state"] for member in members]
    present = sum(state in PRESENT for state in states)
    return present * 2 > present + sum(state == UNREACHABLE for state in states)


def writable_by(facts: Mapping[str, Any]) -> bool:
    """
    Tell whether a member takes writes, from what it says of itself.

    facts
        One member's part of :py:func:`facts_of`.
    """
    return (
        readable_by(facts)
        and facts["role"] == "PRIMARY"
        and not facts["super_read_only"]
        and not facts["stopping"]
    )


def readable_by(facts: Mapping[str, Any]) -> bool:
    """
    Tell whether a member may be read: ONLINE, with a majority, and not in offline mode.

    facts
        One member's part of :py:func:`facts_of`.
    """
    return facts["state"] == ONLINE and facts["quorum"] and not facts["offline_mode"]


def hands_over(facts: Mapping[str, Any], seconds: float) -> bool:
    """
    Tell whether a healthy member has just ended to take writes, and may end what it is at.

    So it is with each switch to one primary, and each election that was asked for. A commit that is
    under way then is answered late, and has to be answered.

    facts
        One member's part of :py:func:`facts_of`, of a member that takes no writes.

    seconds
        Since it was last seen to take writes.
    """
    return readable_by(facts) and not facts["stopping"] and seconds < HAND_OVER_SECONDS


def is_stopping(connection: Any) -> bool:
    """
    Tell whether ``STOP GROUP_REPLICATION`` is at work.

    Nothing else tells: for seconds the member is still ONLINE and not read only, and yet its
    commits fail, and most other questions about the group wait for its end.

    connection
        As for :py:func:`observe`.
    """
    return bool(
        rows(
            connection,
            "SELECT 1 FROM performance_schema.events_statements_current"
            " WHERE EVENT_NAME = 'statement/sql/group_replication_stop' AND END_EVENT_ID IS NULL"
            " LIMIT 1",
        )
    )


def _server(connection: Any, columns: str) -> dict[str, Any]:
    """What a server says of itself alone."""
    return rows(connection, f"SELECT {columns}")[0]


def _variables(connection: Any) -> dict[str, str]:
    """The variables that are the group's, as far as the server has them."""
    return {
        row["VARIABLE_NAME"]: row["VARIABLE_VALUE"]
        for row in rows(
            connection,
            "SELECT VARIABLE_NAME, VARIABLE_VALUE FROM performance_schema.global_variables"
            " WHERE VARIABLE_NAME IN %s",
            (
                (
                    "group_replication_group_name",
                    "group_replication_group_seeds",
                    "group_replication_single_primary_mode",
                    consensus.PERIOD,
                    *MUST_MATCH,
                ),
            ),
        )
    }


def _view(connection: Any) -> list[dict[str, Any]]:
    """The members that a server sees in its group."""
    return [
        {
            "id": row["MEMBER_ID"],
            "host": row["MEMBER_HOST"],
            "port": row["MEMBER_PORT"],
            "state": row["MEMBER_STATE"],
            "role": row["MEMBER_ROLE"] or None,
            "version": row["MEMBER_VERSION"] or None,
        }
        for row in rows(
            connection,
            "SELECT MEMBER_ID, MEMBER_HOST, MEMBER_PORT, MEMBER_STATE, MEMBER_ROLE, MEMBER_VERSION"
            " FROM performance_schema.replication_group_members ORDER BY MEMBER_HOST, MEMBER_PORT",
        )
        if row["MEMBER_ID"]
    ]


def _stats(connection: Any) -> list[dict[str, Any]]:
    """The view and each member's queue, the others' as they said last; the own row first."""
    return rows(
        connection,
        "SELECT MEMBER_ID AS id, VIEW_ID AS view_id,"
        " COUNT_TRANSACTIONS_REMOTE_IN_APPLIER_QUEUE AS queued"
        " FROM performance_schema.replication_group_member_stats"
        " ORDER BY MEMBER_ID <> @@server_uuid",
    )


def _received(connection: Any) -> list[dict[str, Any]]:
    """What came by the group's channel, in one row; none on a server that was in no group."""
    return rows(
        connection,
        "SELECT RECEIVED_TRANSACTION_SET AS gtids, SERVICE_STATE AS state"
        " FROM performance_schema.replication_connection_status"
        " WHERE CHANNEL_NAME = 'group_replication_applier'",
    )


def _served(
    server: Mapping[str, Any],
    members: list[dict[str, Any]],
    stats: Sequence[Mapping[str, Any]],
    stopping: bool,
) -> dict[str, Any]:
    """Return whether a server serves, of what it has answered."""
    mine = next((member for member in members if member["id"] == server["server_uuid"]), None)
    others = {one["id"] for one in members if one["state"] == ONLINE and one is not mine}
    return {
        "server_uuid": server["server_uuid"],
        "host": server["host"],
        "port": server["port"],
        "super_read_only": bool(server["super_read_only"]),
        "offline_mode": bool(server["offline_mode"]),
        "stopping": stopping,
        "state": mine["state"] if mine else OFFLINE,
        "role": mine["role"] if mine else None,
        "members": members,
        "quorum": mine is not None and mine["state"] in PRESENT and has_quorum(members),
        "queued": stats[0]["queued"] if stats else 0,
        # Of the other ONLINE members, the one that has least to apply.
        "least_queued": min((one["queued"] for one in stats if one["id"] in others), default=None),
    }


def serving(connection: Any, before: Mapping[str, Any]) -> dict[str, Any]:
    """
    Ask one server whether it serves: what the health agent asks ten times a second.

    connection
        An open connection of the health agent's account.

    before
        What was answered last; empty at first. It stands in for the answers that a server gives
        only once its Group Replication has stopped.

    Returns the part of :py:func:`observe` that the balancer is told of.
    """
    stopping = is_stopping(connection)
    if stopping and before:
        return {**before, "stopping": True}
    return _served(_server(connection, SERVING), _view(connection), _stats(connection), stopping)


def observe(connection: Any) -> dict[str, Any]:
    """
    Ask one server what it is; the same questions to the local one and to the others.

    connection
        An open connection, of root or of the admin account.

    Returns one member's part of :py:func:`facts_of`.
    """
    stopping = is_stopping(connection)
    server = _server(connection, f"{SERVING}, {IDENTITY}")
    variables = _variables(connection)
    members = _view(connection)
    stats, received = _stats(connection), _received(connection)
    mode = variables.get("group_replication_single_primary_mode")
    return {
        **_served(server, members, stats, stopping),
        "answers": True,
        "error": "",
        "paused": "",
        "applier_error": "",
        "recovery_error": "",
        "commit_wait": 0,
        "held_back": {},
        "remembered": {},
        "errant_kinds": {},
        "fork": {},
        "started": int(server["started"]),
        "schemas": [],
        "server_id": server["server_id"],
        "must_match": {name: variables[name] for name in MUST_MATCH if name in variables},
        # As the group's view has it: without the distribution's suffix.
        "version": str(server["version"]).partition("-")[0],
        "group": variables.get("group_replication_group_name") or None,
        # The table of nodes that this server was last told of.
        "declared": hosts_of(variables.get("group_replication_group_seeds") or "") or None,
        "mode": None if mode is None else MODES[mode == "ON"],
        "view_id": (stats[0]["view_id"] if stats else "") or None,
        "overdue": consensus.overdue(server["consensus_age"], variables.get(consensus.PERIOD)),
        "gtid_executed": re.sub(r"\s", "", server["gtid_executed"]),
        "gtid_purged": re.sub(r"\s", "", server["gtid_purged"]),
        # Also while a member that is out of its group has not ended its part in it.
        "applier_on": bool(received) and received[0]["state"] == "ON",
        "gtid_received": re.sub(r"\s", "", (received[0]["gtids"] or "") if received else ""),
    }


def places_written(connection: Any) -> list[str]:
    """
    Return the directories that a commit writes to.

    connection
        An open connection.
    """
    row = rows(connection, "SELECT @@datadir AS data, @@log_bin_basename AS logs")[0]
    return sorted({str(Path(row["data"])), str(Path(row["logs"]).parent)})


def unreachable(error: str) -> dict[str, Any]:
    """Return what is said of a member that does not answer."""
    return {"answers": False, "error": error, "state": UNKNOWN, "paused": ""}


def applier(connection: Any) -> dict[str, Any]:
    """What the health agent does not ask."""
    ask = functools.partial(rows, connection)
    return {
        "applier_error": causes.applier_error(ask),
        "recovery_error": causes.recovery_error(ask),
        "commit_wait": commit_waits.longest(ask),
    }


def _schemas(connection: Any) -> list[str]:
    """The schemas that are not the server's own."""
    return [row["name"] for row in rows(connection, USER_SCHEMAS, (SYSTEM_SCHEMAS,))]


def _with_local_knowledge(settings: Settings, connection: Any) -> dict[str, Any]:
    """What the local server says, and what its machine alone knows."""
    said = observe(connection)
    return {
        **said,
        **applier(connection),
        "held_back": cut_join.holds_back(settings.me, said["started"], time.time()),
        "paused": kept_out(settings),
        "remembered": memory.remembered(memory.MEMBER_FILE),
        "fork": fork(),
        "declared": sorted(settings.nodes.values(), key=by_address),
    }


def look(settings: Settings, connection: Any = None) -> dict[str, Any]:
    """What the local member says of itself, with what only its own machine knows."""
    if connection is None:
        try:
            with local(settings) as connection:
                return look(settings, connection)
        except CommandExecutionError as err:
            if TOO_MANY_CONNECTIONS not in str(err):
                raise
        # The socket is taken like any other place; the administrators' door is not.
        with peer(settings, settings.nodes[settings.me]) as connection:
            return _with_local_knowledge(settings, connection)
    change, under_way = schema_change.current(connection), operation.current(connection)
    return {
        **_with_local_knowledge(settings, connection),
        "schemas": _schemas(connection),
        "schema_change": change._asdict() if change else None,
        "operation": under_way._asdict() if under_way else None,
    }


def facts_of(settings: Settings, connection: Any = None) -> dict[str, dict[str, Any]]:
    """What every declared member says of itself, all asked at once."""

    def ask(name: str) -> dict[str, Any]:
        try:
            if name == settings.me:
                return look(settings, connection)
            with peer(settings, settings.nodes[name]) as other:
                found = {**observe(other), **applier(other)}
                # Of who is inside, transactions account for all of it.
                if found["state"] not in PRESENT:
                    found["schemas"] = _schemas(other)
                return found
        except CommandExecutionError as err:
            return {**unreachable(str(err)), "host": settings.nodes[name]}

    with ThreadPoolExecutor(max_workers=len(settings.nodes)) as pool:
        found = dict(zip(settings.nodes, pool.map(ask, settings.nodes), strict=True))
    only = errant.errant_of(settings.me, found)
    if only:
        found[settings.me]["errant_kinds"] = _errant_kinds(settings, only)
    return found


# What was read last: the keeper asks every two seconds, and the answer is the same.
_read: dict[str, dict[str, str]] = {}


def _errant_kinds(settings: Settings, only: GtidSet) -> dict[str, str]:
    """What the local member's errant transactions did, as far as its binary logs say."""
    text = format_gtids(only)
    if text not in _read:
        try:
            with local(settings) as connection:
                found = errant.read(functools.partial(rows, connection), only)
        except CommandExecutionError as err:
            return {"gtids": "", "statements": "", "other": f"nothing is known: {err}"}
        _read.clear()
        _read[text] = found
    return _read[text]
