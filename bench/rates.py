"""The throughput runs: in which order, and as tables. Pure functions."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from bench.plan import DIRECT, OURS, ROUTER
from bench.report import conditions, markdown
from bench.sysbench import ONE_MEMBER_ONLY, TESTS

READ = "mysql-read"
# Saturated, and at a rate that leaves the machine room: this share of the slowest path's most.
RATES = ("most", "fixed")
SHARE = 0.3
# To how many members the sessions of a path lead, and the paths that do so.
ONE, ALL = "one", "all"


class Run(NamedTuple):
    """One run of sysbench."""

    test: str
    rate: str
    round: int
    members: str
    path: str


def paths_of(test: str, members: str) -> tuple[str, ...]:
    """Return the paths that can be compared: the same test, on as many members."""
    if members == ONE:
        return (DIRECT, OURS[1], ROUTER)
    # Router's clients are at primaries, which are all members here.
    return (DIRECT, READ if test in ("oltp_point_select", "oltp_read_only") else OURS[0], ROUTER)


def plan(tests: Sequence[str], rounds: int) -> list[Run]:
    """Return the runs; every other round goes through the paths backwards, so that none is favoured
    by what was before it."""
    found = []
    for test in tests:
        for rate in RATES:
            for number in range(1, rounds + 1):
                paths = [
                    (members, path)
                    for members in (ONE, ALL)
                    if members == ONE or test not in ONE_MEMBER_ONLY
                    for path in paths_of(test, members)
                ]
                if number % 2 == 0:
                    paths.reverse()
                found += [Run(test, rate, number, members, path) for members, path in paths]
    return found


def run_of(result: Mapping[str, Any]) -> Run:
    """Return which run a result is of."""
    return Run(*(result[field] for field in Run._fields))


def missing(runs: Iterable[Run], results: Iterable[Mapping[str, Any]]) -> list[Run]:
    """Return the runs that there is no result of."""
    there = {run_of(result) for result in results}
    return [run for run in runs if run not in there]


def fixed_rate(results: Iterable[Mapping[str, Any]], run: Run) -> int:
    """Return how many transactions a second a run at a fixed rate is to make.

    Raises ValueError when it was not measured how much goes through each path.
    """
    most: dict[str, list[float]] = {path: [] for path in paths_of(run.test, run.members)}
    for result in results:
        if run_of(result)[:2] == (run.test, RATES[0]) and result["members"] == run.members:
            most[result["path"]].append(result["transactions"] / result["seconds"])
    unknown = [path for path, found in most.items() if not found]
    if unknown:
        raise ValueError(f"{run.test}: the most was not measured of {', '.join(unknown)}")
    return max(1, round(SHARE * min(statistics.median(found) for found in most.values())))


HEAD = (
    "test",
    "members",
    "path",
    "runs",
    "queries/s",
    "of direct's",
    "p95, ms",
    "of direct's",
    "mysqld, µs",
    "balancer, µs",
    "sysbench, µs",
)


def _three(values: Sequence[float], digits: int = 2) -> str:
    shown = (min(values), statistics.median(values), max(values))
    return " / ".join(f"{value:.{digits}f}" for value in shown)


def _number(result: Mapping[str, Any], what: str) -> float:
    if what == "rate":
        return result["queries"] / result["seconds"]
    return max(result["p95"], 0.01)


def paired(
    results: Sequence[Mapping[str, Any]], group: tuple[str, str, str], path: str, what: str
) -> list[float]:
    """Return, of each round, a path's number by the direct path's of the same round.

    group
        Test, rate and members.

    what
        rate or p95.
    """
    by_round: dict[int, dict[str, float]] = {}
    for result in results:
        run = run_of(result)
        if (run.test, run.rate, run.members) == group:
            by_round.setdefault(run.round, {})[run.path] = _number(result, what)
    return [one[path] / one[DIRECT] for one in by_round.values() if path in one and DIRECT in one]


def table(results: Sequence[Mapping[str, Any]], rate: str) -> str:
    """Return the Markdown table of the runs at one rate."""
    by_row: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for result in results:
        run = run_of(result)
        if run.rate == rate:
            by_row.setdefault((run.test, run.members, run.path), []).append(result)
    rows = []
    for (test, members, path), runs in sorted(by_row.items(), key=lambda item: _order(item[0])):
        group = (test, rate, members)

        def cpu(who: str, runs: Sequence[Mapping[str, Any]] = runs) -> str:
            spent = [1e6 * one["cpu"][who] / one["queries"] for one in runs if who in one["cpu"]]
            return f"{statistics.median(spent):.1f}" if spent else "-"

        ratios = [paired(results, group, path, what) for what in ("rate", "p95")]
        rows.append(
            (
                test,
                members,
                path,
                str(len(runs)),
                f"{statistics.median(_number(one, 'rate') for one in runs):.0f}",
                _three(ratios[0]) if path != DIRECT and ratios[0] else "-",
                f"{statistics.median(one['p95'] for one in runs):.2f}",
                _three(ratios[1]) if path != DIRECT and ratios[1] else "-",
                cpu("mysqld"),
                cpu("balancer"),
                cpu("sysbench"),
            )
        )
    return markdown(HEAD, rows)


def _order(row: tuple[str, str, str]) -> tuple[Any, ...]:
    test, members, path = row
    return (TESTS.index(test), members != ONE, paths_of(test, members).index(path))


def throughput(results: Sequence[Mapping[str, Any]]) -> str:
    """Return all that docs/measurements.md shows of the runs."""
    parts = [conditions(results, "runs")]
    titles = {
        RATES[0]: "As much as goes",
        RATES[1]: f"At {SHARE:.0%} of what goes through the slowest path",
    }
    for rate in RATES:
        if any(result["rate"] == rate for result in results):
            parts.append(f"### {titles[rate]}\n\n{table(results, rate)}")
    return "\n".join(parts)
