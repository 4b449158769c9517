"""Tables, and statements that make some, which a group cannot write to."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from salt.exceptions import SaltInvocationError

from group_replication.connection import rows
from group_replication.model import MODES, SYSTEM_SCHEMAS

# A statement that makes or alters a table, and what in it is no keyword.
STATEMENT = re.compile(
    r"\s*(create(?: temporary)?|alter) table (?:if not exists )?([`\w.]+)(.*)", re.I | re.S
)
QUOTED = re.compile(r"'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.)*\"")


def _check_statement(statement: str, mode: str) -> list[dict[str, str]]:
    """Return what one statement would make that a group in this mode cannot write to."""
    found = STATEMENT.match(" ".join(statement.split()))
    if not found or found[1].lower() == "create temporary":
        return []
    table, rest = found[2].replace("`", ""), QUOTED.sub("''", found[3])
    # Of another table it has the key that that one has.
    creates = found[1].lower() == "create" and not re.match(r"\s*(like|select|as)\b", rest, re.I)
    problems = []
    if creates and not re.search(r"\bprimary key\b", rest, re.I):
        problems.append(("no primary key", "it is made without a primary key"))
    if not creates and re.search(r"\bdrop primary key\b(?!.*\badd primary key\b)", rest, re.I):
        problems.append(("no primary key", "its primary key is dropped"))
    engine = re.search(r"\bengine\s*=?\s*(\w+)", rest, re.I)
    if engine and engine[1].lower() != "innodb":
        problems.append(("engine", f"{engine[1]}, not InnoDB"))
    if mode == MODES[0]:
        rules = re.findall(r"\bon (?:delete|update) (?:cascade|set null)\b", rest, re.I)
        if rules:
            problems.append(
                ("cascading foreign key", f"{', '.join(rules).lower()}, in {mode} mode")
            )
    return [{"table": table, "problem": what, "detail": why} for what, why in problems]


def checked_mode(mode: str) -> str:
    """Return a mode, once it is one of the two."""
    if mode not in MODES:
        raise SaltInvocationError(f"mode is '{mode}'; expected {MODES[0]} or {MODES[1]}")
    return mode


def check_schema(connection: Any, mode: str) -> list[dict[str, str]]:
    """Name the tables that a group in this mode cannot write to."""
    found = [
        {"table": row["name"], "problem": "engine", "detail": f"{row['engine']}, not InnoDB"}
        for row in rows(
            connection,
            "SELECT CONCAT(table_schema, '.', table_name) AS name, engine AS engine"
            " FROM information_schema.tables WHERE table_type = 'BASE TABLE' AND engine != 'InnoDB'"
            " AND table_schema NOT IN %s ORDER BY 1",
            (SYSTEM_SCHEMAS,),
        )
    ]
    found += [
        {
            "table": row["name"],
            "problem": "no primary key",
            "detail": "neither a primary key nor a unique key without NULL",
        }
        for row in rows(
            connection,
            "SELECT CONCAT(t.table_schema, '.', t.table_name) AS name"
            " FROM information_schema.tables t WHERE t.table_type = 'BASE TABLE'"
            " AND t.table_schema NOT IN %s AND NOT EXISTS"
            " (SELECT 1 FROM information_schema.statistics s"
            "  WHERE s.table_schema = t.table_schema AND s.table_name = t.table_name"
            "  AND s.non_unique = 0 GROUP BY s.index_name HAVING SUM(s.nullable = 'YES') = 0)"
            " ORDER BY 1",
            (SYSTEM_SCHEMAS,),
        )
    ]
    if mode == MODES[0]:
        found += [
            {
                "table": row["name"],
                "problem": "cascading foreign key",
                "detail": f"{row['key_name']}: on delete {row['on_delete']},"
                f" on update {row['on_update']}",
            }
            for row in rows(
                connection,
                "SELECT CONCAT(constraint_schema, '.', table_name) AS name,"
                " constraint_name AS key_name, delete_rule AS on_delete, update_rule AS on_update"
                " FROM information_schema.referential_constraints"
                " WHERE (delete_rule IN ('CASCADE', 'SET NULL')"
                "  OR update_rule IN ('CASCADE', 'SET NULL'))"
                " AND constraint_schema NOT IN %s ORDER BY 1, 2",
                (SYSTEM_SCHEMAS,),
            )
        ]
    return found


def check_statements(statements: Iterable[str], mode: str) -> list[dict[str, str]]:
    """
    Name what statements would make that a group in this mode cannot write to; none of them is run.
    """
    mode = checked_mode(mode)
    return [problem for one in statements for problem in _check_statement(one, mode)]
