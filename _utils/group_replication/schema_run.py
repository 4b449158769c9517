"""Run statements that change the schema, while one member alone takes writes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from salt.exceptions import CommandExecutionError, SaltInvocationError

from group_replication import schema_change
from group_replication.accounts import coordinator_of
from group_replication.alter import classify
from group_replication.connection import execute, local, rows
from group_replication.facts import observe
from group_replication.model import Settings
from group_replication.schema_check import check_statements

GENERATED_KEYS = "SELECT @@sql_generate_invisible_primary_key AS made"


def change_schema(
    settings: Settings,
    statements: str | Sequence[str],
    database: str | None,
    lock_wait_timeout: int,
    patience: float,
    test: bool = False,
) -> dict[str, Any]:
    """
    Run statements that change the schema.
    """
    statements = [statements] if isinstance(statements, str) else list(statements)
    if not statements or not all(isinstance(one, str) and one.strip() for one in statements):
        raise SaltInvocationError(f"statements is {statements}; expected SQL, one statement each")
    database = database or settings.database
    # An ALTER takes as long as it takes; it waits for other sessions' locks no longer than told.
    with local(settings, None) as connection:
        seen = observe(connection)
        coordinator = coordinator_of(seen["members"], settings.nodes)
        if coordinator != settings.me:
            raise CommandExecutionError(
                f"{coordinator or 'no member'} makes schema changes for the group; "
                f"this is {settings.me}"
            )
        generated_keys = bool(rows(connection, GENERATED_KEYS)[0]["made"])
        problems = check_statements(statements, seen["mode"], generated_keys)
        if problems:
            raise CommandExecutionError(
                "the group could not write to these tables: "
                + "; ".join(f"{one['table']}: {one['detail']}" for one in problems)
            )
        found = classify(connection, statements, database)
        done: list[dict[str, Any]] = [
            {"statement": one, **told, "seconds": None}
            for one, told in zip(statements, found, strict=True)
        ]
        if test:
            return {"writer": settings.me, "statements": done}
        execute(connection, "SET SESSION lock_wait_timeout = %s", (lock_wait_timeout,))
        execute(connection, f"USE `{database}`")
        session = int(rows(connection, "SELECT CONNECTION_ID() AS id")[0]["id"])
        owner = f"mysql_schema.change on {settings.me}"
        with schema_change.window(lambda: local(settings), owner, "root", patience, session):
            for one in done:
                begin = time.monotonic()
                execute(connection, one["statement"])
                one["seconds"] = round(time.monotonic() - begin, 2)
    if not schema_change.await_closed(lambda: local(settings), patience):
        raise CommandExecutionError(
            "the schema is changed, and the group is not back in its mode: "
            "mysql_gr.status extended=True says why"
        )
    return {"writer": settings.me, "statements": done}
