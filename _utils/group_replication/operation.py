"""One operation at a time: the row that says who is at the members, how far, and until when.

The row is the group's, so it outlives the program that wrote it and the member that took it. Two
programs that claim it at once are told apart by certification. A program that lives moves its
deadline on; a row whose deadline is over keeps nobody from anything.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import Any, NamedTuple

from salt.exceptions import CommandExecutionError

from group_replication import driver
from group_replication.own_table import SCHEMA, TAKEN, has_table, one_row

TABLE = "operation"
DEFINITION = (
    "CREATE TABLE IF NOT EXISTS mysql_gr.operation ("
    # There is one operation, so a second row cannot be.
    " `id` TINYINT UNSIGNED NOT NULL DEFAULT 1 PRIMARY KEY CHECK (`id` = 1),"
    " `token` CHAR(16) NOT NULL,"
    " `owner` VARCHAR(255) NOT NULL,"
    " `purpose` VARCHAR(255) NOT NULL,"
    " `step` VARCHAR(255) NOT NULL DEFAULT '',"
    # What each member was when it began, so that who continues it knows what is done already.
    " `began` TEXT NOT NULL,"
    " `since` DATETIME NOT NULL,"
    " `deadline` DATETIME NOT NULL)"
)
# A program that lives moves its deadline on; a step that takes longer asks for more.
LEASE_SECONDS = 120
# What began longer ago is not continued: the members have had another life since. A run that ended
# with its window goes on in that of the next day.
CONTINUE_SECONDS = 36 * 3600


class Operation(NamedTuple):
    """The row: what is done by whom, how far that is, and how long it is waited for."""

    token: str
    owner: str
    purpose: str
    step: str
    # Member to what it was when the operation began, as JSON.
    began: str
    since: str
    deadline: str
    age: int
    seconds_left: int

    @property
    def runs(self) -> bool:
        """Whether its deadline is still to come."""
        return self.seconds_left >= 0


def current(connection: Any) -> Operation | None:
    """Return the operation that is under way or was broken off, as this member sees it.

    connection
        A connection that may read the table; where there is no table there is no operation.
    """
    row = one_row(
        connection,
        TABLE,
        "SELECT token, owner, purpose, step, began, CAST(since AS CHAR) AS since,"
        " CAST(deadline AS CHAR) AS deadline,"
        " TIMESTAMPDIFF(SECOND, since, UTC_TIMESTAMP()) AS age,"
        " TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(), deadline) AS seconds_left"
        " FROM mysql_gr.operation",
    )
    return Operation(**row) if row else None


def sentence(operation: Operation) -> str:
    """Return who does what, how far that is, since when and until when, for a person."""
    how, until = ("is under way", "until") if operation.runs else ("was broken off", "deadline")
    step = f" ({operation.step})" if operation.step else ""
    return (
        f"{operation.purpose} by {operation.owner} {how}{step},"
        f" since {operation.since} UTC, {until} {operation.deadline} UTC"
    )


def began_of(operation: Operation) -> dict[str, Any]:
    """Return what each member was when an operation began."""
    found: dict[str, Any] = json.loads(operation.began)
    return found


def refuse_meanwhile(operation: Operation | None, what: str, token: str = "") -> None:
    """Raise CommandExecutionError where an operation is under way that something would disturb.

    operation
        The row, or None. One whose deadline is over keeps nobody from anything.

    what
        What is not done, as the beginning of a sentence.

    token
        The operation's own word, by which what it does itself is let through.
    """
    if operation is not None and operation.runs and operation.token != token:
        raise CommandExecutionError(f"{what}: {sentence(operation)}")


def claimed_over(
    operation: Operation | None, purpose: str, owner: str, began: Mapping[str, Any]
) -> dict[str, Any]:
    """
    Say what a claim would come to, beside the row that is there; raise where it is refused.

    operation
        The row, or None.

    purpose, owner, began
        Of the claim.

    Returns a dict: ``began``; ``continues`` (what was broken off is continued, bool); ``step``, how
    far that was; ``gave_up``, a sentence about another one that is over, or "". Raises
    CommandExecutionError for one that is under way. An owner has one at a time: a second claim of
    its own says that the first has died.
    """
    if operation is None:
        return {"began": dict(began), "continues": False, "step": "", "gave_up": ""}
    if operation.owner != owner:
        refuse_meanwhile(operation, f"{purpose} is not begun")
    if operation.purpose == purpose and operation.age <= CONTINUE_SECONDS:
        # A member that was declared meanwhile counts from now on.
        before = {**began, **began_of(operation)}
        return {"began": before, "continues": True, "step": operation.step, "gave_up": ""}
    return {
        "began": dict(began),
        "continues": False,
        "step": "",
        "gave_up": sentence(operation._replace(seconds_left=min(operation.seconds_left, -1))),
    }


def begin(
    connection: Any, purpose: str, owner: str, began: Mapping[str, Any], test: bool = False
) -> dict[str, Any]:
    """
    Claim the one operation of the group, or continue what was broken off.

    connection
        To a member that takes writes.

    purpose
        What is done, in words; who says the same words continues it.

    owner
        Who does it. It may not call this while it is at another one.

    began
        Member to what it is now.

    test
        Check all that is checked, and do nothing. Default False.

    Returns as :py:func:`claimed_over` does, with ``token``. Raises CommandExecutionError, in a
    sentence, where another one is under way, and where there is no table.
    """
    if not has_table(connection, TABLE):
        raise CommandExecutionError(
            f"there is no table {SCHEMA}.{TABLE} yet: a highstate of all database machines makes it"
        )
    found = current(connection)
    claim = claimed_over(found, purpose, owner, began)
    token = secrets.token_hex(8)
    if not test and not _claim(connection, found, token, (owner, purpose), claim):
        other = current(connection)
        told = "another one was as fast; call it again"
        if other and other.runs:
            told = sentence(other)
        raise CommandExecutionError(f"{purpose} is not begun: {told}")
    return {**claim, "token": token}


def _claim(
    connection: Any,
    found: Operation | None,
    token: str,
    who: tuple[str, str],
    claim: Mapping[str, Any],
) -> bool:
    """Write the row in place of the one that was seen; tell whether that was still there."""
    values = (token, *who, claim["step"], json.dumps(claim["began"]), LEASE_SECONDS)
    try:
        with connection.cursor() as cursor:
            if found is None:
                done = cursor.execute(
                    "INSERT INTO mysql_gr.operation"
                    " (token, owner, purpose, step, began, deadline, since) VALUES"
                    " (%s, %s, %s, %s, %s, UTC_TIMESTAMP() + INTERVAL %s SECOND, UTC_TIMESTAMP())",
                    values,
                )
            else:
                done = cursor.execute(
                    "UPDATE mysql_gr.operation SET token = %s, owner = %s, purpose = %s, step = %s,"
                    " began = %s, deadline = UTC_TIMESTAMP() + INTERVAL %s SECOND,"
                    " since = IF(%s, since, UTC_TIMESTAMP()) WHERE token = %s AND deadline = %s",
                    (*values, claim["continues"], found.token, found.deadline),
                )
    except driver.MySQLError as err:
        if err.args[0] not in TAKEN:
            raise
        return False
    return bool(done)


def proceed(connection: Any, token: str, step: str, seconds: int = LEASE_SECONDS) -> None:
    """
    Say what is done now, and move the deadline on.

    connection
        To a member that takes writes.

    token
        As :py:func:`begin` returned it.

    step
        What is done now, in words.

    seconds
        How long it may take. Default 120.

    Raises CommandExecutionError when the operation is another one's by now.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE mysql_gr.operation SET step = %s,"
            " deadline = UTC_TIMESTAMP() + INTERVAL %s SECOND WHERE token = %s",
            (step[:255], seconds, token),
        )
    # What was the same before changes no row, and is this one's all the same.
    found = current(connection)
    if found is None or found.token != token:
        told = sentence(found) if found else "nobody holds it now"
        raise CommandExecutionError(f"the operation is not this run's any more: {told}")


def break_off(connection: Any, token: str) -> None:
    """Let an operation's deadline be over, so that it is in nobody's way and can be continued."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE mysql_gr.operation SET deadline = UTC_TIMESTAMP() - INTERVAL 1 SECOND"
            " WHERE token = %s",
            (token,),
        )


def end(connection: Any, token: str) -> None:
    """Say that an operation is over and leaves nothing to continue."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM mysql_gr.operation WHERE token = %s", (token,))
