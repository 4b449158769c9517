"""What the machine does to follow its group: decided over plain data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from group_replication.gtid import count_gtids, format_gtids, parse_gtids, subtract_gtids
from group_replication.model import ONLINE

FOLLOWS, CONNECT, CLONE, REFUSED = "follows", "connect", "clone", "refused"


class Here(NamedTuple):
    """What the machine's own server says."""

    executed: str
    # Schemas that are not the server's own.
    schemas: tuple[str, ...]
    # The channel is as declared, and both of its threads run.
    declared: bool
    running: bool


class Group(NamedTuple):
    """What one ONLINE member says of the group."""

    executed: str
    purged: str
    # Declared names of ONLINE members, those that take no writes first.
    online: tuple[str, ...]


class Decision(NamedTuple):
    """What is to be done, and why."""

    verdict: str
    why: str


def decide(here: Here, group: Group | None, overwrite: bool, said: str = "") -> Decision:
    """
    Return what makes the machine follow its group, and why.

    here
        What its own server says.

    group
        What a member says; None where none is ONLINE.

    overwrite
        Whether the call named this machine as one whose data may be replaced by the group's.

    said
        What the members said that were asked in vain.

    Returns a :py:class:`Decision`: ``follows`` (nothing), ``connect``, ``clone`` or ``refused``.
    """
    if group is None:
        if here.declared and here.running:
            return Decision(FOLLOWS, "it waits for a member: none is ONLINE")
        why = "no declared member is ONLINE that could be followed"
        return Decision(REFUSED, f"{why}: {said}" if said else why)
    executed, theirs = parse_gtids(here.executed), parse_gtids(group.executed)
    foreign = subtract_gtids(executed, theirs)
    if here.declared and here.running:
        # Who was asked may be behind the one that is followed, in what the group writes.
        foreign = {source: spans for source, spans in foreign.items() if source not in theirs}
    gone = subtract_gtids(parse_gtids(group.purged), executed)
    if not executed and not here.schemas:
        return Decision(CLONE, "it is new and holds nothing")
    if foreign:
        what = f"it has {count_gtids(foreign)} transactions that the group does not have"
        return _replaced(what, format_gtids(foreign), overwrite)
    if gone:
        what = f"no member has {count_gtids(gone)} transactions any more that it lacks"
        return _replaced(what, format_gtids(gone), overwrite)
    if here.declared and here.running:
        return Decision(FOLLOWS, "it follows the group")
    return Decision(CONNECT, "its channel is not as declared, or stands still")


def _replaced(what: str, gtids: str, overwrite: bool) -> Decision:
    if overwrite:
        return Decision(CLONE, f"{what} ({gtids}), and the call names it")
    return Decision(
        REFUSED,
        f"{what} ({gtids}); backup.follow overwrite=<its minion id> replaces its data by the "
        "group's; its archived logs are saved to the repository before",
    )


def online_first_idle(members: Iterable[Mapping[str, Any]], nodes: Mapping[str, str]) -> list[str]:
    """
    Return the declared names of ONLINE members: first who takes no writes, then the last declared.

    members
        Rows with ``host``, ``port``, ``state`` and ``role``.

    nodes
        Declared names and addresses.
    """
    roles = {row["host"]: row["role"] for row in members if row["state"] == ONLINE}
    names = [name for name, address in reversed(list(nodes.items())) if address in roles]
    return sorted(names, key=lambda name: roles[nodes[name]] == "PRIMARY")
