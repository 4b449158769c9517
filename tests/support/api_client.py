"""A client of the API that updates the first user over and over, while something happens."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

from tests.support.http_client import HttpClient
from tests.support.lab import FIRST_USER, Lab


class Client(threading.Thread):
    """Updates the first user over and over; keeps what was acknowledged and when nothing was."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(daemon=True)
        self._http = HttpClient(f"http://{lab.address[lab.web]}")
        # A connection for each request, as many users have it.
        self._http.session.headers["Connection"] = "close"
        self._http.use(lab.log_in())
        self._over = threading.Event()
        self.acknowledged: list[tuple[float, str]] = []
        self.refused: list[tuple[float, str]] = []

    def run(self) -> None:
        n = 0
        while not self._over.is_set():
            n += 1
            bio = f"client update {n}"
            good = self._http.ask("update", "PUT", "/api/user", {"user": {"bio": bio}})
            now = time.monotonic()
            if good is not None:
                self.acknowledged.append((now, bio))
            else:
                self.refused.append((now, self._http.answers[-1].cause))
            time.sleep(0.05)

    def stop(self) -> None:
        self._over.set()
        self.join(120)
        assert not self.is_alive()

    def longest_gap(self) -> float:
        times = [when for when, _ in self.acknowledged]
        return max((b - a for a, b in pairwise(times)), default=0.0)


@contextmanager
def client(lab: Lab) -> Iterator[Client]:
    one = Client(lab)
    one.start()
    try:
        yield one
    finally:
        one.stop()


def bio_on(lab: Lab, machine: str) -> str:
    return lab.sql(
        machine,
        "SET SESSION group_replication_consistency = 'BEFORE';"
        f" SELECT bio FROM realworld.users WHERE email = '{FIRST_USER}'",
    )
