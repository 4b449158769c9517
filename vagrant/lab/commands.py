"""Running programs of this host in stages: a line for the person, all the rest into a log."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from vagrant.lab.checkout import LAB, ROOT
from vagrant.lab.errors import LabError
from vagrant.lab.person import as_root, ask_for_root, ids
from vagrant.lab.progress import VERBOSE, Clock, Live

LOGS = LAB / "log"
TAIL = 20


def say(text: str) -> None:
    """Print one line about what happens now."""
    print(f"==> {text}", flush=True)


def slug(name: str) -> str:
    """Return a stage's name as that of a file."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40].rstrip("-")


def opened_log(path: Path) -> int:
    """Open a log anew that only its owner can read: what programs say may hold what is secret."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
    if os.geteuid() == 0:
        # What root writes in a user's checkout is that user's.
        folder = path.parent.stat()
        os.fchown(handle, folder.st_uid, folder.st_gid)
    return handle


def tail(text: str, lines: int | None = TAIL) -> str:
    """Return the last lines of a log, indented; all of them for None."""
    shown = [line.split("\r")[-1].rstrip() for line in text.rstrip("\r\n").split("\n")]
    return "\n".join(f"    {line}".rstrip() for line in (shown[-lines:] if lines else shown))


class Stage:
    """A part of the work that has a name and a log."""

    def __init__(self, name: str, read: Callable[[str], None] | None = None) -> None:
        self.name, self.path = name, LOGS / f"{slug(name)}.log"
        self._read = read
        self._handle = opened_log(self.path)

    def close(self) -> None:
        """Close the log."""
        os.close(self._handle)

    def write(self, text: str) -> None:
        """Take what a program says."""
        os.write(self._handle, text.encode(errors="replace"))
        if VERBOSE:
            print(text, end="", flush=True)
        if self._read:
            self._read(text)

    def run(self, command: Sequence[str], root: bool) -> int:
        """Run a command, its output into the log as it comes, and return its exit status."""
        self.write(f"$ {shlex.join(command)}\n")
        with subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            **ids(root),  # type: ignore[call-overload]
        ) as process:
            try:
                for line in process.stdout:
                    self.write(line)
            except KeyboardInterrupt:
                # It was told to stop too, and ends in order.
                for line in process.stdout:
                    self.write(line)
                raise
        return int(process.returncode)


_stages: list[Stage] = []


def run(
    command: Sequence[str],
    *,
    capture: bool = False,
    check: bool = True,
    timeout: float | None = None,
    root: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Run a command; its output goes to the stage's log unless captured.

    root
        Whether root has to run it: by sudo where this program is not root's.
    """
    told = " ".join(command[:4])
    if root:
        command = as_root(command)
    try:
        if _stages and not capture:
            done = subprocess.CompletedProcess(command, _stages[-1].run(command, root), "", "")
        else:
            done = subprocess.run(
                command,
                cwd=ROOT,
                text=True,
                errors="replace",
                capture_output=capture,
                check=False,
                timeout=timeout,
                **ids(root),  # type: ignore[call-overload]
            )
    except FileNotFoundError:
        done = subprocess.CompletedProcess(command, 127, "", f"there is no program {command[0]}")
    except subprocess.TimeoutExpired:
        done = subprocess.CompletedProcess(command, 124, "", f"no answer within {timeout:g} s")
    if check and done.returncode != 0:
        shown = (done.stderr or done.stdout or "").strip()
        raise LabError(f"`{told} …` failed with {done.returncode}" + (shown and f": {shown}"))
    return done


@contextmanager
def step(
    name: str,
    *,
    root: str = "",
    read: Callable[[str], None] | None = None,
    state: Callable[[], str] = str,
    digest: Callable[[str], str] | None = None,
    lines: int | None = TAIL,
) -> Iterator[None]:
    """Do one stage: say how long it took, or show the end of its log when it fails.

    root
        What root is needed for, if it is: asked for before the stage begins.

    read, state
        What takes each line of output, and what the live line says of it.

    digest
        Makes of the whole log what is shown before its end when the stage fails.

    lines
        How many lines of the log are shown then; None for all.
    """
    if root:
        ask_for_root(root)
    clock, stage = Clock(), Stage(name, read)
    _stages.append(stage)
    try:
        with Live(lambda: f"    {name}: {clock}  {state()}".rstrip()):
            yield
    except LabError as err:
        text = stage.path.read_text(errors="replace")
        parts = [f"{name} failed after {clock}: {err}"]
        if digest and digest(text):
            parts.append(digest(text))
        if not VERBOSE:
            parts.append(f"the end of {stage.path.relative_to(ROOT)}:" if lines else "")
            parts.append(tail(text, lines))
        raise LabError("\n".join(part for part in parts if part)) from err
    finally:
        _stages.remove(stage)
        stage.close()
    say(f"{name}: done in {clock}")
