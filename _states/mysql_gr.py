"""
Keep a MySQL server a member of its Group Replication group.
============================================================

The states compare, call :py:mod:`mysql_gr <_modules.mysql_gr>` and report; they decide nothing.
With pillar ``converge: partial``, as on a machine's first start when its peers may not be there
yet, a state that has to wait for others says so and succeeds instead of waiting.

.. code-block:: yaml

    mysql-group-member-online:
      mysql_gr.member_online:
        - name: db1
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from group_replication.reports import converged
from group_replication.running_options import not_set
from salt.exceptions import CommandExecutionError, SaltInvocationError
from state_report import failed, predicted, unchanged

__virtualname__ = "mysql_gr"


def __virtual__() -> str:
    return __virtualname__


# How long a server may be away that a keeper restarts meanwhile, as after a clone.
AWAY_SECONDS = 30


def _away() -> float:
    """Return the seconds to wait for a server that does not answer: a test run waits for none."""
    return 0 if __opts__["test"] else AWAY_SECONDS


def _partial() -> bool:
    return __salt__["config.get"]("converge") == "partial"


def data_initialized(name: str, option_file: str) -> dict[str, Any]:
    """
    Make sure that the server has a data directory; one that holds anything is left as it is.

    On a machine that was a member an empty one is a missing disk: the state fails, until
    ``mysql_gr.forget`` has named the machine.

    name
        The directory's path.

    option_file
        The server's options.
    """
    ret = unchanged(name, f"{name} is a data directory")
    try:
        if __salt__["mysql_gr.initialized"](name):
            return ret
        ret["changes"] = {"data directory": {"old": "empty", "new": "initialized"}}
        if __opts__["test"]:
            __salt__["mysql_gr.initialize"](name, option_file, test=True)
            return predicted(ret, f"{name} would be made a data directory")
        __salt__["mysql_gr.initialize"](name, option_file)
        ret["comment"] = f"{name} has been made a data directory"
    except (CommandExecutionError, SaltInvocationError) as err:
        return failed(ret, err)
    return ret


def settings_stored(name: str) -> dict[str, Any]:
    """
    Make sure that the keeper's settings file says what pillar declares.

    name
        A word for the state; the file is always ``/etc/mysql-gr/settings.json``.
    """
    ret = unchanged(name, "The keeper's settings are as declared")
    try:
        if not __salt__["mysql_gr.settings_differ"]():
            return ret
        # The file holds a password, so what differs is not shown.
        ret["changes"] = {"settings": "as declared in pillar"}
        if __opts__["test"]:
            return predicted(ret, "The keeper's settings would be written")
        __salt__["mysql_gr.store_settings"]()
        ret["comment"] = "The keeper's settings have been written"
    except (CommandExecutionError, SaltInvocationError) as err:
        return failed(ret, err)
    return ret


def accounts_present(name: str, scope: str = "members") -> dict[str, Any]:
    """
    Make sure that a scope's accounts exist with their privileges and no others, and can be used.

    name
        A word for the state.

    scope
        ``members`` (default): the accounts that the group itself needs; made on a member before it
        joins, without a transaction. ``application``: the application's database and account; made
        once in the group.
    """
    ret = unchanged(name, f"The accounts of scope {scope} are as declared")
    try:
        try:
            missing = __salt__["mysql_gr.account_differences"](scope, timeout=_away())
        except CommandExecutionError as err:
            if not __opts__["test"]:
                raise
            # A machine that has no server yet gets one in the same run.
            return predicted(ret, f"The accounts would be made once mysqld runs: {err}")
        if not missing:
            return ret
        if scope == "application" and _partial():
            coordinator = __salt__["mysql_gr.coordinator"]()
            if coordinator != __opts__["id"]:
                maker = coordinator or "a member of the group, once it is there"
                ret["comment"] = f"Not yet: the application's accounts are made by {maker}"
                return ret
        ret["changes"] = missing
        if __opts__["test"]:
            told = f"The accounts of scope {scope} would be made: {', '.join(missing)}"
            return predicted(ret, told)
        __salt__["mysql_gr.create_accounts"](scope)
        ret["comment"] = f"The accounts of scope {scope} have been made: {', '.join(missing)}"
    except (CommandExecutionError, SaltInvocationError) as err:
        return failed(ret, err)
    return ret


def options_current(name: str) -> dict[str, Any]:
    """
    Make sure that the running server has the declared options that can be set without a restart.

    Those that wait for a restart of mysqld, and those that the server does not know, are named in
    the comment; nothing here restarts it.

    name
        A word for the state.
    """
    ret = unchanged(name, "The running server has the declared options")
    try:
        try:
            differ = __salt__["mysql_gr.option_differences"](timeout=_away())
        except CommandExecutionError as err:
            if not __opts__["test"]:
                raise
            # A machine that has no server yet gets one in the same run.
            return predicted(ret, f"The options would be compared once mysqld runs: {err}")
        ret["changes"] = differ["online"]
        if differ["online"] and __opts__["test"]:
            ret["result"] = None
            ret["comment"] = f"Would be set in the running server: {', '.join(differ['online'])}"
        elif differ["online"]:
            ret["changes"] = __salt__["mysql_gr.set_options"]()
            ret["comment"] = f"Set in the running server: {', '.join(ret['changes'])}"
        ret["comment"] += not_set(differ)
    except (CommandExecutionError, SaltInvocationError) as err:
        return failed(ret, err)
    return ret


def member_online(
    name: str,
    timeout: float = 180,
    patience: float = 60,
    method: str = "auto",
    clone_over: str | None = None,
    force_member: str | None = None,
) -> dict[str, Any]:
    """
    Make sure that this server is ONLINE in its group.

    The group is created, led again or joined as the decision of ``mysql_gr.decide`` says; nothing
    is wiped, and a member that is paused (``mysql_gr.leave``) stays out.

    name
        The member's declared name, which is this minion's id.

    timeout
        Seconds to wait for other members. Default 180.

    patience
        Seconds without progress after which recovery is given up. Default 60.

    method, clone_over
        As for ``mysql_gr.join``: ``method: clone`` with ``clone_over`` naming this member gives up
        what it has for a copy of another one.

    force_member
        As for ``mysql_gr.recover``: naming this member, it leads although others do not answer.
    """
    ret = unchanged(name, f"{name} is ONLINE")
    told = {"method": method, "clone_over": clone_over, "force_member": force_member}
    try:
        decision = __salt__["mysql_gr.decide"](**told)
        verdict, why = decision["verdict"], decision["why"]
        if verdict in ("member", "paused"):
            ret["comment"] = why
            return ret
        if verdict in ("wait", "uncertain") and _partial():
            ret["comment"] = f"Not yet: {why}. The keeper goes on"
            return ret
        if verdict in ("refuse", "uncertain", "silent") and __opts__["test"]:
            # A machine that has no server yet gets one in the same run; anything else would fail.
            ret["result"] = None if verdict == "silent" else False
            ret["comment"] = why
            return ret
        if verdict == "refuse":
            raise CommandExecutionError(why)
        ret["changes"] = {"state": {"old": _state(), "new": "ONLINE"}}
        if verdict == "clone":
            ret["changes"]["cloned"] = {"from": decision["donor"], "given_up": decision["errant"]}
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
    Make sure that this member holds nothing, so that it can come in anew; one call, by name.

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


def paused(name: str, reason: str) -> dict[str, Any]:
    """
    Make sure that no automation here takes this member into the group.

    name
        The member's declared name, which is this minion's id.

    reason
        What status, decisions and the keeper's log say about it.
    """
    return _kept(name, "paused", reason, lambda: __salt__["mysql_gr.pause"](reason))


def unpaused(name: str) -> dict[str, Any]:
    """
    Make sure that this member is not paused.

    name
        The member's declared name, which is this minion's id.
    """
    return _kept(name, "paused", None, lambda: __salt__["mysql_gr.unpause"]())


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
    return _kept(name, "drained", reason, lambda: __salt__["mysql_gr.drain"](**told))


def undrained(name: str) -> dict[str, Any]:
    """
    Make sure that the balancer may send this member clients.

    name
        The member's declared name, which is this minion's id.
    """
    return _kept(name, "drained", None, lambda: __salt__["mysql_gr.undrain"]())


def _kept(name: str, what: str, reason: str | None, act: Callable[[], Any]) -> dict[str, Any]:
    """Hold what an operator keeps from a member to a reason, or with None to nothing."""
    new = (reason or "").strip()
    now = f"{name} is {what}: {new}" if new else f"{name} is not {what}"
    ret = unchanged(name, now)
    try:
        if reason is not None and not new:
            raise SaltInvocationError("reason is empty; expected a few words for others to read")
        old = __salt__[f"mysql_gr.{what}"]()
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


def member_absent(
    name: str, reason: str = "absent by mysql_gr.member_absent", drain: int | None = None
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
        paused = __salt__["mysql_gr.paused"]()
        if state == "OFFLINE" and paused:
            return ret
        if state != "OFFLINE":
            ret["changes"] = {"state": {"old": state, "new": "OFFLINE"}}
        if not paused:
            ret["changes"]["paused"] = {"old": "", "new": reason}
        if __opts__["test"]:
            return predicted(ret, f"{name} would leave the group and stay outside")
        __salt__["mysql_gr.leave"](member=name, reason=paused or reason, drain=drain)
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
        now = __salt__["mysql_gr.removal"]()
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
        __salt__["mysql_gr.remove"](member=name, drain=drain)
        ret["comment"] = f"{name} is no longer declared and has left the group"
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
        if seen["schema_change"]:
            ret["comment"] = f"The group's mode waits: {seen['schema_change']}"
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
        The declared name of the member that is to lead.

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
