"""The archive of binary logs: which file has which transactions, and where a point in time is."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

from group_replication.connection import execute, rows
from group_replication.gtid import (
    GtidSet,
    count_gtids,
    format_gtids,
    parse_gtids,
    subtract_gtids,
    union_gtids,
)
from salt.exceptions import CommandExecutionError, SaltInvocationError

from group_backup.model import Transaction

GTID_EVENT = re.compile(r"\bGTID\tlast_committed=.*\boriginal_committed_timestamp=(\d+)")
NEXT_EVENT = re.compile(r"SET @@SESSION\.GTID_NEXT= '([0-9a-f-]{36}(?::[a-z_][a-z0-9_]*)?:\d+)'")
TABLE_EVENT = re.compile(r"\bTable_map: `((?:[^`]|``)+)`\.`((?:[^`]|``)+)` mapped to number (\d+)")
ROWS_EVENT = re.compile(r"\b(Write|Update|Delete)_rows: table id (\d+)")
QUERY_EVENT = re.compile(r"\bQuery\tthread_id=")
# In place of a time: all that was archived.
LATEST = "latest"
WORDS = {"Write": "insert", "Update": "update", "Delete": "delete"}
GTID = r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}(:[A-Za-z_][A-Za-z0-9_]*)?:[0-9]+"


def closed_logs(connection: Any) -> list[dict[str, str]]:
    """
    Close the current binary log, and return all closed ones in order.

    connection
        To the server that archives.

    Returns a list of dicts: ``name``, ``bytes``, and ``previous`` (the GTID set that the files
    before it have).
    """
    execute(connection, "FLUSH BINARY LOGS")
    logs = [(row["Log_name"], row["File_size"]) for row in rows(connection, "SHOW BINARY LOGS")]
    return [
        {"name": name, "bytes": str(size), "previous": _previous(connection, name)}
        for name, size in logs[:-1]
    ]


def _previous(connection: Any, name: str) -> str:
    for row in rows(connection, "SHOW BINLOG EVENTS IN %s LIMIT 3", (name,)):
        if row["Event_type"] == "Previous_gtids":
            return "".join(str(row["Info"]).split())
    raise CommandExecutionError(f"binary log {name} does not say which transactions come before it")


def needed(index: Sequence[Mapping[str, str]], have: str) -> list[Mapping[str, str]]:
    """
    Return the logs that have what comes after a set, in order.

    index
        What :py:func:`closed_logs` returned.

    have
        The GTID set of the full backup.

    What the first of them lacks of the logs before it, :py:func:`after` finds.
    """
    held = parse_gtids(have)
    first = 0
    for place, one in enumerate(index):
        if not subtract_gtids(parse_gtids(one["previous"]), held):
            first = place
    return list(index[first:])


def parse(lines: Iterable[str]) -> Iterator[Transaction]:
    """
    Return the transactions of what ``mysqlbinlog`` prints, in the archive's order.

    lines
        Its output with ``--base64-output=DECODE-ROWS``: no rows are in it.
    """
    committed, gtid, changes = 0, "", dict[str, None]()
    tables: dict[str, str] = {}
    query = ""
    for line in lines:
        event = GTID_EVENT.search(line) if line.startswith("#") else None
        if event:
            if gtid:
                yield Transaction(gtid, committed, tuple(changes))
            committed, gtid, changes, tables = int(event[1]), "", {}, {}
            query = ""
        elif not gtid:
            found = NEXT_EVENT.match(line)
            gtid = found[1] if found else ""
        elif line.startswith("#"):
            table, written = TABLE_EVENT.search(line), ROWS_EVENT.search(line)
            if table:
                tables[table[3]] = f"{table[1]}.{table[2]}"
            elif written:
                changes[f"{WORDS[written[1]]} {tables.get(written[2], '?')}"] = None
            query = "next" if QUERY_EVENT.search(line) else ""
        elif query and not re.match(r"(SET |/\*!|BEGIN|COMMIT|use `)", line):
            kind = re.match(r"[A-Za-z]+( [A-Za-z]+)?", line)
            # What comes after these words may be data, or a password's hash.
            changes[kind[0].upper() if kind else "statement"] = None
            query = ""
    if gtid:
        yield Transaction(gtid, committed, tuple(changes))


def read(path: Path) -> Iterator[Transaction]:
    """Return the transactions of one archived log, in its order."""
    with subprocess.Popen(  # noqa: S603
        ["mysqlbinlog", "--base64-output=DECODE-ROWS", "--", str(path)],  # noqa: S607
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        # What it warns of would fill a pipe that nobody reads meanwhile.
        stderr=subprocess.DEVNULL,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout  # noqa: S101
        yield from parse(process.stdout)
    if process.returncode != 0:
        raise CommandExecutionError(f"mysqlbinlog cannot read the archived log {path.name}")


class Spans:
    """A GTID set that grows by one transaction after the other."""

    def __init__(self) -> None:
        self.gtids: GtidSet = {}

    def add(self, gtid: str) -> None:
        """Add a transaction."""
        source, _, number = gtid.rpartition(":")
        spans, one = self.gtids.setdefault(source, []), int(number)
        if spans and spans[-1][1] + 1 == one:
            spans[-1] = (spans[-1][0], one)
        else:
            spans.append((one, one))


def after(
    have: str,
    index: Sequence[Mapping[str, str]],
    read_log: Callable[[str], Iterable[Transaction]],
) -> Iterator[Transaction]:
    """
    Return the archive's transactions that come after a full backup, in order, without a gap.

    have
        The GTID set of the full backup.

    index
        What :py:func:`closed_logs` returned, from the first needed log on.

    read_log
        Returns the transactions of a log of that name.

    Raises CommandExecutionError where a log begins after transactions that no log has.
    """
    held, seen = parse_gtids(have), Spans()
    for log in index:
        known = union_gtids(held, seen.gtids)
        missing = subtract_gtids(parse_gtids(log["previous"]), known)
        if missing:
            raise CommandExecutionError(
                f"the archived logs have a gap before {log['name']}: {count_gtids(missing)} "
                f"transactions are in no log ({format_gtids(missing)})"
            )
        for one in read_log(log["name"]):
            source, _, number = one.gtid.rpartition(":")
            if not _has(held, source, int(number)):
                seen.add(one.gtid)
                yield one


class Point(NamedTuple):
    """A point that can be restored: where the replay stops, and what is around."""

    # The set that is there then, and the transaction that it stops before; "": the logs' end.
    gtids: str
    stop_before: str
    before: tuple[Transaction, ...]
    after: tuple[Transaction, ...]


def moment(text: str) -> int:
    """Return a time in UTC such as ``2026-11-28 14:03:00`` in microseconds since 1970."""
    if text == LATEST:
        return sys.maxsize
    try:
        found = datetime.fromisoformat(str(text).strip().replace("Z", "+00:00"))
    except ValueError:
        found = None
    if found is None:
        raise SaltInvocationError(
            f"point is '{text}'; expected a time in UTC such as '2026-11-28 14:03:00', a "
            f"transaction's GTID, or {LATEST}"
        )
    if found.tzinfo is None:
        found = found.replace(tzinfo=timezone.utc)
    return int(found.timestamp() * 1_000_000)


def as_time(microseconds: int) -> str:
    """Return a time as people read it, in UTC."""
    found = datetime.fromtimestamp(microseconds / 1_000_000, timezone.utc)
    return found.strftime("%Y-%m-%d %H:%M:%S.%f")


def is_gtid(text: str) -> bool:
    """Tell whether a text is the GTID of one transaction."""
    return bool(re.fullmatch(GTID, str(text).strip()))


def find(point: str, have: str, found: Iterable[Transaction], around: int = 5) -> Point:
    """
    Return where to stop for a point in time.

    point
        A time: all that comes in the archive before the first transaction that was committed after
        it. Or a GTID: that transaction is the last one. Or ``latest``: all.

    have
        The GTID set of the full backup.

    found
        The archive's transactions after it, in order.

    around
        How many transactions before and after are shown.

    Raises SaltInvocationError for a GTID that the archive does not have after the full backup.
    """
    text = str(point).strip()
    last = text.lower() if is_gtid(text) else ""
    until = 0 if last else moment(text)
    before: list[Transaction] = []
    after_it: list[Transaction] = []
    taken, reached = Spans(), False
    for one in found:
        if not after_it and not reached and (last or one.committed <= until):
            taken.add(one.gtid)
            before = [*before, one][-around:]
            reached = one.gtid == last
        else:
            after_it.append(one)
            if len(after_it) >= around:
                break
    if last and not reached:
        raise SaltInvocationError(
            f"point is '{point}'; expected a transaction that the archive has after the full "
            "backup, or a time"
        )
    return Point(
        gtids=format_gtids(union_gtids(parse_gtids(have), taken.gtids)),
        stop_before=after_it[0].gtid if after_it else "",
        before=tuple(before),
        after=tuple(after_it),
    )


def _has(gtids: GtidSet, source: str, number: int) -> bool:
    return any(first <= number <= last for first, last in gtids.get(source, ()))
