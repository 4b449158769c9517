"""The members under watch, and what is done to their machines and the network between them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from tests.support.lab import Lab
from tests.support.ledger_table import LedgerTable
from tests.support.monitor import Monitor

# All ONLINE counts when it has been so for this long.
STABLE_SECONDS = 2
# Where nobody lives: frames to it are sent, and received by nobody.
NOBODY = "02:00:00:00:00:01"


class Members:
    """What the members say of themselves, and waiting for it."""

    def __init__(self, lab: Lab) -> None:
        self.lab, self.monitor = lab, Monitor(lab)

    @contextmanager
    def watched(self, seconds: float) -> Iterator[None]:
        """Return a context in which they are asked; it begins with all ONLINE in one view."""
        latest = self.monitor.latest
        self.monitor.start()
        try:
            self.wait("a first answer of all", lambda: len(latest) == len(self.lab.databases), 30)
            self.wait_whole(seconds)
            yield
        finally:
            self.monitor.stop()

    def wait(self, what: str, question: Callable[[], Any], seconds: float) -> Any:
        """Ask until the answer is yes, and return it."""
        deadline = time.monotonic() + seconds
        while not (answer := question()):
            if time.monotonic() > deadline:
                raise AssertionError(f"{what}: not within {seconds:.0f} s; {self.monitor.states()}")
            time.sleep(0.1)
        return answer

    def state(self, member: str) -> str:
        """Return what a member said last of itself."""
        return self.monitor.latest[member].state

    def wait_whole(self, seconds: float) -> None:
        """Wait until all members are ONLINE in one view."""
        since = time.monotonic()
        self.wait("all ONLINE in one view", lambda: self.monitor.whole(since), seconds)

    def wait_stable(self, seconds: float) -> float:
        """Wait until all are ONLINE in one view and stay so, and return since when they are."""
        deadline = time.monotonic() + seconds
        while True:
            self.wait_whole(deadline - time.monotonic())
            online = time.monotonic()
            while self.monitor.whole(online - STABLE_SECONDS):
                if time.monotonic() >= online + STABLE_SECONDS:
                    return online
                time.sleep(0.1)

    def wait_gone(self, member: str, survivor: str, seconds: float = 60) -> None:
        """Wait until a member is in no survivor's view any more."""
        size = len(self.lab.databases) - 1
        self.wait(
            f"{member} is out of the view of {survivor}",
            lambda: self.monitor.latest[survivor].states == ("ONLINE",) * size,
            seconds,
        )


class Scene(Members):
    """What the faults work on."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(lab)
        self.table = LedgerTable(lab)

    def all(self, machines: Iterable[str], command: str) -> None:
        """Run a command on several machines at once."""
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda name: self.lab.run(name, command), machines))

    def cut(self, sender: str, receivers: Iterable[str]) -> None:
        """Lose what one machine sends to others, silently; what they send arrives.

        An address may stand for a machine that is none of the lab's.
        """
        self._neighbours(sender, receivers, f"replace $ip lladdr {NOBODY} nud permanent")

    def mend(self, sender: str, receivers: Iterable[str]) -> None:
        """Undo :py:meth:`cut`."""
        self._neighbours(sender, receivers, "del $ip")

    def _neighbours(self, sender: str, receivers: Iterable[str], change: str) -> None:
        addresses = " ".join(self.lab.address.get(name, name) for name in receivers)
        self.lab.run(
            sender,
            f"for ip in {addresses}\n"
            "do dev=$(ip -o route get $ip | sed 's/.* dev \\([^ ]*\\).*/\\1/')\n"
            f"ip neigh {change} dev $dev\ndone",
        )
