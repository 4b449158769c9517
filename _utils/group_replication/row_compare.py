"""Rows of all ONLINE members beside each other, while the group is written to."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from salt.exceptions import SaltInvocationError

from group_replication import comparison, definition_compare
from group_replication.member_sessions import Sessions, TableError, opened
from group_replication.model import SYSTEM_SCHEMAS, Settings
from group_replication.row_hash import (
    KEY_TYPES,
    Column,
    Key,
    Table,
    bound_query,
    key_of,
    rows_query,
    shown_key,
    sum_query,
)

# A chunk that differs is read again after these seconds, and then row by row.
CHUNK_PAUSES = (0.1, 0.2)
# A row differs when so many reads in a row have the same of it on each member. Two would not do: a
# row that goes to and fro between two contents could be met at the same pair of them twice.
ALIKE_READS = 4
# Uneven, to be out of step with what writes; the first three are 0.6 s together.
ROW_PAUSES = (0.17, 0.29, 0.14, 0.23, 0.41, 0.37, 0.53)
# So many rows of a table without a key are read at once.
KEYLESS_ROWS = 100_000
# After so many ranges a table is known to differ; its end is not looked at.
RANGES = 20
ROWS_RANGE = (10, 100_000)

COLUMNS = (
    "SELECT table_schema AS db, table_name AS tbl, column_name AS name, data_type AS type,"
    " character_set_name AS charset FROM information_schema.columns"
    " JOIN information_schema.tables t USING (table_schema, table_name)"
    " WHERE t.table_type = 'BASE TABLE' AND table_schema NOT IN %s"
    # What is computed when it is read follows from what is compared.
    " AND extra NOT LIKE '%%VIRTUAL GENERATED%%' ORDER BY 1, 2, ordinal_position"
)
KEYS = (
    "SELECT table_schema AS db, table_name AS tbl, index_name AS idx, column_name AS name,"
    " sub_part IS NULL AND expression IS NULL AND nullable = '' AS whole"
    " FROM information_schema.statistics WHERE non_unique = 0 AND table_schema NOT IN %s"
    " ORDER BY 1, 2, index_name <> 'PRIMARY', index_name, seq_in_index"
)
ESTIMATE = (
    "SELECT table_rows AS n FROM information_schema.tables"
    " WHERE table_schema = %s AND table_name = %s"
)

# What one read has of some rows: hashes by key.
Hashes = dict[Key, str]
# A row's hash on each member in their order, None where it is not.
Values = tuple[str | None, ...]


class Range(NamedTuple):
    """Rows that differ, in the order of their key, and each member's hash of each."""

    table: Table
    found: dict[Key, Values]


def tables_from(
    columns: Sequence[Mapping[str, Any]], keys: Sequence[Mapping[str, Any]]
) -> dict[str, Table]:
    """
    Return the tables by ``db.table``, each with the key that it can be walked by.

    columns, keys
        Rows of ``COLUMNS`` and ``KEYS``.
    """
    held: dict[tuple[str, str], dict[str, Column]] = {}
    for row in columns:
        column = Column(row["name"], str(row["type"]).lower(), row["charset"] or "")
        held.setdefault((row["db"], row["tbl"]), {})[row["name"]] = column
    indexes: dict[tuple[str, str], dict[str, list[Mapping[str, Any]]]] = {}
    for row in keys:
        own = indexes.setdefault((row["db"], row["tbl"]), {})
        own.setdefault(row["idx"], []).append(row)
    answer = {}
    for (database, name), of_it in held.items():
        table = Table(database, name, tuple(of_it.values()))
        for index, parts in indexes.get((database, name), {}).items():
            key = [of_it.get(part["name"]) if part["whole"] else None for part in parts]
            walked = tuple(one for one in key if one is not None and one.type in KEY_TYPES)
            if len(walked) == len(parts):
                table = table._replace(key=walked, key_name=index)
                break
        answer[str(table)] = table
    return answer


def checked(tables: Any, rows: Any, load: Any) -> list[str]:
    """Return the names of tables of a call, once all its arguments are right."""
    if isinstance(tables, str):
        tables = [tables]
    if not isinstance(tables or [], list) or not all(
        isinstance(one, str) and "." in one.strip(".") for one in tables or []
    ):
        raise SaltInvocationError(f"tables is {tables!r}; expected a list of DATABASE.TABLE")
    low, high = ROWS_RANGE
    if isinstance(rows, bool) or not isinstance(rows, int) or not low <= rows <= high:
        raise SaltInvocationError(f"rows is {rows!r}; expected a whole number, {low} to {high}")
    if isinstance(load, bool) or not isinstance(load, (int, float)) or not 0 < load <= 1:
        raise SaltInvocationError(f"load is {load!r}; expected a number above 0, up to 1")
    return list(tables or [])


def merged(lists: Sequence[Sequence[Key]]) -> list[Key]:
    """Return the keys of all lists once, in an order that agrees with that of each list."""
    answer: list[Key] = []
    for keys in lists:
        known, place = set(answer), 0
        for key in keys:
            if place < len(answer) and answer[place] == key:
                place += 1
            elif key in known:
                place = answer.index(key, place) + 1 if key in answer[place:] else place
            else:
                answer.insert(place, key)
                place += 1
    return answer


def unlike(read: Mapping[str, Hashes]) -> dict[Key, Values]:
    """Return the rows that differ in one read of all members, in the order of their key."""
    keys = {key for hashes in read.values() for key in hashes}
    found = {key: tuple(one.get(key) for one in read.values()) for key in keys}
    differing = {key for key, values in found.items() if len(set(values)) > 1}
    # By all keys: two that differ may be on no member together, and those between order them.
    order = merged([list(one) for one in read.values()])
    return {key: found[key] for key in order if key in differing}


def judged(reads: Sequence[Mapping[Key, Values]]) -> tuple[dict[Key, Values], set[Key]]:
    """
    Return the rows that differ for certain, and those of which it is not known.

    reads
        What :py:func:`unlike` found in each read, in their order. A row that was the same on all
        members once does not differ.
    """
    certain, unknown = {}, set()
    for key, values in reads[-1].items():
        if not all(key in one for one in reads):
            continue
        last = reads[-ALIKE_READS:]
        if len(last) == ALIKE_READS and all(one[key] == values for one in last):
            certain[key] = values
        else:
            unknown.add(key)
    return certain, unknown


def majority(values: Values) -> str | bool | None:
    """Return what more than half of the members have of a row (None: no row), or False."""
    for value in set(values):
        if values.count(value) * 2 > len(values):
            return value
    return False


def summed(names: Sequence[str], found: Mapping[Key, Values]) -> dict[str, dict[str, int]]:
    """
    Return in how many rows each member is unlike most members, and how.

    names
        The members, in the order of the values.

    found
        Rows that differ. Where no value is that of more than half, all members count.

    Returns ``changed``, ``missing`` and ``extra`` by member; one that is like the others is left
    out.
    """
    answer = {name: {"changed": 0, "missing": 0, "extra": 0} for name in names}
    for values in found.values():
        right = majority(values)
        for name, value in zip(names, values, strict=True):
            if value == right:
                continue
            how = "missing" if value is None else "extra" if right is None else "changed"
            answer[name][how] += 1
    return {name: counts for name, counts in answer.items() if any(counts.values())}


class Comparison:
    """One pass over the tables."""

    def __init__(self, sessions: Sessions, size: int) -> None:
        self._sessions, self._size = sessions, size
        self.ranges: list[Range] = []
        self.skipped: list[dict[str, str]] = []
        self.tables = self.rows = self.undecided = 0

    def skip(self, table: str, why: str) -> None:
        self.skipped.append({"table": table, "why": why})

    def table(self, table: Table) -> None:
        """Compare one table; one that cannot be read is named as skipped."""
        me = self._sessions.me
        try:
            if not table.key:
                place = (table.database, table.name)
                (row,) = self._sessions.ask(ESTIMATE, place, only=me)[me] or [{"n": 0}]
                if int(row["n"] or 0) > KEYLESS_ROWS:
                    why = f"no key to walk it by, and more than {KEYLESS_ROWS} rows"
                    return self.skip(str(table), why)
            self.tables += 1
            before = len(self.ranges)
            for lower, upper in self._chunks(me, table, None, None):
                self.rows += self._chunk(table, lower, upper)
                if len(self.ranges) - before >= RANGES:
                    return self.skip(str(table), f"{RANGES} ranges differ; its end was not read")
        except TableError as err:
            self.skip(str(table), str(err))

    def _chunks(
        self, member: str, table: Table, lower: Key | None, upper: Key | None
    ) -> Iterator[tuple[Key | None, Key | None]]:
        """The range in parts of so many rows, as one member has them; the last is open above."""
        while table.key:
            query = bound_query(table, lower, upper, self._size)
            found = self._sessions.ask(query, only=member)[member]
            if not found or key_of(found[0]) == upper:
                break
            yield lower, key_of(found[0])
            lower = key_of(found[0])
        yield lower, upper

    def _chunk(self, table: Table, lower: Key | None, upper: Key | None) -> int:
        """Compare a range and return how many rows it has."""
        query = sum_query(table, lower, upper)
        for pause in (*CHUNK_PAUSES, 0):
            sums = {name: found[0] for name, found in self._sessions.ask(query).items()}
            counts = {name: int(one["n"]) for name, one in sums.items()}
            if len({(one["n"], one["s"]) for one in sums.values()}) == 1:
                return max(counts.values())
            time.sleep(pause)
        largest = max(counts, key=lambda name: counts[name])
        if not table.key or counts[largest] <= 2 * self._size:
            self._rows(table, lower, upper)
        else:
            # A member has far more in it than the local one, by which the range was found.
            before = len(self.ranges)
            for part in self._chunks(largest, table, lower, upper):
                self._chunk(table, *part)
                if len(self.ranges) - before >= RANGES:
                    break
        return max(counts.values())

    def _rows(self, table: Table, lower: Key | None, upper: Key | None) -> None:
        """Find the rows that differ in a range."""
        query = rows_query(table, lower, upper)
        reads: list[dict[Key, Values]] = []
        certain: dict[Key, Values] = {}
        unknown: set[Key] = set()
        for pause in (0.0, *ROW_PAUSES):
            time.sleep(pause)
            found = self._sessions.ask(query)
            reads.append(
                unlike(
                    {
                        name: {key_of(row): str(row["h"]) for row in rows}
                        for name, rows in found.items()
                    }
                )
            )
            certain, unknown = judged(reads)
            if not unknown:
                break
        self.undecided += len(unknown)
        if certain:
            self.ranges.append(Range(table, certain))

    def differences(self) -> list[dict[str, Any]]:
        """Return what was found, for a person: keys and numbers, nothing else of a row."""
        return [
            {
                "table": str(one.table),
                "from": shown_key(one.table, next(iter(one.found))),
                "to": shown_key(one.table, next(reversed(one.found))),
                "rows": len(one.found),
                "members": summed(self._sessions.names, one.found),
            }
            for one in self.ranges
        ]


def _known(sessions: Sessions) -> dict[str, Table]:
    """The tables, as the local member has them."""
    found = [
        sessions.ask(query, (SYSTEM_SCHEMAS,), only=sessions.me)[sessions.me]
        for query in (COLUMNS, KEYS)
    ]
    return tables_from(*found)


def _chosen(known: Collection[str], absent_here: Collection[str], names: Sequence[str]) -> None:
    for name in names:
        if name not in known and name not in absent_here:
            raise SaltInvocationError(
                f"tables has '{name}'; expected a table that a member has, as DATABASE.TABLE"
            )


def compare(settings: Settings, tables: Any, rows: int, load: float) -> dict[str, Any]:
    """
    Compare what the ONLINE members hold; :py:func:`checked` says what the arguments may be.
    """
    names = checked(tables, rows, load)
    begin = time.monotonic()
    with opened(settings, load) as sessions:
        known = _known(sessions)
        found, changing = definition_compare.compare(settings, sessions, names)
        # Without a column in common no hash could be.
        apart = {item.table or item.name for item in found if item.kind in ("column", "table")}
        _chosen(known, apart, names)
        work = Comparison(sessions, rows)
        for name in sorted({*known, *apart} & set(names or {*known, *apart})):
            if name in apart:
                work.skip(name, "its definition differs between members")
            else:
                work.table(known[name])
        result = {
            "members": sessions.names,
            "tables": work.tables,
            "rows": work.rows,
            "seconds": round(time.monotonic() - begin, 2),
            "differences": work.differences(),
            "definitions": definition_compare.told(sessions.names, found),
            "undecided": work.undecided + changing,
            "skipped": work.skipped,
        }
        # While the lock is held, so that the later one is the one that is kept.
        why = "tables were named" if names else comparison.keep(settings, result)
        return {**result, "not_kept": why}
