"""A crowd at the web server: it logs in, reads and updates without a pause, and keeps count."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import requests

from tests.support.http_client import LATER, PATIENCE, Answer, HttpClient

PASSWORD = "a password of a visitor"
CROWD = 20
# So many updates and reads between two logins: a login is a second of work for a processor. Not
# all log in at once, or nobody would be served meanwhile.
BETWEEN_LOGINS = 20


class Visitor(HttpClient):
    """One user with one thing to remember: the last text that was saved of it."""

    def __init__(self, base: str, name: str, turn: int) -> None:
        super().__init__(base)
        self._name, self._turn = name, turn % BETWEEN_LOGINS
        self._saved, self._maybe = "", ""

    def register(self) -> None:
        """Make the user; raises AssertionError if that fails."""
        user = {"username": self._name, "email": self._email, "password": PASSWORD}
        answer = self.session.post(f"{self.base}/api/users", json={"user": user}, timeout=PATIENCE)
        assert answer.status_code == 201, answer.text
        self._known(answer)

    @property
    def _email(self) -> str:
        return f"{self._name}@visitors.example"

    def _known(self, answer: requests.Response) -> None:
        self.use(answer.json()["user"]["token"])

    def visit(self, until: threading.Event, pause: float) -> None:
        """Go on until told to stop."""
        number = 0
        while not until.wait(pause):
            number += 1
            if number % BETWEEN_LOGINS == self._turn:
                user = {"email": self._email, "password": PASSWORD}
                answer = self.ask("login", "POST", "/api/users/login", {"user": user})
                if answer is not None:
                    self._known(answer)
            self._update(f"{self._name} {number}")
            self._look()
            self.ask("list", "GET", "/api/articles?limit=5")

    def _update(self, bio: str) -> None:
        self._maybe = bio
        answer = self.ask("update", "PUT", "/api/user", {"user": {"bio": bio}})
        if answer is not None:
            self._saved = bio
        elif self.answers[-1].cause == LATER:
            # Nothing was written, and that is known.
            self._maybe = self._saved

    def _look(self) -> None:
        """Read back what was saved; of a commit of unknown outcome either is right, from now on."""
        answer = self.ask("read", "GET", "/api/user")
        if answer is None:
            return
        seen = answer.json()["user"]["bio"] or ""
        if seen not in (self._saved, self._maybe):
            last = self.answers[-1]
            self.answers[-1] = last._replace(cause=f"read {seen!r} for {self._saved!r}")
        self._saved = self._maybe = seen

    def check(self) -> str:
        """Return what is wrong with what the database has at the end, or nothing."""
        answer = self.session.get(f"{self.base}/api/user", timeout=PATIENCE)
        seen = answer.json()["user"]["bio"] or "" if answer.ok else f"status {answer.status_code}"
        right = seen in (self._saved, self._maybe)
        return "" if right else f"{self._name} saved {self._saved!r}, and {seen!r} is there"


class Crowd:
    """Many visitors at once, each at one of the web servers.

    pause
        Seconds between what each of them does: 0.
    """

    def __init__(self, bases: list[str], size: int = CROWD, pause: float = 0) -> None:
        stamp = time.time_ns()
        self._visitors = [Visitor(bases[n % len(bases)], f"v{stamp}n{n}", n) for n in range(size)]
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=one.visit, args=(self._stop, pause), daemon=True)
            for one in self._visitors
        ]

    @contextmanager
    def there(self) -> Iterator[Crowd]:
        """Return a context in which the crowd is at work."""
        for one in self._visitors:
            one.register()
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join(PATIENCE * 2)

    def answers(self, since: float = 0) -> list[Answer]:
        """Return what was answered to requests that ended after a time."""
        return [
            answer for one in self._visitors for answer in [*one.answers] if answer.ended >= since
        ]

    def lost(self) -> list[str]:
        """Return what the database should have and has not, once the crowd has gone."""
        return [told for told in (one.check() for one in self._visitors) if told]
