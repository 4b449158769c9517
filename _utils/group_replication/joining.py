"""One member bootstraps a group, and members join it one after the other: named locks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

from group_replication.connection import (
    QUERY_SECONDS,
    START_SECONDS,
    UnreachableError,
    execute,
    peer,
    rows,
)
from group_replication.model import ONLINE, Settings
from group_replication.server_lock import lock_name
from group_replication.tables import by_address

# A join takes two or three seconds until its view is there.
WAIT_SECONDS = 5


def places(me: str, seen: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """
    Return the addresses at which a member holds the lock while it joins, in one order for all.

    me
        The declared name of the member that joins.

    seen
        What every member says of itself, as ``facts_of`` returns it.

    At all of them, since members that look at different moments see different ones ONLINE.
    """
    inside = [
        one["host"]
        for name, one in seen.items()
        if name != me and one["answers"] and one["state"] == ONLINE and one["quorum"]
    ]
    return sorted(inside, key=by_address)


def _taken(connection: Any, name: str, seconds: int) -> bool:
    # A machine that loses its power says no goodbye: its lock would stay for eight hours.
    execute(connection, "SET SESSION wait_timeout = %s", (START_SECONDS,))
    return rows(connection, "SELECT GET_LOCK(%s, %s) AS got", (name, seconds))[0]["got"] == 1


@contextmanager
def _held(settings: Settings, purpose: str, addresses: list[str], seconds: int) -> Iterator[str]:
    """Hold a lock at each of the addresses; yield the one where another holds it, or ``""``."""
    name = lock_name(settings, purpose)
    with ExitStack() as held:
        for address in addresses:
            try:
                connection = held.enter_context(peer(settings, address, seconds + QUERY_SECONDS))
                taken = _taken(connection, name, seconds)
            except UnreachableError:
                # It has left since it was asked; the others have the lock, too.
                continue
            if not taken:
                yield address
                return
        yield ""


def alone(
    settings: Settings, seen: Mapping[str, Mapping[str, Any]], seconds: int = WAIT_SECONDS
) -> AbstractContextManager[str]:
    """
    Return a context in which no other member joins; it yields where one does, or the empty text.

    settings
        The group's settings.

    seen
        What every member says of itself, as ``facts_of`` returns it.

    seconds
        How long another join is waited for at each member. Default 5.

    Members that join a group of one at the same moment keep each other waiting, by ten seconds in
    one of seven tries; and once they left the group without an answer to anybody for good.
    """
    return _held(settings, "join", places(settings.me, seen), seconds)


def bootstrapping(
    settings: Settings, seen: Mapping[str, Mapping[str, Any]]
) -> AbstractContextManager[str]:
    """
    Return a context in which no other member bootstraps; it yields where one does, or ``""``.

    settings
        The group's settings.

    seen
        What every member says of itself, as ``facts_of`` returns it.

    Who bootstraps a group is decided from what all hold, and that changes while the appliers of
    some are behind. For the second that the first view takes, a member still seems to be outside.
    """
    answering = [one["host"] for one in seen.values() if one["answers"]]
    return _held(settings, "bootstrap", sorted(answering, key=by_address), 0)


def busy(me: str, address: str) -> str:
    """Return the sentence for a member that waits for another one's join."""
    return f"another member is joining, as {address} says; {me} joins after it"


def bootstrapped(me: str, address: str) -> str:
    """Return the sentence for a member that would have bootstrapped a moment after another one."""
    return f"another member bootstraps the group, as {address} says; {me} bootstraps none"
