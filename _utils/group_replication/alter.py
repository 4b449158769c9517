"""What an ALTER TABLE will hold up: which algorithm the server takes, tried on an empty copy."""

from __future__ import annotations

import re
from typing import Any

try:
    from pymysql import err as errors
except ImportError:  # A machine that asks no database has no need of it.
    errors = None

from group_replication.schema_change import SCHEMA

TRIAL = f"`{SCHEMA}`.`alter_trial`"
NAME = r"(?:`[^`]+`|[\w$]+)"
ALTER = re.compile(
    rf"\s*ALTER\s+TABLE\s+(?:(?P<database>{NAME})\s*\.\s*)?(?P<table>{NAME})\s+(?P<rest>.+?)[;\s]*",
    re.IGNORECASE | re.DOTALL,
)
FIXED = re.compile(r"\bALGORITHM\s*=?\s*(\w+)", re.IGNORECASE)
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


def classify(connection: Any, statement: str, database: str) -> dict[str, Any]:
    """Return what a statement will hold up; nothing of it happens to the table.

    The server is asked, on an empty copy of the table that no other member sees. A foreign key is
    not copied, and one that names a table without its database cannot be tried.

    connection
        A connection of root's to a member that takes writes.

    statement, database
        As for :py:func:`parsed`.

    Returns a dict: ``algorithm`` (INSTANT, INPLACE, COPY, or the empty text for another statement
    or one that could not be tried), ``holds_up`` (a sentence), ``rows`` and ``bytes`` of the table
    (the server's estimates).
    """
    found: dict[str, Any] = {"algorithm": "", "holds_up": "not known", "rows": 0, "bytes": 0}
    parts = parsed(statement, database)
    if parts is None:
        return found
    schema, table, rest = parts
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_rows AS row_count, data_length + index_length AS byte_count"
            " FROM information_schema.tables WHERE table_schema = %s AND table_name = %s",
            (schema, table),
        )
        row = cursor.fetchone()
        if row is None:
            return {**found, "holds_up": f"not known: there is no table {schema}.{table}"}
        found |= {"rows": int(row["row_count"] or 0), "bytes": int(row["byte_count"] or 0)}
        # No other member, and no binary log, sees the copy.
        cursor.execute("SET SESSION sql_log_bin = OFF")
        try:
            return {**found, **_tried(cursor, f"`{schema}`.`{table}`", rest)}
        finally:
            cursor.execute(f"DROP TABLE IF EXISTS {TRIAL}")
            cursor.execute("SET SESSION sql_log_bin = ON")


def _tried(cursor: Any, table: str, rest: str) -> dict[str, str]:
    fixed = FIXED.search(rest)
    said = ""
    for algorithm, clause, holds_up in WAYS:
        if fixed and fixed[1].upper() not in (algorithm, "DEFAULT"):
            continue
        cursor.execute(f"DROP TABLE IF EXISTS {TRIAL}")
        cursor.execute(f"CREATE TABLE {TRIAL} LIKE {table}")
        try:
            # What the statement says itself counts.
            more = "" if fixed else f", {clause}"
            cursor.execute(f"ALTER TABLE {TRIAL} {rest}{more}")
        except errors.MySQLError as err:
            said = str(err.args[-1])
            continue
        return {"algorithm": algorithm, "holds_up": holds_up}
    return {"holds_up": f"not known: {said}"}
