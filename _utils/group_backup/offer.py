"""A restored point that one database machine may clone, to begin the group with it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from typing import Any

from group_replication import tls
from group_replication.connection import UnreachableError, connect, execute, rows
from group_replication.gtid import (
    GtidSet,
    count_gtids,
    format_gtids,
    parse_gtids,
    subtract_gtids,
    union_gtids,
)
from group_replication.model import PRESENT, joined
from salt.exceptions import CommandExecutionError, SaltInvocationError

from group_backup import archive, aside, channel, full, restic, restore
from group_backup.archive import Point
from group_backup.channel import local
from group_backup.model import LOGS, Settings
from group_backup.options import MADE_WITH

NAME = "offered"
# How long what was received may take to be applied while nothing of it is.
STALL_SECONDS = 60
SERVED = (
    "SELECT MEMBER_STATE AS state FROM performance_schema.replication_group_members"
    " WHERE MEMBER_ID = @@server_uuid"
)
# By them a channel follows a group, or changes its source by itself.
FAILOVERS = (
    "performance_schema.replication_asynchronous_connection_failover_managed",
    "performance_schema.replication_asynchronous_connection_failover",
)


def check_member(settings: Settings, member: str) -> None:
    """Refuse a name that is no declared database machine."""
    if member not in settings.nodes:
        raise SaltInvocationError(
            f"member is '{member}'; expected a node of role db: {joined(settings.nodes)}"
        )


def check_no_group(settings: Settings) -> None:
    """Refuse where a declared member serves: what it has would be lost to the others."""
    for name, why in channel.not_verified(settings).items():
        # It may serve, and is given no password.
        raise CommandExecutionError(
            f"{name} answers and cannot be verified: {why}; nothing is offered while it may serve"
        )
    for name, address in settings.nodes.items():
        try:
            with connect(
                host=address,
                port=settings.port,
                user=settings.account.name,
                password=settings.account.password,
                ssl=tls.context(settings.trusted),
            ) as connection:
                states = [row["state"] for row in rows(connection, SERVED)]
        except UnreachableError:
            # Gone, or new: the machine that receives asks again, as a member does.
            continue
        if any(state in PRESENT for state in states):
            raise CommandExecutionError(
                f"{name} is {joined(states)}: the group is there, and nothing is offered in its "
                "place; what was deleted comes back by backup_restore.restore_table"
            )


def check_name(group: str, point: str, later: GtidSet, keep_name: bool) -> None:
    """
    Refuse a group's name under which transactions would be numbered a second time.

    group
        The declared name of the group.

    point
        The GTID set of the restored point.

    later
        What the machine and its repository have beyond it.

    keep_name
        Whether the call says that no disk of the old group comes back.
    """
    if not any(source.partition(":")[0] == group for source in parse_gtids(point)):
        return
    again = {source: spans for source, spans in later.items() if source.startswith(group)}
    if again:
        raise CommandExecutionError(
            f"the group is to be called {group} as before, and {count_gtids(again)} transactions "
            f"of it come after the point ({format_gtids(again)}): a new group would number others "
            "alike. Give pillar mysql:group:name a new UUID (uuidgen)"
        )
    if not keep_name:
        raise CommandExecutionError(
            f"the group is to be called {group} as before: an old disk that comes back may have "
            "other transactions of equal numbers, and nobody would see it. Give pillar "
            "mysql:group:name a new UUID (uuidgen); or, where all old disks are lost for good, "
            "say keep_name=True"
        )


def _beyond(settings: Settings, point: str) -> GtidSet:
    """What the machine's own server and the newest saved logs have beyond a point."""
    held: list[GtidSet] = []
    saved = restic.snapshots(settings, LOGS)
    if saved:
        held.append(parse_gtids(restore.read_index(settings, saved[-1])["gtids"]))
    try:
        with local(settings) as connection:
            held += _held(connection)
    except UnreachableError:
        # What it had saved is in the repository.
        pass
    return subtract_gtids(union_gtids(*held), parse_gtids(point))


def _held(connection: Any) -> list[GtidSet]:
    """What the machine's own server has executed, and received."""
    (own,) = rows(connection, "SELECT @@GLOBAL.gtid_executed AS executed")
    received = channel.state(connection).get("received") or ""
    return [parse_gtids(own["executed"]), parse_gtids(received)]


def save_newest(settings: Settings) -> None:
    """
    Save what the machine has received up to now, once that is applied; a new machine has nothing.

    Raises CommandExecutionError where mysqld does not answer or its applier stands still.
    """
    last, moved = None, time.monotonic()
    while True:
        with local(settings) as connection:
            executed, received = _held(connection)
        rest = subtract_gtids(received, executed)
        if not rest:
            break
        if rest != last:
            last, moved = rest, time.monotonic()
        if time.monotonic() - moved > STALL_SECONDS:
            raise CommandExecutionError(
                f"{count_gtids(rest)} transactions were received and are not applied "
                f"({format_gtids(rest)}), which would be left out; repair the channel "
                "(backup.status), or give a time or a GTID in place of latest"
            )
        time.sleep(0.5)
    if executed:
        full.run_logs(settings)


def preview(
    settings: Settings, member: str, point: str, around: int, wanted: str | None, keep_name: bool
) -> dict[str, Any]:
    """Return what :py:func:`offer` would, as far as that is known before; nothing is kept."""
    check_member(settings, member)
    check_no_group(settings)
    found = restore.preview(settings, point, around, wanted)
    if point == archive.LATEST:
        # What was not saved yet would be, before it is offered.
        with local(settings) as connection:
            held = union_gtids(parse_gtids(found["gtids"]), *_held(connection))
        found["gtids"] = format_gtids(held)
    check_name(settings.group, found["gtids"], _beyond(settings, found["gtids"]), keep_name)
    return {**found, "member": member}


def offer(
    settings: Settings,
    member: str,
    point: str,
    around: int,
    wanted: str | None,
    keep_name: bool,
) -> dict[str, Any]:
    """
    Restore a point to an instance aside, and let it be cloned over the network.

    settings
        The machine's settings.

    member
        The declared name of the machine that is to clone it.

    point, around, wanted
        As for :py:func:`restore.preview`.

    keep_name
        As for :py:func:`check_name`.

    Returns what the restore does, with ``member``, ``donor`` and ``fingerprint``.
    """
    begin = time.monotonic()
    check_member(settings, member)
    check_no_group(settings)
    place = aside.place_of(settings, NAME)
    # Of an earlier call.
    aside.remove(place)
    if point == archive.LATEST:
        save_newest(settings)

    def accept(found: Point) -> None:
        check_name(settings.group, found.gtids, _beyond(settings, found.gtids), keep_name)

    found = restore.restore_point(settings, NAME, point, around, wanted, accept)
    try:
        with aside.writable(place) as connection:
            _give_up_channels(connection)
            _let_in(connection, settings)
            asked = ", ".join(f"@@{name} AS {name}" for name in MADE_WITH)
            (made_with,) = rows(connection, f"SELECT {asked}")
        aside.stop(place)
        aside.start(place, made_with, (settings.address, settings.port))
        shown = tls.shown(settings.address, settings.port)
    except BaseException:
        aside.remove(place)
        raise
    del found["socket"]
    return {
        **found,
        "member": member,
        "donor": settings.me,
        "fingerprint": hashlib.sha256(shown).hexdigest(),
        "seconds": round(time.monotonic() - begin, 1),
    }


def _give_up_channels(connection: Any) -> None:
    """Take away the channels, which a member would start: it has none but its group's own."""
    for row in rows(
        connection,
        "SELECT CHANNEL_NAME AS name FROM performance_schema.replication_connection_configuration",
    ):
        execute(connection, "RESET REPLICA ALL FOR CHANNEL %s", (row["name"],))
    # Where a channel looks for another source outlives the channel.
    rows(connection, "SELECT asynchronous_connection_failover_reset()")
    left = [row["name"] for table in FAILOVERS for row in _channels_in(connection, table)]
    if left:
        raise CommandExecutionError(f"channels are left that would change their source: {left}")


def _channels_in(connection: Any, table: str) -> Sequence[Mapping[str, Any]]:
    # The tables' names are this file's own.
    return rows(connection, f"SELECT CHANNEL_NAME AS name FROM {table}")  # noqa: S608


def _let_in(connection: Any, settings: Settings) -> None:
    """Give the account of the backups the declared password: it may have had another one then."""
    found = rows(
        connection, "SELECT host FROM mysql.user WHERE user = %s", (settings.account.name,)
    )
    if not found:
        raise CommandExecutionError(
            f"account {settings.account.name} is not there at that point: the group was older than "
            "its backups"
        )
    for row in found:
        execute(
            connection,
            "ALTER USER %s@%s IDENTIFIED WITH caching_sha2_password BY %s ACCOUNT UNLOCK",
            (settings.account.name, row["host"], settings.account.password),
        )
