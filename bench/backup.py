"""Restore points in time from the backup machine's repository, and compare them row by row."""

from __future__ import annotations

import datetime
import json
import os
import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

from pymysql.constants import CLIENT

from bench.points import Change, Gtids, Point, Rows, draw, judge, own_gtid
from tests.support.lab import DATABASE, Lab, declared

TABLE = "bench_points"
NAME = "bench-point"
WRITERS = 4
# Between two transactions of a writer.
PACE = 0.02
# How long the writers write, a full backup at the begin and one in the middle.
SECONDS = 60
# How long the machine may take to apply what was written.
APPLIED_SECONDS = 60
ROWS = f"SELECT id, value FROM {TABLE}"


class Site(Protocol):
    """Where it is done: a group, and a machine that backs it up."""

    versions: dict[str, str]

    def session(self) -> AbstractContextManager[Any]:
        """Return a context with a session that writes and is told its GTIDs."""

    def change(self, statement: str) -> None:
        """Change the schema."""

    def call(self, function: str, *arguments: str) -> Any:
        """Call a function of the product on the backup machine."""

    def applied(self, gtids: str) -> bool:
        """Tell whether the backup machine has transactions."""

    def rows(self, socket: str) -> Rows:
        """Return the table's rows of a restored instance."""


class LabSite:
    """The lab, whose table of nodes has a machine of role backup."""

    def __init__(self, lab: Lab) -> None:
        machines = declared("backup")
        if not machines:
            raise ValueError(
                "pillar/cluster.sls has no machine of role backup, as docs/backup.md describes it; "
                "add one and `vagrant up` it"
            )
        self._lab, self._machine = lab, machines[0]
        self._password = lab.secret("application_database", "password")
        self.versions = {
            "mysqld": lab.sql(lab.databases[0], "SELECT VERSION()"),
            "restic": lab.run(self._machine, "restic version").split()[1],
        }

    def session(self) -> AbstractContextManager[Any]:
        """By the balancer's port for one writer at a time: one clock says when each committed."""
        return self._lab.session(port=3307, password=self._password, flags=CLIENT.SESSION_TRACK)

    def change(self, statement: str) -> None:
        with self._lab.session(port=3307, schema=True) as session, session.cursor() as cursor:
            cursor.execute(statement)

    def call(self, function: str, *arguments: str) -> Any:
        words = " ".join(f"'{one}'" for one in arguments)
        # On the machine itself: what Salt loses of an answer on its way is not measured.
        said = self._lab.run(
            self._machine, f"salt-call --out=json {function} {words} 2>&1", check=False
        )
        begin = said.find("{")
        if begin < 0:
            raise AssertionError(f"{function}: {said.strip()[-600:]}")
        # What it logs may come behind.
        return json.JSONDecoder().raw_decode(said[begin:])[0]["local"]

    def applied(self, gtids: str) -> bool:
        return (
            self._lab.sql(self._machine, f"SELECT GTID_SUBSET('{gtids}', @@GLOBAL.gtid_executed)")
            == "1"
        )

    def rows(self, socket: str) -> Rows:
        said = self._lab.run(self._machine, f"mysql --socket={socket} -N {DATABASE} -e '{ROWS}'")
        pairs = (line.split("\t") for line in said.splitlines())
        return {int(row): value for row, value in pairs}


class Writer(threading.Thread):
    """Commits one transaction after the other: a new row, and some of its rows changed."""

    def __init__(self, site: Site, number: int) -> None:
        super().__init__(daemon=True, name=f"writer {number}")
        self._site, self._next = site, number * 1_000_000_000
        self._over = threading.Event()
        self.changes: list[Change] = []
        self.problem = ""

    def run(self) -> None:
        try:
            with self._site.session() as session:
                session.query("SET SESSION session_track_gtids = 'OWN_GTID'")
                while not self._over.is_set():
                    self.changes.append(self._commit(session))
                    self._over.wait(PACE)
        except Exception as err:
            self.problem = f"{self.name}: {type(err).__name__}: {err}"

    def _commit(self, session: Any) -> Change:
        rows = dict(self._drawn())
        begun = time.time()
        session.query("BEGIN")
        with session.cursor() as cursor:
            for row, value in rows.items():
                if value is None:
                    cursor.execute(f"DELETE FROM {TABLE} WHERE id = %s", (row,))
                else:
                    cursor.execute(f"REPLACE INTO {TABLE} VALUES (%s, %s)", (row, value))
        session.query("COMMIT")
        acknowledged = time.time()
        # PyMySQL keeps what the server tells of the session with the last answer.
        return Change(own_gtid(session._result.message), begun, acknowledged, tuple(rows.items()))

    def _drawn(self) -> Iterator[tuple[int, str | None]]:
        """A new row; each second time an older one gets another value, each fifth one goes."""
        self._next += 1
        yield self._next, os.urandom(8).hex()
        older = random.randrange(len(self.changes)) if self.changes else 0
        if self.changes and self._next % 2 == 0:
            yield self.changes[older].rows[0][0], os.urandom(8).hex()
        elif self.changes and self._next % 5 == 0:
            yield self.changes[older].rows[0][0], None

    def stop(self) -> None:
        """Let it end after its present transaction."""
        self._over.set()


def await_applied(site: Site, written: Sequence[Sequence[Change]]) -> None:
    """Wait until the backup machine has what each writer wrote last."""
    gtids = ",".join(changes[-1].gtid for changes in written if changes)
    deadline = time.monotonic() + APPLIED_SECONDS
    while not site.applied(gtids):
        if time.monotonic() > deadline:
            raise AssertionError(f"the backup machine lacks {gtids} after {APPLIED_SECONDS} s")
        time.sleep(0.5)


class Points:
    """What writers wrote while full backups were taken, and its points in time."""

    def __init__(self, site: Site, seconds: float) -> None:
        self._site, self._seconds = site, seconds
        self._writers: list[list[Change]] = []
        self._fulls: list[Gtids] = []
        self._since = 0.0

    @contextmanager
    def open(self) -> Iterator[None]:
        """Return a context in which points can be restored; the table is gone at its end."""
        self._site.change(f"CREATE TABLE {TABLE} (id BIGINT PRIMARY KEY, value CHAR(16) NOT NULL)")
        try:
            self._write()
            yield
        finally:
            self._site.change(f"DROP TABLE {TABLE}")
            self._site.call("backup_restore.drop_instance", NAME)

    def _write(self) -> None:
        writers = [Writer(self._site, number) for number in range(1, WRITERS + 1)]
        for writer in writers:
            writer.start()
        try:
            for _ in range(2):
                time.sleep(1)
                full = self._site.call("backup.take", "drilled=False")
                self._fulls.append(Gtids(full["gtids"]))
                self._since = self._since or float(full["at"])
                time.sleep(self._seconds / 2)
        finally:
            for writer in writers:
                writer.stop()
            for writer in writers:
                writer.join(30)
        problems = [
            writer.problem or f"{writer.name} wrote nothing"
            for writer in writers
            if writer.problem or not writer.changes
        ]
        if problems:
            raise AssertionError("; ".join(problems))
        self._writers = [writer.changes for writer in writers]
        await_applied(self._site, self._writers)
        # A second is what the archive says of when it was saved.
        time.sleep(1.1)
        self._site.call("backup.save_logs")

    def drawn(self, count: int, seed: int) -> list[Point]:
        """Return points by lot."""
        return draw([one for changes in self._writers for one in changes], self._since, count, seed)

    def run(self, point: Point) -> dict[str, Any]:
        """Restore a point, compare it, take it away, and return its result."""
        now = datetime.datetime.now(datetime.timezone.utc)
        result: dict[str, Any] = {
            "number": point.number,
            "kind": point.kind,
            "point": point.text,
            "began": now.isoformat(timespec="seconds"),
            "versions": self._site.versions,
            "load": [round(os.getloadavg()[0], 2)],
            "seconds": None,
            "replayed": None,
            "rows": None,
            "problems": [],
        }
        try:
            answer = self._site.call("backup_restore.restore_point", NAME, point.text)
            if not isinstance(answer, dict):
                raise AssertionError(str(answer))
            rows = self._site.rows(answer["socket"])
            there = Gtids(answer["gtids"])
            result |= {
                "seconds": answer["seconds"],
                # The newest full backup that is not beyond it is the one that it began with.
                "replayed": min(
                    len(there) - len(one) for one in self._fulls if len(one) <= len(there)
                ),
                "rows": len(rows),
                "problems": judge(point, answer, rows, self._writers),
            }
        except Exception as err:
            result["problems"].append(f"{type(err).__name__}: {err}")
        finally:
            self._site.call("backup_restore.drop_instance", NAME)
        return result
