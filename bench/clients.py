"""The clients: each keeps its session, writes one id after the other, and notes what it is told."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from bench.measure import Acknowledged, Failure, Record
from chaos.clients import TABLE, said
from tests.support.lab import Lab

PACE_SECONDS = 0.06
# Between an error and the next connection.
AGAIN_SECONDS = 0.05
# Longer than any fault stays: who is left waiting waits until it is healed.
ANSWER_SECONDS = 30
CONNECT_SECONDS = 5


class Place(NamedTuple):
    """Where a client connects to."""

    way: str
    host: str
    port: int


class Client(threading.Thread):
    """Inserts one id after the other through one way, in one session for as long as it holds.

    Or each in a session of its own, as a web request does it.
    """

    def __init__(
        self, lab: Lab, place: Place, password: str, ids: Iterator[int], each_anew: bool
    ) -> None:
        super().__init__(daemon=True, name=f"{place.way} {place.host}:{place.port}")
        self._each_anew = each_anew
        self._lab, self._place, self._password, self._ids = lab, place, password, ids
        self._over, self._anew = threading.Event(), threading.Event()
        self.record = Record(place.way)
        self.last = 0.0

    def run(self) -> None:
        while not self._over.is_set():
            try:
                with self._lab.session(
                    self._place.host,
                    self._place.port,
                    ANSWER_SECONDS,
                    CONNECT_SECONDS,
                    self._password,
                ) as connection:
                    self._write(connection)
            # PyMySQL reports a connection that breaks in the middle as whatever it stumbled over.
            except Exception as err:
                self.record.failures.append(Failure(time.monotonic(), said(err)))
                self.record.member = ""
                self._over.wait(AGAIN_SECONDS)

    def _write(self, connection: Any) -> None:
        record = self.record
        with connection.cursor() as cursor:
            cursor.execute("SELECT @@report_host")
            record.member = cursor.fetchone()[0]
            while not self._over.is_set() and not self._anew.is_set():
                one = next(self._ids)
                record.attempted.add(one)
                cursor.execute(f"INSERT INTO {TABLE} VALUES (%s, %s)", (one, self._place.way))
                self.last = time.monotonic()
                record.acknowledged[one] = Acknowledged(self.last, record.member)
                self._over.wait(PACE_SECONDS)
                if self._each_anew:
                    return
        self._anew.clear()

    def connect_anew(self) -> None:
        """Let it give up its session after its present statement, and open another one."""
        self._anew.set()

    def stop(self) -> None:
        """Let it end after its present statement."""
        self._over.set()


class Clients:
    """All clients of a round."""

    def __init__(
        self, lab: Lab, places: Iterable[Place], password: str, each_anew: bool = False
    ) -> None:
        # Ids of another round, or run, are never met again.
        ids = itertools.count(time.time_ns() // 1_000)
        self._clients = [Client(lab, place, password, ids, each_anew) for place in places]

    def start(self) -> None:
        """Let them write."""
        for client in self._clients:
            client.start()

    def stop(self) -> None:
        """Wait until each has ended."""
        for client in self._clients:
            client.stop()
        for client in self._clients:
            client.join(ANSWER_SECONDS + CONNECT_SECONDS)
        alive = [client.name for client in self._clients if client.is_alive()]
        if alive:
            raise AssertionError(f"clients that do not end: {', '.join(alive)}")

    def records(self) -> list[Record]:
        """Return what they wrote down."""
        return [client.record for client in self._clients]

    def unserved_since(self, moment: float, ways: Iterable[str]) -> list[str]:
        """Name those of some ways that were not acknowledged anything after a moment."""
        wanted = set(ways)
        return [
            client.name
            for client in self._clients
            if client.record.way in wanted and client.last <= moment
        ]

    def ways_beside(self, member: str, ways: Iterable[str]) -> list[str]:
        """Name the ways that have no client at a member."""
        there = {client.record.way for client in self._clients if client.record.member == member}
        return [way for way in ways if way not in there]

    def connect_anew(self, ways: Iterable[str]) -> None:
        """Let the clients of some ways choose anew."""
        wanted = set(ways)
        for client in self._clients:
            if client.record.way in wanted:
                client.connect_anew()

    def mark(self) -> None:
        """Note where each is, since a fault is about to come."""
        for client in self._clients:
            client.record.at = client.record.member
