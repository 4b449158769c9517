"""A member that leaves: sessions end, a primary is switched over, the group is left."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Mapping
from typing import Any

from salt.exceptions import CommandExecutionError, SaltInvocationError

from group_replication import driver, maintenance, operation
from group_replication.connection import (
    LOCK_SECONDS,
    QUERY_SECONDS,
    START_SECONDS,
    UnreachableError,
    error_text,
    exclusive,
    execute,
    local,
    machine_lock,
    rows,
)
from group_replication.facts import facts_of, observe
from group_replication.maintenance import drained, flag_leaving, given, kept_if_done
from group_replication.model import MODES, OFFLINE, ONLINE, UNKNOWN, Settings
from group_replication.overrides import named_member, removal_problem
from group_replication.settings import drain_seconds, settings_file_differs, write_settings

log = logging.getLogger(__name__)

# What STOP GROUP_REPLICATION may take before mysqld is stopped without it.
STOP_SECONDS = 60
# By then a balancer that asks five times a second has seen that this member is leaving.
NOTICE_SECONDS = 1.0
# How long commits that are under way may hold up a member that leaves.
COMMIT_SECONDS = 5


# Sessions of clients. A machine that follows the binary log has one that is at work for ever.
CLIENTS = (
    " FROM performance_schema.threads t"
    " LEFT JOIN information_schema.innodb_trx x ON x.trx_mysql_thread_id = t.processlist_id"
    " WHERE t.name = 'thread/sql/one_connection' AND COALESCE(t.processlist_user, '') NOT IN %s"
    " AND t.processlist_command NOT IN ('Daemon', 'Binlog Dump', 'Binlog Dump GTID')"
)


def _own(settings: Settings) -> tuple[str, ...]:
    """The accounts of those who look after the member."""
    return ("root", settings.admin.name, settings.recovery.name, settings.health_user)


def _busy(settings: Settings, connection: Any) -> int:
    """How many sessions of clients are in a transaction or a statement."""
    found = rows(
        connection,
        f"SELECT COUNT(*) AS busy{CLIENTS}"
        " AND (x.trx_id IS NOT NULL OR t.processlist_command <> 'Sleep')",
        (_own(settings),),
    )
    return int(found[0]["busy"])


def _end_sessions(settings: Settings, connection: Any) -> None:
    """
    End the sessions that clients still have with a server that is no member any more.

    They would read what was. A balancer ends those that it made; one that was reloaded since leaves
    them to its old process, which asks no health agent.
    """
    left = rows(
        connection,
        f"SELECT t.processlist_id AS id{CLIENTS} AND t.processlist_host <> 'localhost'",
        (_own(settings),),
    )
    for session in left:
        # It may end by itself meanwhile.
        with contextlib.suppress(driver.Error):
            execute(connection, "KILL CONNECTION %s", (session["id"],))


def heir_of(settings: Settings, seen: Mapping[str, Any]) -> str | None:
    """
    Return the id of the member that is to be primary when this one leaves, or None.

    settings
        The group's settings.

    seen
        What the local member says of itself. Only a primary of a single-primary group is switched
        over.
    """
    if seen["mode"] != MODES[1] or seen["role"] != "PRIMARY" or not seen["quorum"]:
        return None
    ids = {
        member["host"]: member["id"]
        for member in seen["members"]
        if member["state"] == ONLINE and member["id"] != seen["server_uuid"]
    }
    return next((ids[host] for host in settings.nodes.values() if host in ids), None)


def wait_idle(settings: Settings, connection: Any, seconds: int) -> None:
    """Wait until the balancer sends nobody new and no client is in a transaction, or time is up."""
    begin = time.monotonic()
    while time.monotonic() - begin < seconds:
        if time.monotonic() - begin > NOTICE_SECONDS and not _busy(settings, connection):
            return
        # InnoDB shows its transactions anew only to who has not looked for a tenth of a second.
        time.sleep(0.25)


def _drain(settings: Settings, connection: Any, seconds: int) -> None:
    """Wait until no operation is in the way; then a primary is switched over.

    Until another member has taken over, new connections wait at the balancer.
    """
    wait_idle(settings, connection, seconds)
    heir = heir_of(settings, observe(connection))
    if heir:
        try:
            set_as_primary(connection, heir, seconds)
        except driver.Error as err:
            log.warning("the switchover failed: %s", error_text(err))


def set_as_primary(connection: Any, member_id: str, seconds: int) -> None:
    """Make a member the primary; transactions get so many seconds to end."""
    rows(connection, "SELECT group_replication_set_as_primary(%s, %s)", (member_id, seconds))


def _leave(settings: Settings, connection: Any, seconds: int, flag_stays: bool = False) -> Any:
    """Drain the local member and take it out of its group; return its old and new state."""
    old = observe(connection)["state"]
    flag_leaving(seconds + STOP_SECONDS + LOCK_SECONDS)
    try:
        if old == ONLINE and seconds:
            _drain(settings, connection, seconds)
        if old != OFFLINE:
            # Commits under way end before the group is left: one that waits for certification
            # then holds up the server for a minute.
            execute(connection, "SET SESSION lock_wait_timeout = %s", (COMMIT_SECONDS,))
            with contextlib.suppress(driver.OperationalError, driver.InternalError):
                execute(connection, "SET GLOBAL super_read_only = ON")
            execute(connection, "STOP GROUP_REPLICATION")
        execute(connection, "SET GLOBAL super_read_only = ON")
        _end_sessions(settings, connection)
        return {"old": old, "new": observe(connection)["state"]}
    finally:
        if not flag_stays:
            maintenance.LEAVING_FILE.unlink(missing_ok=True)


def leave_before_stop(settings: Settings) -> dict[str, Any]:
    """
    Drain the local member and take it out of its group, since mysqld is about to stop.

    Until the server has stopped no keeper takes the member in again: who stops it removes the flag.

    settings
        The group's settings.

    Returns a dict: ``old`` and ``new`` state. Raises CommandExecutionError when mysqld does not
    answer or refuses.
    """
    with (
        local(settings, max(STOP_SECONDS, settings.drain + QUERY_SECONDS)) as connection,
        # Another run that is starting the group here does not hold up a stop.
        machine_lock(connection, 3),
    ):
        return _leave(settings, connection, settings.drain, flag_stays=True)


def leave(
    settings: Settings, member: str, reason: str, drain_for: int | None = None
) -> dict[str, Any]:
    """
    Take the local member out of the group and keep it out until it is told to join.
    """
    named_member(member, settings.me, "leaving")
    seconds, why = drain_seconds("drain", drain_for, settings.drain), given(reason)
    # The statement that takes a primary away waits as long as transactions may.
    with exclusive(settings, START_SECONDS + seconds) as connection:
        operation.refuse_meanwhile(operation.current(connection), f"{member} does not leave")
        # Before it leaves, so that the keeper does not take it in again at once.
        with kept_if_done(maintenance.PAUSE_FILE, why):
            return _leave(settings, connection, seconds)


def pause(settings: Settings, reason: str) -> dict[str, str]:
    """
    Keep every automation here from taking this member into the group.

    Returns a dict: ``old`` and ``new`` reason. Raises SaltInvocationError without one,
    CommandExecutionError while an operation is at the members: it waits for this one.
    """
    given(reason)
    # A member whose server is away can be paused: nothing is at it that would wait.
    with contextlib.suppress(UnreachableError), local(settings) as connection:
        under_way = operation.current(connection)
        operation.refuse_meanwhile(under_way, f"{settings.me} is not paused")
    return maintenance.pause(reason)


def drain(
    settings: Settings, member: str, reason: str, seconds: int | None = None
) -> dict[str, Any]:
    """
    Let the balancer send the local member nobody new, until that is undone or a boot.
    """
    named_member(member, settings.me, "draining")
    wait, new, old = drain_seconds("seconds", seconds, settings.drain), given(reason), drained()
    with exclusive(settings, START_SECONDS + wait) as connection:
        operation.refuse_meanwhile(operation.current(connection), f"{member} is not drained")
        with kept_if_done(maintenance.DRAINED_FILE, new):
            if observe(connection)["state"] == ONLINE:
                _drain(settings, connection, wait)
            return {"old": old, "new": new, "busy": _busy(settings, connection)}


def _check_removed(settings: Settings) -> None:
    if not settings.removed:
        raise SaltInvocationError(
            f"pillar cluster:nodes declares {settings.me}; expected a member whose line is deleted "
            "there: mysql_maintenance.leave takes out one that is declared"
        )


def removal(settings: Settings) -> dict[str, Any]:
    """
    Say what is to be done about a member that the table of nodes no longer declares.
    """
    _check_removed(settings)
    seen = facts_of(settings)
    state = seen[settings.me]["state"]
    settled = state in (OFFLINE, UNKNOWN) and not settings_file_differs(settings)
    problem = "" if settled else removal_problem(settings.me, seen)
    under_way = seen[settings.me].get("operation")
    if under_way and not settled and not problem:
        one = operation.Operation(**under_way)
        problem = f"{settings.me} is not removed: {operation.sentence(one)}" if one.runs else ""
    return {"state": state, "settled": settled, "problem": problem}


def remove(settings: Settings, member: str, drain_for: int | None = None) -> dict[str, Any]:
    """
    Take a member out that the table of nodes no longer declares; its data is not touched.
    """
    _check_removed(settings)
    named_member(member, settings.me, "removing")
    seconds = drain_seconds("drain", drain_for, settings.drain)
    now = removal(settings)
    if now["problem"]:
        raise CommandExecutionError(now["problem"])
    # First, so that the keeper does not take it in again at once.
    write_settings(settings)
    if now["state"] == UNKNOWN:
        return {"old": UNKNOWN, "new": UNKNOWN}
    with exclusive(settings, START_SECONDS + seconds) as connection:
        return _leave(settings, connection, seconds)
