"""`python -m bench`: see docs/bench.md."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from bench import plan, report
from bench.failover import Failover, show
from tests.chaos import report as lines
from tests.lab import ROOT, NotUp, opened

FAILOVER = ROOT / ".lab/bench-failover.jsonl"
PAGE = ROOT / "docs/bench.md"
PICTURE = ROOT / "docs/images/bench-failover.png"


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    tasks = parser.add_subparsers(dest="task", required=True)
    failover = tasks.add_parser("failover", help="how long nobody is served")
    failover.add_argument("--reps", type=int, default=10)
    failover.add_argument("--faults", default="", help="some of " + ",".join(plan.EVENTS))
    failover.add_argument("--modes", default="", help="some of " + ",".join(plan.MODES))
    failover.add_argument("--ways", default="", help="some of " + ",".join(plan.WAYS))
    failover.add_argument("--results", type=Path, default=FAILOVER)
    failover.add_argument("--resume", action="store_true", help="run what is missing there")
    shown = tasks.add_parser("report", help="the tables, the goals and the picture")
    shown.add_argument("--results", type=Path, default=FAILOVER)
    shown.add_argument("--print", action="store_true", help="to the screen, into no file")
    return parser.parse_args()


def failover(options: argparse.Namespace) -> int:
    """Run the rounds and return how many could not be measured."""
    ways = plan.chosen("WAYS", options.ways, plan.WAYS)
    rounds = plan.plan(
        plan.chosen("MODES", options.modes, plan.MODES),
        plan.chosen("FAULTS", options.faults, plan.EVENTS),
        options.reps,
    )
    if options.results.exists():
        if not options.resume:
            raise ValueError(
                f"{options.results} holds the results of a run; RESUME=1 goes on with it, "
                "or move it away"
            )
        rounds = plan.missing(rounds, lines.read([options.results]))
    print(
        f"{len(rounds)} rounds, ways: {', '.join(ways)}; gap/worst client in s (errors)", flush=True
    )
    failed = 0
    with opened() as lab:
        work = Failover(lab, ways)
        with work.open():
            for one in rounds:
                result = work.round(one)
                lines.append(options.results, result)
                print(show(result), flush=True)
                failed += bool(result["problems"])
    return failed


def show_report(options: argparse.Namespace) -> int:
    """Write the tables into the page and draw the picture, or print the tables."""
    results = lines.read([options.results])
    text = report.failover(results)
    if options.print:
        print(text, end="")
        return 0
    # Needs what bench/requirements.txt names, and nothing else here does.
    from bench import plot

    PAGE.write_text(report.placed(PAGE.read_text(), "bench-failover", text))
    plot.failover(results, PICTURE)
    print(f"written: {PAGE.relative_to(ROOT)}, {PICTURE.relative_to(ROOT)}")
    return 0


def main() -> int:
    """Do what the command line says."""
    options = arguments()
    # Broken off by a signal it heals, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        tasks: dict[str, Callable[[argparse.Namespace], int]] = {
            "failover": failover,
            "report": show_report,
        }
        return min(tasks[options.task](options), 1)
    except KeyboardInterrupt:
        print("broken off; what had come was healed", file=sys.stderr)
        return 130
    except (AssertionError, NotUp, ValueError, OSError) as err:
        print(err, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
