"""Bring the machines up on this host, and take them away again."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from vagrant.lab.errors import LabError
from vagrant.lab.machines import down, up
from vagrant.lab.virtual import make_asked_box
from vagrant.lab.virtualbox import check_virtualbox


def main() -> int:
    """Run the command that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands: dict[str, Callable[[], None]] = {
        "up": up,
        "down": down,
        "box": make_asked_box,
        "check-virtualbox": check_virtualbox,
    }
    parser.add_argument("command", choices=commands)
    command = parser.parse_args().command
    try:
        commands[command]()
    except LabError as err:
        print(f"{command}: {err}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
