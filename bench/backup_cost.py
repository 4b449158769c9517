"""What a full backup costs who writes: the same writers beside one, and before and after it."""

from __future__ import annotations

import datetime
import os
import statistics
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from bench.backup import TABLE, WRITERS, Site, Writer
from bench.points import Change
from bench.report import conditions, markdown, spread

# In which nothing happens, on both sides of a backup.
QUIET_SECONDS = 15.0
WINDOWS = ("before", "backup", "after")


def window(changes: Iterable[Change], begin: float, end: float) -> dict[str, float]:
    """
    Return how long commits took that began between two moments.

    Returns a dict: ``commits``, how many; ``median``, ``p99`` and ``most``, in milliseconds.
    """
    took = sorted(
        1000 * (one.acknowledged - one.begun) for one in changes if begin <= one.begun < end
    )
    if len(took) < 2:
        raise AssertionError(f"{len(took)} commits in {end - begin:.0f} s")
    p99 = statistics.quantiles(took, n=100, method="inclusive")[98]
    found = {"median": statistics.median(took), "p99": p99, "most": took[-1]}
    return {"commits": len(took), **{name: round(value, 2) for name, value in found.items()}}


class Cost:
    """Writers that never stop, and full backups of their group."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._writers = [Writer(site, number) for number in range(1, WRITERS + 1)]

    @contextmanager
    def open(self) -> Iterator[None]:
        """Return a context in which the writers write; the table is gone at its end."""
        self._site.change(f"CREATE TABLE {TABLE} (id BIGINT PRIMARY KEY, value CHAR(16) NOT NULL)")
        for writer in self._writers:
            writer.start()
        try:
            yield
        finally:
            for writer in self._writers:
                writer.stop()
            for writer in self._writers:
                writer.join(30)
            self._site.change(f"DROP TABLE {TABLE}")

    def run(self, number: int) -> dict[str, Any]:
        """Take one full backup, with its drill, between two quiet times."""
        now = datetime.datetime.now(datetime.timezone.utc)
        moments = [time.time()]
        time.sleep(QUIET_SECONDS)
        moments.append(time.time())
        taken = self._site.call("backup.take")
        moments.append(time.time())
        time.sleep(QUIET_SECONDS)
        moments.append(time.time())
        problems = [writer.problem for writer in self._writers if writer.problem]
        if not isinstance(taken, dict):
            problems.append(str(taken))
        changes = [one for writer in self._writers for one in [*writer.changes]]
        return {
            "number": number,
            "began": now.isoformat(timespec="seconds"),
            "versions": self._site.versions,
            "load": [round(os.getloadavg()[0], 2)],
            "seconds": round(moments[2] - moments[1], 1),
            "windows": {
                name: window(changes, moments[place], moments[place + 1])
                for place, name in enumerate(WINDOWS)
            },
            "problems": problems,
        }


def show(result: Mapping[str, Any]) -> str:
    """Return a round's result in a line."""
    told = "  ".join(
        f"{name} {one['median']:.1f} / {one['p99']:.1f} ms"
        for name, one in result["windows"].items()
    )
    return f"{result['number']:3}  {result['seconds']:5.1f} s  {told}" + "".join(
        f"  {one}" for one in result["problems"]
    )


def ratios(results: Sequence[Mapping[str, Any]], name: str, key: str) -> list[float]:
    """Return what a window has of a number, as a share of the quiet time before it, by round."""
    return [one["windows"][name][key] / one["windows"][WINDOWS[0]][key] for one in results]


def table(results: Sequence[Mapping[str, Any]]) -> str:
    """Return the table of all rounds: a window in a row."""
    rows = []
    for name in WINDOWS:
        here = [one["windows"][name] for one in results]
        beside = [spread(ratios(results, name, key)) for key in ("median", "p99")]
        rows.append(
            (
                name,
                str(sum(one["commits"] for one in here)),
                f"{statistics.median(one['median'] for one in here):.1f}",
                f"{statistics.median(one['p99'] for one in here):.1f}",
                f"{max(one['most'] for one in here):.1f}",
                *("-" if name == WINDOWS[0] else str(one) for one in beside),
            )
        )
    head = (
        *("window", "commits", "median, ms", "p99, ms", "longest, ms"),
        *(f"{key} beside `before` (least / median / p95 / most)" for key in ("median", "p99")),
    )
    seconds = spread([one["seconds"] for one in results])
    return (
        f"{conditions(results, 'full backups')}\n{markdown(head, rows)}\n"
        f"Seconds of a backup with its drill (least / median / p95 / most): {seconds}.\n"
    )
