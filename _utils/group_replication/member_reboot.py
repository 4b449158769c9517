"""One member's machine is rebooted, or what an interrupted reboot left is brought to its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from salt.exceptions import CommandExecutionError

from group_replication.connection import UnreachableError, local
from group_replication.facts import observe
from group_replication.member_restart import check_others, come_back, still_seen, turn_of
from group_replication.model import ONLINE, Settings
from group_replication.operation import began_of
from group_replication.overrides import named_member
from group_replication.reboot import REBOOTING


class Machine(NamedTuple):
    """What is known of the machine, and what it is told; each raises where it fails."""

    # Another one after each boot.
    boot: str
    # Tells the service manager; it drains the member and lets it leave.
    stop: Callable[[], Any]
    # Why the server that was stopped last did not end by itself, or "".
    unclean: Callable[[], str]
    start: Callable[[], Any]
    # In a moment, so that an answer is given.
    reboot: Callable[[], Any]


def reboot(settings: Settings, member: str, token: str, machine: Machine) -> dict[str, Any]:
    """
    Have the local member leave and its machine reboot; or, after the boot, wait until it serves.

    settings
        The group's settings.

    member
        This member's declared name.

    token
        The operation's own word, whose present step is this member's reboot.

    machine
        Tells the service manager.

    A machine that has booted since the operation began is not rebooted again: whoever was killed in
    the middle calls this again.

    Returns a dict: ``member``, ``reboots`` (bool: in a moment) and ``seconds``. Raises
    CommandExecutionError when it is not this member's turn, another member is not well, the server
    does not leave or end by itself, the machine refuses, or this member is not back in time.
    """
    named_member(member, settings.me, "rebooting")
    begin = time.monotonic()
    if not _is_online(settings):
        # After the boot, or left so by a run that was stopped in between.
        machine.start()
        come_back(settings)
    with local(settings) as connection:
        row = turn_of(settings, connection, token, REBOOTING)
    due = began_of(row).get(settings.me) == machine.boot
    if due:
        check_others(settings, token, REBOOTING)
        _leave(settings, machine)
    else:
        come_back(settings)
    return {"member": member, "reboots": due, "seconds": round(time.monotonic() - begin, 1)}


def _is_online(settings: Settings) -> bool:
    try:
        with local(settings) as connection:
            return bool(observe(connection)["state"] == ONLINE)
    except UnreachableError:
        return False


def _leave(settings: Settings, machine: Machine) -> None:
    """Stop the server, see that it left and ended by itself, and reboot; else it serves again."""
    machine.stop()
    try:
        why = machine.unclean() or still_seen(settings)
        if not why:
            machine.reboot()
    except CommandExecutionError as err:
        why = str(err)
    if why:
        machine.start()
        raise CommandExecutionError(f"{settings.me} is not rebooted, and its server starts: {why}")
