"""What of the acknowledged transactions a backup machine has when all members die at once."""

from __future__ import annotations

import datetime
import os
import random
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from bench.backup import TABLE, WRITERS, LabSite, Writer, await_applied
from bench.points import Change, Gtids
from bench.report import conditions, markdown, spread
from tests.support import faults
from tests.support.lab import Lab, declared
from tests.support.scene import Scene

# How long the writers write before all members are killed, at least and at most.
SECONDS = (4.0, 8.0)
ONLINE_SECONDS = 180
HAS = (
    "SELECT CONCAT(@@GLOBAL.gtid_executed, ',', received_transaction_set)"
    " FROM performance_schema.replication_connection_status WHERE channel_name = 'backup'"
)


def behind(changes: Sequence[Change], has: Gtids) -> tuple[int, float]:
    """
    Return how many acknowledged transactions are missing, and of how many seconds.

    changes
        What was acknowledged.

    has
        What the backup machine had received.

    The seconds end with the last acknowledgement, since a kill of several is no single moment.
    """
    last = max(one.acknowledged for one in changes)
    missing = [one.acknowledged for one in changes if one.gtid not in has]
    return len(missing), last - min(missing, default=last)


class Recovery:
    """Rounds of writers, and a kill of all members."""

    def __init__(self, lab: Lab) -> None:
        self._site, self._scene, self._lab = LabSite(lab), Scene(lab), lab
        self._machine = declared("backup")[0]

    @contextmanager
    def open(self) -> Iterator[None]:
        """Return a context in which rounds can be run; the table is gone at its end."""
        self._site.change(f"CREATE TABLE {TABLE} (id BIGINT PRIMARY KEY, value CHAR(16) NOT NULL)")
        try:
            with self._scene.watched(ONLINE_SECONDS):
                yield
        finally:
            self._site.change(f"DROP TABLE {TABLE}")

    def run(self, number: int) -> dict[str, Any]:
        """Write, kill all members at once, ask the backup machine, and start them again."""
        now = datetime.datetime.now(datetime.timezone.utc)
        all_of_them = SimpleNamespace(victims=(*self._lab.databases,))
        # None of them writes a row of another round.
        writers = [Writer(self._site, number * WRITERS + one) for one in range(WRITERS)]
        for writer in writers:
            writer.start()
        time.sleep(random.uniform(*SECONDS))
        faults.kill_for_good(self._scene, all_of_them)
        try:
            has = Gtids(self._lab.sql(self._machine, HAS))
        finally:
            for writer in writers:
                writer.stop()
            faults.start_again(self._scene, all_of_them)
        for writer in writers:
            writer.join(60)
        self._scene.wait_stable(ONLINE_SECONDS)
        changes = [change for writer in writers for change in writer.changes]
        missing, seconds = behind(changes, has)
        await_applied(self._site, [writer.changes for writer in writers])
        return {
            "number": number,
            "began": now.isoformat(timespec="seconds"),
            "versions": self._site.versions,
            "load": [round(os.getloadavg()[0], 2)],
            "acknowledged": len(changes),
            "missing": missing,
            "seconds": round(seconds, 3),
        }


def show(result: Mapping[str, Any]) -> str:
    """Return a round's result in a line."""
    return (
        f"{result['number']:3}  {result['acknowledged']} acknowledged, {result['missing']} of them "
        f"not received, of the last {result['seconds']:.3f} s"
    )


def table(results: Sequence[Mapping[str, Any]]) -> str:
    """Return the table of all rounds."""
    row = (
        str(len(results)),
        str(sum(one["acknowledged"] for one in results)),
        f"{statistics.median(one['missing'] for one in results):.0f}",
        str(spread([one["seconds"] for one in results])),
    )
    head = (
        *("kills of all members", "acknowledged", "not received, median"),
        "recovery point, s (least / median / p95 / most)",
    )
    return conditions(results, "rounds") + "\n" + markdown(head, [row])
