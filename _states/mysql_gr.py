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

from typing import Any

from salt.exceptions import CommandExecutionError, SaltInvocationError

__virtualname__ = "mysql_gr"


def __virtual__() -> str:
    return __virtualname__


def _partial() -> bool:
    return __salt__["config.get"]("converge") == "partial"


def _failed(ret: dict[str, Any], err: Exception) -> dict[str, Any]:
    ret["result"] = False
    ret["comment"] = str(err)
    ret["changes"] = {}
    return ret


def settings_stored(name: str) -> dict[str, Any]:
    """
    Make sure that the keeper's settings file says what pillar declares.

    name
        A word for the state; the file is always ``/etc/mysql-gr/settings.json``.
    """
    ret: dict[str, Any] = {
        "name": name,
        "result": True,
        "comment": "The keeper's settings are as declared",
        "changes": {},
    }
    try:
        if not __salt__["mysql_gr.settings_differ"]():
            return ret
        # The file holds a password, so what differs is not shown.
        ret["changes"] = {"settings": "as declared in pillar"}
        if __opts__["test"]:
            ret["result"] = None
            ret["comment"] = "The keeper's settings would be written"
            return ret
        __salt__["mysql_gr.store_settings"]()
        ret["comment"] = "The keeper's settings have been written"
    except (CommandExecutionError, SaltInvocationError) as err:
        return _failed(ret, err)
    return ret


def accounts_present(name: str, scope: str = "members") -> dict[str, Any]:
    """
    Make sure that a scope's accounts exist with their privileges and passwords.

    name
        A word for the state.

    scope
        ``members`` (default): the accounts that the group itself needs; made on a member before it
        joins, without a transaction. ``application``: the application's database and account; made
        once in the group.
    """
    ret: dict[str, Any] = {
        "name": name,
        "result": True,
        "comment": f"The accounts of scope {scope} are present",
        "changes": {},
    }
    try:
        try:
            missing = __salt__["mysql_gr.account_differences"](scope)
        except CommandExecutionError as err:
            if not __opts__["test"]:
                raise
            # A machine that has no server yet gets one in the same run.
            ret["result"] = None
            ret["comment"] = f"The accounts would be made once mysqld runs: {err}"
            return ret
        if not missing:
            return ret
        outside = __salt__["mysql_gr.status"]()["member"]["state"] == "OFFLINE"
        if scope == "application" and outside and _partial():
            ret["comment"] = (
                "The application's database and account are made once the group is there"
            )
            return ret
        ret["changes"] = missing
        if __opts__["test"]:
            ret["result"] = None
            ret["comment"] = f"The accounts of scope {scope} would be made: {', '.join(missing)}"
            return ret
        __salt__["mysql_gr.create_accounts"](scope)
        ret["comment"] = f"The accounts of scope {scope} have been made: {', '.join(missing)}"
    except (CommandExecutionError, SaltInvocationError) as err:
        return _failed(ret, err)
    return ret


def member_online(name: str, timeout: float = 180, patience: float = 60) -> dict[str, Any]:
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
    """
    ret: dict[str, Any] = {
        "name": name,
        "result": True,
        "comment": f"{name} is ONLINE",
        "changes": {},
    }
    try:
        decision = __salt__["mysql_gr.decide"]()
        verdict, why = decision["verdict"], decision["why"]
        if verdict in ("member", "paused"):
            ret["comment"] = why
            return ret
        if verdict in ("wait", "uncertain") and _partial():
            ret["comment"] = f"Not yet: {why}. The keeper goes on"
            return ret
        if verdict in ("refuse", "uncertain") and __opts__["test"]:
            # A machine that has no server yet gets one in the same run; anything else would fail.
            ret["result"] = None if "does not answer" in why else False
            ret["comment"] = why
            return ret
        if verdict == "refuse":
            raise CommandExecutionError(why)
        ret["changes"] = {"state": {"old": _state(), "new": "ONLINE"}}
        if __opts__["test"]:
            ret["result"] = None
            ret["comment"] = f"{name} would be brought ONLINE: {why}"
            return ret
        decision = __salt__["mysql_gr.converge"](timeout=timeout, patience=patience)
        if decision["verdict"] == "paused":
            ret["changes"] = {}
            ret["comment"] = decision["why"]
        elif decision["verdict"] != "member":
            raise CommandExecutionError(f"not ONLINE after {timeout} s: {decision['why']}")
        else:
            ret["comment"] = "; ".join([*decision["acted"], f"{name} has come ONLINE"])
    except (CommandExecutionError, SaltInvocationError) as err:
        return _failed(ret, err)
    return ret


def _state() -> str:
    return __salt__["mysql_gr.status"]()["member"]["state"]
