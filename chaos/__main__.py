"""`python -m chaos`: see docs/chaos.md."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from chaos import report
from chaos.faults import FAULTS
from chaos.plan import RACES, Race, Round, plan, races
from chaos.races import Races
from chaos.run import Chaos, show
from tests.support import result_file
from tests.support.lab import ROOT, declared, exit_code, opened

RESULTS = ROOT / ".lab/chaos.jsonl"


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
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
    everything: Sequence[Round | Race]
    if options.what == "run":
        faults = options.faults.split(",") if options.faults else list(FAULTS)
        everything = plan(options.seed, options.rounds, members, faults)
    else:
        everything = races(options.seed, options.rounds, members)
    rounds = [one for one in everything if not options.round or one.number in options.round]
    print(f"seed {options.seed}, {len(rounds)} of {options.rounds} rounds", flush=True)
    if options.plan:
        print(*rounds, sep="\n")
        return 0
    failed = 0
    with opened() as lab:
        work = Chaos(lab, options.results.with_suffix("")) if options.what == "run" else Races(lab)
        turn: Callable[[Any, int], dict[str, Any]] = work.round
        with work.open():
            for one in rounds:
                result = turn(one, options.seed)
                result_file.append(options.results, result)
                print(show(result), flush=True)
                if result["problems"]:
                    failed += 1
                    print(f"       again: {again(options, one.number)}", flush=True)
                    if not options.keep_going:
                        break
    return failed


def again(options: argparse.Namespace, number: int) -> str:
    """Return the command that runs a round alone."""
    return (
        f"make {'chaos' if options.what == 'run' else 'chaos-races'} ROUNDS={options.rounds}"
        f" SEED={options.seed}{' FAULTS=' + options.faults if options.faults else ''}"
        f" ROUND={number}"
    )


def show_table(options: argparse.Namespace) -> int:
    """Print the table of what came of it."""
    results = result_file.read(options.files or [options.results])
    print(report.table(results, [*FAULTS, *RACES]), end="")
    return 0


def main() -> int:
    """Do what the command line says."""
    options = arguments()
    if options.what == "table":
        return exit_code(lambda: show_table(options))
    return exit_code(lambda: run(options))


if __name__ == "__main__":
    sys.exit(main())
