"""Who writes on one connection reads it on the next, whichever member that is with."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.lab import Lab

CLIENTS, ROUNDS = 8, 625
# As the application's connections for reading have it.
BEFORE = "SET SESSION group_replication_consistency = 'BEFORE'"
READ = "SELECT n FROM read_trial WHERE id = %s"


def ask(session: Any, statement: str, values: tuple = ()) -> Any:
    with session.cursor() as cursor:
        cursor.execute(statement, values)
        row = cursor.fetchone()
        return row[0] if row else None


@pytest.fixture
def table(lab: Lab, all_online) -> Iterator[None]:
    all_online()
    with lab.session(port=3307) as session:
        ask(session, "CREATE TABLE IF NOT EXISTS read_trial (id INT PRIMARY KEY, n INT NOT NULL)")
        for client in range(CLIENTS):
            ask(session, "REPLACE INTO read_trial VALUES (%s, 0)", (client,))
        yield
        ask(session, "DROP TABLE read_trial")


@pytest.fixture(params=["multi-primary", "single-primary"])
def mode(request, lab: Lab, all_online) -> Iterator[str]:
    all_online()
    lab.salt("db*", f"mysql_gr.switch_mode {request.param}")
    yield request.param
    lab.salt("db*", "mysql_gr.switch_mode multi-primary")


def stale_reads(lab: Lab, client: int, write_port: int, read_port: int) -> list[tuple]:
    """Write a number and read it elsewhere, again and again; returns what was read wrongly."""
    found = []
    with contextlib.ExitStack() as sessions:
        writer = sessions.enter_context(lab.session(port=write_port))
        # Dealt in turn, so that each member is read from by somebody.
        readers = [sessions.enter_context(lab.session(port=read_port)) for _ in lab.databases]
        for reader in readers:
            ask(reader, BEFORE)
        for n in range(1, ROUNDS + 1):
            ask(writer, "UPDATE read_trial SET n = %s WHERE id = %s", (n, client))
            read = ask(readers[n % len(readers)], READ, (client,))
            if read != n:
                found.append((client, n, read))
    return found


@pytest.mark.parametrize("ports", [(3306, 3306), (3307, 3308)])
def test_ten_thousand_reads_see_what_was_written_just_before(lab: Lab, mode, table, ports):
    """In each mode: two pairs of ports, eight clients, 625 writes each."""
    with ThreadPoolExecutor(CLIENTS) as pool:
        clients = [pool.submit(stale_reads, lab, client, *ports) for client in range(CLIENTS)]
        assert [stale for client in clients for stale in client.result()] == []


def test_a_member_that_lags_makes_a_reader_wait(lab: Lab, table):
    """The control: there the old row is to be seen, by whoever does not ask for the new one."""
    late = lab.databases[-1]
    with (
        lab.session() as writer,
        lab.session(lab.address[late]) as plain,
        lab.session(lab.address[late]) as reader,
        ThreadPoolExecutor(1) as pool,
    ):
        ask(reader, BEFORE)
        # Its applier waits for this.
        ask(plain, "LOCK TABLES read_trial READ")
        ask(writer, "UPDATE read_trial SET n = 1 WHERE id = 0")
        waiting = pool.submit(ask, reader, READ, (0,))
        assert ask(plain, READ, (0,)) == 0
        with pytest.raises(TimeoutError):
            waiting.result(1)
        ask(plain, "UNLOCK TABLES")
        assert waiting.result(10) == 1
