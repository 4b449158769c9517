"""What the last comparison of the members has found, kept in a table of the group.

One row, written by the member that compared and the same on all of them, so that each can say what
is known without asking another. The application's accounts cannot read it.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from salt.exceptions import CommandExecutionError

from group_replication.comparison_report import NUMBERS, Kept, carried, counted, numbers_of
from group_replication.connection import execute, local, rows
from group_replication.facts import observe, writable_by
from group_replication.files import write_whole
from group_replication.model import Settings
from group_replication.own_table import SCHEMA, has_table

TABLE = "comparison"
DEFINITION = (
    "CREATE TABLE IF NOT EXISTS mysql_gr.comparison ("
    # The last comparison alone counts, so a second row cannot be.
    " `id` TINYINT UNSIGNED NOT NULL DEFAULT 1 PRIMARY KEY CHECK (`id` = 1),"
    # Of the last one that reached its end; NULL before there is one.
    " `ended` DATETIME,"
    " `result` MEDIUMTEXT,"
    # Of one that failed since.
    " `failed` DATETIME,"
    " `error` TEXT)"
)
# Numbers alone, for the health agent, which is another user and may ask the server for little.
NUMBERS_FILE = Path("/run/mysql-gr/comparison.json")


def last(connection: Any) -> Kept | None:
    """Return what is kept, as this server has it; None where the group has no table for it yet.

    connection
        A connection that may read it.
    """
    made = rows(
        connection,
        "SELECT UNIX_TIMESTAMP(create_time) AS since, UNIX_TIMESTAMP() AS now"
        " FROM information_schema.tables WHERE table_schema = %s AND table_name = %s",
        (SCHEMA, TABLE),
    )
    if not made:
        return None
    known = Kept(int(made[0]["since"]), int(made[0]["now"]))
    found = rows(
        connection,
        "SELECT TIMESTAMPDIFF(SECOND, '1970-01-01', ended) AS ended,"
        " TIMESTAMPDIFF(SECOND, '1970-01-01', failed) AS failed,"
        " COALESCE(error, '') AS error, result FROM mysql_gr.comparison",
    )
    if not found:
        return known
    return known._replace(**{**found[0], "result": json.loads(found[0]["result"] or "{}")})


def keep(settings: Settings, result: Mapping[str, Any]) -> str:
    """
    Keep the result of a comparison of all tables, in place of the one before.

    What that one found and this one could not look at stays: of a declared member that was not
    compared, of a table that was skipped.

    settings
        The group's settings.

    result
        As ``compare_rows`` returns it.

    Returns why it is not kept, or the empty text.
    """

    def write(connection: Any) -> None:
        seen = last(connection)
        before = seen.result if seen else {}
        (now,) = rows(connection, "SELECT @@gtid_executed AS gtids")
        whole = {
            **counted(carried(before, result, settings.nodes)),
            "gtid_executed": "".join(now["gtids"].split()),
        }
        execute(
            connection,
            "REPLACE INTO mysql_gr.comparison (ended, result) VALUES (UTC_TIMESTAMP(), %s)",
            (json.dumps(whole, default=str),),
        )

    return _written(settings, write)


def keep_failure(settings: Settings, error: str) -> str:
    """
    Keep why a comparison failed, beside what the last one that ended has found.

    settings
        The group's settings.

    error
        Why.

    Returns why it is not kept, or the empty text.
    """
    return _written(
        settings,
        lambda connection: execute(
            connection,
            "INSERT INTO mysql_gr.comparison (failed, error) VALUES (UTC_TIMESTAMP(), %s)"
            " ON DUPLICATE KEY UPDATE failed = UTC_TIMESTAMP(), error = %s",
            (error, error),
        ),
    )


def _written(settings: Settings, write: Callable[[Any], None]) -> str:
    """Write to the local member's table, where that is writable; say why it was not done."""
    try:
        with local(settings) as connection:
            if not has_table(connection, TABLE):
                return f"the group has no table {SCHEMA}.{TABLE} yet, which a highstate makes"
            if not writable_by(observe(connection)):
                return f"{settings.me} is not writable"
            write(connection)
    except CommandExecutionError as err:
        return str(err)
    return ""


def copy_numbers(connection: Any, path: Path = NUMBERS_FILE) -> None:
    """
    Write what is kept as numbers, for everybody to read, if that is news.

    connection
        As for :py:func:`last`.

    path
        The file. Raises OSError where it cannot be written.
    """
    seen = last(connection)
    if seen is None or (seen.ended is None and seen.failed is None):
        path.unlink(missing_ok=True)
        return
    text = json.dumps(numbers_of(seen)) + "\n"
    with contextlib.suppress(FileNotFoundError):
        if path.read_text(encoding="utf-8") == text:
            return
    write_whole(path, text, 0o644)


def numbers(path: Path = NUMBERS_FILE) -> dict[str, float]:
    """
    Return the numbers that :py:func:`copy_numbers` wrote; nothing where there are none.

    path
        The file.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {name: float(found[name]) for name in NUMBERS if found.get(name) is not None}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
