"""What the group keeps in memory alone: its write concurrency, and who has gone."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from group_replication.connection import rows
from group_replication.model import ONLINE

# Group communication keeps the group's last four configurations and contacts each of their
# members. So many more, after the one without a member, push out the last one with it.
RECONFIGURATIONS = 4
# By then a reconfiguration has taken effect.
SETTLE_SECONDS = 0.5
LOOK_SECONDS = 0.02
LEAST_CONCURRENCY = 10


def is_first_online(facts: Mapping[str, Any]) -> bool:
    """
    Tell whether it is this member that sets for the whole group what any one may set.

    facts
        What :py:func:`observe` says of this member.

    Returns True for the first by address of those that are ONLINE, while there is a majority.
    """
    online = sorted(member["host"] for member in facts["members"] if member["state"] == ONLINE)
    return facts["quorum"] and online[:1] == [facts["host"]]


def write_concurrency(connection: Any) -> int:
    """
    Return how many messages the group agrees on at once.

    connection
        An open connection to an ONLINE member whose group has a majority.

    Raises CommandExecutionError with the server's words when the group cannot say it now.
    """
    row = rows(connection, "SELECT group_replication_get_write_concurrency() AS number")[0]
    return int(row["number"])


def set_write_concurrency(connection: Any, number: int) -> None:
    """
    Set how many messages the group agrees on at once: a reconfiguration, also if it is so already.

    connection
        An open connection to an ONLINE member, of an account with GROUP_REPLICATION_ADMIN.

    number
        From 10 to 200.

    Raises CommandExecutionError with the server's words when the group cannot do it now.
    """
    rows(connection, "SELECT group_replication_set_write_concurrency(%s)", (number,))
    begin = time.monotonic()
    while time.monotonic() - begin < SETTLE_SECONDS and write_concurrency(connection) != number:
        time.sleep(LOOK_SECONDS)


def forget_removed(connection: Any, number: int) -> None:
    """
    Let group communication forget members that were removed from the group.

    It goes on calling who was removed, after longer and longer pauses. Each call stops the whole
    group for up to a second, also where a server answers that is still starting. When the member
    joins again it is called after such a pause, too: its return takes five to ten seconds more. It
    ends when the group was reconfigured some times since, and setting the write concurrency is a
    reconfiguration that changes nothing else.

    connection, number
        As for :py:func:`set_write_concurrency`, which also says what it raises.
    """
    other = number - 1 if number > LEAST_CONCURRENCY else number + 1
    for turn in range(RECONFIGURATIONS):
        set_write_concurrency(connection, number if turn % 2 else other)
