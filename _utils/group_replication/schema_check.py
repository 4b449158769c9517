"""Tables, and statements that make some, which a group cannot write to."""

from __future__ import annotations

import re

from salt.exceptions import SaltInvocationError

from group_replication.model import MODES

# A statement that makes or alters a table, and what in it is no keyword.
STATEMENT = re.compile(
    r"\s*(create(?: temporary)?|alter) table (?:if not exists )?([`\w.]+)(.*)", re.I | re.S
)
QUOTED = re.compile(r"'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.)*\"")


def check_statement(statement: str, mode: str) -> list[dict[str, str]]:
    """Return what one statement would make that a group in this mode cannot write to."""
    found = STATEMENT.match(" ".join(statement.split()))
    if not found or found[1].lower() == "create temporary":
        return []
    table, rest = found[2].replace("`", ""), QUOTED.sub("''", found[3])
    # Of another table it has the key that that one has.
    creates = found[1].lower() == "create" and not re.match(r"\s*(like|select|as)\b", rest, re.I)
    problems = []
    if creates and not re.search(r"\bprimary key\b", rest, re.I):
        problems.append(("no primary key", "it is made without a primary key"))
    if not creates and re.search(r"\bdrop primary key\b(?!.*\badd primary key\b)", rest, re.I):
        problems.append(("no primary key", "its primary key is dropped"))
    engine = re.search(r"\bengine\s*=?\s*(\w+)", rest, re.I)
    if engine and engine[1].lower() != "innodb":
        problems.append(("engine", f"{engine[1]}, not InnoDB"))
    if mode == MODES[0]:
        rules = re.findall(r"\bon (?:delete|update) (?:cascade|set null)\b", rest, re.I)
        if rules:
            problems.append(
                ("cascading foreign key", f"{', '.join(rules).lower()}, in {mode} mode")
            )
    return [{"table": table, "problem": what, "detail": why} for what, why in problems]


def checked_mode(mode: str) -> str:
    if mode not in MODES:
        raise SaltInvocationError(f"mode is '{mode}'; expected {MODES[0]} or {MODES[1]}")
    return mode
