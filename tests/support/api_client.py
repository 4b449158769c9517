"""A client of the API that updates the first user over and over, while something happens."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import requests

from tests.support.lab import FIRST_USER, Lab


class Client(threading.Thread):
    """Updates the first user over and over; keeps what was acknowledged and when nothing was."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(daemon=True)
        self._lab = lab
        self._headers = {"Authorization": f"Token {lab.log_in()}"}
        self._over = threading.Event()
        self.acknowledged: list[tuple[float, str]] = []
        self.refused: list[tuple[float, int | str]] = []

    def run(self) -> None:
        n = 0
        while not self._over.is_set():
            n += 1
            bio = f"client update {n}"
            try:
                answer = self._lab.api(
                    "PUT", "/api/user", headers=self._headers, json={"user": {"bio": bio}}
                )
                code: int | str = answer.status_code
            except requests.RequestException as err:
                code = type(err).__name__
            now = time.monotonic()
            if code == 200:
                self.acknowledged.append((now, bio))
            else:
                self.refused.append((now, code))
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
