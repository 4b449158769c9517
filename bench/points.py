"""Points in time: which are restored, and whether what came back is what was acknowledged by then.

Pure functions of what the writers wrote down and of what was restored.
"""

from __future__ import annotations

import random
import re
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, NamedTuple

from bench.report import conditions, markdown, spread

GTID, TIME = "GTID", "time"
# As the server tells it to the session that committed.
OWN_GTID = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?::[a-z_][a-z0-9_]*)?:\d+")
# How many rows a problem names.
NAMED = 3

Rows = dict[int, str]


class Change(NamedTuple):
    """An acknowledged transaction of one writer, and the rows that it wrote; None: deleted."""

    gtid: str
    # By the clock of who wrote it, in seconds since 1970: its begin and its acknowledgement.
    begun: float
    acknowledged: float
    rows: tuple[tuple[int, str | None], ...]


class Point(NamedTuple):
    """What is restored: up to a transaction, or to a time."""

    number: int
    kind: str
    # As it is given to backup_restore.restore_point.
    text: str
    # Seconds since 1970; of a transaction, when it was acknowledged.
    at: float


def own_gtid(told: bytes) -> str:
    """Return the GTID that a session is told of its commit; raise ValueError where it is none."""
    found = OWN_GTID.findall(told)
    if len(found) != 1:
        raise ValueError(f"a commit was acknowledged with {len(found)} GTIDs; expected one")
    return str(found[0].decode())


def as_text(at: float) -> str:
    """Return a time as backup_restore.restore_point takes it."""
    return datetime.fromtimestamp(at, timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f")


def draw(changes: Sequence[Change], since: float, count: int, seed: int) -> list[Point]:
    """
    Return points that can be restored, by lot: one by a transaction, the next by a time.

    changes
        What was acknowledged.

    since
        When the first full backup was there, in seconds since 1970.

    count, seed
        How many, and by which lot.
    """
    later = [one for one in changes if one.begun > since]
    if not later:
        raise ValueError("nothing was acknowledged after the first full backup")
    lot = random.Random(seed)
    last = max(one.acknowledged for one in later)
    found = []
    for number in range(1, count + 1):
        if number % 2:
            one = lot.choice(later)
            found.append(Point(number, GTID, one.gtid, one.acknowledged))
        else:
            at = lot.uniform(since, last)
            found.append(Point(number, TIME, as_text(at), at))
    return found


class Gtids:
    """A set of transactions, as the server writes it."""

    def __init__(self, text: str) -> None:
        self._spans: dict[str, list[tuple[int, int]]] = {}
        for source in filter(None, re.sub(r"\s", "", text).split(",")):
            name = ""
            for part in source.split(":"):
                if re.fullmatch(r"\d+(-\d+)?", part):
                    first, _, end = part.partition("-")
                    self._spans.setdefault(name, []).append((int(first), int(end or first)))
                else:
                    # The source, or behind it a tag.
                    name = f"{name.partition(':')[0]}:{part}" if name else part

    def __contains__(self, gtid: str) -> bool:
        name, _, number = gtid.rpartition(":")
        return any(first <= int(number) <= last for first, last in self._spans.get(name, ()))

    def __len__(self) -> int:
        return sum(last - first + 1 for spans in self._spans.values() for first, last in spans)


def expected(writers: Sequence[Sequence[Change]], gtids: Gtids) -> Rows:
    """
    Return the rows that are there once a set of transactions is.

    writers
        What each of them wrote, in its order; none writes another one's rows.

    gtids
        The set.
    """
    found: Rows = {}
    for changes in writers:
        for change in changes:
            if change.gtid in gtids:
                for row, value in change.rows:
                    if value is None:
                        found.pop(row, None)
                    else:
                        found[row] = value
    return found


def judge(
    point: Point, answer: Mapping[str, Any], rows: Rows, writers: Sequence[Sequence[Change]]
) -> list[str]:
    """
    Return what is wrong with a restored point, in sentences.

    point
        What was asked for.

    answer
        What backup_restore.restore_point said of it.

    rows
        What the restored instance has.

    writers
        What each of them wrote, in its order.
    """
    gtids = Gtids(answer["gtids"])
    wrong = list(_unlike(rows, expected(writers, gtids)))
    for number, changes in enumerate(writers, 1):
        there = [one.gtid in gtids for one in changes]
        if there != sorted(there, reverse=True):
            wrong.append(f"writer {number} has a later transaction there without an earlier one")
    everything = [one for changes in writers for one in changes]
    if point.kind == GTID:
        if not answer["before"] or answer["before"][-1]["gtid"] != point.text:
            wrong.append(f"the last transaction is not {point.text}")
        return wrong
    early = [one.gtid for one in everything if one.begun > point.at and one.gtid in gtids]
    late = [
        one.gtid for one in everything if one.acknowledged <= point.at and one.gtid not in gtids
    ]
    for gtids_wrong, what in ((early, "begun later are there"), (late, "acknowledged are missing")):
        if gtids_wrong:
            wrong.append(f"{len(gtids_wrong)} transactions {what}: {_some(gtids_wrong)}")
    return wrong


def _unlike(rows: Rows, wanted: Rows) -> Iterator[str]:
    missing, foreign = sorted(wanted.keys() - rows), sorted(rows.keys() - wanted)
    other = sorted(row for row in rows.keys() & wanted if rows[row] != wanted[row])
    for found, what in ((missing, "missing"), (foreign, "too many"), (other, "of another content")):
        if found:
            yield f"{len(found)} rows are {what}: {_some(found)}"


def _some(found: Iterable[Any]) -> str:
    return ", ".join(map(str, list(found)[:NAMED]))


def table(results: Sequence[Mapping[str, Any]]) -> str:
    """Return the table of all points, by what they were given as."""
    rows = []
    for kind in (GTID, TIME):
        of_kind = [one for one in results if one["kind"] == kind]
        exact = [one for one in of_kind if not one["problems"]]
        if exact:
            rows.append(
                (
                    kind,
                    f"{len(exact)} of {len(of_kind)}",
                    str(spread([one["seconds"] for one in exact])),
                    f"{statistics.median(one['replayed'] for one in exact):.0f}",
                    f"{statistics.median(one['rows'] for one in exact):.0f}",
                )
            )
    head = (
        *("given as", "exact", "restored in, s (least / median / p95 / most)"),
        *("transactions replayed", "rows compared"),
    )
    return conditions(results, "points") + "\n" + markdown(head, rows)


def show(result: Mapping[str, Any]) -> str:
    """Return a point's result in a line, and its problems in lines below."""
    seconds = "-" if result["seconds"] is None else f"{result['seconds']:.1f} s"
    line = (
        f"{result['number']:3}  {result['kind']:4}  {result['point']}  {seconds}  "
        f"{result['replayed']} transactions replayed, {result['rows']} rows"
    )
    return "\n".join([line, *(f"     {problem}" for problem in result["problems"])])
