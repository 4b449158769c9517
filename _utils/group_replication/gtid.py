"""GTID sets as data: read, written, joined and compared."""

from __future__ import annotations

import re
from collections.abc import Iterable

from salt.exceptions import SaltInvocationError

GtidSet = dict[str, list[tuple[int, int]]]


def _merge(intervals: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for first, last in sorted(intervals):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return merged


def parse_gtids(text: str) -> GtidSet:
    """
    Return a GTID set as data: source (``uuid`` or ``uuid:tag``) to sorted closed intervals.

    text
        As ``@@gtid_executed`` has it: ``uuid:1-5:7,uuid:tag:1-3``, with line ends or not.

    Raises SaltInvocationError when the text is no GTID set.
    """
    found: dict[str, list[tuple[int, int]]] = {}
    for part in filter(None, re.sub(r"\s", "", text).split(",")):
        source, *words = part.split(":")
        key = source.lower()
        for word in words:
            interval = re.fullmatch(r"(\d+)(?:-(\d+))?", word)
            if interval:
                first = int(interval[1])
                found.setdefault(key, []).append((first, int(interval[2] or first)))
            elif re.fullmatch(r"[a-z_][a-z0-9_]*", word, re.IGNORECASE):
                key = f"{source.lower()}:{word.lower()}"
            else:
                raise SaltInvocationError(
                    f"'{word}' in GTID set '{part}' is neither a number, a range nor a tag"
                )
    return {key: _merge(intervals) for key, intervals in found.items()}


def format_gtids(gtids: GtidSet) -> str:
    """
    Return a GTID set as MySQL writes it; the empty set is the empty text.
    """
    return ",".join(
        ":".join([key, *(str(a) if a == b else f"{a}-{b}" for a, b in gtids[key])])
        for key in sorted(gtids)
        if gtids[key]
    )


def union_gtids(*sets: GtidSet) -> GtidSet:
    """
    Return all transactions that are in any of the sets.
    """
    keys = {key for gtids in sets for key in gtids}
    return {key: _merge(i for gtids in sets for i in gtids.get(key, ())) for key in keys}


def subtract_gtids(left: GtidSet, right: GtidSet) -> GtidSet:
    """
    Return the transactions of the left set that the right one does not have.
    """
    result: GtidSet = {}
    for key, intervals in left.items():
        rest = []
        for begin, last in intervals:
            first = begin
            for low, high in right.get(key, ()):
                if high < first or low > last:
                    continue
                if low > first:
                    rest.append((first, low - 1))
                first = high + 1
            if first <= last:
                rest.append((first, last))
        if rest:
            result[key] = rest
    return result


def count_gtids(gtids: GtidSet) -> int:
    """
    Return how many transactions a GTID set has.
    """
    return sum(last - first + 1 for spans in gtids.values() for first, last in spans)
