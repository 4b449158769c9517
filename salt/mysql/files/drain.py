"""Take the local member out of its group before mysqld is stopped: systemd's ExecStop.

Whatever goes wrong is said in the journal, and the stop goes on.
"""

from __future__ import annotations

import sys

from group_replication.leaving import leave_before_stop
from group_replication.settings import SETTINGS_FILE, settings_from_json
from salt.exceptions import CommandExecutionError, SaltInvocationError


def main() -> int:
    """Drain and leave; return 0 when that was done or nothing was to be done."""
    try:
        settings = settings_from_json(SETTINGS_FILE.read_text(encoding="utf-8"))
        left = leave_before_stop(settings)
    except (CommandExecutionError, SaltInvocationError, OSError, ValueError) as err:
        print(f"mysqld is stopped without leaving its group first: {err}", file=sys.stderr)
        return 1
    print(f"{settings.me} was {left['old']} and is {left['new']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
