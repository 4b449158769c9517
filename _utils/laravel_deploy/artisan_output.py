"""What artisan prints, read: which migrations there are, and which commands there are not."""

from __future__ import annotations

import re

UNKNOWN_COMMAND = re.compile(
    r"no commands defined in the|Command \"[^\"]+\" is (?:not defined|ambiguous)"
)
MIGRATION_LINE = re.compile(r"^\s*(\S+) \.{2,} .*?(Ran|Pending)\s*$")
MIGRATION_ROW = re.compile(r"^\|\s*(Yes|No)\s*\|\s*(\S+)\s*\|")


def parse_migrations(output: str) -> dict[str, list[str]]:
    """Return what migrate:status printed: dotted lines since Laravel 9.21, a table before."""
    status: dict[str, list[str]] = {"ran": [], "pending": []}
    for line in output.splitlines():
        if dotted := MIGRATION_LINE.match(line):
            status[dotted[2].lower()].append(dotted[1])
        elif row := MIGRATION_ROW.match(line):
            status["ran" if row[1] == "Yes" else "pending"].append(row[2])
    return status
