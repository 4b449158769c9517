"""The lock under which a member is moved: one highstate, keeper or operator at a time."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from salt.exceptions import CommandExecutionError

# A file that root alone may open: a lock in the server is any account's to hold.
LOCK_FILE = Path("/run/mysql-gr/lock")
LOOK_SECONDS = 0.2


@contextlib.contextmanager
def held(seconds: float, path: Path = LOCK_FILE) -> Iterator[bool]:
    """
    Return a context that holds the lock, or tells that another run holds it.

    seconds
        How long another run is waited for.

    path
        The file. A run that ends, however it does, lets go of it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # The health agent, another user, reads other files there.
    path.parent.chmod(0o755)
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(path, flags, 0o600)
    taken = False
    try:
        taken = _take(descriptor, seconds)
        yield taken
    finally:
        if taken:
            # A process that was forked meanwhile has the file open, too.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


@contextlib.contextmanager
def alone(
    seconds: float, path: Path, refusal: str = "another run is at it; nothing was done"
) -> Iterator[None]:
    """
    Return a context that holds the lock.

    seconds, path
        As for :py:func:`held`.

    refusal
        What the CommandExecutionError says that is raised where another run holds the lock.
    """
    with held(seconds, path) as taken:
        if not taken:
            raise CommandExecutionError(refusal)
        yield


def _take(descriptor: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(LOOK_SECONDS)
        else:
            return True
