"""Who writes on one connection reads it on the next, whichever member that is with."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent import futures
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e.conftest import LONG
from tests.support.balancer import asked
from tests.support.lab import DATABASE, MODES, Lab

pytestmark = pytest.mark.restores


# In each mode and by each pair of ports; the long run makes ten thousand of it.
CLIENTS, ROUNDS = 8, 313 if LONG else 40
PORTS = ((3306, 3306), (3307, 3308))
# As the application's connections for reading have it.
BEFORE = "SET SESSION group_replication_consistency = 'BEFORE'"
READ = "SELECT n FROM read_trial WHERE id = %s"


@pytest.fixture
def table(lab: Lab, all_online) -> Iterator[None]:
    all_online()
    with lab.session(port=3307, schema=True) as session:
        asked(session, "CREATE TABLE IF NOT EXISTS read_trial (id INT PRIMARY KEY, n INT NOT NULL)")
        for client in range(CLIENTS):
            asked(session, "REPLACE INTO read_trial VALUES (%s, 0)", (client,))
        yield
        asked(session, "DROP TABLE read_trial")


def stale_reads(lab: Lab, client: int, write_port: int, read_port: int) -> list[tuple]:
    """Write a number and read it elsewhere, again and again; returns what was read wrongly."""
    found = []
    with contextlib.ExitStack() as sessions:
        writer = sessions.enter_context(lab.session(port=write_port))
        # Dealt in turn, so that each member is read from by somebody.
        readers = [sessions.enter_context(lab.session(port=read_port)) for _ in lab.databases]
        for reader in readers:
            asked(reader, BEFORE)
        for n in range(1, ROUNDS + 1):
            asked(writer, "UPDATE read_trial SET n = %s WHERE id = %s", (n, client))
            read = asked(readers[n % len(readers)], READ, (client,))
            if read != n:
                found.append((client, n, read))
    return found


@pytest.mark.repeated
@pytest.mark.parametrize("mode", MODES, indirect=True)
def test_reads_see_what_was_written_just_before(lab: Lab, mode, table):
    with ThreadPoolExecutor(CLIENTS) as pool:
        for ports in PORTS:
            clients = [pool.submit(stale_reads, lab, client, *ports) for client in range(CLIENTS)]
            assert [stale for client in clients for stale in client.result()] == []


@pytest.fixture
def late(lab: Lab, table) -> Iterator[Callable[[], None]]:
    """The last member's applier waits for the table; the function lets it go on."""
    session = lab.talk(lab.databases[-1], f"mysql --unbuffered --skip-column-names {DATABASE}")
    assert session.stdin
    assert session.stdout
    session.stdin.write("LOCK TABLES read_trial READ; SELECT 'locked';\n")
    session.stdin.flush()
    assert session.stdout.readline() == "locked\n"
    yield session.stdin.close
    session.stdin.close()
    session.wait(10)


def test_a_member_that_lags_makes_a_reader_wait(lab: Lab, late):
    """The control: the old row is there to be seen, by whoever does not ask for the new one."""
    address = lab.address[lab.databases[-1]]
    with (
        lab.session() as writer,
        lab.session(address) as plain,
        lab.session(address) as reader,
        ThreadPoolExecutor(1) as pool,
    ):
        asked(reader, BEFORE)
        asked(writer, "UPDATE read_trial SET n = 1 WHERE id = 0")
        waiting = pool.submit(asked, reader, READ, (0,))
        assert asked(plain, READ, (0,)) == 0
        with pytest.raises(futures.TimeoutError):
            waiting.result(1)
        late()
        assert waiting.result(10) == 1
