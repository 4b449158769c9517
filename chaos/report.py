"""The Markdown table of the results."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

HEAD = (
    "fault",
    "rounds",
    "failed",
    "write outage, s",
    "errors (through the balancer)",
    "acknowledged",
    "lost",
    "splits",
    "all ONLINE after, s",
)


def _span(values: Sequence[float], *, least: bool) -> str:
    if not values:
        return "-"
    shown = [statistics.median(values), max(values)]
    if least:
        shown.insert(0, min(values))
    return " / ".join(f"{value:.1f}" for value in shown)


def table(results: Iterable[Mapping[str, Any]], order: Sequence[str]) -> str:
    """Return the Markdown table: a row a fault, and all together.

    results
        Rounds, as their result files have them.

    order
        The faults in the order of the rows.
    """
    by_fault: dict[str, list[Mapping[str, Any]]] = {}
    for result in results:
        by_fault.setdefault(result["fault"], []).append(result)
    rows = [HEAD, tuple("---" for _ in HEAD)]
    for fault in [*(f for f in order if f in by_fault), *sorted(set(by_fault) - set(order))]:
        rows.append(_row(fault, by_fault[fault]))
    everything = [result for found in by_fault.values() for result in found]
    if len(by_fault) > 1:
        rows.append(_row("all", everything))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def _row(fault: str, rounds: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    def total(key: str) -> str:
        return str(sum(one.get(key, 0) for one in rounds))

    return (
        fault,
        str(len(rounds)),
        str(sum(bool(one["problems"]) for one in rounds)),
        _span([one["outage"] for one in rounds if one["outage"] is not None], least=True),
        f"{sum(sum(one['errors'].values()) for one in rounds)} ({total('balancer_errors')})",
        total("acknowledged"),
        total("lost"),
        total("splits"),
        _span([one["online"] for one in rounds if one["online"] is not None], least=False),
    )
