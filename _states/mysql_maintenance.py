"""
Keep a member out of its group, or clients from it, for as long as that is declared.
====================================================================================

The states compare, call :py:mod:`mysql_maintenance <_modules.mysql_maintenance>`, and report; they
decide nothing and touch no data.

.. code-block:: yaml

    db3-drained:
      mysql_maintenance.drained:
        - name: db3
        - reason: a new kernel
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from salt.exceptions import CommandExecutionError, SaltInvocationError
from state_report import failed, predicted, unchanged

__virtualname__ = "mysql_maintenance"


def __virtual__() -> str:
    return __virtualname__


def paused(name: str, reason: str) -> dict[str, Any]:
    """
    Make sure that no automation here takes this member into the group.

    name
        The member's declared name, which is this minion's id.

    reason
        What status, decisions and the keeper's log say about it.
    """
    return _kept(name, "paused", reason, lambda: __salt__["mysql_maintenance.pause"](reason))


def unpaused(name: str) -> dict[str, Any]:
    """
    Make sure that this member is not paused.

    name
        The member's declared name, which is this minion's id.
    """
    return _kept(name, "paused", None, lambda: __salt__["mysql_maintenance.unpause"]())


def drained(name: str, reason: str, seconds: int | None = None) -> dict[str, Any]:
    """
    Make sure that the balancer sends this member nobody new; it stays in its group.

    name
        The member's declared name, which is this minion's id.

    reason
        What status and the health agent say about it.

    seconds
        How long to wait until no client is in a transaction. Default: pillar ``mysql:drain``.
    """
    told = {"member": name, "reason": reason, "seconds": seconds}
    return _kept(name, "drained", reason, lambda: __salt__["mysql_maintenance.drain"](**told))


def undrained(name: str) -> dict[str, Any]:
    """
    Make sure that the balancer may send this member clients.

    name
        The member's declared name, which is this minion's id.
    """
    return _kept(name, "drained", None, lambda: __salt__["mysql_maintenance.undrain"]())


def member_absent(
    name: str, reason: str = "absent by mysql_maintenance.member_absent", drain: int | None = None
) -> dict[str, Any]:
    """
    Make sure that this server is outside the group and stays there; nothing of its data is touched.

    name
        The member's declared name, which is this minion's id.

    reason
        What status, decisions and the keeper's log say about it.

    drain
        Seconds that transactions get to end before it leaves. Default: pillar ``mysql:drain``.
    """
    ret = unchanged(name, f"{name} is outside the group and stays there")
    try:
        seen = __salt__["mysql_gr.status"]()
        state = seen["member"]["state"]
        # A member that is no longer declared, or is leaving just now, is kept out by no pause.
        why = __salt__["mysql_maintenance.paused"]()
        if state == "OFFLINE" and why:
            return ret
        if state != "OFFLINE":
            ret["changes"] = {"state": {"old": state, "new": "OFFLINE"}}
        if not why:
            ret["changes"]["paused"] = {"old": "", "new": reason}
        if __opts__["test"]:
            return predicted(ret, f"{name} would leave the group and stay outside")
        __salt__["mysql_maintenance.leave"](member=name, reason=why or reason, drain=drain)
        ret["comment"] = f"{name} has left the group and stays outside"
    except (CommandExecutionError, SaltInvocationError) as err:
        return failed(ret, err)
    return ret


def member_removed(name: str, drain: int | None = None) -> dict[str, Any]:
    """
    Make sure that a server which the table of nodes no longer declares is outside the group.

    It drains, leaves and stays out until it is declared again; nothing of its data is touched.

    name
        The member's name, which is this minion's id.

    drain
        Seconds that transactions get to end before it leaves. Default: pillar ``mysql:drain``.
    """
    ret = unchanged(name, f"{name} is no longer declared and is outside the group")
    try:
        now = __salt__["mysql_maintenance.removal"]()
        if now["settled"]:
            return ret
        if now["problem"]:
            raise CommandExecutionError(now["problem"])
        if now["state"] in ("OFFLINE", "UNKNOWN"):
            ret["changes"] = {"settings": "no longer declared in pillar"}
        else:
            ret["changes"] = {"state": {"old": now["state"], "new": "OFFLINE"}}
        if __opts__["test"]:
            return predicted(ret, f"{name} is no longer declared and would leave the group")
        __salt__["mysql_maintenance.remove"](member=name, drain=drain)
        ret["comment"] = f"{name} is no longer declared and has left the group"
    except (CommandExecutionError, SaltInvocationError) as err:
        return failed(ret, err)
    return ret


def _kept(name: str, what: str, reason: str | None, act: Callable[[], Any]) -> dict[str, Any]:
    """Hold what an operator keeps from a member to a reason, or with None to nothing."""
    new = (reason or "").strip()
    now = f"{name} is {what}: {new}" if new else f"{name} is not {what}"
    ret = unchanged(name, now)
    try:
        if reason is not None and not new:
            raise SaltInvocationError("reason is empty; expected a few words for others to read")
        old = __salt__[f"mysql_maintenance.{what}"]()
        if old == new:
            return ret
        done = what if new else f"un{what}"
        ret["changes"] = {what: {"old": old, "new": new}}
        if __opts__["test"]:
            return predicted(ret, f"{name} would be {done}")
        act()
        ret["comment"] = f"{name} has been {done}"
    except (CommandExecutionError, SaltInvocationError) as err:
        return failed(ret, err)
    return ret
