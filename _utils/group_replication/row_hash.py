"""SQL that turns rows into hashes and walks a table by its key: text alone, nothing is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

# A key's values as SQL has them: digits, text without its quotes, or the hex digits of its bytes.
Key = tuple[str, ...]


class Column(NamedTuple):
    """A column that counts: its name, its type without a length, and a text's character set."""

    name: str
    type: str
    charset: str = ""


class Table(NamedTuple):
    """A table, the columns that its rows are compared by, and the unique key that it is walked by.

    A table without a key has no columns in ``key`` and no ``key_name``.
    """

    database: str
    name: str
    columns: tuple[Column, ...]
    key: tuple[Column, ...] = ()
    key_name: str = ""

    def __str__(self) -> str:
        return f"{self.database}.{self.name}"


INTEGERS = ("tinyint", "smallint", "mediumint", "int", "bigint", "year")
TEMPORAL = ("date", "time", "datetime", "timestamp")
TEXTS, BYTES = ("char", "varchar"), ("binary", "varbinary")
# What a key may be made of here: FLOAT and DOUBLE have no exact literal, TEXT and BLOB have a key
# of their beginning alone, and of ENUM and SET the server does not read a range by the index.
KEY_TYPES = (*INTEGERS, "bit", *TEMPORAL, *TEXTS, *BYTES, "decimal")
# Python's names for those character sets that a key's text is shown by; other text is shown in hex.
CODECS = {"utf8mb4": "utf-8", "utf8mb3": "utf-8", "ascii": "ascii", "latin1": "cp1252"}


def quoted(name: str) -> str:
    """Return a name as an identifier."""
    return "`" + name.replace("`", "``") + "`"


def content_of(column: Column) -> str:
    """Return an expression for all that a column holds, as text in ASCII, or NULL.

    column
        A column of any type. The session has ``time_zone`` +00:00 and an empty ``sql_mode``.
    """
    name = quoted(column.name)
    if column.type in ("float", "double"):
        # A FLOAT alone is shown with six digits; a DOUBLE with as many as it takes to tell it.
        return f"CAST({name} + 0e0 AS CHAR)"
    if column.type == "json":
        return f"SHA2(CAST({name} AS CHAR), 256)"
    if column.type == "bit":
        return f"CAST({name} + 0 AS CHAR)"
    if column.type in (*INTEGERS, *TEMPORAL, "decimal"):
        return f"CAST({name} AS CHAR)"
    if column.type in (*TEXTS, *BYTES, "enum", "set"):
        # Bytes, since a collation takes other text for the same.
        return f"HEX({name})"
    # TEXT, BLOB, GEOMETRY, VECTOR: in hex a long one would be more than a packet.
    return f"SHA2({name}, 256)"


def hash_of(table: Table) -> str:
    """Return an expression for a row's hash, 64 hex digits."""
    contents = [content_of(column) for column in table.columns]
    # CONCAT_WS leaves NULL out, so that the flags say where one was.
    flags = [f"ISNULL({quoted(column.name)})" for column in table.columns]
    return f"SHA2(CONCAT_WS('#', {', '.join([*contents, *flags])}), 256)"


def key_value(column: Column) -> str:
    """Return an expression for a key's value, as :py:func:`literal` takes it."""
    name = quoted(column.name)
    if column.type == "bit":
        return f"CAST({name} + 0 AS CHAR)"
    return f"HEX({name})" if column.type in (*TEXTS, *BYTES) else f"CAST({name} AS CHAR)"


def literal(column: Column, value: str) -> str:
    """Return a key's value as a literal that the server compares by the column's index."""
    if column.type in TEXTS:
        return f"_{column.charset} X'{value}'"
    if column.type in BYTES:
        return f"X'{value}'"
    return f"'{value}'" if column.type in TEMPORAL else value


def shown(column: Column, value: str) -> int | str:
    """Return a key's value for a person: a number, text, or hex digits after 0x."""
    if column.type in (*INTEGERS, "bit"):
        return int(value)
    if column.type in (*TEXTS, *BYTES):
        codec = CODECS.get(column.charset)
        try:
            return bytes.fromhex(value).decode(codec) if codec else f"0x{value}"
        except UnicodeDecodeError:
            return f"0x{value}"
    return value


def shown_key(table: Table, key: Key | None) -> dict[str, int | str]:
    """Return a key by column, for a person; empty for a table without one."""
    if key is None or not table.key:
        return {}
    return {column.name: shown(column, value) for column, value in zip(table.key, key, strict=True)}


def _beyond(columns: Sequence[Column], key: Key, sign: str, last: str) -> str:
    """Compare a key's columns in their order; a row constructor would not use the index."""
    column, value = quoted(columns[0].name), literal(columns[0], key[0])
    if len(columns) == 1:
        return f"{column} {last} {value}"
    rest = _beyond(columns[1:], key[1:], sign, last)
    # The first part says nothing new, and bounds the range of the index.
    return (
        f"{column} {sign}= {value} AND ({column} {sign} {value} OR ({column} = {value} AND {rest}))"
    )


def within(table: Table, lower: Key | None, upper: Key | None) -> str:
    """Return the condition for the rows above a key, up to another one and with it.

    lower, upper
        None where the range is open, so that rows count that one member alone has.
    """
    parts = []
    if lower is not None:
        parts.append(f"({_beyond(table.key, lower, '>', '>')})")
    if upper is not None:
        parts.append(f"({_beyond(table.key, upper, '<', '<=')})")
    return " AND ".join(parts) or "TRUE"


def _source(table: Table, lower: Key | None, upper: Key | None) -> str:
    force = f" FORCE INDEX ({quoted(table.key_name)})" if table.key_name else ""
    place = f"{quoted(table.database)}.{quoted(table.name)}"
    return f"{place} AS t{force} WHERE {within(table, lower, upper)}"


def _keys(table: Table) -> str:
    return ", ".join(f"{key_value(column)} AS k{i}" for i, column in enumerate(table.key))


def _order(table: Table) -> str:
    # With the table's name, or one that is called as an alias here would be taken for that.
    return ", ".join(f"t.{quoted(column.name)}" for column in table.key)


def bound_query(table: Table, lower: Key | None, upper: Key | None, size: int) -> str:
    """Return the query for the key of the last of so many rows of a range, in order."""
    return (
        f"SELECT {_keys(table)} FROM {_source(table, lower, upper)}"
        f" ORDER BY {_order(table)} LIMIT 1 OFFSET {size - 1}"
    )


def sum_query(table: Table, lower: Key | None, upper: Key | None) -> str:
    """Return the query for the number of rows of a range (``n``) and a sum of their hashes (``s``).

    Two halves of 64 bits are added. XOR would not do: of a table without a key, two rows that are
    the same would count as none.
    """
    halves = (f"SUM(CAST(CONV(SUBSTRING(h, {at}, 16), 16, 10) AS UNSIGNED))" for at in (1, 17))
    return (
        f"SELECT /*+ NO_MERGE(d) */ COUNT(*) AS n, CONCAT_WS('-', {', '.join(halves)}) AS s"
        f" FROM (SELECT {hash_of(table)} AS h FROM {_source(table, lower, upper)}) d"
    )


def rows_query(table: Table, lower: Key | None, upper: Key | None) -> str:
    """Return the query for each row's hash (``h``) by its key (``k0``, ``k1``, …), in order.

    Of a table without a key it is how often a row is there (``h``) by its hash (``k0``).
    """
    source = _source(table, lower, upper)
    if not table.key:
        return f"SELECT {hash_of(table)} AS k0, COUNT(*) AS h FROM {source} GROUP BY 1 ORDER BY 1"
    return f"SELECT {_keys(table)}, {hash_of(table)} AS h FROM {source} ORDER BY {_order(table)}"


def key_of(row: Mapping[str, Any]) -> Key:
    """Return the key of a row of :py:func:`bound_query` or :py:func:`rows_query`."""
    return tuple(str(value) for name, value in row.items() if name.startswith("k"))
