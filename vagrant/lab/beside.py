"""The machines come up while another command runs, such as the tests that need none."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence

from vagrant.lab.checkout import ROOT
from vagrant.lab.commands import LOGS, opened_log, say
from vagrant.lab.errors import LabError
from vagrant.lab.person import ask_for_root, ids
from vagrant.lab.progress import Clock, Live

UP = (sys.executable, "-B", "-m", "vagrant.lab", "up")


def beside(command: Sequence[str]) -> int:
    """
    Run a command, and bring the machines up meanwhile.

    What ``up`` says is shown when both are done, since two live lines would cover each other.
    Returns the command's exit status. Raises LabError if the machines did not come up.
    """
    # Nobody sees a question of the one that runs behind.
    ask_for_root("bringing the machines up")
    path = LOGS / "up.log"
    handle = opened_log(path)
    clock = Clock()
    up = subprocess.Popen(
        UP,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=handle,
        stderr=subprocess.STDOUT,
        # As whoever asked: it becomes the checkout's owner by itself.
        **ids(root=True),  # type: ignore[call-overload]
    )
    os.close(handle)
    say(f"the machines come up meanwhile: {path.relative_to(ROOT)}")
    try:
        done = subprocess.run(command, check=False, **ids(root=True))  # type: ignore[call-overload]
        with Live(lambda: f"    the machines come up: {clock}"):
            came = up.wait()
    except BaseException:
        up.send_signal(signal.SIGINT)
        up.wait()
        raise
    print(path.read_text(errors="replace"), end="", flush=True)
    if came:
        raise LabError("the machines did not come up")
    return int(done.returncode)
