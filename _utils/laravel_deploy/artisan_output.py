"""What artisan prints, read: which migrations there are, and the statements that they would run."""

from __future__ import annotations

import re

UNKNOWN_COMMAND = re.compile(
    r"no commands defined in the|Command \"[^\"]+\" is (?:not defined|ambiguous)"
)
MIGRATION_LINE = re.compile(r"^\s*(\S+) \.{2,} .*?(Ran|Pending)\s*$")
MIGRATION_ROW = re.compile(r"^\|\s*(Yes|No)\s*\|\s*(\S+)\s*\|")
# What migrate --pretend prints: an arrow before it since Laravel 9.21, the migration's name before.
PRETENDED = re.compile(r"^\s*(?:\u21c2|\w+:)\s+(.+?)\s*$")
PRETENDED_NAME = re.compile(r"^\s*(\d{4}_\d\d_\d\d_\w+) \.{2,}|^\s*(\w+): ")


def parse_migrations(output: str) -> dict[str, list[str]]:
    """Return what migrate:status printed: dotted lines since Laravel 9.21, a table before."""
    status: dict[str, list[str]] = {"ran": [], "pending": []}
    for line in output.splitlines():
        if dotted := MIGRATION_LINE.match(line):
            status[dotted[2].lower()].append(dotted[1])
        elif row := MIGRATION_ROW.match(line):
            status["ran" if row[1] == "Yes" else "pending"].append(row[2])
    return status


def pretended(output: str) -> list[tuple[str, str]]:
    """Return each statement that migrate --pretend printed, with its migration's name."""
    found, name = [], ""
    for line in output.splitlines():
        if titled := PRETENDED_NAME.match(line):
            name = titled[1] or titled[2]
        if statement := PRETENDED.match(line):
            found.append((name, statement[1]))
    return found
