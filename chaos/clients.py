"""Clients that write and keep what they were told, and a monitor that asks every member."""

from __future__ import annotations

import itertools
import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pymysql

from chaos.ledger import Sample, whole
from tests.support.lab import Lab

TABLE = "chaos_ledger"
# A statement without an answer by then has none.
ANSWER_SECONDS = 10
PACE_SECONDS = 0.1
# A connection stays with one member; a new one is where the balancer chooses anew.
WRITES_PER_CONNECTION = 30
LOOK_SECONDS = 0.2
ADMIN_PORT = 33062


def said(err: Exception) -> str:
    """Return an error as a class of errors: its number, or what kind it is."""
    code = err.args[0] if err.args else ""
    return str(code) if isinstance(code, int) and code else type(err).__name__


class Ledger:
    """All ids that were tried and those that were acknowledged, with the time of each."""

    def __init__(self) -> None:
        # Ids of another run, or of an earlier round, are never met again.
        self._ids = itertools.count(time.time_ns() // 1_000)
        self.attempted: set[int] = set()
        self.acknowledged: dict[int, float] = {}
        self.through_balancer: list[float] = []
        self.errors: Counter[str] = Counter()
        self.balancer_errors = 0

    def next(self) -> int:
        """Return an id that nobody has tried."""
        one = next(self._ids)
        self.attempted.add(one)
        return one

    def acknowledge(self, one: int, balanced: bool) -> None:
        """Keep that the commit of an id returned OK."""
        now = time.monotonic()
        self.acknowledged[one] = now
        if balanced:
            self.through_balancer.append(now)

    def refused(self, err: Exception, balanced: bool) -> None:
        """Keep that a client met an error, and whether through the balancer."""
        self.errors[said(err)] += 1
        self.balancer_errors += balanced

    def forget(self) -> None:
        """Begin anew: what was written is judged, or its data directories are wiped on purpose."""
        self.attempted, self.acknowledged = set(), {}
        self.through_balancer = []
        self.errors, self.balancer_errors = Counter(), 0


class Client(threading.Thread):
    """Inserts one id after the other at one place."""

    def __init__(self, lab: Lab, ledger: Ledger, host: str, port: int, balanced: bool) -> None:
        super().__init__(daemon=True, name=f"{host}:{port}")
        self._lab, self._ledger = lab, ledger
        self._host, self._port, self._balanced = host, port, balanced
        self._over = threading.Event()
        self.last = 0.0

    def run(self) -> None:
        while not self._over.is_set():
            try:
                with self._lab.session(self._host, self._port, ANSWER_SECONDS) as connection:
                    self._write(connection)
            # PyMySQL reports a connection that breaks in the middle as whatever it stumbled over.
            except Exception as err:
                self._ledger.refused(err, self._balanced)
                self._over.wait(PACE_SECONDS)

    def _write(self, connection: Any) -> None:
        with connection.cursor() as cursor:
            for _ in range(WRITES_PER_CONNECTION):
                if self._over.is_set():
                    return
                one = self._ledger.next()
                cursor.execute(f"INSERT INTO {TABLE} VALUES (%s, %s)", (one, self.name))
                self.last = time.monotonic()
                self._ledger.acknowledge(one, self._balanced)
                self._over.wait(PACE_SECONDS)

    def stop(self) -> None:
        """Let it end after its present statement."""
        self._over.set()


class Writers:
    """The clients: through the balancer's two ports for writing, and one at each member."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self.ledger = Ledger()
        self._clients: list[Client] = []

    def prepare(self) -> None:
        """Make the table that they write to."""
        with (
            self._lab.session(port=3307, patience=ANSWER_SECONDS, schema=True) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(
                f"CREATE TABLE IF NOT EXISTS {TABLE}"
                " (id BIGINT PRIMARY KEY, client VARCHAR(32) NOT NULL)"
            )

    def remove(self) -> None:
        """Take the table away."""
        with (
            self._lab.session(port=3307, patience=ANSWER_SECONDS, schema=True) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(f"DROP TABLE IF EXISTS {TABLE}")

    @contextmanager
    def table(self) -> Iterator[None]:
        """Return a context in which the table is there."""
        self.prepare()
        try:
            yield
        finally:
            self.remove()

    def start(self) -> None:
        """Let them write."""
        places = [(self._lab.balancer, port, True) for port in (3306, 3306, 3307, 3307)]
        places += [(self._lab.address[name], 3306, False) for name in self._lab.databases]
        self._clients = [Client(self._lab, self.ledger, *place) for place in places]
        for client in self._clients:
            client.start()

    def stop(self) -> None:
        """Wait until each has ended."""
        for client in self._clients:
            client.stop()
        for client in self._clients:
            client.join(2 * ANSWER_SECONDS)
        alive = [client.name for client in self._clients if client.is_alive()]
        self._clients = []
        if alive:
            raise AssertionError(f"clients that do not end: {', '.join(alive)}")

    def all_served_since(self, moment: float) -> bool:
        """Tell whether every one was acknowledged something after a moment."""
        return all(client.last > moment for client in self._clients)

    def unserved_since(self, moment: float) -> list[str]:
        """Name those that were not."""
        return [client.name for client in self._clients if client.last <= moment]

    def rows(self, members: Iterable[str], since: int) -> dict[str, set[int]]:
        """Return the ids that each member has, from an id on, after all that the group ordered."""
        found = {}
        for name in members:
            with (
                self._lab.session(self._lab.address[name], patience=ANSWER_SECONDS) as connection,
                connection.cursor() as cursor,
            ):
                cursor.execute("SET SESSION group_replication_consistency = 'BEFORE'")
                cursor.execute(f"SELECT id FROM {TABLE} WHERE id >= %s", (since,))
                found[name] = {row[0] for row in cursor.fetchall()}
        return found

    def digest(self, members: Iterable[str], before: int) -> dict[str, tuple[int, int]]:
        """Return how many ids below one each member has, and all of them in one number."""
        found = {}
        for name in members:
            with (
                self._lab.session(self._lab.address[name], patience=ANSWER_SECONDS) as connection,
                connection.cursor() as cursor,
            ):
                cursor.execute(
                    f"SELECT COUNT(*), CAST(SUM(CRC32(id)) AS SIGNED) FROM {TABLE} WHERE id < %s",
                    (before,),
                )
                found[name] = cursor.fetchone()
        return found


QUESTION = """
SELECT m.MEMBER_STATE, s.VIEW_ID, @@GLOBAL.group_replication_bootstrap_group,
  (SELECT GROUP_CONCAT(MEMBER_STATE) FROM performance_schema.replication_group_members)
FROM performance_schema.replication_group_members m
LEFT JOIN performance_schema.replication_group_member_stats s USING (MEMBER_ID)
WHERE m.MEMBER_ID = @@server_uuid
"""


class Monitor:
    """Asks every member several times a second over its admin port, and keeps the answers."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._over = threading.Event()
        self._password = lab.secret("mysql", "password")
        self.samples: list[Sample] = []
        self.latest: dict[str, Sample] = {}
        # Encrypted, not verified: each server made its certificate itself.
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._tls.check_hostname = False
        self._tls.verify_mode = ssl.CERT_NONE
        self._threads = [
            threading.Thread(target=self._watch, args=(name,), daemon=True)
            for name in lab.databases
        ]

    def start(self) -> None:
        """Begin to ask."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ask no more."""
        self._over.set()
        for thread in self._threads:
            thread.join(10)

    def forget(self) -> None:
        """Begin a new record."""
        self.samples = []

    def _watch(self, member: str) -> None:
        while not self._over.is_set():
            asked = time.monotonic()
            try:
                connection = pymysql.connect(
                    host=self._lab.address[member],
                    port=ADMIN_PORT,
                    user="mysql_gr_admin",
                    password=self._password,
                    ssl=self._tls,
                    autocommit=True,
                    connect_timeout=2,
                    read_timeout=2,
                )
                with connection, connection.cursor() as cursor:
                    while not self._over.is_set():
                        asked = time.monotonic()
                        cursor.execute(QUESTION)
                        self._keep(member, asked, cursor.fetchone())
                        self._over.wait(LOOK_SECONDS)
            # As for the clients: a broken connection shows itself in many ways.
            except Exception:
                self._keep(member, asked, None)
                self._over.wait(LOOK_SECONDS)

    def _keep(self, member: str, asked: float, row: tuple[Any, ...] | None) -> None:
        state, view, bootstrap, states = row or ("UNKNOWN", "", 0, "")
        inside = tuple((states or "").split(","))
        present = sum(one in ("ONLINE", "RECOVERING") for one in inside)
        sample = Sample(
            asked,
            time.monotonic(),
            member,
            state,
            (view or "").partition(":")[0],
            view or "",
            present * 2 > present + inside.count("UNREACHABLE"),
            inside,
            bool(bootstrap),
        )
        self.samples.append(sample)
        self.latest[member] = sample

    def whole(self, since: float) -> bool:
        """Tell whether all said, asked after a moment, that all are ONLINE in one view."""
        return whole(self.latest, self._lab.databases, since)

    def states(self) -> str:
        """Return what each said last, in a line."""
        return ", ".join(
            f"{name} {one.state}"
            + ("" if not one.view else f" ({one.view}: {','.join(one.states)})")
            for name, one in sorted(self.latest.items())
        )
