"""What a comparison of the members means: sentences for a person, numbers for a monitor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, NamedTuple

from group_replication.model import COMPARE_INTERVALS, joined

# As the health agent names them: rows and definitions that differ, the end of the last comparison,
# and whether none has failed since.
NUMBERS = ("differences", "timestamp", "success")
# More sentences tell an operator nothing.
SENTENCES = 20
# So many of each list are kept: what differs in more places is not mended one by one.
LIST_MAX = 100
# A comparison is late after so many intervals.
LATE_INTERVALS = 2


class Kept(NamedTuple):
    """The row: times in seconds since 1970, None where there is none."""

    # When this server got the table; before that nothing could be kept.
    since: int
    # By the server's clock.
    now: int
    ended: int | None = None
    failed: int | None = None
    error: str = ""
    # What ``compare_rows`` returned, its lists cut and counted.
    result: Mapping[str, Any] = {}


def deviants(definition: Mapping[str, Any]) -> list[str]:
    """
    Return the members whose definition is not that of more than half of them.

    definition
        One of ``definitions``. Where no value is that of more than half, all are returned.
    """
    members = definition["members"]
    value, count = Counter(members.values()).most_common(1)[0]
    if count * 2 <= len(members):
        return list(members)
    return [name for name, one in members.items() if one != value]


def carried(
    before: Mapping[str, Any], now: Mapping[str, Any], declared: Collection[str]
) -> dict[str, Any]:
    """
    Return a result with what the one before has found and this one did not look at.

    before
        The last result, or nothing.

    now
        The new one.

    declared
        Names of the members that are declared: what others held apart went with them.
    """
    out = {name for name in declared if name not in now["members"]}
    passed_over = {one["table"] for one in now["skipped"]}
    tables = {one["table"] for one in now["differences"]}
    items = {(one["kind"], one["name"]) for one in now["definitions"]}
    rows = [
        one
        for one in before.get("differences", ())
        if one["table"] not in tables
        and (one["table"] in passed_over or out.intersection(one["members"]))
    ]
    definitions = [
        one
        for one in before.get("definitions", ())
        if (one["kind"], one["name"]) not in items and out.intersection(deviants(one))
    ]
    return {
        **now,
        "differences": [*now["differences"], *rows],
        "definitions": [*now["definitions"], *definitions],
    }


def counted(result: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return a result with its lists cut, and beside each how long it was, and how many rows differ.

    result
        As :py:func:`carried` returns it.
    """
    lists = ("differences", "definitions", "skipped")
    counts = {f"{name}_count": len(result[name]) for name in lists}
    cut = {name: list(result[name])[:LIST_MAX] for name in lists}
    return {
        **result,
        **cut,
        **counts,
        "rows_differing": sum(one["rows"] for one in result["differences"]),
    }


def moment(seconds: int | None) -> str:
    """Return a time of the kept row for a person, in UTC; the empty text for None."""
    if seconds is None:
        return ""
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")


def numbers_of(kept: Kept) -> dict[str, int | None]:
    """
    Return what a monitor wants to know, by the names in ``NUMBERS``; None where it is not known.

    kept
        What is kept, with the end of a comparison or the failure of one.
    """
    found = kept.result.get("rows_differing", 0) + kept.result.get("definitions_count", 0)
    return {
        "differences": None if kept.ended is None else found,
        "timestamp": kept.ended,
        "success": int(kept.failed is None),
    }


def short(kept: Kept | None) -> dict[str, Any]:
    """
    Return the last comparison in short; empty where none has ended or failed.

    kept
        What is kept, or None.
    """
    if kept is None or (kept.ended is None and kept.failed is None):
        return {}
    result = kept.result
    return {
        "ended": moment(kept.ended),
        "members": list(result.get("members", ())),
        "tables": result.get("tables", 0),
        "rows": result.get("rows", 0),
        "seconds": result.get("seconds", 0.0),
        "differences": result.get("rows_differing", 0),
        "definitions": result.get("definitions_count", 0),
        "undecided": result.get("undecided", 0),
        "skipped": result.get("skipped_count", 0),
        "failed": moment(kept.failed),
        "error": kept.error,
    }


def problems(kept: Kept | None, interval: str) -> list[str]:
    """
    Return what the last comparison says that is not as it should be, in sentences.

    kept
        What is kept, as a member of the group has it; None where there is no table for it.

    interval
        How often the members are to be compared: one of ``COMPARE_INTERVALS``, or the empty text.
    """
    if kept is None:
        return []
    found = _of_rows(kept.result) + _of_definitions(kept.result)
    if kept.failed is not None:
        found.append(
            f"the comparison of the members failed at {moment(kept.failed)}: {kept.error}; "
            "`systemctl start mysql-gr-compare` on the coordinator repeats it"
        )
    seconds = COMPARE_INTERVALS.get(interval)
    # A new installation has not had the time yet.
    begin = kept.since if kept.ended is None else kept.ended
    if seconds and kept.now - begin > LATE_INTERVALS * seconds:
        when = f"last compared at {moment(kept.ended)}" if kept.ended else "never compared"
        found.append(
            f"the members were {when}, and mysql:compare:interval is {interval}: "
            "`journalctl -u mysql-gr-compare` on the coordinator says why"
        )
    return found


def _cut(found: list[str], what: str) -> list[str]:
    if len(found) <= SENTENCES:
        return found
    return [*found[:SENTENCES], f"{len(found) - SENTENCES} {what} more differ between the members"]


def _of_rows(result: Mapping[str, Any]) -> list[str]:
    tables: dict[str, list[Mapping[str, Any]]] = {}
    for one in result.get("differences", ()):
        tables.setdefault(one["table"], []).append(one)
    found = []
    for table, ranges in tables.items():
        names = sorted({name for one in ranges for name in one["members"]})
        number = sum(one["rows"] for one in ranges)
        what = f"{number} row{'' if number == 1 else 's'}{_between(ranges)}"
        found.append(f"{table} differs on {joined(names)}: {what}; {_way_out(names)}")
    return _cut(found, "tables")


def _between(ranges: Sequence[Mapping[str, Any]]) -> str:
    """From which key to which; nothing for a table without one."""
    lower, upper = _key(ranges[0]["from"]), _key(ranges[-1]["to"])
    if not lower:
        return ""
    return f" at {lower}" if lower == upper else f" from {lower} to {upper}"


def _key(key: Mapping[str, Any]) -> str:
    return joined(f"{column} {value}" for column, value in key.items())


def _of_definitions(result: Mapping[str, Any]) -> list[str]:
    found = []
    for one in result.get("definitions", ()):
        names = deviants(one)
        found.append(f"{one['kind']} {one['name']} differs on {joined(names)}; {_way_out(names)}")
    return _cut(found, "definitions")


def _way_out(names: Sequence[str]) -> str:
    """What an operator can do; it is for a person to say which member is right."""
    name = names[0] if len(names) == 1 else "NAME"
    which = "" if len(names) == 1 else " of the one that is wrong"
    return (
        f"mysql_maintenance.leave and then mysql_gr.join method=clone clone_over={name}{which} "
        "give it the group's content"
    )
