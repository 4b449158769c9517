"""An instance that is restored aside: started by a socket of its own, stopped, and taken away."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from group_replication.connection import connect, execute
from salt.exceptions import CommandExecutionError, SaltInvocationError

from group_backup.model import Settings
from group_backup.options import aside_options

USER = "mysql"
START_SECONDS = 600
STOP_SECONDS = 300
NAME = r"[a-z0-9][a-z0-9-]{0,31}"


def place_of(settings: Settings, name: str) -> Path:
    """Return the folder of an instance; its name is checked."""
    if not re.fullmatch(NAME, str(name)):
        raise SaltInvocationError(
            f"name is '{name}'; expected 1 to 32 small letters, digits or '-', such as before-noon"
        )
    return settings.place / "aside" / name


def make_folders(settings: Settings) -> None:
    """Make the folders that root alone can change, and mysqld can walk through."""
    for folder in (settings.place, settings.place / "aside"):
        folder.mkdir(mode=0o750, exist_ok=True)
        shutil.chown(folder, "root", USER)
        folder.chmod(0o750)


def make_place(place: Path) -> None:
    """Make an instance's folder, which nobody but root can enter until it is opened."""
    place.mkdir(mode=0o700)
    for name in ("data", "run", "logs"):
        (place / name).mkdir(mode=0o700)


def open_place(place: Path) -> None:
    """Give an instance to its server: what is in it first, the way in last."""
    done = subprocess.run(  # noqa: S603
        ["chown", "--recursive", "--no-dereference", f"{USER}:{USER}"]
        + [str(place / name) for name in ("data", "run", "logs")],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise CommandExecutionError(f"{place} cannot be given to {USER}: {done.stderr}")
    shutil.chown(place, "root", USER)
    place.chmod(0o750)


def socket_of(place: Path) -> str:
    """Return where an instance answers."""
    return str(place / "run" / "mysqld.sock")


def session(place: Path, query_seconds: float | None = None) -> Any:
    """Return a context with a connection to an instance, as root by its socket."""
    return connect(query_seconds, unix_socket=socket_of(place), user="root")


def _environment() -> dict[str, str]:
    """Return what the server inherits: not where systemd hears of the minion that starts it.

    mysqld says there that it stops, and systemd would kill the minion 90 s later.
    """
    return {name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"}


def start(
    place: Path, made_with: Mapping[str, Any], network: tuple[str, int] | None = None
) -> None:
    """Start an instance, and wait until it answers; where it can be cloned, if that is given."""
    try:
        done = subprocess.run(  # noqa: S603
            aside_options(place, made_with, network),
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=START_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as err:
        stop(place)
        raise CommandExecutionError(
            f"the instance in {place} did not start within {START_SECONDS} s"
        ) from err
    if done.returncode != 0:
        raise CommandExecutionError(
            f"the instance in {place} did not start (exit code {done.returncode}): {_log(place)}"
        )
    with session(place) as connection:
        # Channels came with the data; none of them is this instance's own.
        execute(connection, "SET GLOBAL super_read_only = ON")


def _log(place: Path) -> str:
    """Return the server's last words."""
    lines: list[str] = []
    for path in sorted((place / "run").glob("error.log*")):
        # The folder is the server's own: a link there is not followed.
        with contextlib.suppress(OSError):
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            with os.fdopen(handle, encoding="utf-8", errors="replace") as file:
                lines += file.read().splitlines()
    wrong = [line for line in lines if "[ERROR]" in line]
    return " ".join(wrong[-3:] or lines[-2:])


def processes(place: Path) -> list[int]:
    """Return the ids of servers that run on an instance's data."""
    wanted = f"--datadir={place / 'data'}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if wanted in (entry / "cmdline").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
    return found


def stop(place: Path) -> None:
    """Stop an instance, whoever started it; one that does not stop in time is killed."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + STOP_SECONDS
        for process in processes(place):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, sign)
        while processes(place):
            if time.monotonic() > deadline:
                break
            time.sleep(0.2)
        else:
            return
    raise CommandExecutionError(f"the instance in {place} does not stop")


def remove(place: Path) -> None:
    """Stop an instance and take its folder away; none is in order."""
    if place.exists():
        stop(place)
        shutil.rmtree(place)


@contextlib.contextmanager
def writable(place: Path) -> Iterator[Any]:
    """Return a context with a connection that may change an instance, which is a copy."""
    with session(place) as connection:
        execute(connection, "SET GLOBAL super_read_only = OFF")
        execute(connection, "SET GLOBAL read_only = OFF")
        try:
            yield connection
        finally:
            execute(connection, "SET GLOBAL super_read_only = ON")


def names(settings: Settings) -> list[str]:
    """Return the names of the instances that are there."""
    folder = settings.place / "aside"
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
