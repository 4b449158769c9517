"""Processes of the health agent that follow one another: every question is answered meanwhile."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.unit.programs import SALT

ROOT = Path(__file__).resolve().parents[2]
# As systemd hands a socket over: it is the first descriptor behind the standard ones.
START = "import os, sys; os.dup2(int(sys.argv[1]), 3); os.execv(sys.argv[2], sys.argv[2:])"
# A start of a process that is to take over, once a test lets it.
HELD = """
import os, sys, time
from group_replication import take_over
# Nothing is seen on this machine, before and after.
take_over.BLIND_SECONDS = 0
if "TAKE_OVER_DESCRIPTOR" in os.environ:
    while not os.path.exists({release!r}):
        time.sleep(0.01)
    if os.path.exists({broken!r}):
        sys.exit("it is broken")
"""
# What must happen does, however little processor time there is.
PATIENCE = 60


class Agent:
    """A real agent on a machine without mysqld, and who manages it."""

    def __init__(self, folder: Path) -> None:
        self.release, self.broken = folder / "release", folder / "broken"
        self.said = folder / "said"
        (folder / "clients").write_text("127.0.0.1\n")
        (folder / "sitecustomize.py").write_text(
            HELD.format(release=str(self.release), broken=str(self.broken))
        )
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.manager.bind(str(folder / "notify"))
        self.manager.settimeout(PATIENCE)
        self._listening = socket.create_server(("127.0.0.1", 0))
        port = self._listening.fileno()
        with self.said.open("wb") as said:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-c", START, str(port)),
                    *(sys.executable, str(SALT / "mysql/files/health.py")),
                    *(str(folder / "mysqld.sock"), "nobody", str(folder / "clients")),
                ],
                pass_fds=[port],
                env={
                    **os.environ,
                    "PYTHONPATH": f"{folder}:{ROOT / '_utils'}",
                    "NOTIFY_SOCKET": str(folder / "notify"),
                },
                stdout=subprocess.DEVNULL,
                stderr=said,
                # All that follow one another are ended as one.
                start_new_session=True,
            )

    def told(self) -> str:
        """Return what the manager is told next."""
        return self.manager.recv(100).decode()

    def ask(self) -> int:
        connection = HTTPConnection(*self._listening.getsockname(), timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request("GET", "/writable")
            return connection.getresponse().status

    def taken_over(self) -> int:
        """Return the process that the manager has to follow from now on."""
        found = re.fullmatch("MAINPID=([0-9]+)", self.told())
        assert found
        return int(found[1])

    def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._listening.close()
        self.manager.close()


@pytest.fixture
def agent(tmp_path):
    it = Agent(tmp_path)
    try:
        assert it.told() == "READY=1"
        yield it
    finally:
        it.end()


def test_every_question_is_answered_while_a_new_agent_takes_over(agent):
    answers, over = [], threading.Event()

    def ask() -> None:
        while not over.is_set():
            answers.append(agent.ask())
            over.wait(0.05)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    agent.process.send_signal(signal.SIGHUP)
    # The new one cannot: it is held at its start.
    for _ in range(20):
        assert agent.ask() == 503
    agent.release.touch()
    agent.taken_over()
    assert agent.process.wait(PATIENCE) == 0
    # Whoever asks now asks the new one.
    for _ in range(5):
        assert agent.ask() == 503
    over.set()
    asking.join(PATIENCE)
    assert not asking.is_alive()
    assert set(answers) == {503}
    assert agent.said.read_text() == ""


def test_the_one_that_took_over_hands_over_in_turn(agent):
    agent.release.touch()
    agent.process.send_signal(signal.SIGHUP)
    second = agent.taken_over()
    assert agent.process.wait(PATIENCE) == 0
    os.kill(second, signal.SIGHUP)
    assert agent.taken_over() != second
    assert agent.ask() == 503


def test_a_new_agent_that_does_not_run_leaves_the_old_one(agent):
    agent.broken.touch()
    agent.release.touch()
    for times in (1, 2):
        agent.process.send_signal(signal.SIGHUP)
        while agent.said.read_text().count("does not take over: it ended with status 1") < times:
            assert agent.ask() == 503
    assert agent.process.poll() is None
    agent.broken.unlink()
    agent.process.send_signal(signal.SIGHUP)
    agent.taken_over()
    assert agent.process.wait(PATIENCE) == 0
