"""The results as tables, and whether they are what they are to be: pure functions of the rounds."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from bench.plan import DIRECT, EVENTS, FAULTS, OURS, PATHS, PLANNED, QUIET, ROUTER, TCP_CHECK
from tests.support.lab import MODES

# The page that says it in short.
SHOWN = ("kill", "freeze", "partition", "stop")
SUMMARY = ("mode", "fault", *OURS, "`direct`, the floor", "MySQL Router", "plain TCP check")
HEAD = (
    "event",
    "path",
    "rounds",
    "gap, s",
    "one client's, s",
    "after it, s",
    "cut, s",
    "errors (read only)",
    "lost",
)
# Of what the floor is, and beside it: what one primary's loss may cost through the balancer.
FLOOR_FACTOR, FLOOR_SECONDS = 1.15, 0.5

PICTURE = """![The longest time without an acknowledged write, by mode, fault and path](\
images/bench-failover.png)
"""

Results = Sequence[Mapping[str, Any]]


class Spread(NamedTuple):
    """Some values in four."""

    least: float
    median: float
    p95: float
    most: float

    def __str__(self) -> str:
        return " / ".join(f"{value:.2f}" for value in self)


def spread(values: Sequence[float]) -> Spread:
    """Return least, median, 95th percentile (between the two nearest values) and most."""
    if len(values) < 2:
        return Spread(*[values[0]] * 4)
    p95 = statistics.quantiles(values, n=20, method="inclusive")[18]
    return Spread(min(values), statistics.median(values), p95, max(values))


def measured(results: Results) -> Results:
    """Return the rounds that could be measured; of one that was run twice, the last."""
    last = {(one["mode"], one["event"], one["repetition"]): one for one in results}
    return [one for one in last.values() if not one["problems"]]


def values(results: Results, mode: str, event: str, path: str, key: str) -> list[float]:
    """Return one number of each round in which it is there."""
    found = (
        one["paths"].get(path, {}).get(key)
        for one in results
        if one["mode"] == mode and one["event"] == event
    )
    return [value for value in found if value is not None]


def table(results: Results, mode: str) -> str:
    """Return the Markdown table of one mode, or the empty text if there is nothing of it."""
    rounds = measured(results)
    rows = [
        _row(rounds, mode, event, path)
        for event in EVENTS
        for path in PATHS
        if values(rounds, mode, event, path, "gap")
    ]
    return markdown(HEAD, rows) if rows else ""


def _row(rounds: Results, mode: str, event: str, path: str) -> tuple[str, ...]:
    def of(key: str) -> list[float]:
        return values(rounds, mode, event, path, key)

    cuts = of("cut") if event in ("freeze", "partition") else []
    errors = sum(
        sum(one["paths"][path]["errors"].values())
        for one in rounds
        if one["mode"] == mode and one["event"] == event and path in one["paths"]
    )
    return (
        event,
        path,
        str(len(of("gap"))),
        str(spread(of("gap"))),
        str(spread(of("worst"))),
        f"{max(of('after')):.2f}",
        f"{max(cuts):.2f}" if cuts else "-",
        f"{errors} ({sum(of('readonly')):.0f})",
        f"{sum(of('lost')):.0f}",
    )


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


class Goal(NamedTuple):
    """What is to be so, whether it is (None: not measured), and what was seen."""

    text: str
    holds: bool | None
    seen: str


def goals(results: Results) -> list[Goal]:
    """Return what the rounds say of each goal."""
    rounds = measured(results)
    return [
        *_at_most(rounds),
        *(_near_floor(rounds, path) for path in OURS),
        *(_not_slower(rounds, mode, path, key) for mode, path, key in _comparable()),
        _none_lost(results),
        *_planned(rounds),
        *_cut(rounds),
        _all_measured(results),
    ]


def _limit(text: str, found: Sequence[float], limit: float, what: str) -> Goal:
    if not found:
        return Goal(text, None, "-")
    value = spread(found).p95 if what == "p95" else max(found)
    return Goal(text, value <= limit, f"{what} {value:.2f} s of {len(found)}")


def _at_most(rounds: Results) -> Iterator[Goal]:
    mode = MODES[0]
    for event in ("kill", "crash", "partition"):
        found = values(rounds, mode, event, OURS[0], "gap")
        yield _limit(f"{mode}, {event}: gap of {OURS[0]} ≤ 1 s", found, 1, "p95")
    for path in OURS:
        found = values(rounds, mode, "freeze", path, "worst")
        yield _limit(f"{mode}, freeze: each client of {path} ≤ 3 s", found, 3, "most")


def _near_floor(rounds: Results, path: str) -> Goal:
    """Paired in each round, and the percentiles of all."""
    text = (
        f"{MODES[1]}: gap of {path} ≤ {FLOOR_FACTOR} x floor + {FLOOR_SECONDS} s, "
        "each round and the p95 of each fault"
    )
    pairs, over, worst = 0, [], []
    for event in FAULTS:
        both = [
            (one["paths"][path]["gap"], one["paths"][DIRECT]["gap"])
            for one in rounds
            if one["mode"] == MODES[1]
            and one["event"] == event
            and path in one["paths"]
            and DIRECT in one["paths"]
        ]
        if not both:
            continue
        pairs += len(both)
        above = sum(gap > FLOOR_FACTOR * floor + FLOOR_SECONDS for gap, floor in both)
        if above:
            over.append(f"{event} {above}")
        gap, floor = (spread(column).p95 for column in zip(*both, strict=True))
        if gap > FLOOR_FACTOR * floor + FLOOR_SECONDS:
            worst.append(f"{event} {gap:.2f} s, floor {floor:.2f} s")
    if not pairs:
        return Goal(text, None, "-")
    seen = [f"rounds above it: {', '.join(over) or 'none'} of {pairs}"]
    seen += [f"p95 above it: {', '.join(worst)}"] if worst else []
    return Goal(text, not over and not worst, "; ".join(seen))


def _comparable() -> Iterator[tuple[str, str, str]]:
    """Of several primaries, Router's clients are at all of them, and those of mysql-writer at one:
    a gap of all clients of the path is then another thing, and each client's the same."""
    for mode in MODES:
        for path in OURS:
            for key in ("gap", "worst"):
                if (mode, path, key) != (MODES[0], OURS[1], "gap"):
                    yield mode, path, key


def noise(rounds: Results, mode: str, key: str) -> float:
    """Return how long a gap is, 95 times of 100, when nothing happens: of all paths together."""
    found = [value for path in PATHS for value in values(rounds, mode, QUIET, path, key)]
    return spread(found).p95 if found else 0.0


def _not_slower(rounds: Results, mode: str, path: str, key: str) -> Goal:
    grain = noise(rounds, mode, key)
    what = {"gap": "gap", "worst": "each client"}[key]
    text = f"{mode}: {what} of {path} no longer than Router's, median and p95 of each fault"
    slower, faults = [], 0
    for event in FAULTS:
        ours, theirs = (values(rounds, mode, event, one, key) for one in (path, ROUTER))
        if not ours or not theirs:
            continue
        faults += 1
        for name in ("median", "p95"):
            mine, other = getattr(spread(ours), name), getattr(spread(theirs), name)
            if mine > other + grain:
                slower.append(f"{event} {name} {mine:.2f} s, Router {other:.2f} s")
    if not faults:
        return Goal(text, None, "-")
    beyond = f"by more than the noise, {grain:.2f} s"
    return Goal(text, not slower, "; ".join(slower) or f"in none of {faults} faults {beyond}")


def _none_lost(results: Results) -> Goal:
    found = [path for one in results for path in one["paths"].values()]
    lost, all_of_them = (sum(path[key] for path in found) for key in ("lost", "acknowledged"))
    text = "nothing acknowledged is lost"
    return Goal(text, lost == 0 if found else None, f"{lost} of {all_of_them}")


def _planned(rounds: Results) -> Iterator[Goal]:
    for mode in MODES:
        for event in PLANNED:
            found = {
                path: [
                    sum(one["paths"][path]["errors"].values())
                    for one in rounds
                    if one["mode"] == mode and one["event"] == event and path in one["paths"]
                ]
                for path in OURS
            }
            if any(found.values()):
                failed = {path: sum(counts) for path, counts in found.items()}
                yield Goal(
                    f"{mode}, {event}: no request fails",
                    not any(failed.values()),
                    ", ".join(f"{path} {n} in {len(found[path])}" for path, n in failed.items()),
                )


def _cut(rounds: Results) -> Iterator[Goal]:
    for event in ("freeze", "partition"):
        found = [
            value
            for mode in MODES
            for path in OURS
            for value in values(rounds, mode, event, path, "cut")
        ]
        yield _limit(f"{event}: clients of the member are cut within 2 s", found, 2, "most")


def _all_measured(results: Results) -> Goal:
    failed = [one for one in results if one["problems"]]
    return Goal("every round could be measured", not failed, f"{len(failed)} of {len(results)} not")


def verdicts(found: Sequence[Goal]) -> str:
    """Return the goals as a Markdown table."""
    words = {True: "yes", False: "**no**", None: "not measured"}
    return markdown(
        ("goal", "holds", "seen"), [(one.text, words[one.holds], one.seen) for one in found]
    )


def conditions(rounds: Results, what: str = "rounds") -> str:
    """Return when and on what it was measured, in a sentence."""
    if not rounds:
        return "Nothing was measured yet.\n"
    loads = spread([load for one in rounds for load in one["load"]])
    seen = sorted({f"{name} {said}" for one in rounds for name, said in one["versions"].items()})
    days = sorted({one["began"][:10] for one in rounds})
    return (
        f"{len(rounds)} {what}, {days[0] if len(days) == 1 else f'{days[0]} to {days[-1]}'}; "
        f"{', '.join(seen)}; load average {loads.least:.1f} / {loads.median:.1f} / "
        f"{loads.most:.1f} (least / median / most).\n"
    )


def summary(results: Results) -> str:
    """Return what docs/bench.md shows of the rounds: how long the slowest client waits."""
    rounds = measured(results)
    rows = []
    for mode in MODES:
        for event in SHOWN:
            waits = [
                values(rounds, mode, event, path, "worst")
                for path in (*OURS, DIRECT, ROUTER, TCP_CHECK)
            ]
            if any(waits):
                rows.append((mode, f"`{event}`", *map(_middle_and_most, waits)))
    return f"{PICTURE}\n{markdown(SUMMARY, rows)}\n{conditions(rounds)}"


def _middle_and_most(waits: Sequence[float]) -> str:
    return f"{statistics.median(waits):.2f} / {max(waits):.2f}" if waits else "-"


def failover(results: Results) -> str:
    """Return all that docs/measurements.md shows of the rounds."""
    parts = [conditions(measured(results))]
    for mode in MODES:
        if text := table(results, mode):
            parts.append(f"### {mode}\n\n{text}")
    parts.append(f"### Goals\n\n{verdicts(goals(results))}")
    return "\n".join(parts)


def placed(page: str, name: str, body: str) -> str:
    """Return a page with a text in the place that two comments mark.

    Raises ValueError when the page has no such place.
    """
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->\n"
    before, found, rest = page.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"the page has no {begin.strip()} with {end.strip()} after it")
    return f"{before}{begin}\n{body}\n{end}{after}"
