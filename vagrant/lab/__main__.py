"""Bring the machines up on this host, and take them away again."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from vagrant.lab.beside import beside, beside_idle
from vagrant.lab.converge import report_convergence
from vagrant.lab.errors import LabError
from vagrant.lab.logged import logged
from vagrant.lab.machines import down, up
from vagrant.lab.person import become_worker, run_as_root, run_as_worker
from vagrant.lab.virtual import make_asked_box
from vagrant.lab.virtualbox import check_virtualbox


def main(arguments: list[str]) -> int:
    """Run the command that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands: dict[str, Callable[..., int | None]] = {
        "up": up,
        "down": down,
        "box": make_asked_box,
        "check-virtualbox": check_virtualbox,
        "report-convergence": report_convergence,
        "as-worker": run_as_worker,
        "as-root": run_as_root,
        "logged": logged,
        "beside": beside,
        "beside-idle": beside_idle,
    }
    parser.add_argument("command", choices=commands)
    parser.add_argument("rest", nargs=argparse.REMAINDER, help="a command, where one is run")
    asked = parser.parse_args(arguments)
    try:
        become_worker()
        return commands[asked.command](*([asked.rest] if asked.rest else [])) or 0
    except LabError as err:
        # A command that is only passed on speaks for itself.
        prefix = "" if asked.rest else f"{asked.command}: "
        print(f"{prefix}{err}", file=sys.stderr)
    except KeyboardInterrupt:
        print(f"{asked.command}: interrupted", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
