"""What a keeper does with the row that asks for a schema change: open the window and close it.

The keeper of the coordinator does it, which in single-primary mode is the only member that can.
Each step is written to the row after it was taken, so that the next keeper goes on where one died.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from salt.exceptions import CommandExecutionError

from group_replication import operation
from group_replication.model import MODES
from group_replication.schema_change import CLOSING, DONE, OPEN, REQUESTED, Change, sentence

# Seconds that a question to the table of windows never takes.
ASKING_SECONDS = 2
# Seconds that a killed statement gets to undo what it has done.
UNDO_SECONDS = 30.0


def step_for(change: Change | None, mode: str, address: str) -> str:
    """Return what the coordinator's keeper does now: ``open``, ``close`` or nothing.

    change
        The row, or None.

    mode
        The group's present mode.

    address
        The address of the coordinator.
    """
    if change is None:
        return ""
    silent = change.seconds_left < 0
    if change.step in (DONE, CLOSING) or silent:
        return "close"
    # Also where somebody switched back meanwhile, or the writer was lost and another was elected.
    if change.step == REQUESTED or mode != MODES[1] or change.writer != address:
        return "open"
    return ""


def act(
    connection: Any,
    change: Change | None,
    seen: Mapping[str, Any],
    address: str,
    problems_of_multi_primary: Callable[[], str],
    under_way: operation.Operation | None = None,
) -> str:
    """Do what is to be done with the row and return a sentence about it, or the empty text.

    connection
        The coordinator's own, as root, without a limit on how long a statement takes.

    change
        What :py:func:`schema_change.current` returned.

    seen
        What the coordinator was observed to be.

    address
        Its address.

    problems_of_multi_primary
        Returns why the schema is none for multi-primary mode, or the empty text.

    under_way
        The operation that is at the members: no window is opened meanwhile. Default: none.
    """
    step = step_for(change, seen["mode"], address)
    if not step or change is None:
        return ""
    if step == "open" and change.step == REQUESTED and under_way and under_way.runs:
        return _hold(connection, change, operation.sentence(under_way))
    if step == "open":
        _open(connection, change, seen, address)
        return f"the window is open: {sentence(change._replace(step=OPEN, writer=address))}"
    return _close(connection, change, seen["mode"], address, problems_of_multi_primary)


def _hold(connection: Any, change: Change, why: str) -> str:
    """Tell who asked for the window, by its row, what it waits for."""
    if change.problem != why:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE mysql_gr.schema_change SET problem = %s WHERE token = %s",
                (why, change.token),
            )
    return f"{change.owner} waits with its schema change: {why}"


def _open(connection: Any, change: Change, seen: Mapping[str, Any], address: str) -> None:
    with connection.cursor() as cursor:
        if not change.mode:
            # Before the switch, so that who comes after one who died knows what to return to.
            cursor.execute(
                "UPDATE mysql_gr.schema_change SET mode = %s WHERE token = %s AND mode = ''",
                (seen["mode"], change.token),
            )
        if seen["mode"] != MODES[1]:
            # The other members are read only when this returns: the server sees to it, also of
            # members that join meanwhile. Transactions open there fail at their commit.
            cursor.execute(
                "SELECT group_replication_switch_to_single_primary_mode(%s)", (seen["server_uuid"],)
            )
            cursor.fetchall()
        # BEFORE: once this member has applied whatever the others had written until then.
        with _consistency(cursor, "BEFORE"):
            cursor.execute(
                "UPDATE mysql_gr.schema_change SET step = 'open', writer = %s, problem = NULL"
                " WHERE token = %s AND step IN ('requested', 'open')",
                (address, change.token),
            )


def _close(
    connection: Any,
    change: Change,
    mode: str,
    address: str,
    problems_of_multi_primary: Callable[[], str],
) -> str:
    # Also of an owner that has finished: a migration that was cut off leaves its statement at work.
    if change.step != CLOSING:
        _end_sessions(connection, change, address)
    with connection.cursor() as cursor:
        # AFTER: once all members have applied the change that this closes.
        with _consistency(cursor, "AFTER"):
            cursor.execute(
                "UPDATE mysql_gr.schema_change SET step = 'closing', problem = NULL"
                " WHERE token = %s",
                (change.token,),
            )
        if change.mode == MODES[0] != mode:
            problems = problems_of_multi_primary()
            if problems:
                problem = f"the group stays single-primary: {problems}"
                cursor.execute(
                    "UPDATE mysql_gr.schema_change SET problem = %s WHERE token = %s",
                    (problem, change.token),
                )
                return problem
            cursor.execute("SELECT group_replication_switch_to_multi_primary_mode()")
            cursor.fetchall()
        cursor.execute("DELETE FROM mysql_gr.schema_change WHERE token = %s", (change.token,))
    over = "is closed" if change.step in (DONE, CLOSING) else "is closed, as its owner is silent"
    return f"the window of {change.owner} {over}"


@contextlib.contextmanager
def _consistency(cursor: Any, level: str) -> Iterator[None]:
    cursor.execute("SET SESSION group_replication_consistency = %s", (level,))
    try:
        yield
    finally:
        cursor.execute("SET SESSION group_replication_consistency = DEFAULT")


def _end_sessions(connection: Any, change: Change, address: str) -> None:
    """End what the owner left running: mysqld goes on with an ALTER whose client has died."""
    deadline = time.monotonic() + UNDO_SECONDS
    while True:
        left = _left_running(connection, change, address)
        with connection.cursor() as cursor:
            for one, running in left.items():
                # An owner that has finished asks whether the window is closed, in no time.
                if change.step != DONE or running >= ASKING_SECONDS:
                    # It may be over by now.
                    with contextlib.suppress(Exception):
                        cursor.execute("KILL %s", (one,))
        if not left:
            return
        if time.monotonic() >= deadline:
            raise CommandExecutionError(
                f"{change.owner} {'has finished' if change.step == DONE else 'is silent'}, and its"
                " statement does not end: the window stays open"
            )
        time.sleep(0.5)


def _left_running(connection: Any, change: Change, address: str) -> dict[int, int]:
    """Return the owner's sessions here, and the seconds that each is at its statement.

    Of an owner that has finished those alone that are at one.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT ID AS id, TIME AS seconds FROM performance_schema.processlist"
            " WHERE (ID = %s OR (%s = 0 AND USER = %s)) AND (%s OR COMMAND <> 'Sleep')",
            (
                change.session if change.writer == address else 0,
                change.session,
                change.account,
                change.step != DONE,
            ),
        )
        return {row["id"]: row["seconds"] or 0 for row in cursor.fetchall()}
