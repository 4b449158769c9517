"""One command runs behind another: the machines come up behind tests, tests behind tests."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence

from vagrant.lab.checkout import ROOT
from vagrant.lab.commands import LOGS, opened_log, say
from vagrant.lab.errors import LabError
from vagrant.lab.person import ask_for_root, ids
from vagrant.lab.progress import Clock, Live

# Sessions share the processors by themselves, whatever their processes' nice values are (sched(7),
# "autogroup"): what is to yield to all others has one of its own.
YIELDING = ("sh", "-c", 'echo 19 2>/dev/null >/proc/self/autogroup; exec nice -n 19 "$@"', "sh")


def beside_idle(words: Sequence[str]) -> int:
    """Run two commands as :func:`beside` does; the one behind gets what the others leave."""
    return beside(words, idle=True)


def beside(words: Sequence[str], idle: bool = False) -> int:
    """
    Run two commands at once: ``NAME BEHIND… -- FRONT…``.

    What the one behind says is shown when both are done, since two live lines would cover each
    other. Both run as whoever asked. Returns the exit status of the one in front. Raises LabError
    if the one behind failed.
    """
    name, *commands = words
    place = commands.index("--")
    behind, front = commands[:place], commands[place + 1 :]
    # Nobody sees a question of the one that runs behind.
    ask_for_root(name)
    path = LOGS / f"{name.replace(' ', '-')}.log"
    handle = opened_log(path)
    clock = Clock()
    other = subprocess.Popen(
        [*(YIELDING if idle else ()), *behind],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=handle,
        stderr=subprocess.STDOUT,
        # Its own group of processes also gets a signal of its own.
        start_new_session=True,
        **ids(root=True),  # type: ignore[call-overload]
    )
    os.close(handle)
    say(f"meanwhile {name}: {path.relative_to(ROOT)}")
    try:
        done = subprocess.run(front, check=False, **ids(root=True))  # type: ignore[call-overload]
        with Live(lambda: f"    {name}: {clock}"):
            failed = other.wait()
    except BaseException:
        os.killpg(other.pid, signal.SIGINT)
        other.wait()
        raise
    print(path.read_text(errors="replace"), end="", flush=True)
    if failed:
        raise LabError(f"{name} failed, as is said above")
    return int(done.returncode)
