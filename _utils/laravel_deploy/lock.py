"""One deployment of an application at a time, and one edit of its .env file."""

from __future__ import annotations

import contextlib
import fcntl
import time
from collections.abc import Iterator
from pathlib import Path

from salt.exceptions import CommandExecutionError

# On the master's machine: held by what is done on all web servers, for as long as that lives.
FLEET_LOCK = Path("/run/laravel-deployment/lock")
LOCK = ".deployment.lock"
# Held while a release is built aside, which keeps nobody from going back to another one.
BUILD_LOCK = ".build.lock"
# Held while a .env file is read, edited and written: two edits at once would be one.
ENV_LOCK = ".env.lock"
# How long another deployment is waited for, and how often it is looked at.
LOCK_SECONDS = 60
LOOK_SECONDS = 0.2


@contextlib.contextmanager
def locked(directory: str, name: str = LOCK) -> Iterator[None]:
    """Return a context that only one deployment of an application is in at a time.

    directory, name
        The folder of the releases, and which of its locks.
    """
    root = Path(directory)
    if not root.is_dir():
        raise CommandExecutionError(f"{root} does not exist.")
    with (root / name).open("a", encoding="ascii") as file:
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise CommandExecutionError(
                        f"Another call has held {root / name} for {LOCK_SECONDS} s."
                    ) from None
                time.sleep(LOOK_SECONDS)
        yield


@contextlib.contextmanager
def env_locked(path: Path) -> Iterator[None]:
    """Return a context that only one edit of a .env file is in at a time."""
    with locked(str(path.resolve().parent), ENV_LOCK):
        yield
