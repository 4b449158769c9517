"""Tables, and statements that make some, which a group cannot write to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from salt.exceptions import SaltInvocationError

from group_replication.connection import rows
from group_replication.model import MODES, SYSTEM_SCHEMAS

# A statement that makes or alters a table, and what in it is no keyword.
NAME = r"(?:`(?:[^`]|``)+`|[\w$]+)"
STATEMENT = re.compile(
    rf"\s*(create|alter)( temporary)? table (?:if not exists )?({NAME}(?: ?\. ?{NAME})?)(.*)",
    re.I | re.S,
)
TEXT = re.compile(
    r"'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.|\"\")*\"|/\*(?!!).*?\*/|(?:--(?=\s|$)|#)[^\n]*", re.S
)
# Within these, semicolons end what belongs to one statement.
PROGRAM = re.compile(r"\s*create\b.{0,200}?\b(?:procedure|function|trigger|event)\b", re.I | re.S)
# Of a column "key" alone is the primary key.
KEY = re.compile(r"\bprimary key\b|(?<!unique)(?<!primary) key ?(?=[,)]|$)", re.I)
# What mysqldump writes of a server with GTIDs, unless it is told otherwise.
PAST_THE_GROUP = (
    (
        re.compile(r"\s*set\b.*\bsql_log_bin\s*=\s*(?:0|off)\b", re.I),
        "SQL_LOG_BIN",
        "what follows would be on one member alone; mysqldump --set-gtid-purged=OFF leaves it out",
    ),
    (
        re.compile(r"\s*set\b.*\bgtid_purged\s*=", re.I),
        "GTID_PURGED",
        "a member in a group refuses it (3911); mysqldump --set-gtid-purged=OFF leaves it out",
    ),
)
REMEDY = {
    "none": "it is made without a primary key; name one in the statement that makes it, such as "
    "$table->id() or ->primary()",
    "later": "its primary key comes in a later statement, and MySQL refuses this one; name the key "
    "in the statement that makes it, which Laravel does of ->primary() from 10.38 on",
    "select": "it is made of a SELECT without a primary key; name one before the SELECT, as in "
    "CREATE TABLE t (PRIMARY KEY (a)) SELECT ..., or make the table first",
    "dropped": "its primary key is dropped; give it another one in the same statement",
}


def _statements(text: str) -> list[str]:
    """Return the statements of a text, without comments and without what stands in quotes."""
    bare = TEXT.sub(lambda found: "''" if found[0][0] in "'\"" else " ", text)
    parts = [bare] if PROGRAM.match(bare) else bare.split(";")
    return [" ".join(part.split()) for part in parts if part.strip()]


def _check_statement(
    statement: str, following: Sequence[str], mode: str, generated_keys: bool
) -> list[dict[str, str]]:
    """Return what one statement would make that a group in this mode cannot write to, or have."""
    found = STATEMENT.match(statement)
    if not found:
        return [
            {"table": "", "problem": what, "detail": why}
            for pattern, what, why in PAST_THE_GROUP
            if pattern.match(statement)
        ]
    creates, temporary = found[1].lower() == "create", bool(found[2])
    table, rest = found[3].replace("`", ""), re.sub(r"`(?:[^`]|``)+`", "x", found[4])
    problems = []
    # Of another table it has the key that that one has.
    if creates and not re.match(r"\s*\(?\s*like\b", rest, re.I) and not _has_key(found[4]):
        why = "none"
        if re.search(r"(?:^|[\s)])select\b", rest, re.I):
            why = "select"
        elif any(_adds_key(one, table) for one in following):
            why = "later"
        # Beside a generated key the statement that comes later is refused (1068).
        if not generated_keys or why == "later":
            problems.append(("no primary key", REMEDY[why]))
    drops = re.search(r"\bdrop primary key\b(.*)", rest, re.I)
    if not creates and drops and not re.search(r"\bprimary key\b", drops[1], re.I):
        problems.append(("no primary key", REMEDY["dropped"]))
    engine = re.search(r"\bengine\s*=?\s*(\w+)", rest, re.I)
    # A temporary table is its session's alone.
    if engine and engine[1].lower() != "innodb" and not temporary:
        problems.append(("engine", f"{engine[1]}, not InnoDB"))
    if mode == MODES[0]:
        rules = re.findall(r"\bon (?:delete|update) (?:cascade|set null)\b", rest, re.I)
        if rules:
            problems.append(
                ("cascading foreign key", f"{', '.join(rules).lower()}, in {mode} mode")
            )
    return [{"table": table, "problem": what, "detail": why} for what, why in problems]


def _has_key(rest: str) -> bool:
    """Tell whether the definition of a new table has a key that a group can go by."""
    if KEY.search(re.sub(r"`(?:[^`]|``)+`", "x", rest)):
        return True
    parts = _parts(rest)
    sure = {
        part.split()[0].strip("`").lower()
        for part in parts
        if re.search(r"\bnot null\b", part, re.I)
    }
    for part in parts:
        if unique := re.match(rf"(?:constraint {NAME} )?unique\b[^(]*\(([^)]*)\)", part, re.I):
            columns = [name.strip(" `").lower() for name in unique[1].split(",")]
            if sure.issuperset(columns):
                return True
        elif re.search(r"\bunique\b", part, re.I) and re.search(r"\bnot null\b", part, re.I):
            return True
    return False


def _parts(rest: str) -> list[str]:
    """Return the columns and keys in the first parentheses of a CREATE TABLE."""
    parts, depth = [""], 0
    for char in rest:
        depth -= char == ")"
        if depth == 1 and char == ",":
            parts.append("")
        elif depth:
            parts[-1] += char
        elif char == ")":
            break
        depth += char == "("
    return [part.strip() for part in parts if part.strip()]


def _adds_key(statement: str, table: str) -> bool:
    found = STATEMENT.match(statement)
    return bool(
        found
        and found[1].lower() == "alter"
        and found[3].replace("`", "") == table
        and re.search(r"\badd .*primary key\b", found[4], re.I)
    )


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


def check_statements(
    statements: Iterable[str], mode: str, generated_keys: bool = False
) -> list[dict[str, str]]:
    """
    Name what statements would make that a group in this mode cannot write to; none of them is run.

    statements
        They, in the order in which they would run; one text may hold several.

    mode
        The group's.

    generated_keys
        Whether the server gives a table without a key an invisible one.
    """
    mode = checked_mode(mode)
    single = [one for text in statements for one in _statements(text)]
    return [
        problem
        for at, one in enumerate(single)
        for problem in _check_statement(one, single[at + 1 :], mode, generated_keys)
    ]
