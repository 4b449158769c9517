"""
Keep a MySQL server as its group needs it: data directory, options, accounts, the keeper's settings.
====================================================================================================

The states compare, call :py:mod:`mysql_server <_modules.mysql_server>` and report; they decide
nothing. With pillar ``converge: partial``, as on a machine's first start when its peers may not be
there yet, accounts that another member makes are not waited for.

.. code-block:: yaml

    mysql-accounts:
      mysql_server.accounts_present:
        - scope: members
"""

from __future__ import annotations

from typing import Any

from group_replication.pending import not_set
from salt.exceptions import CommandExecutionError, SaltInvocationError
from state_report import failed, predicted, unchanged

__virtualname__ = "mysql_server"


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
    ``mysql_maintenance.forget`` has named the machine.

    name
        The directory's path.

    option_file
        The server's options.
    """
    ret = unchanged(name, f"{name} is a data directory")
    try:
        if __salt__["mysql_server.initialized"](name):
            return ret
        ret["changes"] = {"data directory": {"old": "empty", "new": "initialized"}}
        if __opts__["test"]:
            __salt__["mysql_server.initialize"](name, option_file, test=True)
            return predicted(ret, f"{name} would be made a data directory")
        __salt__["mysql_server.initialize"](name, option_file)
        ret["comment"] = f"{name} has been made a data directory"
    except (CommandExecutionError, SaltInvocationError) as err:
        return failed(ret, err)
    return ret


def settings_stored(name: str) -> dict[str, Any]:
    """
    Make sure that the keeper's settings file says what pillar declares.

    Another password than the group's is refused: ``orch.rotate`` brings it to all machines.

    name
        A word for the state; the file is always ``/etc/mysql-gr/settings.json``.
    """
    ret = unchanged(name, "The keeper's settings are as declared")
    try:
        if not __salt__["mysql_server.settings_differ"]():
            return ret
        # The file holds a password, so what differs is not shown.
        ret["changes"] = {"settings": "as declared in pillar"}
        if __opts__["test"]:
            __salt__["mysql_server.store_settings"](test=True)
            return predicted(ret, "The keeper's settings would be written")
        __salt__["mysql_server.store_settings"]()
        ret["comment"] = "The keeper's settings have been written"
    except (CommandExecutionError, SaltInvocationError) as err:
        return failed(ret, err)
    return ret


def accounts_present(name: str, scope: str = "members") -> dict[str, Any]:
    """
    Make sure that a scope's accounts exist with their privileges and no others, and can be used.

    Another password than the group's is refused: ``orch.rotate`` brings it to all machines.

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
            missing = __salt__["mysql_server.account_differences"](scope, timeout=_away())
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
            __salt__["mysql_server.create_accounts"](scope, test=True)
            told = f"The accounts of scope {scope} would be made: {', '.join(missing)}"
            return predicted(ret, told)
        __salt__["mysql_server.create_accounts"](scope)
        ret["comment"] = f"The accounts of scope {scope} have been made: {', '.join(missing)}"
    except (CommandExecutionError, SaltInvocationError) as err:
        return failed(ret, err)
    return ret


def options_current(name: str) -> dict[str, Any]:
    """
    Make sure that the running server has the declared options that can be set without a restart.

    Those that wait for a restart of mysqld or of the whole group, those that mysqld-auto.cnf says
    otherwise, and those that the server does not know are named in the comment; nothing here
    restarts it. ``orch.restart`` does (``salt-run state.orchestrate``).

    name
        A word for the state.
    """
    ret = unchanged(name, "The running server has the declared options")
    try:
        try:
            differ = __salt__["mysql_server.option_differences"](timeout=_away())
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
            ret["changes"] = __salt__["mysql_server.set_options"]()
            ret["comment"] = f"Set in the running server: {', '.join(ret['changes'])}"
        ret["comment"] += not_set(differ)
    except (CommandExecutionError, SaltInvocationError) as err:
        return failed(ret, err)
    return ret
