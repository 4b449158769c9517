"""The clients: each keeps its session, writes one id after the other, and notes what it is told."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from bench.measure import Acknowledged, Failure, Record
from tests.support.lab import Lab
from tests.support.mysql_client import Client, Habits, error_class, stop_all

# A statement waits for longer than any fault stays: until it is healed.
HABITS = Habits(answer=30, connect=5, pace=0.06, again=0.05)


class Place(NamedTuple):
    """Where a client connects to."""

    path: str
    host: str
    port: int


class Notebook:
    """Writes down what one client of a path meets."""

    def __init__(self, path: str, ids: Iterator[int]) -> None:
        self.record, self._ids = Record(path), ids

    def connected(self, cursor: Any) -> None:
        """Ask which member the session is at."""
        cursor.execute("SELECT @@report_host")
        self.record.member = cursor.fetchone()[0]

    def next(self) -> int:
        """Return an id that no client has tried."""
        one = next(self._ids)
        self.record.attempted.add(one)
        return one

    def acknowledged(self, one: int, when: float) -> None:
        """Keep when the commit of an id returned OK, and who said so."""
        self.record.acknowledged[one] = Acknowledged(when, self.record.member)

    def failed(self, err: Exception) -> None:
        """Keep an error; it ended the session."""
        self.record.failures.append(Failure(time.monotonic(), error_class(err)))
        self.record.member = ""


class PathClient(Client):
    """A client of one path, with its record."""

    def __init__(self, lab: Lab, place: Place, ids: Iterator[int], habits: Habits) -> None:
        notes = Notebook(place.path, ids)
        super().__init__(lab, (place.host, place.port), place.path, notes, habits)
        self.name = f"{place.path} {place.host}:{place.port}"
        self.record = notes.record


class Clients:
    """All clients of a round."""

    def __init__(self, lab: Lab, places: Iterable[Place], each_anew: bool = False) -> None:
        """Take where they are, and whether each inserts in a session of its own, as a web request
        does it."""
        # Ids of another round, or run, are never met again.
        ids = itertools.count(time.time_ns() // 1_000)
        habits = HABITS._replace(inserts_per_session=int(each_anew))
        self._clients = [PathClient(lab, place, ids, habits) for place in places]

    def start(self) -> None:
        """Let them write."""
        for client in self._clients:
            client.start()

    def stop(self) -> None:
        """Wait until each has ended."""
        stop_all(self._clients, HABITS.answer + HABITS.connect)

    def records(self) -> list[Record]:
        """Return what they wrote down."""
        return [client.record for client in self._clients]

    def unserved_since(self, moment: float, paths: Iterable[str]) -> list[str]:
        """Name those of some paths that were not acknowledged anything after a moment."""
        wanted = set(paths)
        return [
            client.name
            for client in self._clients
            if client.record.path in wanted and client.last <= moment
        ]

    def paths_beside(self, member: str, paths: Iterable[str]) -> list[str]:
        """Name the paths that have no client at a member."""
        there = {client.record.path for client in self._clients if client.record.member == member}
        return [path for path in paths if path not in there]

    def connect_anew(self, paths: Iterable[str]) -> None:
        """Let the clients of some paths choose anew."""
        wanted = set(paths)
        for client in self._clients:
            if client.record.path in wanted:
                client.connect_anew()

    def mark(self) -> None:
        """Note where each is, since a fault is about to come."""
        for client in self._clients:
            client.record.at = client.record.member
