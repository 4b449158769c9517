"""An HTTP client that notes what comes of each request."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import requests

# Longer than the application waits for a database.
PATIENCE = 60

GOOD = "good"
UNKNOWN = "503, outcome of a commit unknown"
LATER = "503 with Retry-After"


class Answer(NamedTuple):
    """One request: when it began, how long it took, what it was for, and what came of it."""

    began: float
    seconds: float
    task: str
    cause: str

    @property
    def ended(self) -> float:
        """When it was answered, or given up."""
        return self.began + self.seconds


def cause_of(status: int, headers: Mapping[str, str], text: str) -> str:
    """Return what came of a request, by what the server answered."""
    if 200 <= status < 300:
        return GOOD
    if status == 503 and headers.get("Retry-After"):
        return UNKNOWN if "unknown" in text else LATER
    return f"status {status}"


def counted(answers: Iterable[Answer]) -> Counter[str]:
    """Return how many requests had which cause, the good ones among them."""
    return Counter(answer.cause for answer in answers)


def failed(answers: Iterable[Answer]) -> list[Answer]:
    """Return the requests that were not answered well."""
    return [answer for answer in answers if answer.cause != GOOD]


class HttpClient:
    """A session with one web server; it may be logged in as one user."""

    def __init__(self, base: str) -> None:
        self.base, self.answers = base, list[Answer]()
        self.session = requests.Session()
        self.session.trust_env = self.session.verify = False

    def use(self, token: str) -> None:
        """Be the user of a token from now on."""
        self.session.headers["Authorization"] = f"Token {token}"

    def ask(
        self, task: str, method: str, path: str, body: dict[str, Any] | None = None
    ) -> requests.Response | None:
        """Make a request and note it; return the answer if it is a good one."""
        began, answer = time.time(), None
        start = time.monotonic()
        try:
            answer = self.session.request(method, f"{self.base}{path}", json=body, timeout=PATIENCE)
            cause = cause_of(answer.status_code, answer.headers, answer.text)
        except requests.RequestException as err:
            cause = type(err).__name__
        self.answers.append(Answer(began, time.monotonic() - start, task, cause))
        return answer if cause == GOOD else None
