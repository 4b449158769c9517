"""`python -m bench`: see docs/bench.md."""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import backup as of_backup
from bench import (
    backup_cost,
    deployments,
    highstate,
    operations,
    plan,
    points,
    rates,
    recovery,
    report,
    timings,
    web,
)
from bench.failover import Failover, show
from bench.highstate import Highstate
from bench.sysbench import TESTS
from bench.throughput import SECONDS, Throughput
from bench.throughput import show as show_run
from bench.timings import Timings
from bench.web import Web
from tests.support import result_file
from tests.support.lab import MODES, ROOT, exit_code, opened

FAILOVER = ROOT / ".lab/bench-failover.jsonl"
THROUGHPUT = ROOT / ".lab/bench-throughput.jsonl"
BACKUP = ROOT / ".lab/bench-backup.jsonl"
COST = ROOT / ".lab/bench-backup-cost.jsonl"
RECOVERY = ROOT / ".lab/bench-recovery.jsonl"
SALT = ROOT / ".lab/bench-salt.jsonl"
TIMINGS = ROOT / ".lab/bench-timings.jsonl"
WEB = ROOT / ".lab/bench-web.jsonl"
OPERATIONS = ROOT / ".lab/bench-operations.jsonl"
DEPLOYMENTS = ROOT / ".lab/bench-deployments.jsonl"
# In short, and all of it.
PAGE = ROOT / "docs/bench.md"
TABLES = ROOT / "docs/measurements.md"
PICTURE = ROOT / "docs/images/bench-failover.png"


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    tasks = parser.add_subparsers(dest="task", required=True)
    failover = tasks.add_parser("failover", help="how long nobody is served")
    failover.add_argument("--reps", type=int, default=10)
    failover.add_argument("--faults", default="", help="some of " + ",".join(plan.EVENTS))
    failover.add_argument("--modes", default="", help="some of " + ",".join(MODES))
    failover.add_argument("--paths", default="", help="some of " + ",".join(plan.PATHS))
    failover.add_argument("--results", type=Path, default=FAILOVER)
    failover.add_argument("--resume", action="store_true", help="run what is missing there")
    throughput = tasks.add_parser("throughput", help="how much goes through")
    throughput.add_argument("--rounds", type=int, default=6)
    throughput.add_argument("--seconds", type=int, default=SECONDS)
    throughput.add_argument("--tests", default="", help="some of " + ",".join(TESTS))
    throughput.add_argument("--results", type=Path, default=THROUGHPUT)
    throughput.add_argument("--resume", action="store_true", help="run what is missing there")
    presets = tasks.add_parser("timings", help="what the presets take for dead")
    presets.add_argument("--reps", type=int, default=3)
    presets.add_argument("--results", type=Path, default=TIMINGS)
    presets.add_argument("--resume", action="store_true", help="run what is missing there")
    visited = tasks.add_parser("web", help="what a crowd at the web servers notices")
    visited.add_argument("--events", default="", help="some of " + ",".join(web.EVENTS))
    visited.add_argument("--results", type=Path, default=WEB)
    deployed = tasks.add_parser("deployments", help="what long requests and jobs notice of them")
    deployed.add_argument("--deploys", type=int, default=10)
    deployed.add_argument("--rollbacks", type=int, default=2)
    deployed.add_argument("--results", type=Path, default=DEPLOYMENTS)
    done = tasks.add_parser("operations", help="what clients notice of an operator's calls")
    done.add_argument("--rounds", type=int, default=20)
    done.add_argument("--operations", default="", help="some of " + ",".join(operations.OPERATIONS))
    done.add_argument("--results", type=Path, default=OPERATIONS)
    nothing = tasks.add_parser("salt", help="what a highstate with nothing to do costs")
    nothing.add_argument("--rounds", type=int, default=5)
    nothing.add_argument("--results", type=Path, default=SALT)
    nothing.add_argument("--resume", action="store_true", help="run what is missing there")
    backup = tasks.add_parser("backup", help="whether any point in time comes back, row by row")
    backup.add_argument("--points", type=int, default=50)
    backup.add_argument("--seconds", type=int, default=of_backup.SECONDS)
    backup.add_argument("--seed", type=int, default=None)
    backup.add_argument("--results", type=Path, default=BACKUP)
    cost = tasks.add_parser("backup-cost", help="what a full backup costs who writes")
    cost.add_argument("--backups", type=int, default=10)
    cost.add_argument("--results", type=Path, default=COST)
    cost.add_argument("--resume", action="store_true", help="run what is missing there")
    killed = tasks.add_parser("recovery", help="what a backup machine has when all members die")
    killed.add_argument("--kills", type=int, default=20)
    killed.add_argument("--results", type=Path, default=RECOVERY)
    killed.add_argument("--resume", action="store_true", help="run what is missing there")
    report_arguments(tasks.add_parser("report", help="the tables, the goals and the picture"))
    return parser.parse_args()


def report_arguments(shown: argparse.ArgumentParser) -> None:
    """Say which results are shown, and where."""
    shown.add_argument("--results", type=Path, default=FAILOVER, help="of failover")
    shown.add_argument("--throughput", type=Path, default=THROUGHPUT, help="of throughput")
    shown.add_argument("--timings", type=Path, default=TIMINGS, help="of timings")
    shown.add_argument("--web", type=Path, default=WEB, help="of web")
    shown.add_argument("--deployments", type=Path, default=DEPLOYMENTS, help="of deployments")
    shown.add_argument("--operations", type=Path, default=OPERATIONS, help="of operations")
    shown.add_argument("--salt", type=Path, default=SALT, help="of salt")
    shown.add_argument("--backup", type=Path, default=BACKUP, help="of backup")
    shown.add_argument("--backup-cost", type=Path, default=COST, help="of backup-cost")
    shown.add_argument("--recovery", type=Path, default=RECOVERY, help="of recovery")
    shown.add_argument("--print", action="store_true", help="to the screen, into no file")


def so_far(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return what a run that is gone on with has measured; raise ValueError if it is not meant."""
    if not options.results.exists():
        return []
    if not options.resume:
        raise ValueError(
            f"{options.results} holds the results of a run; RESUME=1 goes on with it, "
            "or move it away"
        )
    return result_file.read([options.results])


def throughput(options: argparse.Namespace) -> int:
    """Make the runs."""
    results = so_far(options)
    tests = plan.chosen("TESTS", options.tests, TESTS)
    runs = rates.missing(rates.plan(tests, options.rounds), results)
    print(f"{len(runs)} runs of {options.seconds} s", flush=True)
    with opened() as lab:
        work = Throughput(lab, options.seconds)
        with work.open():
            for run in runs:
                rate = 0 if run.rate == rates.RATES[0] else rates.fixed_rate(results, run)
                result = work.run(run, rate)
                results.append(result)
                result_file.append(options.results, result)
                print(show_run(result), flush=True)
    return 0


def failover(options: argparse.Namespace) -> int:
    """Run the rounds and return how many could not be measured."""
    paths = plan.chosen("PATHS", options.paths, plan.PATHS)
    rounds = plan.plan(
        plan.chosen("MODES", options.modes, MODES),
        plan.chosen("FAULTS", options.faults, plan.EVENTS),
        options.reps,
    )
    rounds = plan.missing(rounds, so_far(options))
    print(
        f"{len(rounds)} rounds, paths: {', '.join(paths)}; gap/worst client in s (errors)",
        flush=True,
    )
    failed = 0
    with opened() as lab:
        work = Failover(lab, paths)
        with work.open():
            for one in rounds:
                result = work.round(one)
                result_file.append(options.results, result)
                print(show(result), flush=True)
                failed += bool(result["problems"])
    return failed


def presets(options: argparse.Namespace) -> int:
    """Make the trials."""
    trials = timings.missing(timings.plan(options.reps), so_far(options))
    print(f"{len(trials)} trials", flush=True)
    with opened() as lab:
        work = Timings(lab)
        with work.open():
            for trial in trials:
                result = work.run(trial)
                result_file.append(options.results, result)
                print(timings.show(result), flush=True)
    return 0


def visits(options: argparse.Namespace) -> int:
    """Let all happen that a crowd is not to notice, and return how much did not go well."""
    events = plan.chosen("EVENTS", options.events, web.EVENTS)
    results: list[dict[str, Any]] = []
    with opened() as lab:
        work = Web(lab)
        with work.crowd() as crowd:
            for step in work.steps(events):
                results.append(work.run(step, crowd))
                print(web.show(results[-1]), flush=True)
        results[-1]["lost"] = crowd.lost()
    for result in results:
        result_file.append(options.results, result)
    return sum(len(one["problems"]) + len(one["lost"]) for one in results)


def many_deployed(options: argparse.Namespace) -> int:
    """Deploy beside long requests, quick ones and jobs; return how much did not go well."""
    counts = {"none": 1, "deploy": options.deploys, "rollback": options.rollbacks}
    results: list[dict[str, Any]] = []
    with opened() as lab:
        work = deployments.Deployments(lab)
        with work.open():
            with work.crowd():
                for event, times in counts.items():
                    for number in range(1, times + 1):
                        results.append(work.run(event, number))
                        print(deployments.show(results[-1]), flush=True)
            results[-1] |= work.judge()
    for result in results:
        result_file.append(options.results, result)
    print(deployments.table(results))
    return sum(len(one["problems"]) + len(one.get("misdone", [])) for one in results)


def operated(options: argparse.Namespace) -> int:
    """Do what an operator does beside a crowd, and return how much did not go well."""
    chosen = plan.chosen("OPERATIONS", options.operations, tuple(operations.OPERATIONS))
    wrong = 0
    with opened() as lab:
        work = operations.Operations(lab)
        names = work.possible(chosen)
        with work.open() as crowd:
            for number in range(1, options.rounds + 1):
                for name in names:
                    result = work.run(name, number, crowd)
                    result_file.append(options.results, result)
                    print(operations.show(result), flush=True)
                    wrong += len(result["problems"]) + len(result["lost"])
        lost = crowd.lost()
    print(f"updates lost: {'; '.join(lost) or 'none'}")
    return wrong + len(lost)


def nothing_to_do(options: argparse.Namespace) -> int:
    """Run the highstate and those of nothing, and return whether it exceeds its limit."""
    results = so_far(options)
    with opened() as lab:
        work = Highstate(lab)
        with work.open():
            for number in range(len(results) + 1, options.rounds + 1):
                results.append(work.run(number))
                result_file.append(options.results, results[-1])
                print(highstate.show(results[-1]), flush=True)
    if results:
        print(highstate.table(results))
    return int(bool(results) and highstate.ratio(results) > highstate.LIMIT)


def back_in_time(options: argparse.Namespace) -> int:
    """Restore points in time and compare them; return how many are not exact."""
    seed = random.randrange(2**32) if options.seed is None else options.seed
    print(f"{options.points} points, SEED={seed}", flush=True)
    failed = 0
    with opened() as lab:
        work = of_backup.Points(of_backup.LabSite(lab), options.seconds)
        with work.open():
            for point in work.drawn(options.points, seed):
                result = work.run(point)
                result_file.append(options.results, result)
                print(points.show(result), flush=True)
                failed += bool(result["problems"])
    print(f"{options.points - failed} of {options.points} are exact to the transaction")
    return failed


def backed_up(options: argparse.Namespace) -> int:
    """Take full backups beside writers, and return how much did not go well."""
    results = so_far(options)
    with opened() as lab:
        work = backup_cost.Cost(of_backup.LabSite(lab))
        with work.open():
            for number in range(len(results) + 1, options.backups + 1):
                results.append(work.run(number))
                result_file.append(options.results, results[-1])
                print(backup_cost.show(results[-1]), flush=True)
    return sum(len(one["problems"]) for one in results)


def all_killed(options: argparse.Namespace) -> int:
    """Kill all members at once, again and again."""
    results = so_far(options)
    with opened() as lab:
        work = recovery.Recovery(lab)
        with work.open():
            for number in range(len(results) + 1, options.kills + 1):
                results.append(work.run(number))
                result_file.append(options.results, results[-1])
                print(recovery.show(results[-1]), flush=True)
    return 0


def show_report(options: argparse.Namespace) -> int:
    """Write the tables into the page and draw the picture, or print the tables."""
    rounds, runs, trials, events, deploys, calls, idle, restored, costs, kills = (
        result_file.read([path]) if path.exists() else []
        for path in (
            options.results,
            options.throughput,
            options.timings,
            options.web,
            options.deployments,
            options.operations,
            options.salt,
            options.backup,
            options.backup_cost,
            options.recovery,
        )
    )
    texts = {}
    if rounds:
        texts["bench-summary"] = report.summary(rounds)
        texts["bench-failover"] = report.failover(rounds)
    if runs:
        texts["bench-throughput"] = rates.throughput(runs)
    if trials:
        texts["bench-timings"] = timings.table(trials)
    if events:
        texts["bench-web"] = web.table(events)
    if deploys:
        texts["bench-deployments"] = deployments.table(deploys)
    if calls:
        texts["bench-operations"] = operations.table(calls)
    if idle:
        texts["bench-salt"] = highstate.table(idle)
    if restored:
        texts["bench-backup"] = points.table(restored)
    if costs:
        texts["bench-backup-cost"] = backup_cost.table(costs)
    if kills:
        texts["bench-recovery"] = recovery.table(kills)
    if options.print:
        print(*texts.values(), sep="\n", end="")
        return 0
    for name, text in texts.items():
        path = PAGE if name == "bench-summary" else TABLES
        path.write_text(report.placed(path.read_text(), name, text))
    if rounds:
        # Needs what bench/requirements.txt names, and nothing else here does.
        from bench import plot

        plot.failover(rounds, PICTURE)
    print(f"written to {PAGE.parent.relative_to(ROOT)}: {', '.join(texts) or 'nothing'}")
    return 0


def main() -> int:
    """Do what the command line says."""
    options = arguments()
    tasks: dict[str, Callable[[argparse.Namespace], int]] = {
        "failover": failover,
        "throughput": throughput,
        "timings": presets,
        "web": visits,
        "deployments": many_deployed,
        "operations": operated,
        "salt": nothing_to_do,
        "backup": back_in_time,
        "backup-cost": backed_up,
        "recovery": all_killed,
        "report": show_report,
    }
    return exit_code(lambda: tasks[options.task](options))


if __name__ == "__main__":
    sys.exit(main())
