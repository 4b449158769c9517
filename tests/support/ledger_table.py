"""The table that clients write to, and what each member has of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.lab import DATABASE, Lab

TABLE = "chaos_ledger"
# The inserts in binary logs: a transaction's GTID, and the first column of each row.
LOGGED = r"""cd /var/lib/mysql
logs=$(find . -maxdepth 1 -name 'binlog.[0-9]*' -newermt @{since} | sort)
[ -n "$logs" ] || exit 0
mysqlbinlog --no-defaults --verbose --base64-output=DECODE-ROWS $logs | awk '
  /GTID_NEXT=/ {{ split($0, quoted, "\047"); gtid = quoted[2] }}
  /^### / {{ if ($2 == "INSERT") take = ($4 == "`{table}`");
            else if (take && sub("^###   @1=", "")) {{ print gtid, $1; take = 0 }} }}'
"""
# A statement without an answer by then has none.
ANSWER_SECONDS = 10


class LedgerTable:
    """The table of ids; each of its clients names itself in its rows."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    def prepare(self) -> None:
        """Make the table."""
        self._change(
            f"CREATE TABLE IF NOT EXISTS {TABLE}"
            " (id BIGINT PRIMARY KEY, client VARCHAR(32) NOT NULL)"
        )

    def remove(self) -> None:
        """Take the table away."""
        self._change(f"DROP TABLE IF EXISTS {TABLE}")

    @contextmanager
    def there(self) -> Iterator[None]:
        """Return a context in which the table is there."""
        self.prepare()
        try:
            yield
        finally:
            self.remove()

    def rows(self, members: Iterable[str], since: int) -> dict[str, set[int]]:
        """Return the ids that each member has, from an id on, after all that the group ordered."""
        found = {}
        for name in members:
            with self._cursor(name) as cursor:
                cursor.execute("SET SESSION group_replication_consistency = 'BEFORE'")
                cursor.execute(f"SELECT id FROM {TABLE} WHERE id >= %s", (since,))
                found[name] = {row[0] for row in cursor.fetchall()}
        return found

    def digest(self, members: Iterable[str], before: int) -> dict[str, tuple[int, int]]:
        """Return how many ids below one each member has, and all of them in one number."""
        found = {}
        for name in members:
            with self._cursor(name) as cursor:
                cursor.execute(
                    f"SELECT COUNT(*), CAST(SUM(CRC32(id)) AS SIGNED) FROM {TABLE} WHERE id < %s",
                    (before,),
                )
                found[name] = cursor.fetchone()
        return found

    def logged(self, members: Iterable[str], since: float) -> dict[str, list[tuple[str, int]]]:
        """Return the GTID and the id of each insert that members have in their binary logs.

        since
            Seconds since 1970; logs that were closed before are not read.
        """
        found = {}
        for name in members:
            said = self._lab.run(
                name, LOGGED.format(since=int(since), table=f"{DATABASE}`.`{TABLE}")
            )
            pairs = (line.split() for line in said.splitlines())
            found[name] = [(gtid, int(one)) for gtid, one in pairs]
        return found

    def _change(self, statement: str) -> None:
        with (
            self._lab.session(port=3307, patience=ANSWER_SECONDS, schema=True) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)

    @contextmanager
    def _cursor(self, member: str) -> Iterator[Any]:
        with (
            self._lab.session(self._lab.address[member], patience=ANSWER_SECONDS) as connection,
            connection.cursor() as cursor,
        ):
            yield cursor
