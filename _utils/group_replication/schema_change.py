"""A schema change has one writer: the row that asks for it, and the program that does.

MySQL does not order a schema change on one member of a multi-primary group and a write on another:
rows get into wrong columns, on each member into others. So a program that changes the schema asks
first, by a row in a table of the group. A keeper (:py:mod:`schema_window`) switches the group to
single-primary mode and says in that row that the window is open; it closes the window when the
program has finished, or has been silent for ``SILENCE_SECONDS``.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

from salt.exceptions import CommandExecutionError

from group_replication import driver
from group_replication.own_table import TAKEN, one_row

TABLE = "schema_change"
DEFINITION = (
    "CREATE TABLE IF NOT EXISTS mysql_gr.schema_change ("
    # There is one window, so a second row cannot be.
    " `id` TINYINT UNSIGNED NOT NULL DEFAULT 1 PRIMARY KEY CHECK (`id` = 1),"
    " `token` CHAR(16) NOT NULL,"
    " `owner` VARCHAR(255) NOT NULL,"
    " `step` ENUM('requested', 'open', 'done', 'closing') NOT NULL DEFAULT 'requested',"
    # Whose sessions are killed when the owner has been silent: the account's, or this one of root.
    " `account` VARCHAR(32) NOT NULL,"
    " `session` BIGINT UNSIGNED NOT NULL DEFAULT 0,"
    " `writer` VARCHAR(255) NOT NULL DEFAULT '',"
    " `mode` VARCHAR(16) NOT NULL DEFAULT '',"
    " `problem` TEXT,"
    " `deadline` DATETIME NOT NULL)"
)
REQUESTED, OPEN, DONE, CLOSING = "requested", "open", "done", "closing"
# An owner that lives moves its deadline on; one that does not has died.
SILENCE_SECONDS = 60
BEAT_SECONDS = 15.0
POLL_SECONDS = 0.3
# Another member than the one that took the row may see it so much later.
LAG_SECONDS = 10.0

Connect = Callable[[], AbstractContextManager[Any]]


class Change(NamedTuple):
    """The row: who changes the schema, how far that is, and how long the owner is waited for."""

    token: str
    owner: str
    step: str
    account: str
    session: int
    writer: str
    # The mode that the group returns to, or the empty text before the window has been open.
    mode: str
    problem: str
    seconds_left: int


def current(connection: Any) -> Change | None:
    """Return the schema change that is asked for or under way, as this member sees it.

    connection
        A connection that may read the table; where there is no table there is no change.
    """
    row = one_row(
        connection,
        TABLE,
        "SELECT token, owner, step, account, session, writer, mode,"
        " COALESCE(problem, '') AS problem,"
        " TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(), deadline) AS seconds_left"
        " FROM mysql_gr.schema_change",
    )
    return Change(**row) if row else None


def sentence(change: Change) -> str:
    """Return who changes the schema and how far that is, for a person."""
    told = f"{change.owner} changes the schema ({change.step}"
    if change.writer:
        told += f", {change.writer} alone takes writes"
    return f"{told}){': ' if change.problem else ''}{change.problem}"


def refuse_meanwhile(change: Change | None, what: str) -> None:
    """Raise CommandExecutionError where a change is under way that something would disturb."""
    if change is not None:
        raise CommandExecutionError(f"{what}: {sentence(change)}")


@contextlib.contextmanager
def window(
    connect: Connect, owner: str, account: str, patience: float, session: int = 0
) -> Iterator[None]:
    """Return a context in which one member alone takes writes, and has applied all that was before.

    connect
        Returns a context with a connection to a member that takes writes, anew for each question.

    owner
        What a person reads: which program, on which machine.

    account
        The account of the sessions that change the schema.

    patience
        Seconds to wait until another change is over, and until the window is open.

    session
        The session that changes the schema, where the account has others, too. Default 0: all.

    Raises CommandExecutionError when no keeper opens the window in time, when another change is
    under way for longer, or when the window was closed before its time.
    """
    token = secrets.token_hex(8)
    _request(connect, token, owner, account, session, time.monotonic() + patience)
    pulse = _Pulse(connect, token)
    try:
        _await_open(connect, token, time.monotonic() + patience)
        pulse.start()
        yield
    finally:
        pulse.stop()
        _finish(connect, token)
    if pulse.lost:
        raise CommandExecutionError(
            "the window for the schema change was closed before its time, as nothing was heard of "
            f"its owner for {SILENCE_SECONDS} s; look at the schema before the next change"
        )


def await_closed(connect: Connect, patience: float) -> bool:
    """Wait until the keeper has closed the window; tell whether it has.

    connect, patience
        As for :py:func:`window`.
    """
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        with contextlib.suppress(CommandExecutionError), connect() as connection:
            if current(connection) is None:
                return True
        time.sleep(POLL_SECONDS)
    return False


def _request(
    connect: Connect, token: str, owner: str, account: str, session: int, deadline: float
) -> None:
    """Ask for the window, once there is no other."""
    while True:
        with connect() as connection:
            if _inserted(connection, token, owner, account, session):
                return
            other = current(connection)
        if time.monotonic() >= deadline:
            refuse_meanwhile(other, "the schema is not changed")
        time.sleep(POLL_SECONDS)


def _inserted(connection: Any, token: str, owner: str, account: str, session: int) -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO mysql_gr.schema_change (token, owner, account, session, deadline)"
                " VALUES (%s, %s, %s, %s, UTC_TIMESTAMP() + INTERVAL %s SECOND)",
                (token, owner[:255], account, session, SILENCE_SECONDS),
            )
    except driver.MySQLError as err:
        if err.args[0] not in TAKEN:
            raise
        return False
    return True


def _await_open(connect: Connect, token: str, deadline: float) -> None:
    """Wait for the keeper; the member that is asked may leave the writers meanwhile."""
    error, waits, seen = "", "", time.monotonic()
    while True:
        try:
            with connect() as connection:
                change = current(connection)
                if change is not None and change.token == token:
                    seen, waits = time.monotonic(), change.problem
                    if change.step == OPEN:
                        return
                    _beat(connection, token)
        except CommandExecutionError as err:
            error, seen = f"; last: {err}", time.monotonic()
        if time.monotonic() - seen > LAG_SECONDS:
            raise CommandExecutionError(
                "the window for the schema change was withdrawn; nothing was changed"
            )
        if time.monotonic() >= deadline and waits:
            raise CommandExecutionError(f"nothing was changed: {waits}")
        if time.monotonic() >= deadline:
            raise CommandExecutionError(
                "no keeper opened the window for the schema change; nothing was changed. "
                f"Is mysql-gr-keeper at work on the database machines?{error}"
            )
        time.sleep(POLL_SECONDS)


def _beat(connection: Any, token: str) -> bool:
    """Move the deadline on; tell whether the window is still this one's."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE mysql_gr.schema_change SET deadline = UTC_TIMESTAMP() + INTERVAL %s SECOND"
            " WHERE token = %s AND step IN ('requested', 'open')",
            (SILENCE_SECONDS, token),
        )
        cursor.execute(
            "SELECT 1 FROM mysql_gr.schema_change"
            " WHERE token = %s AND step IN ('requested', 'open')",
            (token,),
        )
        return bool(cursor.fetchall())


def _finish(connect: Connect, token: str) -> None:
    """Say that the owner has finished. A keeper that never hears of it finds its deadline over."""
    for _ in range(5):
        with contextlib.suppress(CommandExecutionError), connect() as connection:
            with connection.cursor() as cursor:
                cursor.execute(
                    "UPDATE mysql_gr.schema_change SET step = 'done'"
                    " WHERE token = %s AND step <> 'closing'",
                    (token,),
                )
            return
        time.sleep(1)


class _Pulse(threading.Thread):
    """Moves the deadline on while the schema is changed."""

    def __init__(self, connect: Connect, token: str) -> None:
        super().__init__(daemon=True)
        self._connect, self._token = connect, token
        self._over = threading.Event()
        self.lost = False

    def run(self) -> None:
        while not self._over.wait(BEAT_SECONDS):
            # A failover meanwhile takes seconds; the deadline leaves time for that.
            with contextlib.suppress(CommandExecutionError), self._connect() as connection:
                self.lost = not _beat(connection, self._token)

    def stop(self) -> None:
        self._over.set()
        if self.is_alive():
            self.join()
