"""Two groups with one name: members outside one's own view are asked, and one is fenced."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from salt.exceptions import CommandExecutionError

from group_replication import maintenance
from group_replication.connection import exclusive, execute, peer
from group_replication.facts import facts_of, observe, unreachable, writable_by
from group_replication.model import ONLINE, PRESENT, Settings
from group_replication.origins import fork_of, rivals_of, sentence
from group_replication.overrides import named_member

# A member that is well answers at once, and the local one is not to be kept waiting.
CONNECT_SECONDS = 1
QUERY_SECONDS = 2


def outside_of(settings: Settings, facts: Mapping[str, Any]) -> list[str]:
    """
    Return the declared members that are not in the local one's view.

    settings
        The group's settings.

    facts
        What the local member says of itself.
    """
    inside = {member["host"] for member in facts["members"]}
    return [name for name, address in settings.nodes.items() if address not in inside]


def ask(settings: Settings, names: list[str]) -> dict[str, dict[str, Any]]:
    """
    Ask members what they are, all at once and not for long; one connection each.

    settings
        The group's settings.

    names
        Who is asked.
    """

    def one(name: str) -> dict[str, Any]:
        try:
            address = settings.nodes[name]
            with peer(settings, address, QUERY_SECONDS, CONNECT_SECONDS) as connection:
                return observe(connection)
        except CommandExecutionError as err:
            return unreachable(str(err))

    with ThreadPoolExecutor(max_workers=len(names) or 1) as pool:
        return dict(zip(names, pool.map(one, names), strict=True))


def see_to(
    settings: Settings,
    connection: Any,
    facts: Mapping[str, Any],
    others: Mapping[str, Mapping[str, Any]],
) -> str:
    """
    Fence the local member, if its group gives way to another one, and say what is so.

    settings
        The group's settings.

    connection
        An open connection of root's to the local member.

    facts, others
        What the local member says of itself, and those outside its view, as far as they were asked.

    Returns the sentence, or the empty text. Raises OSError where the mark cannot be written.
    """
    if facts["state"] not in PRESENT or not facts["view_id"]:
        return ""
    before = maintenance.fork()
    now = fork_of(settings.me, facts, others, before)
    if not now:
        if before:
            maintenance.forget_fork()
        return ""
    # First the mark: from then on the health agent sends nobody here.
    maintenance.keep_fork(now)
    if not now["fenced"]:
        rivals = rivals_of(facts, others)
        return sentence(settings.me, facts, rivals, False) if rivals else ""
    if not facts["super_read_only"]:
        # Also again: the server takes it away itself from one that becomes a primary.
        execute(connection, "SET GLOBAL super_read_only = ON")
    return str(now["why"])


def unfence(settings: Settings, member: str, test: bool = False) -> dict[str, str]:
    """
    Let a member serve that was fenced, since its group gave way to another one.
    """
    named_member(member, settings.me, "ending a fence")
    with exclusive(settings) as connection:
        was = maintenance.fork()
        seen = facts_of(settings, connection)
        mine = seen[member]
        others = {name: one for name, one in seen.items() if name != member}
        rivals = rivals_of(mine, others)
        if rivals:
            raise CommandExecutionError(sentence(member, mine, rivals, bool(was)))
        if not test:
            maintenance.forget_fork()
            if was and mine["state"] == ONLINE and writable_by({**mine, "super_read_only": False}):
                execute(connection, "SET GLOBAL super_read_only = OFF")
        return {"old": was["why"] if was else "", "new": ""}
