"""Definitions of all members beside each other: tables and what is in them, code, and accounts."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from group_replication.member_sessions import Sessions, TableError
from group_replication.model import SYSTEM_SCHEMAS, Settings

ABSENT = "absent"
# A difference counts when it is the same in so many reads, this long apart: a statement that
# changes a definition reaches the members one after the other.
READS = 3
PAUSE = 0.5


class Item(NamedTuple):
    """What is defined: its kind, its name, and the table that it belongs to, as ``db.table``."""

    kind: str
    name: str
    table: str = ""


# What is shown as it is; of all else it is said only that it differs, since it may be long, or
# hold what is not for every eye.
SHOWN = ("schema", "table", "column", "index", "foreign key", "check", "partition", "account")
# Each row is a part of one object: `db`, `tbl` and `name` say of which, the rest is compared.
# AUTO_INCREMENT, cardinalities, and the state and last run of an event differ in a sound group.
QUERIES = {
    "schema": "SELECT schema_name AS db, '' AS tbl, '' AS name, default_character_set_name AS c1,"
    " default_collation_name AS c2 FROM information_schema.schemata WHERE schema_name {users}",
    "table": "SELECT table_schema AS db, table_name AS tbl, '' AS name, engine AS c1,"
    " table_collation AS c2, create_options AS c3, table_comment AS c4"
    " FROM information_schema.tables WHERE table_type = 'BASE TABLE' AND table_schema {users}",
    "column": "SELECT c.table_schema AS db, c.table_name AS tbl, c.column_name AS name,"
    " c.ordinal_position AS c0, c.column_type AS c1,"
    " IF(c.is_nullable = 'YES', 'NULL', 'NOT NULL') AS c2,"
    " CONCAT('DEFAULT ', c.column_default) AS c3, c.extra AS c4, c.character_set_name AS c5,"
    " c.collation_name AS c6, c.generation_expression AS c7, c.srs_id AS c8,"
    " c.column_comment AS c9 FROM information_schema.columns c"
    " JOIN information_schema.tables t USING (table_schema, table_name)"
    " WHERE t.table_type = 'BASE TABLE' AND c.table_schema {users}",
    "index": "SELECT table_schema AS db, table_name AS tbl, index_name AS name,"
    " IF(non_unique, '', 'UNIQUE') AS c1, index_type AS c2, column_name AS c3, sub_part AS c4,"
    " expression AS c5, collation AS c6, is_visible AS c7, index_comment AS c8"
    " FROM information_schema.statistics WHERE table_schema {users} ORDER BY seq_in_index",
    "foreign key": "SELECT k.table_schema AS db, k.table_name AS tbl, k.constraint_name AS name,"
    " k.column_name AS c1, k.referenced_table_schema AS c2, k.referenced_table_name AS c3,"
    " k.referenced_column_name AS c4, r.update_rule AS c5, r.delete_rule AS c6,"
    " r.match_option AS c7 FROM information_schema.key_column_usage k"
    " JOIN information_schema.referential_constraints r"
    " ON r.constraint_schema = k.constraint_schema AND r.constraint_name = k.constraint_name"
    " AND r.table_name = k.table_name"
    " WHERE k.table_schema {users} ORDER BY k.ordinal_position",
    "check": "SELECT t.table_schema AS db, t.table_name AS tbl, t.constraint_name AS name,"
    " c.check_clause AS c1, t.enforced AS c2 FROM information_schema.table_constraints t"
    " JOIN information_schema.check_constraints c"
    " ON c.constraint_schema = t.constraint_schema AND c.constraint_name = t.constraint_name"
    " WHERE t.constraint_type = 'CHECK' AND t.table_schema {users}",
    "partition": "SELECT table_schema AS db, table_name AS tbl, partition_name AS name,"
    " subpartition_name AS c1, partition_method AS c2, partition_expression AS c3,"
    " partition_description AS c4, subpartition_method AS c5, subpartition_expression AS c6"
    " FROM information_schema.partitions WHERE partition_name IS NOT NULL"
    " AND table_schema {users} ORDER BY subpartition_ordinal_position",
    "view": "SELECT table_schema AS db, table_name AS tbl, '' AS name, view_definition AS c1,"
    " check_option AS c2, definer AS c3, security_type AS c4, character_set_client AS c5,"
    " collation_connection AS c6 FROM information_schema.views WHERE table_schema {users}",
    "routine": "SELECT routine_schema AS db, '' AS tbl,"
    " CONCAT(routine_name, ' (', LOWER(routine_type), ')') AS name, dtd_identifier AS c1,"
    " routine_definition AS c2, is_deterministic AS c3, sql_data_access AS c4,"
    " security_type AS c5, sql_mode AS c6, definer AS c7, routine_comment AS c8,"
    " character_set_client AS c9 FROM information_schema.routines WHERE routine_schema {users}",
    "parameter": "SELECT specific_schema AS db, '' AS tbl,"
    " CONCAT(specific_name, ' (', LOWER(routine_type), ')') AS name, parameter_mode AS c1,"
    " parameter_name AS c2, dtd_identifier AS c3, character_set_name AS c4,"
    " collation_name AS c5 FROM information_schema.parameters"
    " WHERE specific_schema {users} ORDER BY ordinal_position",
    "trigger": "SELECT trigger_schema AS db, event_object_table AS tbl, trigger_name AS name,"
    " action_timing AS c1, event_manipulation AS c2, action_order AS c3, action_statement AS c4,"
    " sql_mode AS c5, definer AS c6, character_set_client AS c7"
    " FROM information_schema.triggers WHERE trigger_schema {users}",
    "event": "SELECT event_schema AS db, '' AS tbl, event_name AS name, event_definition AS c1,"
    " event_type AS c2, execute_at AS c3, interval_value AS c4, interval_field AS c5,"
    " starts AS c6, ends AS c7, on_completion AS c8, sql_mode AS c9, definer AS c10,"
    " time_zone AS c11, event_comment AS c12"
    " FROM information_schema.events WHERE event_schema {users}",
}
ACCOUNTS = (
    "SELECT user AS name, host, plugin AS c1, CONCAT('TLS ', NULLIF(ssl_type, '')) AS c2,"
    " IF(account_locked = 'Y', 'locked', 'not locked') AS c3,"
    # The password itself, also as the server keeps it, leaves no server.
    " SHA2(authentication_string, 256) AS password FROM mysql.user"
)
# Made on each machine by the package, with the binary log off.
OF_THE_PACKAGE = "debian-sys-maint"
# Not those between the columns of one privilege.
COMMAS = re.compile(r",\s*(?![^()]*\))")

# What one member has: a text by object.
Definitions = dict[Item, str]


def grouped(kind: str, found: Iterable[Mapping[str, Any]]) -> Definitions:
    """
    Return objects from their parts.

    kind
        One of ``QUERIES``.

    found
        Rows of that query, in an order that is the same on all members.
    """
    parts: dict[Item, list[str]] = {}
    for row in found:
        row = {key.lower(): value for key, value in row.items()}
        table = f"{row['db']}.{row['tbl']}" if row["tbl"] else ""
        name = ".".join(part for part in (row["db"], row["tbl"], row["name"]) if part)
        values = [row[key] for key in row if key not in ("db", "tbl", "name")]
        if kind in SHOWN:
            said = " ".join(str(value) for value in values if value not in (None, ""))
        else:
            # Where one part ends must be plain, as text is in it.
            said = json.dumps(values, default=str)
        parts.setdefault(Item(kind, name, table), []).append(said)
    return {item: "; ".join(said) for item, said in parts.items()}


def grant(line: str) -> str:
    """Return a line of SHOW GRANTS with its privileges in order, which members show in their own.

    line
        As the server shows it.
    """
    match = re.fullmatch(r"(GRANT|REVOKE) (.+?) (ON .+|(?:TO|FROM) .+)", line, re.DOTALL)
    if not match:
        return line

    def in_order(columns: re.Match[str]) -> str:
        return f"({', '.join(sorted(COMMAS.split(columns[1])))})"

    words = [re.sub(r"\(([^()]*)\)", in_order, one.strip()) for one in COMMAS.split(match[2])]
    return f"{match[1]} {', '.join(sorted(words))} {match[3]}"


def variants(values: Sequence[str | None]) -> list[str]:
    """Return words that say which values are alike, and nothing of what they are."""
    known = [*dict.fromkeys(value for value in values if value is not None)]
    return [ABSENT if value is None else f"variant {known.index(value) + 1}" for value in values]


def unlike(definitions: Mapping[str, Definitions]) -> dict[Item, tuple[str | None, ...]]:
    """Return what differs, with each member's value or None, in the members' order."""
    items = dict.fromkeys(item for one in definitions.values() for item in one)
    found = {item: tuple(one.get(item) for one in definitions.values()) for item in items}
    return {item: values for item, values in found.items() if len(set(values)) > 1}


def told(
    names: Sequence[str], found: Mapping[Item, tuple[str | None, ...]]
) -> list[dict[str, Any]]:
    """Return differences for a person; of an object that is absent, what is in it is left out."""
    gone = {item.name for item, values in found.items() if item.kind == "table" and None in values}
    answer = []
    for item in sorted(found):
        if item.kind != "table" and item.table in gone:
            continue
        values = found[item]
        if item.kind in SHOWN:
            words = [ABSENT if value is None else value for value in values]
        else:
            words = variants(values)
        members = dict(zip(names, words, strict=True))
        answer.append({"kind": item.kind, "name": item.name, "members": members})
    return answer


def _accounts(sessions: Sessions, own: Collection[str]) -> dict[str, Definitions]:
    answer: dict[str, Definitions] = {}
    for member, found in sessions.ask(ACCOUNTS).items():
        mine: Definitions = {}
        for row in found:
            name = f"{row['name']}@{row['host']}"
            facts = [row[key] for key in ("c1", "c2", "c3") if row[key]]
            mine[Item("account", name)] = ", ".join(facts)
            if row["name"] not in own:
                mine[Item("password", name)] = str(row["password"])
            try:
                shown = sessions.ask(
                    "SHOW GRANTS FOR %s@%s", (row["name"], row["host"]), only=member
                )[member]
            except TableError:
                # The account was dropped meanwhile; the next read says so.
                continue
            lines = sorted(grant(str(next(iter(line.values())))) for line in shown)
            mine[Item("grants", name)] = "\n".join(lines)
        answer[member] = mine
    return answer


def read(sessions: Sessions, own: Collection[str]) -> dict[str, Definitions]:
    """
    Return all definitions by member.

    sessions
        With the members that are compared.

    own
        Names of accounts that each member has a password of its own for.
    """
    # First, since the server lets no question to information_schema wait for what was before.
    answer = _accounts(sessions, own)
    for kind, query in QUERIES.items():
        for member, found in sessions.ask(
            query.format(users="NOT IN %s"), (SYSTEM_SCHEMAS,)
        ).items():
            answer[member] |= grouped(kind, found)
    return answer


def compare(
    settings: Settings, sessions: Sessions, tables: Collection[str] = ()
) -> tuple[dict[Item, tuple[str | None, ...]], int]:
    """
    Return the definitions that differ, and how many kept changing while they were looked at.

    settings
        The group's settings.

    sessions
        With the members that are compared.

    tables
        As ``db.table``: nothing else is looked at. Default: all that there is.
    """
    own = (settings.admin.name, settings.recovery.name, OF_THE_PACKAGE)
    steady = open_items = unlike(read(sessions, own))
    for _ in range(READS - 1):
        if not steady:
            break
        time.sleep(PAUSE)
        again = unlike(read(sessions, own))
        open_items = {item: values for item, values in open_items.items() if item in again}
        steady = {item: values for item, values in steady.items() if again.get(item) == values}
    if tables:
        steady = {item: values for item, values in steady.items() if item.table in tables}
        open_items = {item: values for item, values in open_items.items() if item.table in tables}
    return steady, len(open_items) - len(steady)
