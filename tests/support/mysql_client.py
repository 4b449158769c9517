"""A MySQL client that inserts one id after the other, and lets others take its notes."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from itertools import repeat
from typing import Any, NamedTuple, Protocol

from tests.support.lab import Lab
from tests.support.ledger_table import TABLE


def error_class(err: Exception) -> str:
    """Return an error as a class of errors: its number, or what kind it is."""
    code = err.args[0] if err.args else ""
    return str(code) if isinstance(code, int) and code else type(err).__name__


class Notes(Protocol):
    """What is told all that one client meets."""

    def connected(self, cursor: Any) -> None:
        """The client has a session, and asks what is to be known of it."""

    def next(self) -> int:
        """Return an id that no client has tried."""

    def acknowledged(self, one: int, when: float) -> None:
        """The commit of an id returned OK."""

    def failed(self, err: Exception) -> None:
        """The client met an error, and has no session any more."""


class Habits(NamedTuple):
    """How a client goes about it; times in seconds."""

    # A statement without an answer by then has none.
    answer: float
    connect: float
    # Between two inserts, and between an error and the next connection.
    pace: float
    again: float
    # After so many a session is given up; 0: never.
    inserts_per_session: int = 0


class Client(threading.Thread):
    """Inserts one id after the other at one place, in one session for as long as it holds."""

    def __init__(
        self, lab: Lab, place: tuple[str, int], label: str, notes: Notes, habits: Habits
    ) -> None:
        """Take where to connect to, and the name to write into each row."""
        super().__init__(daemon=True, name=label)
        self._lab, self._place, self._label = lab, place, label
        self._notes, self._habits = notes, habits
        self._password = lab.secret("application_database", "password")
        self._over, self._anew = threading.Event(), threading.Event()
        # When it was acknowledged something.
        self.last = 0.0

    def run(self) -> None:
        habits = self._habits
        while not self._over.is_set():
            try:
                with self._lab.session(
                    *self._place, habits.answer, habits.connect, self._password
                ) as connection:
                    self._write(connection)
            # PyMySQL reports a connection that breaks in the middle as whatever it stumbled over.
            except Exception as err:
                self._notes.failed(err)
                self._over.wait(habits.again)

    def _write(self, connection: Any) -> None:
        limit = self._habits.inserts_per_session
        with connection.cursor() as cursor:
            self._notes.connected(cursor)
            for _ in range(limit) if limit else repeat(0):
                if self._over.is_set() or self._anew.is_set():
                    break
                one = self._notes.next()
                cursor.execute(
                    f"INSERT INTO {TABLE} (id, client) VALUES (%s, %s)", (one, self._label)
                )
                self.last = time.monotonic()
                self._notes.acknowledged(one, self.last)
                self._over.wait(self._habits.pace)
        self._anew.clear()

    def connect_anew(self) -> None:
        """Let it give up its session after its present statement, and open another one."""
        self._anew.set()

    def stop(self) -> None:
        """Let it end after its present statement."""
        self._over.set()


def stop_all(clients: Sequence[Client], seconds: float) -> None:
    """End clients, and wait so long for each; AssertionError names those that do not end."""
    for client in clients:
        client.stop()
    for client in clients:
        client.join(seconds)
    alive = [client.name for client in clients if client.is_alive()]
    if alive:
        raise AssertionError(f"clients that do not end: {', '.join(alive)}")
