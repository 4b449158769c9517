"""`python -m tests.chaos`: see docs/chaos.md."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from pathlib import Path

from tests.chaos import report
from tests.chaos.faults import FAULTS
from tests.chaos.plan import plan
from tests.chaos.run import Chaos, chosen, show
from tests.lab import ROOT, NotUp, declared, opened

RESULTS = ROOT / ".lab/chaos.jsonl"


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("what", choices=("run", "races", "table"))
    parser.add_argument("files", nargs="*", type=Path, help="table: the result files to add up")
    parser.add_argument("--rounds", type=int, default=len(FAULTS))
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--faults", default="", help="those to choose from, with commas between")
    parser.add_argument("--round", type=int, action="append", default=[], help="only this one")
    parser.add_argument("--plan", action="store_true", help="show the rounds, and do nothing")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--keep-going", action="store_true", help="after a failed round, too")
    return parser.parse_args()


def run(options: argparse.Namespace) -> int:
    """Run the rounds and return how many failed."""
    members = declared("db")
    faults = options.faults.split(",") if options.faults else list(FAULTS)
    rounds = chosen(plan(options.seed, options.rounds, members, faults), options.round)
    print(f"seed {options.seed}, {len(rounds)} of {options.rounds} rounds", flush=True)
    if options.plan:
        for one in rounds:
            print(one)
        return 0
    failed = 0
    with opened() as lab:
        chaos = Chaos(lab, options.results.with_suffix(""))
        with chaos.open():
            for one in rounds:
                result = chaos.round(one, options.seed)
                report.append(options.results, result)
                print(show(result), flush=True)
                if result["problems"]:
                    failed += 1
                    print(
                        f"       again: make chaos ROUNDS={options.rounds} SEED={options.seed}"
                        f"{' FAULTS=' + options.faults if options.faults else ''}"
                        f" ROUND={one.number}",
                        flush=True,
                    )
                    if not options.keep_going:
                        return failed
    return failed


def main() -> int:
    """Do what the command line says."""
    options = arguments()
    # Broken off by a signal it heals, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if options.what == "table":
            results = report.read(options.files or [options.results])
            print(report.table(results, list(FAULTS)), end="")
            return 0
        return min(run(options), 1)
    except (AssertionError, NotUp, ValueError, OSError) as err:
        print(err, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
