"""Close the applier's newest relay log before mysqld is started: systemd's ExecStartPre.

Whatever goes wrong is said in the journal, and the start goes on.
"""

from __future__ import annotations

import sys
from pathlib import Path

from group_replication.relay_log import UnreadableError, close_newest


def main(directory: str) -> int:
    """
    Close it; return 0 when that was done or nothing was to be done.

    directory
        The server's data directory.
    """
    try:
        for done in close_newest(Path(directory)):
            print(done)
    except (OSError, UnreadableError, ValueError) as err:
        print(f"the applier's relay log stays as it is: {err}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
