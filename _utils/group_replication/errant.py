"""Errant transactions: what they did, by the member's own binary logs, and empty ones for them."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from group_replication.gtid import (
    GtidSet,
    count_gtids,
    format_gtids,
    parse_gtids,
    subtract_gtids,
    union_gtids,
)
from group_replication.model import ONLINE, PRESENT, joined
from group_replication.verdicts import held_by

# More of them are no maintenance, and would take the group long.
ERRANT_MAX = 1000
# Statements that change no row. Each is alone in its transaction.
HARMLESS = ("FLUSH", "ANALYZE", "OPTIMIZE", "REPAIR")
# The newest of some hundred megabytes; what is older is unknown.
READ_SECONDS = 30.0
PAGE = 5000
# What begins or ends a file.
ENDS = ("Format_desc", "Previous_gtids", "Rotate", "Stop")

# A transaction of a binary log: its GTID, and kind and text of each of its events.
Events = list[tuple[str, str]]
Ask = Callable[..., list[dict[str, Any]]]


def errant_of(name: str, facts: Mapping[str, Mapping[str, Any]]) -> GtidSet:
    """
    Return what a member outside the group has and the group has not; nothing without a group.

    name
        The member's declared name.

    facts
        As ``facts_of`` returns them.
    """
    group = [
        one for one in facts.values() if one["answers"] and one["state"] == ONLINE and one["quorum"]
    ]
    its = facts[name]
    if not its["answers"] or its["state"] in PRESENT or not group:
        return {}
    return subtract_gtids(held_by(its), union_gtids(*map(held_by, group)))


def errant_sentence(name: str, errant: str) -> str:
    """Say that a member has errant transactions."""
    return f"{name} has transactions that the group does not have: {errant}"


def statement_of(events: Sequence[tuple[str, str]]) -> tuple[str, bool]:
    """
    Say what a transaction did, and whether it is known that it changed no row.

    events
        The kind and the text of each event after its GTID, as ``SHOW BINLOG EVENTS`` has them.

    Returns the first words of its statement, or what else it is: never more, as a statement may
    hold what nobody should read.
    """
    if len(events) == 2 and events[0] == ("Query", "BEGIN") and events[1][1].startswith("COMMIT"):
        return "an empty transaction", True
    if len(events) != 1 or events[0][0] != "Query":
        kinds = (kind for kind, text in events if kind not in ("Query", "Xid"))
        return joined(dict.fromkeys(kinds)) or "several statements", False
    # The server shows the default database as a statement of its own.
    text = re.sub(r"^use `(?:[^`]|``)*`; ", "", events[0][1])
    # What begins with /*! or /*+ is no comment.
    text = re.sub(r"^(?:\s|/\*(?![!+]).*?\*/)+", "", text, flags=re.DOTALL)
    first = [word.upper() for word in re.findall(r"[A-Za-z_]+", text)[:2]]
    harmless = (
        bool(first)
        and re.match(rf"{first[0]}\s", text, re.IGNORECASE) is not None
        and first[0] in HARMLESS
        # An index file made anew of a table's definition may lose rows.
        and not re.search(r"\bUSE_FRM\b", text, re.IGNORECASE)
    )
    return " ".join(first) or "a statement", harmless


def by_transaction(rows: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, Events]]:
    """
    Return the transactions of a binary log: GTID and events of each.

    rows
        As ``SHOW BINLOG EVENTS`` returns them: ``Event_type`` and ``Info``.
    """
    gtid, events = "", Events()
    for row in rows:
        kind, text = row["Event_type"], row["Info"]
        if kind.startswith("Gtid") or kind in ENDS:
            if gtid:
                yield gtid, events
            found = re.search(r"'([^']+)'", text) if kind.startswith("Gtid") else None
            gtid, events = found[1].lower() if found else "", Events()
        elif gtid:
            events.append((kind, text))
    if gtid:
        yield gtid, events


def judged(errant: GtidSet, transactions: Iterable[tuple[str, Events]]) -> dict[str, str]:
    """
    Say of errant transactions what they did.

    errant
        Which they are.

    transactions
        As :py:func:`by_transaction` returns them: read until all are found.

    Returns a dict: ``gtids``, those that change no row, ``statements``, what they are, and
    ``other``, what is said of the first of the others, or the empty text.
    """
    left, harmless, kinds, other = errant, GtidSet(), Counter[str](), ""
    for gtid, events in transactions:
        # Most of a log is the group's own: passed over at once.
        if gtid.rpartition(":")[0] not in left:
            continue
        one = parse_gtids(gtid)
        if subtract_gtids(one, left):
            continue
        left = subtract_gtids(left, one)
        kind, known = statement_of(events)
        # A tag is given by hand, and takes a privilege of its own.
        if known and ":" not in next(iter(one)):
            harmless = union_gtids(harmless, one)
            kinds[kind] += 1
        elif not other:
            other = f"{gtid} is {kind}"
        if not left:
            break
    if left and not other:
        other = f"{format_gtids(left)} is not in the binary logs that were read"
    told = (kind + (f" ({count} times)" if count > 1 else "") for kind, count in kinds.items())
    return {"gtids": format_gtids(harmless), "statements": joined(told), "other": other}


def read(ask: Ask, errant: GtidSet, seconds: float = READ_SECONDS) -> dict[str, str]:
    """
    Read what errant transactions did from the local server's binary logs, the newest first.

    ask
        Runs a query on the local server, with its values, and returns its rows.

    errant
        Which they are. More than ``ERRANT_MAX`` are not looked for.

    seconds
        How long to read at most; what was not found by then is unknown.

    Returns what :py:func:`judged` does.
    """
    if count_gtids(errant) > ERRANT_MAX:
        return {"gtids": "", "statements": "", "other": f"there are more than {ERRANT_MAX}"}
    return judged(errant, by_transaction(_events(ask, errant, time.monotonic() + seconds)))


def _events(ask: Ask, errant: GtidSet, deadline: float) -> Iterator[dict[str, Any]]:
    left = errant
    for log in reversed([row["Log_name"] for row in ask("SHOW BINARY LOGS")]):
        before = _before(ask, log)
        if subtract_gtids(left, before):
            yield from _file(ask, log, deadline)
        # Older files have what was there before this one.
        left = {source: spans for source, spans in _common(left, before).items() if spans}
        if not left or time.monotonic() > deadline:
            return


def _common(one: GtidSet, other: GtidSet) -> GtidSet:
    return subtract_gtids(one, subtract_gtids(one, other))


def _before(ask: Ask, log: str) -> GtidSet:
    """What was executed before a binary log began."""
    for row in ask("SHOW BINLOG EVENTS IN %s LIMIT 3", (log,)):
        if row["Event_type"] == "Previous_gtids":
            return parse_gtids(row["Info"])
    return {}


def _file(ask: Ask, log: str, deadline: float) -> Iterator[dict[str, Any]]:
    position = 4
    while time.monotonic() < deadline:
        rows = ask("SHOW BINLOG EVENTS IN %s FROM %s LIMIT %s", (log, position, PAGE))
        yield from rows
        if len(rows) < PAGE:
            return
        position = rows[-1]["End_log_pos"]
    # What is cut off here is no whole transaction.
    yield {"Event_type": "Cut", "Info": ""}


def words(found: Mapping[str, str], errant: str) -> str:
    """
    Return what is known of errant transactions as the end of a sentence.

    found
        As :py:func:`judged` returns it; empty where it is not known.

    errant
        All of them.
    """
    if not found:
        return ""
    if is_harmless(found, errant):
        return f"; they change no rows ({found['statements']})"
    return f"; of these {found['other']}" if found["other"] else ""


def is_harmless(found: Mapping[str, str], errant: str) -> bool:
    """
    Tell whether it is known of all of some errant transactions that they change no rows.

    found, errant
        As for :py:func:`words`.
    """
    return bool(found and errant) and found["gtids"] == errant


def make_known(execute: Callable[..., None], errant: GtidSet) -> None:
    """
    Let the group have errant transactions as empty ones, so that it has all that the member has.

    execute
        Runs a statement on a member that takes writes, with its values.

    errant
        Which they are.
    """
    try:
        for source, spans in errant.items():
            for first, last in spans:
                for number in range(first, last + 1):
                    execute("SET SESSION gtid_next = %s", (f"{source}:{number}",))
                    execute("BEGIN")
                    execute("COMMIT")
    finally:
        execute("SET SESSION gtid_next = 'AUTOMATIC'")
