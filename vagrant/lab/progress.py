"""What a person sees while a stage runs: a live line, or a line each minute."""

from __future__ import annotations

import os
import re
import shutil
import sys
import threading
import time
from collections.abc import Callable
from typing import IO

VERBOSE = os.environ.get("VERBOSE", "0") not in ("", "0")

# What Vagrant says of a machine => what the machine does, in a word or two. The first that fits.
DOING = (
    (r"Creating and configuring docker networks|Enabling network interfaces", "network"),
    (r"Creating the container|Importing base box|Cloning VM", "created"),
    (r"Starting container|Booting VM|Starting domain", "starts"),
    (r"Waiting for (machine to boot|domain)", "boots"),
    (r"Machine booted and ready", "booted"),
    (r"Running provisioner: salt", "its states"),
    (r"Running provisioner", "provisioned"),
    (r"Running trigger: Converging", "all converge"),
    (r"Running (action )?trigger", ""),
    (r"Machine already provisioned", "there"),
    (r"Stopping container|Attempting graceful shutdown|Forcing shutdown", "stops"),
    (r"Deleting the container|Destroying", "destroyed"),
)


def spent(seconds: float) -> str:
    """Return a duration as a person says it.

    >>> spent(81.4), spent(125)
    ('81 s', '2 min 5 s')
    """
    whole = round(seconds)
    return f"{whole} s" if whole < 120 else f"{whole // 60} min {whole % 60} s"


class Machines:
    """What each machine does now, read from Vagrant's lines."""

    def __init__(self) -> None:
        self.doing: dict[str, str] = {}

    def read(self, line: str) -> None:
        """Take one line of Vagrant's output."""
        brought = re.match(r"Bringing machine '(?P<name>[^']+)' up", line)
        if brought:
            self.doing.setdefault(brought["name"], "waits")
        found = re.match(r"==> (?P<name>[\w.-]+): (?P<text>.+)", line)
        if not found:
            return
        for pattern, word in DOING:
            if re.search(pattern, found["text"]):
                if word:
                    self.doing[found["name"]] = word
                return

    def __str__(self) -> str:
        return ", ".join(f"{name} {word}" for name, word in self.doing.items())


def fitted(text: str, columns: int) -> str:
    """Return a text that takes no more than one line of a terminal."""
    return text if len(text) < columns else text[: max(columns - 2, 1)] + "…"


class Live:
    """A line that is written anew in place on a terminal; without one, a line each minute."""

    def __init__(self, text: Callable[[], str], out: IO[str] | None = None) -> None:
        self._text = text
        self._out: IO[str] = out or sys.stdout
        self._terminal = self._out.isatty()
        self._done = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Live:
        if not VERBOSE:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        if self._thread.is_alive():
            self._thread.join()
        self.clear()

    def _run(self) -> None:
        while not self._done.wait(0.5 if self._terminal else 60):
            self.draw()

    def draw(self) -> None:
        """Show the line as it is now."""
        with self._lock:
            if self._terminal:
                columns = shutil.get_terminal_size().columns
                self._out.write("\r\x1b[K" + fitted(self._text(), columns))
            else:
                self._out.write(self._text() + "\n")
            self._out.flush()

    def clear(self) -> None:
        """Take the line away."""
        if self._terminal and not VERBOSE:
            self._out.write("\r\x1b[K")
            self._out.flush()

    def say(self, text: str) -> None:
        """Print a line that stays, above the live one."""
        with self._lock:
            self.clear()
            self._out.write(text + "\n")
            self._out.flush()


class Clock:
    """How long something takes."""

    def __init__(self) -> None:
        self._begin = time.monotonic()

    def __str__(self) -> str:
        return spent(time.monotonic() - self._begin)
