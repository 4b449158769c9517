"""Running programs of this host, and saying what happens."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from vagrant.lab.checkout import ROOT
from vagrant.lab.errors import LabError


def say(text: str) -> None:
    """Print one line about what happens now."""
    print(f"==> {text}", flush=True)


def run(
    command: Sequence[str],
    *,
    capture: bool = False,
    check: bool = True,
    timeout: float | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command, its output shown as it comes unless captured."""
    try:
        return subprocess.run(
            command, cwd=ROOT, text=True, capture_output=capture, check=check, timeout=timeout
        )
    except subprocess.CalledProcessError as err:
        shown = (err.stderr or err.stdout or "").strip() if capture else "see above"
        told = " ".join(command[:4])
        raise LabError(f"`{told} …` failed with {err.returncode}: {shown}") from err


@contextmanager
def step(name: str) -> Iterator[None]:
    """Say what is done and how long it took."""
    say(name)
    begin = time.monotonic()
    yield
    say(f"{name}: done in {time.monotonic() - begin:.0f} s")
