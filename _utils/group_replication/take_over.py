"""A new process of a service takes the place of the running one, once it is as good as that one."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from whole_file import write_whole

# Where the new process says how far it is, in its environment; the running process reads it.
DESCRIPTOR = "TAKE_OVER_DESCRIPTOR"
RUNS, SEES = b"r", b"s"
# A start takes a second of processor time, and most of a minute on a host that has none to spare.
READY_SECONDS = 60.0
# Of a process that saw nothing for so long the place is free. A busy host blinds one for seconds.
BLIND_SECONDS = 10.0
STEP_SECONDS = 0.05


def notify(text: str) -> None:
    """
    Tell systemd something of this service (sd_notify(3)), where it was started by systemd.

    text
        An assignment, such as ``READY=1``.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address:
        # An abstract address begins with a zero byte, which is written as @.
        place = "\0" + address[1:] if address.startswith("@") else address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.sendto(text.encode(), place)


def refuse(why: str) -> None:
    """
    Tell the program that waits for a reload of this service why nothing was replaced.

    why
        The reason, in a sentence.

    The text is in the file ``refused`` of the unit's runtime directory, where there is one.
    """
    directory = os.environ.get("RUNTIME_DIRECTORY", "")
    if directory:
        write_whole(Path(directory, "refused"), f"{why}\n", 0o644)


def replace(sees: Callable[[], bool], kept: Sequence[int]) -> str:
    """
    Start the program of this process anew, and make that the service's main process.

    The running process goes on until the new one is as good: it runs, and sees what it has to
    watch, or the running process has seen nothing either for 10 s.

    sees
        Tells whether this process sees what it has to watch.

    kept
        The descriptors that the new process gets.

    Returns the empty text once the new process serves, else why it was ended.
    """
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb", buffering=0) as said:
        try:
            new = subprocess.Popen(  # noqa: S603  (the command that started this process)
                sys.orig_argv,
                env={**os.environ, DESCRIPTOR: str(writer)},
                pass_fds=[*kept, writer],
            )
        except OSError as err:
            return f"it cannot be started: {err}"
        finally:
            os.close(writer)
        why = _awaited(said.fileno(), sees)
        if not why:
            notify(f"MAINPID={new.pid}")
            return ""
    new.kill()
    code = new.wait()
    # One that was killed here has a negative one.
    return why if code < 0 else f"it ended with status {code}"


def _awaited(said: int, sees: Callable[[], bool]) -> str:
    """Wait until the new process is as good as this one; return why it is not, or nothing."""
    last = b""
    seen_at = started = time.monotonic()
    while time.monotonic() - started < READY_SECONDS:
        if select.select([said], [], [], STEP_SECONDS)[0]:
            last = os.read(said, 1000)[-1:]
            if not last:
                return "it ended"
        if sees():
            seen_at = time.monotonic()
        blind = time.monotonic() - seen_at >= BLIND_SECONDS
        if last == SEES or (last == RUNS and blind):
            return ""
    return "it does not see what this one sees" if last else f"not ready in {READY_SECONDS:.0f} s"


def begin(sees: Callable[[], bool]) -> None:
    """
    Return when this process may serve: at once, or when it takes another one's place.

    sees
        Tells whether this process sees what it has to watch.
    """
    descriptor = os.environ.pop(DESCRIPTOR, "")
    if not descriptor:
        notify("READY=1")
        return
    # Whoever reads no more has gone, or was killed: nobody else serves.
    with (
        contextlib.suppress(BrokenPipeError),
        os.fdopen(int(descriptor), "wb", buffering=0) as said,
    ):
        while not sees():
            said.write(RUNS)
            time.sleep(STEP_SECONDS)
        said.write(SEES)
