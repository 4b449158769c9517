"""One table or one schema out of a restored instance, as SQL that makes it under another name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from group_replication.connection import execute, rows
from group_replication.gtid import format_gtids, parse_gtids
from group_replication.model import SYSTEM_SCHEMAS
from salt.exceptions import SaltInvocationError

from group_backup import aside, logical
from group_backup.model import NAME, Settings, quoted

# How a file begins; the GTID set that it was taken at follows.
HEAD = "-- As it was at GTID set "


def check_names(table: str, into: str) -> tuple[str, str]:
    """Return schema and table of ``schema.table``; the new name must be another one."""
    found = re.fullmatch(rf"({NAME})\.({NAME})", str(table))
    if not found or found[1].lower() in SYSTEM_SCHEMAS:
        raise SaltInvocationError(f"table is '{table}'; expected SCHEMA.TABLE of an application")
    if not re.fullmatch(NAME, str(into)) or into.lower() == found[2].lower():
        raise SaltInvocationError(
            f"into is '{into}'; expected a table's name that is not {found[2]}: the living one is "
            "never replaced"
        )
    return found[1], found[2]


def check_schema(schema: str, into: str) -> None:
    """Refuse a name that is none, or a new one that is the old one."""
    if not re.fullmatch(NAME, str(schema)) or schema.lower() in SYSTEM_SCHEMAS:
        raise SaltInvocationError(f"schema is '{schema}'; expected an application's schema")
    if (
        not re.fullmatch(NAME, str(into))
        or into.lower() in SYSTEM_SCHEMAS
        or into.lower() == schema.lower()
    ):
        raise SaltInvocationError(
            f"into is '{into}'; expected a schema's name that is not {schema}: the living one is "
            "never replaced"
        )


def dump_table(
    settings: Settings, place: Path, schema: str, name: str, into: str
) -> dict[str, Any]:
    """
    Write a table of an instance to a file, under another name.

    Its foreign keys, named checks and triggers are left out: their names are the living one's.

    Returns a dict: ``file``, ``rows`` and ``left_out`` (names).
    """
    with aside.writable(place) as connection:
        if not rows(
            connection,
            "SELECT 1 FROM information_schema.tables WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s"
            " AND TABLE_TYPE = 'BASE TABLE'",
            (schema, name),
        ):
            raise SaltInvocationError(
                f"table is '{schema}.{name}', which is not there at that point"
            )
        gtids = executed(connection)
        left_out = _without_names(connection, schema, name)
        execute(connection, "SET SESSION foreign_key_checks = OFF")
        old, new = f"{quoted(schema)}.{quoted(name)}", f"{quoted(schema)}.{quoted(into)}"
        execute(connection, f"RENAME TABLE {old} TO {new}")
        (count,) = rows(connection, f"SELECT COUNT(*) AS there FROM {new}")  # noqa: S608
    file = _written(settings, place, f"{schema}.{into}", [schema, into], gtids)
    return {"file": str(file), "rows": count["there"], "left_out": left_out}


def _without_names(connection: Any, schema: str, name: str) -> list[str]:
    """Take away what has a name of its own in the schema; return these names."""
    own = f"{quoted(schema)}.{quoted(name)}"
    found = rows(
        connection,
        "SELECT CONSTRAINT_NAME AS name, CONSTRAINT_TYPE AS kind"
        " FROM information_schema.table_constraints WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s"
        " AND CONSTRAINT_TYPE IN ('FOREIGN KEY', 'CHECK') ORDER BY 1",
        (schema, name),
    )
    for one in found:
        execute(connection, f"ALTER TABLE {own} DROP {one['kind']} {quoted(one['name'])}")
    triggers = rows(
        connection,
        "SELECT TRIGGER_NAME AS name FROM information_schema.triggers"
        " WHERE EVENT_OBJECT_SCHEMA = %s AND EVENT_OBJECT_TABLE = %s ORDER BY 1",
        (schema, name),
    )
    return [one["name"] for one in (*found, *triggers)]


def dump_schema(settings: Settings, place: Path, name: str, into: str) -> dict[str, Any]:
    """
    Write the tables of a schema of an instance to a file, in a schema of another name.

    Views, triggers, routines and events are left out.

    Returns a dict: ``file``, ``tables``, ``rows`` and ``left_out`` (names).
    """
    with aside.writable(place) as connection:
        tables = _names(connection, "tables", "TABLE_NAME", "TABLE_SCHEMA", name, "BASE TABLE")
        if not tables:
            raise SaltInvocationError(f"schema is '{name}', which has no table at that point")
        gtids = executed(connection)
        triggers = _names(connection, "triggers", "TRIGGER_NAME", "TRIGGER_SCHEMA", name)
        left_out = [
            *triggers,
            *_names(connection, "views", "TABLE_NAME", "TABLE_SCHEMA", name),
            *_names(connection, "routines", "ROUTINE_NAME", "ROUTINE_SCHEMA", name),
            *_names(connection, "events", "EVENT_NAME", "EVENT_SCHEMA", name),
        ]
        execute(connection, "SET SESSION foreign_key_checks = OFF")
        execute(connection, f"CREATE DATABASE {quoted(into)}")
        for trigger in triggers:
            execute(connection, f"DROP TRIGGER {quoted(name)}.{quoted(trigger)}")
        count = 0
        for one in tables:
            moved = f"{quoted(into)}.{quoted(one)}"
            execute(connection, f"RENAME TABLE {quoted(name)}.{quoted(one)} TO {moved}")
            (there,) = rows(connection, f"SELECT COUNT(*) AS there FROM {moved}")  # noqa: S608
            count += there["there"]
    file = _written(settings, place, into, ["--databases", into], gtids)
    return {"file": str(file), "tables": len(tables), "rows": count, "left_out": left_out}


def _names(
    connection: Any, view: str, column: str, where: str, schema: str, kind: str = ""
) -> list[str]:
    # Names of views and columns are this file's own.
    sql = f"SELECT {column} AS name FROM information_schema.{view} WHERE {where} = %s"  # noqa: S608
    values = [schema]
    if kind:
        sql, values = f"{sql} AND TABLE_TYPE = %s", [schema, kind]
    return [row["name"] for row in rows(connection, f"{sql} ORDER BY 1", values)]


def executed(connection: Any) -> str:
    """Return the GTID set that a server has."""
    (row,) = rows(connection, "SELECT @@GLOBAL.gtid_executed AS gtids")
    return format_gtids(parse_gtids(row["gtids"]))


def _file(settings: Settings, name: str) -> Path:
    return settings.place / "output" / f"{name}.sql"


def _written(settings: Settings, place: Path, name: str, what: list[str], gtids: str) -> Path:
    """Write a dump without triggers, readable by root alone."""
    file = _file(settings, name)
    file.parent.mkdir(mode=0o700, exist_ok=True)
    logical.mysqldump(file, place, ["--skip-triggers", *what], f"{HEAD}{gtids}\n")
    return file


def written(settings: Settings, name: str) -> dict[str, str]:
    """
    Return the file of a table or schema that was restored, and the GTID set that it was taken at.

    settings, name
        The machine's settings; the new name, ``schema.table`` or ``schema``.

    Returns a dict: ``file`` and ``gtids`` (the empty text where the file does not say), or an empty
    one where there is none.
    """
    if not re.fullmatch(rf"{NAME}(\.{NAME})?", str(name)):
        raise SaltInvocationError(f"name is '{name}'; expected SCHEMA.TABLE or SCHEMA")
    file = _file(settings, name)
    if not file.is_file():
        return {}
    with file.open(encoding="utf-8", errors="replace") as stream:
        first = stream.readline().rstrip("\n")
    return {"file": str(file), "gtids": first.removeprefix(HEAD) if first.startswith(HEAD) else ""}
