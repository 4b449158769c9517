"""What an ALTER TABLE will hold up: which algorithm the server takes, tried on an empty copy."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from group_replication import driver
from group_replication.own_table import SCHEMA

NAME = r"(?:`[^`]+`|[\w$]+)"
ALTER = re.compile(
    rf"\s*ALTER\s+TABLE\s+(?:(?P<database>{NAME})\s*\.\s*)?(?P<table>{NAME})\s+(?P<rest>.+?)[;\s]*",
    re.IGNORECASE | re.DOTALL,
)
FIXED = re.compile(r"\bALGORITHM\s*=?\s*(\w+)", re.IGNORECASE)
# What reaches beyond the table: tried on a copy it would take or give the rows of another one.
BEYOND = re.compile(
    r"\bRENAME\b(?!\s+(?:COLUMN|INDEX|KEY)\b)|\b(?:EXCHANGE|DISCARD|IMPORT|DIRECTORY)\b",
    re.IGNORECASE,
)
# From the one that holds up least. The clause, and what it holds up.
AFTERWARDS = "the other members apply it when it has ended, and their later writes wait for that"
WAYS = (
    ("INSTANT", "ALGORITHM=INSTANT", "nothing: only the definition changes"),
    ("INPLACE", "ALGORITHM=INPLACE, LOCK=NONE", f"no write on the writer; {AFTERWARDS}"),
    (
        "INPLACE",
        "ALGORITHM=INPLACE, LOCK=SHARED",
        f"writes to the table until it has ended; {AFTERWARDS}",
    ),
    ("COPY", "ALGORITHM=COPY", f"writes to the table until it has ended; {AFTERWARDS}"),
)


def parsed(statement: str, database: str) -> tuple[str, str, str] | None:
    """Return database, table and the rest of an ALTER TABLE, or None for another statement.

    statement
        The statement.

    database
        The database of a table that is named without one.
    """
    match = ALTER.fullmatch(statement)
    if not match:
        return None
    return (
        (match["database"] or database).strip("`"),
        match["table"].strip("`"),
        match["rest"],
    )


def reaches_beyond(rest: str) -> bool:
    """Tell whether an ALTER TABLE does something to another table or its files.

    rest
        As :py:func:`parsed` returns it.
    """
    return bool(BEYOND.search(rest))


def classify(connection: Any, statements: Sequence[str], database: str) -> list[dict[str, Any]]:
    """Return what statements will hold up, in their order; nothing of it happens to the tables.

    The server is asked, on an empty copy of each table that no other member sees. A foreign key is
    not copied, and one that names a table without its database cannot be tried.

    connection
        A connection of root's to a member that takes writes.

    statements, database
        As for :py:func:`parsed`.

    Returns a list of dicts: ``algorithm`` (INSTANT, INPLACE, COPY, or the empty text for another
    statement or one that could not be tried), ``holds_up`` (a sentence), ``rows`` and ``bytes`` of
    the table (the server's estimates).
    """
    copies: dict[str, str] = {}
    with connection.cursor() as cursor:
        # No other member, and no binary log, sees the copies.
        cursor.execute("SET SESSION sql_log_bin = OFF")
        try:
            return [_classified(cursor, parsed(one, database), copies) for one in statements]
        finally:
            for copy in copies.values():
                cursor.execute(f"DROP TABLE IF EXISTS {copy}")
            cursor.execute("SET SESSION sql_log_bin = ON")


def _classified(
    cursor: Any, parts: tuple[str, str, str] | None, copies: dict[str, str]
) -> dict[str, Any]:
    found: dict[str, Any] = {"algorithm": "", "holds_up": "not known", "rows": 0, "bytes": 0}
    if parts is None:
        return found
    schema, table, rest = parts
    if reaches_beyond(rest):
        return {**found, "holds_up": "not known: it is not tried, as it touches another table"}
    cursor.execute(
        "SELECT table_rows AS row_count, data_length + index_length AS byte_count"
        " FROM information_schema.tables WHERE table_schema = %s AND table_name = %s",
        (schema, table),
    )
    row = cursor.fetchone()
    if row is None:
        return {**found, "holds_up": f"not known: there is no table {schema}.{table}"}
    found |= {"rows": int(row["row_count"] or 0), "bytes": int(row["byte_count"] or 0)}
    name = f"`{schema}`.`{table}`"
    # The copy of a statement before is what this one will meet.
    if name not in copies:
        copies[name] = f"`{SCHEMA}`.`alter_trial_{len(copies)}`"
        cursor.execute(f"DROP TABLE IF EXISTS {copies[name]}")
        cursor.execute(f"CREATE TABLE {copies[name]} LIKE {name}")
    return {**found, **_tried(cursor, copies[name], rest)}


def _tried(cursor: Any, copy: str, rest: str) -> dict[str, str]:
    fixed = FIXED.search(rest)
    said = ""
    for algorithm, clause, holds_up in WAYS:
        if fixed and fixed[1].upper() not in (algorithm, "DEFAULT"):
            continue
        # What the statement says itself counts.
        more = "" if fixed else f", {clause}"
        try:
            cursor.execute(f"ALTER TABLE {copy} {rest}{more}")
        except driver.MySQLError as err:
            said = str(err.args[-1])
            continue
        return {"algorithm": algorithm, "holds_up": holds_up}
    return {"holds_up": f"not known: {said}"}
