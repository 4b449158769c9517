"""Connections to servers, with deadlines on every step, and the lock on the local one."""

from __future__ import annotations

import contextlib
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from salt.exceptions import CommandExecutionError

from group_replication import driver, lock
from group_replication.model import Settings
from group_replication.tls import CA_FILE, context

# Older ones go on in plain text, password and all, where a server offers no TLS.
KEEPS_TO_TLS = (1, 2)
# The server's code for it, as error_text writes codes.
TOO_MANY_CONNECTIONS = "(1040)"
# The server sets one option of Group Replication at a time, and none while that starts or stops.
SETTING_ANOTHER = "(3724)"
# The client's own, when a statement took longer than it waits; of a server that died meanwhile it
# says no "timed out".
NO_ANSWER = "(timed out) (2013)"

CONNECT_SECONDS = 3
QUERY_SECONDS = 5
# A change of view holds the local server's answers up for seconds; that is no silence.
LOCAL_SECONDS = 30

# What START GROUP_REPLICATION may take: it waits a minute for a view before it gives up.
START_SECONDS = 150
# How long an operator's call waits for another run that is starting it.
LOCK_SECONDS = 120

Answer = TypeVar("Answer")


class UnreachableError(CommandExecutionError):
    """There is no connection to a server, for whatever reason."""


def tls(ca: str = "") -> ssl.SSLContext:
    """
    Return how TLS is spoken to a server.

    ca
        The file of the certificates that it is verified by, and the address with it, before an
        account is named. Default: encrypted, not verified.
    """
    try:
        return context(ca)
    except CommandExecutionError as err:
        raise UnreachableError(str(err)) from err


def trusted(settings: Settings) -> str:
    """Return the file of the certificates that members are verified by, or the empty text."""
    return CA_FILE if settings.verify else ""


@contextlib.contextmanager
def connect(
    query_seconds: float | None = QUERY_SECONDS,
    connect_seconds: float = CONNECT_SECONDS,
    **where: Any,
) -> Iterator[Any]:
    """
    Return a context with a connection: deadlines on every step, the server's errors as Salt's own.

    query_seconds
        How long one statement may take; None for as long as it takes. Default 5.

    connect_seconds
        How long it may take to get one. Default 3.

    where
        The place and the account, in PyMySQL's words.
    """
    if not driver.is_there():
        raise CommandExecutionError(
            "Salt's Python has no PyMySQL; `salt-call state.apply mysql.python` installs it"
        )
    if "ssl" in where and driver.VERSION[:2] < KEEPS_TO_TLS:
        raise CommandExecutionError(
            f"Salt's Python has PyMySQL {'.'.join(map(str, driver.VERSION[:3]))}, which goes on "
            "without TLS where a server offers none; expected 1.2 or newer: "
            "`salt-call state.apply mysql.python` installs it"
        )
    try:
        connection = driver.connect(
            autocommit=True,
            charset="utf8mb4",
            cursorclass=driver.cursors.DictCursor,
            connect_timeout=connect_seconds,
            read_timeout=query_seconds,
            write_timeout=query_seconds,
            # What stays on the machine needs none, and PyMySQL would read all certificates of the
            # host for each try: 7 ms of processor time.
            ssl_disabled="unix_socket" in where,
            **where,
        )
    except (driver.Error, OSError) as err:
        place = where.get("unix_socket") or f"{where.get('host')}:{where.get('port')}"
        raise UnreachableError(f"cannot connect to mysqld at {place}: {error_text(err)}") from err
    try:
        with connection:
            yield connection
    except (driver.Error, OSError) as err:
        raise CommandExecutionError(f"mysqld said: {error_text(err)}") from err


def error_text(err: Exception) -> str:
    """The server's words without the tuple that PyMySQL puts them in."""
    code = err.args[0] if err.args else 0
    text = err.args[1] if len(err.args) > 1 else str(err)
    return f"{text} ({code})" if isinstance(code, int) and code else str(text)


def local(
    settings: Settings, query_seconds: float | None = LOCAL_SECONDS, user: str = "root"
) -> contextlib.AbstractContextManager[Any]:
    """
    Return a context with a connection to the local member over its socket.

    settings
        The group's settings.

    query_seconds
        How long one statement may take; None for as long as it takes. Default 30.

    user
        The account, which mysqld checks against the operating system's user. Default root.
    """
    return connect(query_seconds, unix_socket=settings.socket, user=user)


def answered(settings: Settings, seconds: float, question: Callable[[Any], Answer]) -> Answer:
    """Ask the local server; one that is away is asked again for so long."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            with local(settings) as connection:
                return question(connection)
        except UnreachableError:
            if time.monotonic() >= deadline:
                raise
        time.sleep(0.5)


def peer(
    settings: Settings,
    address: str,
    query_seconds: float | None = QUERY_SECONDS,
    connect_seconds: float = CONNECT_SECONDS,
) -> Any:
    """
    Return a context with a connection to any member over its admin port.

    settings
        The group's settings.

    address
        Where the member is.

    query_seconds
        How long one statement may take; None for as long as it takes. Default 5.

    connect_seconds
        How long it may take to get one. Default 3.
    """
    return connect(
        query_seconds,
        connect_seconds,
        host=address,
        port=settings.admin_port,
        user=settings.admin.name,
        password=settings.admin.password,
        ssl=tls(trusted(settings)),
    )


def rows(connection: Any, sql: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
    """Run a query and return its rows."""
    with connection.cursor() as cursor:
        cursor.execute(sql, values or None)
        return list(cursor.fetchall())


def execute(connection: Any, sql: str, values: Sequence[Any] = ()) -> None:
    """Run a statement that answers with nothing."""
    with connection.cursor() as cursor:
        cursor.execute(sql, values or None)


def _is_changing(connection: Any) -> bool:
    """Tell whether a start or a stop of Group Replication is at work, whoever began it."""
    return bool(
        rows(
            connection,
            "SELECT 1 FROM performance_schema.events_statements_current"
            " WHERE EVENT_NAME IN ('statement/sql/group_replication_start',"
            " 'statement/sql/group_replication_stop') AND END_EVENT_ID IS NULL LIMIT 1",
        )
    )


@contextlib.contextmanager
def machine_lock(connection: Any, seconds: float) -> Iterator[bool]:
    """Hold this machine's lock, once another run and what a killed one left under way are done."""
    deadline = time.monotonic() + seconds
    with lock.held(seconds, lock.LOCK_FILE) as taken:
        while taken and _is_changing(connection):
            if time.monotonic() >= deadline:
                taken = False
                break
            time.sleep(0.5)
        yield taken


@contextlib.contextmanager
def exclusive(settings: Settings, query_seconds: float | None = START_SECONDS) -> Iterator[Any]:
    """A local connection that holds the lock, once another run is done with it."""
    wait = LOCK_SECONDS if query_seconds is None else min(LOCK_SECONDS, int(query_seconds))
    with local(settings, query_seconds) as connection, machine_lock(connection, wait) as locked:
        if not locked:
            raise CommandExecutionError(f"another run on {settings.me} is at it; nothing was done")
        yield connection


def set_when_free(connection: Any, statement: str, values: Sequence[Any] = ()) -> None:
    """Set an option of Group Replication, once the server is at no other one any more."""
    deadline = time.monotonic() + LOCAL_SECONDS
    while True:
        try:
            return execute(connection, statement, values)
        except driver.Error as err:
            if SETTING_ANOTHER not in error_text(err) or time.monotonic() > deadline:
                raise
        time.sleep(0.5)
