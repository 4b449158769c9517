"""A table that a member's applier cannot write to, for as long as a session there keeps it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.lab import Lab

# The table is to be there, too, where another member has just made it.
HOLDING = (
    'SET SESSION group_replication_consistency = "BEFORE"; SELECT 1; '
    "LOCK TABLES {table} READ; SELECT SLEEP({seconds})"
)
SESSIONS = (
    "FROM performance_schema.processlist WHERE INFO LIKE 'SELECT SLEEP(%' AND STATE = 'User sleep'"
)


@contextmanager
def read_locked(lab: Lab, member: str, table: str, seconds: int) -> Iterator[None]:
    """
    Return a context in which nobody writes to a table on one member, its applier included.

    seconds
        How long at most; at the end of the context it is over in any case.
    """
    holding = HOLDING.format(table=table, seconds=seconds)
    lab.run(
        member,
        f"setsid mysql -e '{holding}' > /dev/null 2>&1 &\n"
        "for _ in $(seq 200); do\n"
        f'    mysql -Ne "SELECT COUNT(*) {SESSIONS}" | grep -qx 1 && exit 0\n'
        "    sleep 0.05\n"
        "done\n"
        "exit 1",
    )
    try:
        yield
    finally:
        ended = f"mysql -Ne \"SELECT CONCAT('KILL ', ID, ';') {SESSIONS}\" | mysql"
        # Of a server that was killed meanwhile there is none left.
        lab.run(member, ended, check=False)
