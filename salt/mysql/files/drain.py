"""Take the local member out of its group before mysqld is stopped: systemd's ExecStop.

Whatever goes wrong is said in the journal, and the stop goes on.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack

from group_replication import turns
from group_replication.leaving import leave_before_stop
from group_replication.settings import SETTINGS_FILE, settings_from_json
from salt.exceptions import CommandExecutionError, SaltInvocationError

# A unit from before an update names none.
UNIT = "mysql.service"


def restarts(unit: str) -> bool:
    """Tell whether systemd is to start mysqld again once it has stopped; not so at a shutdown."""
    command = ["systemctl", "list-jobs", "--no-legend", "--plain", unit]
    jobs = subprocess.run(  # noqa: S603  (a fixed program with fixed arguments)
        command, capture_output=True, text=True, timeout=10, check=False
    )
    return any(line.split()[1:3] == [unit, "restart"] for line in jobs.stdout.splitlines())


def main(unit: str = UNIT) -> int:
    """
    Drain and leave; return 0 when that was done or nothing was to be done.

    unit
        The name of mysqld's unit in systemd. Default ``mysql.service``.
    """
    try:
        settings = settings_from_json(SETTINGS_FILE.read_text(encoding="utf-8"))
        with ExitStack() as held:
            why = turns.take(settings, held, print) if restarts(unit) else ""
            if why:
                print(f"{settings.me} restarts out of turn: {why}", file=sys.stderr)
            left = leave_before_stop(settings)
    except (
        CommandExecutionError,
        SaltInvocationError,
        OSError,
        subprocess.SubprocessError,
        ValueError,
    ) as err:
        print(f"mysqld is stopped without leaving its group first: {err}", file=sys.stderr)
        return 1
    print(f"{settings.me} was {left['old']} and is {left['new']}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
