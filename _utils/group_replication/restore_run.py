"""A group that begins anew as a whole: offered, cloned, begun, and the offer withdrawn.

It runs beside the Salt master. The other members are left as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minion_calls import Call
from salt.exceptions import CommandExecutionError

from group_replication.model import ONLINE

# What begins the group here, or says that it is there.
BEGUN = ("member", "bootstrap", "reboot", "recovering")
OFFERED = "offered"


def _told(call: Call, machine: str, function: str, arguments: Mapping[str, Any]) -> Any:
    """Return what a function on a machine answers; raise with its sentence where it failed."""
    answer = call([machine], function, arguments).get(machine)
    if answer is None:
        raise CommandExecutionError(f"the minion of {machine} does not answer")
    if answer.error:
        raise CommandExecutionError(f"{machine}: {answer.error}")
    return answer.value


def is_member(call: Call, member: str) -> bool:
    """Tell whether a machine is ONLINE in a group with a majority."""
    seen = _told(call, member, "mysql_gr.status", {})
    return bool(seen["quorum"] and seen["member"]["state"] == ONLINE)


def begin(
    call: Call,
    member: str,
    donor: str,
    offered: Mapping[str, Any],
    overwrite: str | None = None,
    test: bool = False,
) -> dict[str, Any]:
    """
    Begin the group anew with a point in time, on one member.

    call
        Calls a function on minions.

    member
        The machine that begins the group.

    donor
        The backup machine.

    offered
        Arguments of ``backup_restore.offer_point`` beside ``member`` and ``test``.

    overwrite
        As for ``mysql_restore.receive``.

    test
        Find the point, and do nothing.

    Returns what the offer said of the point, with ``given_up``. Raises CommandExecutionError with
    the sentence of the machine that refused.
    """
    offer = {**offered, "member": member}
    if test:
        found = _told(call, donor, "backup_restore.offer_point", {**offer, "test": True})
        return {**found, "given_up": ""}
    found = dict(_told(call, donor, "backup_restore.offer_point", offer))
    told = {"member": member, "donor": donor, "fingerprint": found.pop("fingerprint")}
    try:
        received = _told(call, member, "mysql_restore.receive", {**told, "overwrite": overwrite})
        begun = _told(call, member, "mysql_gr.recover", {"force_member": member})
        if begun["verdict"] not in BEGUN:
            raise CommandExecutionError(
                f"{member} has the data and begins no group: {begun['why']}"
            )
    finally:
        # A machine that is gone keeps its offer until it is asked again.
        call([donor], "backup_restore.drop_instance", {"name": OFFERED})
    return {**found, "given_up": received["given_up"]}
