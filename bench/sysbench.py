"""What sysbench is told, and what it says: pure functions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

THREADS = 8
ROWS = 10_000
TABLE = "sbtest1"
# sysbench's own scripts; what they do to one row may meet what they do at another member.
TESTS = ("oltp_point_select", "oltp_read_only", "oltp_insert", "oltp_write_only")
ONE_MEMBER_ONLY = frozenset({"oltp_write_only"})


class Said(NamedTuple):
    """What one run came to; seconds, but the percentile in milliseconds."""

    transactions: int
    queries: int
    errors: int
    seconds: float
    p95: float
    # Of sysbench itself.
    cpu: float


def settings(hosts: Sequence[str], port: int, user: str, password: str, database: str) -> str:
    """Return a file of options: a password is in no command line.

    hosts
        One for all sessions, or several for as many of them each.
    """
    return (
        f"mysql-host={','.join(hosts)}\nmysql-port={port}\nmysql-user={user}\n"
        f"mysql-password={password}\nmysql-db={database}\n"
        f"tables=1\ntable-size={ROWS}\nthreads={THREADS}\npercentile=95\n"
    )


def _number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    if not found:
        raise ValueError(f"sysbench did not say '{pattern}': {text}")
    return float(found.group(1))


def said(text: str) -> Said:
    """Read what a run printed, and below it what the shell says by ``times``.

    Raises ValueError when something is not there.
    """
    spent = re.findall(r"^(\d+)m([\d.]+)s (\d+)m([\d.]+)s$", text, re.MULTILINE)
    if len(spent) != 2:
        raise ValueError(f"sysbench's processor time is not there: {text}")
    # The second line is that of the shell's children.
    minutes, seconds, more_minutes, more_seconds = map(float, spent[1])
    return Said(
        int(_number(r"transactions: +(\d+)", text)),
        int(_number(r"queries: +(\d+)", text)),
        int(_number(r"ignored errors: +(\d+)", text)),
        _number(r"total time: +([\d.]+)s", text),
        _number(r"95th percentile: +([\d.]+)", text),
        60 * (minutes + more_minutes) + seconds + more_seconds,
    )
