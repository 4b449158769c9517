"""Servers that are told to restart within a minute or two do it one after the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from salt.exceptions import CommandExecutionError

from group_replication import driver
from group_replication.connection import local, peer, rows
from group_replication.facts import observe
from group_replication.model import ONLINE, Settings
from group_replication.server_lock import lock_name

TURN_SECONDS = 150.0
# What mysqld needs to write down what it has in memory, and what is given at the least.
STOP_SECONDS, STOP_MIN = 50, 300
# Who has been gone for longer is not on its way back from a restart.
GONE_SECONDS = 60
LOOK_SECONDS = 0.5


def stop_timeout(drain: int) -> int:
    """
    Return the seconds that systemd gives mysqld to stop: for its turn, the drain and the stop.

    drain
        Seconds for which transactions under way are waited for.
    """
    return max(STOP_MIN, int(TURN_SECONDS) + drain + STOP_SECONDS)


def waited_for(
    me: str, nodes: Mapping[str, str], members: Sequence[Mapping[str, Any]], gone: Collection[str]
) -> list[str]:
    """
    Name the members that are to be ONLINE again before this one restarts.

    me
        This member's declared name.

    nodes
        Declared databases and their addresses.

    members
        The group's members: rows with ``host`` and ``state``.

    gone
        Addresses that left the group a short while ago.
    """
    states = {member["host"]: member["state"] for member in members}
    return [
        name
        for name, address in nodes.items()
        if name != me and states.get(address, "" if address in gone else ONLINE) != ONLINE
    ]


def _gone(connection: Any) -> list[str]:
    """The addresses that this server has seen leaving, from the log that it keeps in memory."""
    found = rows(
        connection,
        "SELECT DATA AS text FROM performance_schema.error_log WHERE ERROR_CODE = 'MY-011499'"
        " AND LOGGED > NOW(6) - INTERVAL %s SECOND",
        (GONE_SECONDS,),
    )
    named = ",".join(row["text"].partition("group: ")[2].strip("'.") for row in found)
    return [one.strip().rpartition(":")[0] for one in named.split(",") if one]


def _has(connection: Any, name: str) -> bool:
    """Tell whether this connection holds the lock, and take it where it is free."""
    mine = rows(connection, "SELECT IS_USED_LOCK(%s) = CONNECTION_ID() AS mine", (name,))
    return bool(mine[0]["mine"]) or bool(
        rows(connection, "SELECT GET_LOCK(%s, 0) AS got", (name,))[0]["got"]
    )


def _seen(settings: Settings) -> tuple[str, list[str]]:
    """Where the lock is, "" where no turn is needed, and the members that are to be back first."""
    with local(settings) as connection:
        facts = observe(connection)
        # Outside a group, or without a majority, a restart disturbs nobody.
        if facts["state"] != ONLINE or not facts["quorum"]:
            return "", []
        online = sorted(one["host"] for one in facts["members"] if one["state"] == ONLINE)
        gone = _gone(connection)
        return online[0], waited_for(settings.me, settings.nodes, facts["members"], gone)


def take(
    settings: Settings,
    held: ExitStack,
    say: Callable[[str], None],
    clock: Callable[[], float] = time.monotonic,
) -> str:
    """
    Wait until it is this member's turn to restart; the others' turns come after ``held`` is closed.

    settings
        The group's settings.

    held
        Keeps the turn: a named lock at the first ONLINE member by address. Where that member
        restarts itself the lock is free, and the others take it at the next one.

    say
        Tells a person what it waits for.

    clock
        What tells the time in seconds.

    Returns "", or after 150 s why this member restarts out of turn.
    """
    name, deadline = lock_name(settings, "turn"), clock() + TURN_SECONDS
    connection, why, said = None, "", ""
    while clock() < deadline:
        where, missing = _seen(settings)
        if not where:
            return ""
        try:
            if connection is None:
                connection = held.enter_context(peer(settings, where))
            if not _has(connection, name):
                why = "another member's turn has not ended"
            elif missing:
                why = f"{', '.join(missing)} is not ONLINE again"
            else:
                return ""
        except (CommandExecutionError, driver.MySQLError) as err:
            # The member that had the lock has left: asked anew, the view says where it is now.
            why, connection = str(err), None
            held.close()
        if why != said:
            say(f"{settings.me} waits for its turn to restart: {why}")
            said = why
        time.sleep(LOOK_SECONDS)
    return f"{why} after {TURN_SECONDS:.0f} s"
