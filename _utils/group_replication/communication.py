"""What the group keeps in memory alone: its write concurrency, and who has gone."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from group_replication.connection import rows
from group_replication.model import ONLINE

# Group communication keeps the group's last four compositions, and calls who is in any of them:
# three more after the one without a member push out the last one with it.
RECONFIGURATIONS = 3
# By then one of them has taken effect.
SETTLE_SECONDS = 0.5
# A mysqld that is alive greets at once.
GREETING_SECONDS = 1.0


def is_first_online(facts: Mapping[str, Any]) -> bool:
    """
    Tell whether it is this member that sets for the whole group what any one may set.

    facts
        What :py:func:`observe` says of this member.

    Returns True for the first by address of those that are ONLINE, while there is a majority.
    """
    online = sorted(member["host"] for member in facts["members"] if member["state"] == ONLINE)
    return facts["quorum"] and online[:1] == [facts["host"]]


def answers(host: str, port: int) -> bool:
    """
    Tell whether a call to a member is answered: by its server, or by its machine with a refusal.

    host, port
        Where it is called.
    """
    try:
        # With skip_name_resolve no server minds who hangs up after its greeting.
        with socket.create_connection((host, port), timeout=GREETING_SECONDS) as peer:
            peer.recv(1)
    except ConnectionError:
        return True
    except OSError:
        return False
    return True


def silent_of(hosts: Sequence[str], port: int) -> list[str]:
    """
    Return those of some members that answer no call, within a second for all of them.

    hosts, port
        Where they are called.
    """
    with ThreadPoolExecutor(max_workers=len(hosts) or 1) as pool:
        replies = pool.map(lambda host: answers(host, port), hosts)
        return [host for host, reply in zip(hosts, replies, strict=True) if not reply]


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
    time.sleep(SETTLE_SECONDS)


def forget_removed(connection: Any, number: int) -> None:
    """
    Let group communication forget members that were removed from the group.

    It goes on calling who was removed, and the whole group stands still for one to three seconds
    each time that nobody answers, as nobody does for a machine without power or network. It ends
    when the group was reconfigured some times since, and setting the write concurrency is a
    reconfiguration that changes nothing else.

    connection, number
        As for :py:func:`set_write_concurrency`, which also says what it raises.
    """
    for _ in range(RECONFIGURATIONS):
        set_write_concurrency(connection, number)
