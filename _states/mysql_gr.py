"""
Keep a MySQL server a member of its Group Replication group.
============================================================

The states compare, call :py:mod:`mysql_gr <_modules.mysql_gr>`, and report; they decide nothing.
With pillar ``converge: partial``, as on a machine's first start when its peers may not be there
yet, a state that has to wait for others says so and succeeds instead of waiting.

.. code-block:: yaml

    mysql-group-member-online:
      mysql_gr.member_online:
        - name: db1
"""

from __future__ import annotations

from typing import Any

from group_replication.reports import converged
from salt.exceptions import CommandExecutionError, SaltInvocationError
from state_report import failed, predicted, unchanged

__virtualname__ = "mysql_gr"


def __virtual__() -> str:
    return __virtualname__


def _brought_in(decision: dict[str, Any], old: str) -> dict[str, Any]:
    """What a run changes that carries a decision out."""
    changes: dict[str, Any] = {"state": {"old": old, "new": "ONLINE"}}
    if decision["verdict"] == "clone":
        changes["cloned"] = {"from": decision["donor"], "given_up": decision["errant"]}
    if decision["verdict"] == "accept":
        changes["accepted"] = decision["errant"]
    return changes


def _partial() -> bool:
    return __salt__["config.get"]("converge") == "partial"


def member_online(
    name: str,
    timeout: float = 180,
    patience: float = 60,
    method: str = "auto",
    clone_over: str | None = None,
    force_member: str | None = None,
    accept_errant: str | None = None,
) -> dict[str, Any]:
    """
    Make sure that this server is ONLINE in its group.

    The group is bootstrapped, rebooted or joined as the decision of ``mysql_gr.decide`` says;
    nothing is wiped, and a member that is paused (``mysql_maintenance.leave``) stays out.

    name
        The member's declared name, which is this minion's id.

    timeout
        Seconds to wait for other members. Default 180.

    patience
        Seconds without progress after which recovery is given up. Default 60.

    method, clone_over, accept_errant
        As for ``mysql_gr.join``: ``method: clone`` with ``clone_over`` naming this member gives up
        what it has for a copy of another one; ``accept_errant`` gives the group what changes no
        rows.

    force_member
        As for ``mysql_gr.recover``: naming this member, it reboots the group although others do not
        answer.
    """
    ret = unchanged(name, f"{name} is ONLINE")
    names = {"clone_over": clone_over, "accept_errant": accept_errant}
    told = {"method": method, **names, "force_member": force_member}
    try:
        decision = __salt__["mysql_gr.decide"](**told)
        verdict, why = decision["verdict"], decision["why"]
        if verdict in ("member", "paused"):
            ret["comment"] = why
            return ret
        if verdict in ("wait", "uncertain") and _partial():
            ret["comment"] = f"Not yet: {why}. The keeper goes on"
            return ret
        if verdict in ("refuse", "uncertain", "unreachable") and __opts__["test"]:
            # A machine that has no server yet gets one in the same run; anything else would fail.
            ret["result"] = None if verdict == "unreachable" else False
            ret["comment"] = why
            return ret
        if verdict == "refuse":
            raise CommandExecutionError(why)
        ret["changes"] = _brought_in(decision, _state())
        if __opts__["test"]:
            return predicted(ret, f"{name} would be brought ONLINE: {why}")
        decision = __salt__["mysql_gr.converge"](timeout=timeout, patience=patience, **told)
        return converged(ret, decision, timeout)
    except (CommandExecutionError, SaltInvocationError) as err:
        return failed(ret, err)
    return ret


def quorum_held(
    name: str, survivors: list[str], dead: list[str], patience: float = 120
) -> dict[str, Any]:
    """
    Make sure that this member's view has a majority, of the survivors alone if it has lost it.

    name
        The member's declared name, which is this minion's id.

    survivors, dead
        As for ``mysql_gr.force_quorum``: all declared members, the dead ones seen to be dead.

    patience
        Seconds to wait for the new view. Default 120.
    """
    ret = unchanged(name, f"{name} is in a view with a majority")
    try:
        if __salt__["mysql_gr.status"]()["quorum"]:
            return ret
        told = {"survivors": survivors, "dead": dead, "patience": patience}
        __salt__["mysql_gr.force_quorum"](**told, test=True)
        ret["changes"] = {"quorum": {"old": False, "new": True}, "dead": dead}
        if __opts__["test"]:
            return predicted(ret, f"The group would go on with {', '.join(survivors)} alone")
        __salt__["mysql_gr.force_quorum"](**told)
        ret["comment"] = f"The group goes on with {', '.join(survivors)} alone"
    except (CommandExecutionError, SaltInvocationError) as err:
        return failed(ret, err)
    return ret


def member_empty(name: str, member: str | None = None) -> dict[str, Any]:
    """
    Make sure that this member holds nothing, so that it can join anew; one call, by name.

    name
        The member's declared name, which is this minion's id.

    member
        The same name again: without it a member that holds something is left as it is, and the
        state fails.
    """
    ret = unchanged(name, f"{name} is empty")
    try:
        seen = __salt__["mysql_gr.facts"]()[name]
        held = ("gtid_executed", "gtid_received", "schemas")
        if seen["answers"] and not any(seen[what] for what in held):
            return ret
        told = {"member": member or ""}
        given_up = __salt__["mysql_gr.reset_member"](**told, test=True)
        ret["changes"] = given_up
        if __opts__["test"]:
            return predicted(ret, f"{name} would be emptied")
        ret["changes"] = __salt__["mysql_gr.reset_member"](**told)
        ret["comment"] = f"{name} has been emptied"
    except (CommandExecutionError, SaltInvocationError) as err:
        return failed(ret, err)
    return ret


def mode(name: str, patience: float = 60) -> dict[str, Any]:
    """
    Make sure that the group is in this mode; the switch is made online, by one member for all.

    name
        multi-primary or single-primary.

    patience
        Seconds to wait for the member that switches. Default 60.
    """
    ret = unchanged(name, f"The group is {name}")
    try:
        try:
            seen = __salt__["mysql_gr.status"]()
        except CommandExecutionError as err:
            if not __opts__["test"]:
                raise
            ret["comment"] = f"A new group is created {name}: {err}"
            return ret
        if seen["member"]["state"] != "ONLINE":
            ret["comment"] = "The member follows the group's mode when it joins"
            return ret
        if seen["mode"] == name:
            return ret
        busy = seen["schema_change"] or seen["operation"]
        if busy:
            ret["comment"] = f"The group's mode waits: {busy}"
            return ret
        ret["changes"] = {"mode": {"old": seen["mode"], "new": name}}
        if __opts__["test"]:
            __salt__["mysql_gr.switch_mode"](name, patience=patience, test=True)
            return predicted(ret, f"The group would be switched to {name}")
        __salt__["mysql_gr.switch_mode"](name, patience=patience)
        ret["comment"] = f"The group has been switched to {name}"
    except (CommandExecutionError, SaltInvocationError) as err:
        return failed(ret, err)
    return ret


def primary(name: str, drain: int = 10) -> dict[str, Any]:
    """
    Make sure that a member is the primary of a single-primary group.

    name
        The declared name of the new primary.

    drain
        Seconds that running transactions get to end. Default 10.
    """
    ret = unchanged(name, f"{name} is the primary")
    try:
        now = [member["name"] for member in __salt__["mysql_gr.primary"]()]
        if now == [name]:
            return ret
        if len(now) != 1:
            raise CommandExecutionError(
                f"the group has {len(now)} primaries ({', '.join(map(str, now))}); "
                "one is made primary only in single-primary mode"
            )
        ret["changes"] = {"primary": {"old": now[0], "new": name}}
        if __opts__["test"]:
            __salt__["mysql_gr.set_primary"](name, drain=drain, test=True)
            return predicted(ret, f"{name} would be made primary")
        __salt__["mysql_gr.set_primary"](name, drain=drain)
        ret["comment"] = f"{name} has been made primary"
    except (CommandExecutionError, SaltInvocationError) as err:
        return failed(ret, err)
    return ret


def _state() -> str:
    try:
        return __salt__["mysql_gr.status"]()["member"]["state"]
    except CommandExecutionError:
        return "UNKNOWN"
