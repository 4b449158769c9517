"""Clients at every place where the application could write, and one ledger of all of them."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from typing import Any

from tests.support.lab import Lab
from tests.support.ledger_table import ANSWER_SECONDS
from tests.support.mysql_client import Client, Habits, error_class, stop_all

# A connection stays with one member; a new one is where the balancer chooses anew.
HABITS = Habits(ANSWER_SECONDS, connect=3, pace=0.1, again=0.1, inserts_per_session=30)


class Ledger:
    """All ids that were tried and those that were acknowledged, with the time of each."""

    def __init__(self) -> None:
        # Ids of another run, or of an earlier round, are never met again.
        self._ids = itertools.count(time.time_ns() // 1_000)
        self.attempted: set[int] = set()
        self.acknowledged: dict[int, float] = {}
        self.through_balancer: list[float] = []
        self.errors: Counter[str] = Counter()
        self.balancer_errors = 0

    def next(self) -> int:
        """Return an id that nobody has tried."""
        one = next(self._ids)
        self.attempted.add(one)
        return one

    def forget(self) -> None:
        """Begin anew: what was written is judged, or its data directories are wiped on purpose."""
        self.attempted, self.acknowledged = set(), {}
        self.through_balancer = []
        self.errors, self.balancer_errors = Counter(), 0


class Entries:
    """What one client writes into the ledger."""

    def __init__(self, ledger: Ledger, balanced: bool) -> None:
        """Take whether the client is at the balancer."""
        self._ledger, self._balanced = ledger, balanced

    def connected(self, cursor: Any) -> None:
        """Of a session nothing is noted."""

    def next(self) -> int:
        """Return an id that nobody has tried."""
        return self._ledger.next()

    def acknowledged(self, one: int, when: float) -> None:
        """Keep that the commit of an id returned OK."""
        self._ledger.acknowledged[one] = when
        if self._balanced:
            self._ledger.through_balancer.append(when)

    def failed(self, err: Exception) -> None:
        """Keep that a client met an error, and whether through the balancer."""
        self._ledger.errors[error_class(err)] += 1
        self._ledger.balancer_errors += self._balanced


class Writers:
    """The clients: two at each of the balancer's ports for writing, and one at each member."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self.ledger = Ledger()
        self._clients: list[Client] = []

    def start(self) -> None:
        """Let them write."""
        lab = self._lab
        places = [(lab.balancer, port, True) for port in (3306, 3306, 3307, 3307)]
        places += [(lab.address[name], 3306, False) for name in lab.databases]
        self._clients = [
            Client(lab, (host, port), f"{host}:{port}", Entries(self.ledger, balanced), HABITS)
            for host, port, balanced in places
        ]
        for client in self._clients:
            client.start()

    def stop(self) -> None:
        """Wait until each has ended."""
        clients, self._clients = self._clients, []
        stop_all(clients, 2 * ANSWER_SECONDS)

    def all_served_since(self, moment: float) -> bool:
        """Tell whether every one was acknowledged something after a moment."""
        return all(client.last > moment for client in self._clients)

    def unserved_since(self, moment: float) -> list[str]:
        """Name those that were not."""
        return [client.name for client in self._clients if client.last <= moment]
