"""What the presets of timings take for dead: a member that is silent, and machines under load."""

from __future__ import annotations

import datetime
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from bench.clients import Clients
from bench.failover import versions
from bench.plan import OURS
from bench.report import conditions, markdown
from bench.ways import places
from tests.support.lab import Lab
from tests.support.monitor import Sample
from tests.support.scene import Scene

# Where Salt finds the library.
sys.path.append(str(Path(__file__).resolve().parents[1] / "_utils"))

from group_replication.model import TIMINGS

SILENCE, LOAD = "silence", "load"
# How long a member says nothing, around what each preset is to bear.
SILENCES: dict[str, Sequence[int]] = {
    "fast": (3, 4, 5, 6, 8),
    "tolerant": (8, 16, 18, 20, 24),
}
LOAD_SECONDS = 120
# On each database machine, beside the clients' work; all of them share the host's processors.
BURNERS = 4
UNIT = "mysql-gr-bench-load-"
FILLED = "/var/tmp/mysql-gr-bench"
BURN = "sh -c 'while :; do :; done'"
FILL = f"sh -c 'while :; do dd if=/dev/zero of={FILLED} bs=1M count=128 conv=fsync; done'"
WHOLE_SECONDS = 120


class Trial(NamedTuple):
    """One look at a preset."""

    preset: str
    what: str
    seconds: int
    repetition: int


def plan(repetitions: int) -> list[Trial]:
    """Return the trials, preset after preset: its silences, each so often, and one time of load."""
    return [
        trial
        for preset in TIMINGS
        for trial in (
            *(
                Trial(preset, SILENCE, seconds, repetition)
                for repetition in range(1, repetitions + 1)
                for seconds in SILENCES[preset]
            ),
            Trial(preset, LOAD, LOAD_SECONDS, 1),
        )
    ]


def trial_of(result: Mapping[str, Any]) -> Trial:
    """Return the trial that a result is of."""
    return Trial(*(result[key] for key in Trial._fields))


def missing(trials: Iterable[Trial], results: Iterable[Mapping[str, Any]]) -> list[Trial]:
    """Return the trials that no result is there of."""
    there = {trial_of(one) for one in results}
    return [one for one in trials if one not in there]


def expulsions(samples: Iterable[Sample], members: int) -> int:
    """Count how often a member went out of the view, as the one that saw most of it has seen."""
    sizes: dict[str, list[int]] = {}
    for sample in samples:
        if sample.state == "ONLINE" and sample.quorum:
            sizes.setdefault(sample.member, []).append(len(sample.states))
    return max(
        (
            sum(max(0, before - after) for before, after in pairwise([members, *seen]))
            for seen in sizes.values()
        ),
        default=0,
    )


def suspected(samples: Iterable[Sample]) -> bool:
    """Tell whether anybody saw another member UNREACHABLE."""
    return any("UNREACHABLE" in sample.states for sample in samples if sample.state == "ONLINE")


def table(results: Sequence[Mapping[str, Any]]) -> str:
    """Return what each preset took for dead, as tables."""
    silent = [one for one in results if one["what"] == SILENCE]
    rows = []
    for seconds in sorted({one["seconds"] for one in silent}):
        row = [f"{seconds} s"]
        for preset in TIMINGS:
            here = [one for one in silent if one["preset"] == preset and one["seconds"] == seconds]
            out = sum(bool(one["expelled"]) for one in here)
            row.append(f"{out} of {len(here)}" if here else "-")
        rows.append(row)
    loaded = [
        (
            one["preset"],
            f"{one['seconds']} s",
            f"{max(one['load']):.0f}",
            str(one["acknowledged"]),
            "yes" if one["suspected"] else "no",
            str(one["expelled"]),
        )
        for one in results
        if one["what"] == LOAD
    ]
    return "\n".join(
        [
            conditions(results, "trials"),
            markdown(("silent for", *(f"expelled, {preset}" for preset in TIMINGS)), rows),
            markdown(
                ("preset", "under load", "load average", "acknowledged", "UNREACHABLE", "expelled"),
                loaded,
            ),
        ]
    )


class Timings:
    """A lab whose group is told one preset after the other."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._scene = Scene(lab)
        self._monitor = self._scene.monitor
        self._preset = ""
        self._versions: dict[str, str] = {}

    @contextmanager
    def open(self) -> Iterator[None]:
        """Return a context in which trials can be made; the lab is as before at its end."""
        with ExitStack() as stack:
            stack.enter_context(self._scene.watched(WHOLE_SECONDS))
            stack.callback(
                self._lab.salt, ",".join(self._lab.databases), "-L mysql_server.set_options"
            )
            stack.enter_context(self._scene.table.there())
            self._versions = versions(self._lab, ())
            yield

    def run(self, trial: Trial) -> dict[str, Any]:
        """Make one trial and return its result."""
        self._scene.wait_stable(WHOLE_SECONDS)
        self._tell(trial.preset)
        loads = [round(os.getloadavg()[0], 2)]
        victim = self._lab.databases[-1]
        clients = Clients(self._lab, places(self._lab, OURS, victim))
        self._monitor.forget()
        now = datetime.datetime.now(datetime.timezone.utc)
        clients.start()
        try:
            if trial.what == SILENCE:
                self._silence(victim, trial.seconds)
            else:
                self._burden(trial.seconds)
            loads.append(round(os.getloadavg()[0], 2))
            # A suspicion that had begun comes to its end.
            time.sleep(2)
        finally:
            clients.stop()
        seen = [one for one in self._monitor.samples if one.member != victim]
        samples = seen if trial.what == SILENCE else self._monitor.samples
        return {
            **trial._asdict(),
            "began": now.isoformat(timespec="seconds"),
            "versions": self._versions,
            "load": loads,
            "suspected": suspected(samples),
            "expelled": expulsions(samples, len(self._lab.databases)),
            "acknowledged": sum(len(record.acknowledged) for record in clients.records()),
        }

    def _tell(self, preset: str) -> None:
        if self._preset != preset:
            for name in self._lab.databases:
                for option, value in TIMINGS[preset].items():
                    self._lab.sql(name, f"SET GLOBAL group_replication_{option} = {value}")
            self._preset = preset

    def _silence(self, member: str, seconds: int) -> None:
        process = "$(systemctl show -p MainPID --value mysql)"
        self._lab.run(member, f"kill -STOP {process}\nsleep {seconds}\nkill -CONT {process}")

    def _burden(self, seconds: int) -> None:
        programs = [BURN] * BURNERS + [FILL]
        begin = "\n".join(
            f"systemd-run --quiet --collect --unit={UNIT}{number} {program}"
            for number, program in enumerate(programs)
        )
        try:
            self._scene.all(self._lab.databases, begin)
            time.sleep(seconds)
        finally:
            self._scene.all(self._lab.databases, f"systemctl stop '{UNIT}*'\nrm -f {FILLED}")


def show(result: Mapping[str, Any]) -> str:
    """Return a trial's result in a line."""
    return (
        f"{result['preset']:9} {result['what']:8} {result['seconds']:4} s  "
        f"UNREACHABLE {'yes' if result['suspected'] else 'no':3}  expelled {result['expelled']}  "
        f"acknowledged {result['acknowledged']:6}  load {result['load'][-1]:.1f}"
    )
