"""Sessions with all ONLINE members at once: one question to each, and a rest in proportion."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from salt.exceptions import CommandExecutionError

from group_replication import driver
from group_replication.connection import error_text, execute, local, peer, rows
from group_replication.facts import observe
from group_replication.model import ONLINE, Settings
from group_replication.server_lock import lock_name

# What one query may take; the connection waits longer, so that the server says it.
QUERY_SECONDS = 30
CONNECTION_SECONDS = 40
SETUP = (
    # It has applied what was before.
    "SET SESSION group_replication_consistency = 'BEFORE'",
    # Each member has a zone and a mode of its own, that would change what a column is shown as.
    # Who is gone with its machine is held to be there, and its lock with it, for the longest rest.
    "SET SESSION wait_timeout = {wait}",
    "SET SESSION time_zone = '+00:00', sql_mode = '',"
    " show_gipk_in_create_table_and_information_schema = ON,"
    f" lock_wait_timeout = 5, max_execution_time = {QUERY_SECONDS * 1000}",
)
# The table is gone, has another column, or another key; it is locked; the query took too long.
OF_THE_TABLE = (1054, 1146, 1176, 1205, 1412, 3024)


class AtWorkError(CommandExecutionError):
    """Another comparison is at work, from whichever member."""


class TableError(Exception):
    """One table cannot be read now; the message says where and why."""


class Sessions:
    """A session with each ONLINE member, which are asked side by side."""

    def __init__(self, me: str, connections: Mapping[str, Any], load: float) -> None:
        self.me = me
        self.names = list(connections)
        self._connections, self._load = connections, load
        self._pool = ThreadPoolExecutor(max_workers=len(self.names))

    def ask(
        self, sql: str, values: Sequence[Any] = (), only: str = ""
    ) -> dict[str, list[dict[str, Any]]]:
        """
        Run a query on each member, and rest in proportion to what it took.

        sql, values
            The query.

        only
            The one member that is asked. Default: all.

        Returns rows by member. Raises TableError where one table is the cause,
        CommandExecutionError for all else; both name the member.
        """
        names = [only] if only else self.names
        begin = time.monotonic()
        answers = list(self._pool.map(lambda name: self._asked(name, sql, values), names))
        time.sleep((time.monotonic() - begin) * (1 / self._load - 1))
        return dict(zip(names, answers, strict=True))

    def _asked(self, name: str, sql: str, values: Sequence[Any]) -> list[dict[str, Any]]:
        try:
            return rows(self._connections[name], sql, values)
        except (driver.MySQLError, OSError) as err:
            said = f"{name}: {error_text(err)}"
            if err.args and err.args[0] in OF_THE_TABLE:
                raise TableError(said) from err
            raise CommandExecutionError(said) from err

    def close(self) -> None:
        self._pool.shutdown()


def peers_of(settings: Settings, seen: Mapping[str, Any]) -> dict[str, str]:
    """
    Return the other ONLINE members' addresses by name.

    settings
        The group's settings.

    seen
        The local member's part of ``facts_of``.

    Raises CommandExecutionError where the local member is not ONLINE with a majority, or alone.
    """
    if seen["state"] != ONLINE or not seen["quorum"]:
        raise CommandExecutionError(
            f"{settings.me} is {seen['state']}, {'with' if seen['quorum'] else 'without'} a "
            "majority; members are compared from one that is ONLINE with a majority"
        )
    names = {address: name for name, address in settings.nodes.items()}
    online = {
        names.get(member["host"], member["host"]): str(member["host"])
        for member in seen["members"]
        if member["state"] == ONLINE and member["id"] != seen["server_uuid"]
    }
    if not online:
        raise CommandExecutionError(f"no member beside {settings.me} is ONLINE to compare it with")
    return online


@contextlib.contextmanager
def opened(settings: Settings, load: float) -> Iterator[Sessions]:
    """
    Return a context with a session of each ONLINE member: the local one by its socket.

    settings
        The group's settings.

    load
        The part of the time that may be spent in queries, above 0 and up to 1.

    Raises AtWorkError where another has them already.
    """
    wait = 2 * CONNECTION_SECONDS + int(QUERY_SECONDS / load)
    with contextlib.ExitStack() as stack:
        mine = stack.enter_context(local(settings, CONNECTION_SECONDS))
        addresses = peers_of(settings, observe(mine))
        connections = {settings.me: mine}
        for name, address in addresses.items():
            connections[name] = stack.enter_context(peer(settings, address, CONNECTION_SECONDS))
        # Two comparisons at once would be twice the load. A lock in the server ends with its
        # session, however that ends.
        lock = lock_name(settings, "comparison")
        for name, connection in sorted(connections.items()):
            if rows(connection, "SELECT GET_LOCK(%s, 0) AS taken", (lock,))[0]["taken"] != 1:
                raise AtWorkError(
                    f"another comparison is at work, as {name} says: wait for its end, or end the "
                    "timer's by `systemctl stop mysql-gr-compare` on the coordinator"
                )
            for statement in SETUP:
                execute(connection, statement.format(wait=wait))
        sessions = Sessions(settings.me, dict(sorted(connections.items())), load)
        stack.callback(sessions.close)
        yield sessions
