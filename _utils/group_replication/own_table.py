"""A table of the group's own, with one row: whether it is there, and what it says."""

from __future__ import annotations

from typing import Any

SCHEMA = "mysql_gr"
# What a write says that lost against the same row: duplicate entry; rolled back in favour of
# another member's; deadlock.
TAKEN = (1062, 3101, 1213)


def has_table(connection: Any, name: str) -> bool:
    """Tell whether the group has a table of its own already, which is made with the accounts.

    connection
        A connection that may read it.

    name
        The table's.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM information_schema.tables WHERE table_schema = %s AND table_name = %s",
            (SCHEMA, name),
        )
        return bool(cursor.fetchall())


def one_row(connection: Any, name: str, query: str) -> dict[str, Any] | None:
    """Return the row as this member sees it; None without one, and without the table.

    connection, name
        As for :py:func:`has_table`.

    query
        The SELECT.
    """
    if not has_table(connection, name):
        return None
    with connection.cursor() as cursor:
        cursor.execute(query)
        row: dict[str, Any] | None = cursor.fetchone()
    return row or None
