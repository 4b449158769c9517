"""What a crowd at the web servers notices of deployments, lost members and a switch of mode."""

from __future__ import annotations

import datetime
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

from bench.failover import versions
from bench.report import conditions, markdown
from tests.support.application import deploy, rollback, undeployed
from tests.support.http_client import GOOD, Answer, failed
from tests.support.lab import MODES, Lab
from tests.support.scene import Members
from tests.support.visitors import CROWD, Crowd

# Of several primaries, and of one; and the switch from one to the other.
KILL = {MODES[0]: "kill-multi", MODES[1]: "kill-single"}
SWITCH = {MODES[1]: "to-single", MODES[0]: "to-multi"}
EVENTS = (
    "none",
    "deploy",
    "rollback",
    KILL[MODES[0]],
    SWITCH[MODES[1]],
    KILL[MODES[1]],
    SWITCH[MODES[0]],
)
DEPLOYS, ROLLBACKS = 10, 2
# What comes of an event may come after it.
SETTLE_SECONDS = 5
QUIET_SECONDS = 20
WHOLE_SECONDS = 180
# Between a member that is back and the next kill: two of three that are lost at once are no
# member lost, and those that are back still find their connections to each other.
APART_SECONDS = 30


class Step(NamedTuple):
    """One thing that happens while the crowd is there; it may tell when it struck."""

    event: str
    number: int
    does: Callable[[], float | None]


def switch_mode(lab: Lab, mode: str) -> None:
    """Switch the group, as an operator does it."""
    lab.switch_mode(mode)


def kill(lab: Lab, member: str, mode: str) -> float:
    """Kill a mysqld, and wait until its unit and its keeper have brought it back.

    Returns when it was killed, by the machine's clock, which is the host's: a connection to a
    machine takes a while where a crowd is.
    """
    # It is so already, unless only some events were chosen.
    lab.switch_mode(mode)
    time.sleep(APART_SECONDS)
    members = Members(lab)
    with members.watched(WHOLE_SECONDS):
        struck = lab.run(member, "date +%s.%N\nsystemctl kill --signal=KILL mysql")
        members.wait_stable(WHOLE_SECONDS)
    return float(struck)


class Web:
    """A lab with a crowd at its web servers."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._stamp = f"{time.time_ns()}"
        self._versions = versions(lab, [])

    def steps(self, events: Sequence[str]) -> list[Step]:
        """Return what happens, in order: all of it, or some events."""
        lab = self._lab

        def kills(mode: str) -> list[Step]:
            return [
                Step(KILL[mode], number, partial(kill, lab, member, mode))
                for number, member in enumerate(lab.databases, 1)
            ]

        def switch(mode: str) -> Step:
            return Step(SWITCH[mode], 1, partial(switch_mode, lab, mode))

        steps = [
            Step("none", 1, partial(time.sleep, QUIET_SECONDS)),
            *(
                Step("deploy", number, partial(deploy, lab, f"{self._stamp}-{number}"))
                for number in range(1, DEPLOYS + 1)
            ),
            *(Step("rollback", n, partial(rollback, lab)) for n in range(1, ROLLBACKS + 1)),
            *kills(MODES[0]),
            switch(MODES[1]),
            *kills(MODES[1]),
            switch(MODES[0]),
        ]
        return [step for step in steps if step.event in events]

    @contextmanager
    def crowd(self) -> Iterator[Crowd]:
        """Return a context with the crowd; the lab is as before at its end."""
        lab = self._lab
        try:
            with Crowd([f"http://{lab.address[name]}" for name in lab.webs]).there() as crowd:
                yield crowd
        finally:
            lab.switch_mode(MODES[0])
            undeployed(lab)

    def run(self, step: Step, crowd: Crowd) -> dict[str, Any]:
        """Let one thing happen and return what the crowd noticed of it."""
        now, begin = datetime.datetime.now(datetime.timezone.utc), time.time()
        struck, problem = begin, ""
        try:
            struck = step.does() or begin
        except AssertionError as err:
            problem = str(err)
        took = time.time() - begin
        time.sleep(SETTLE_SECONDS)
        answers = crowd.answers(begin)
        return {
            "event": step.event,
            "number": step.number,
            "began": now.isoformat(timespec="seconds"),
            "versions": self._versions,
            "load": [round(os.getloadavg()[0], 2)],
            "took": round(took, 1),
            "causes": causes(answers),
            "slowest": round(max(answer.seconds for answer in answers), 2),
            "outage": round(outage(answers, struck, time.time()), 2),
            "failures": [
                [round(one.began - struck, 2), round(one.ended - struck, 2)]
                for one in failed(answers)
            ],
            "lost": [],
            "problems": [problem] if problem else [],
        }


def outage(answers: Iterable[Answer], begin: float, end: float) -> float:
    """Return the longest time between two moments in which nobody's update was acknowledged."""
    ends = (one.ended for one in answers if (one.task, one.cause) == ("update", GOOD))
    inside = [begin, *sorted(when for when in ends if begin < when < end), end]
    return max(later - earlier for earlier, later in pairwise(inside))


def causes(answers: Iterable[Answer]) -> dict[str, dict[str, int]]:
    """Return how many requests had which cause, by what they were for."""
    found: dict[str, Counter[str]] = {}
    for answer in answers:
        found.setdefault(answer.cause, Counter())[answer.task] += 1
    return {cause: dict(tasks) for cause, tasks in found.items()}


def show(result: Mapping[str, Any]) -> str:
    """Return what came of one step in a line."""
    return (
        f"{result['event']:11} {result['number']:2} {result['took']:6.1f} s  "
        f"slowest {result['slowest']:5.2f} s  "
        f"no update for {result['outage']:5.2f} s  {told(result['causes'])}"
        f"{'  ' + result['problems'][0] if result['problems'] else ''}"
    )


def told(found: Mapping[str, Mapping[str, int]]) -> str:
    """Return the causes in words, the good ones first."""
    counts = {cause: sum(tasks.values()) for cause, tasks in found.items()}
    bad = [f"{number} {cause}" for cause, number in sorted(counts.items()) if cause != GOOD]
    return "; ".join([f"{counts.get(GOOD, 0)} {GOOD}", *bad])


def summed(found: Iterable[Mapping[str, Mapping[str, int]]]) -> dict[str, Counter[str]]:
    """Return the causes of several events together."""
    whole: dict[str, Counter[str]] = {}
    for one in found:
        for cause, tasks in one.items():
            whole.setdefault(cause, Counter()).update(tasks)
    return whole


def listed(found: Mapping[str, Mapping[str, int]]) -> str:
    """Return causes with what the requests were for, or that there are none."""
    return (
        "; ".join(
            f"{sum(tasks.values())} {cause} ({', '.join(f'{n} {t}' for t, n in tasks.items())})"
            for cause, tasks in sorted(found.items())
        )
        or "none"
    )


def moments(failures: Sequence[tuple[float, float]]) -> str:
    """Return when requests that failed had begun and when they were answered, from and to."""
    if not failures:
        return "-"
    began, ended = zip(*failures, strict=True)
    return f"{min(began):.2f} to {max(began):.2f}, {min(ended):.2f} to {max(ended):.2f}"


def table(results: Sequence[Mapping[str, Any]]) -> str:
    """Return what the crowd noticed, as a table: an event in a row."""
    # Of what happened in several runs, the last.
    results = [*{(one["event"], one["number"]): one for one in results}.values()]
    rows = []
    for event in [event for event in EVENTS if any(one["event"] == event for one in results)]:
        here = [one for one in results if one["event"] == event]
        whole = summed(one["causes"] for one in here)
        good = sum(whole.pop(GOOD, {}).values())
        rows.append(
            (
                event,
                str(len(here)),
                str(good),
                f"{max(one['slowest'] for one in here):.2f}",
                f"{max(one['outage'] for one in here):.2f}",
                listed(whole),
                moments([pair for one in here for pair in one["failures"]]),
            )
        )
    head = (
        "event",
        "times",
        "answered well",
        "slowest, s",
        "no update for, s",
        "failed, by cause",
        "when these began, and ended, s after it",
    )
    lost = "; ".join(found for one in results for found in one["lost"]) or "none"
    return (
        f"{conditions(results, 'events')}\n{markdown(head, rows)}\n"
        f"{CROWD} requests at once, without a pause. Updates lost: {lost}.\n"
    )
