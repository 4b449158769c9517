"""Backups take what others leave of the processors, by hand as by the timer."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

# As the timer's units have it (salt/backup/files/mysql-gr-backup@.service.jinja).
NICE = 19


@contextlib.contextmanager
def lowered() -> Iterator[None]:
    """
    Return a context whose work, and the programs that it starts, come last on the processors.

    The minion's other work keeps its priority: Linux has one for each thread.
    """
    before = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, NICE)
    try:
        yield
    finally:
        # Root alone may take it back.
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, 0, before)
