"""The clients that end-to-end tests, chaos and bench share, at servers that are made up."""

from __future__ import annotations

import itertools
import time
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace
from typing import Any

import pymysql
import pytest

from bench.clients import Notebook
from tests.support import api_client, mysql_client
from tests.support.mysql_client import Client, Habits, stop_all
from tests.support.writers import Entries, Ledger

HABITS = Habits(answer=1, connect=1, pace=0, again=0)


class Server:
    """Stands for the lab with one server, which may fail."""

    def __init__(self) -> None:
        self.sessions, self.rows = 0, list[tuple[int, str]]()
        self.fails: Exception | None = None

    def secret(self, file: str, key: str) -> str:
        return f"the {key} of {file}"

    @contextmanager
    def session(self, host: str, port: int, patience: float, connecting: float, password: str):
        assert (host, port, password) == ("db1", 3306, "the password of application_database")
        self.sessions += 1
        yield SimpleNamespace(cursor=lambda: nullcontext(self))

    def execute(self, statement: str, values: tuple[int, str] | None = None) -> None:
        if self.fails:
            failure, self.fails = self.fails, None
            raise failure
        if values:
            self.rows.append(values)

    def fetchone(self) -> tuple[str]:
        return ("db1",)


def until(question: Any) -> None:
    deadline = time.monotonic() + 60
    while not question():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_what_a_client_wrote_is_in_the_ledger_and_in_the_table():
    server, ledger = Server(), Ledger()
    client = Client(server, ("db1", 3306), "a", Entries(ledger, True), HABITS)
    client.start()
    until(lambda: len(ledger.acknowledged) > 5)
    server.fails = pymysql.OperationalError(1290, "read only")
    until(lambda: ledger.errors)
    # It goes on, in a new session.
    seen = len(ledger.acknowledged)
    until(lambda: len(ledger.acknowledged) > seen)
    stop_all([client], 60)
    assert dict(ledger.errors) == {"1290": 1}
    assert (ledger.balancer_errors, server.sessions) == (1, 2)
    assert {one for one, _ in server.rows} == ledger.acknowledged.keys()
    assert len(ledger.attempted) == len(ledger.acknowledged) + 1
    assert ledger.through_balancer == [*ledger.acknowledged.values()]


@pytest.mark.parametrize(("limit", "sessions"), [(1, 8), (4, 2), (0, 1)])
def test_a_session_is_given_up_after_so_many_inserts(limit, sessions):
    server, ids = Server(), itertools.count(1)
    notes = Notebook("way", ids)
    habits = HABITS._replace(inserts_per_session=limit)
    client = Client(server, ("db1", 3306), "way", notes, habits)
    notes.acknowledged = lambda one, when: client.stop() if one == 8 else None
    client.run()
    assert [one for one, _ in server.rows] == [*range(1, 9)]
    assert (server.sessions, notes.record.member) == (sessions, "db1")


def test_a_client_chooses_anew_when_told_to():
    server, notes = Server(), Notebook("way", itertools.count(1))
    client = Client(server, ("db1", 3306), "way", notes, HABITS)
    then = {3: client.connect_anew, 6: client.stop}
    notes.acknowledged = lambda one, when: then.get(one, lambda: None)()
    client.run()
    assert (len(server.rows), server.sessions) == (6, 2)


def test_a_client_that_does_not_end_is_named():
    client = Client(Server(), ("db1", 3306), "stuck", Entries(Ledger(), False), HABITS)
    client.join = lambda seconds: None
    client.is_alive = lambda: True
    with pytest.raises(AssertionError, match="clients that do not end: stuck"):
        stop_all([client], 0)


@pytest.mark.parametrize(
    ("err", "kind"),
    [
        (pymysql.OperationalError(2013, "lost"), "2013"),
        (pymysql.OperationalError(0, ""), "OperationalError"),
        (TimeoutError(), "TimeoutError"),
    ],
)
def test_errors_are_of_a_class(err, kind):
    assert mysql_client.error_class(err) == kind


def test_a_user_who_updates_keeps_what_was_acknowledged_and_what_was_not(monkeypatch):
    answers = iter([200, 500])

    class Http(api_client.HttpClient):
        def ask(self, task, method, path, body=None):
            good = next(answers, 200) == 200
            self.answers.append(SimpleNamespace(cause="good" if good else "status 500"))
            return good or None

    monkeypatch.setattr(api_client, "HttpClient", Http)
    lab = SimpleNamespace(address={"web": "127.0.0.1"}, web="web", log_in=lambda: "token")
    with api_client.client(lab) as one:
        until(lambda: len(one.acknowledged) > 1)
    assert [bio for _, bio in one.acknowledged][:2] == ["client update 1", "client update 3"]
    assert [cause for _, cause in one.refused] == ["status 500"]
