"""The balancer's statistics, and one question of a session through it."""

from __future__ import annotations

import csv
import io
from typing import Any

import requests

from tests.support.lab import Lab


def servers(lab: Lab, column: str = "status") -> dict[tuple[str, str], str]:
    """What the statistics page says of each server: (section, server) to one of its columns."""
    table = requests.get(
        f"http://{lab.address['proxy']}:9201/;csv",
        auth=("admin", lab.secret("haproxy", "password")),
        timeout=10,
    ).text
    rows = csv.DictReader(io.StringIO(table.removeprefix("# ")))
    return {
        (row["pxname"], row["svname"]): row[column]
        for row in rows
        if row["svname"].startswith("mysql-")
    }


def asked(session: Any, statement: str, values: tuple[Any, ...] = ()) -> Any:
    """Return the first column of what a statement answers first, or None."""
    with session.cursor() as cursor:
        cursor.execute(statement, values)
        row = cursor.fetchone()
        return row[0] if row else None
