"""
Keep the backup machine following its group, its repository there, and its drills young.
========================================================================================

The states compare, call :py:mod:`backup <_modules.backup>` and report; they decide nothing.

.. code-block:: yaml

    backup-drilled:
      backup.drilled:
        - name: full backups
"""

from __future__ import annotations

from typing import Any

from salt.exceptions import CommandExecutionError, SaltInvocationError
from state_report import failed, predicted, unchanged

__virtualname__ = "backup"


def __virtual__() -> str:
    return __virtualname__


def settings_stored(name: str) -> dict[str, Any]:
    """
    Make sure that the files that the program and restic read say what pillar declares.

    A password of pillar that the group does not have is refused, and the comment names the call
    that changes it on all machines.

    name
        A word for the state; the files are always in ``/etc/mysql-gr``.
    """
    ret = unchanged(name, "The settings of the backups are as declared")
    try:
        differ = __salt__["backup.settings_differ"]()
        if not differ:
            return ret
        __salt__["backup.store_settings"](test=True)
        # They hold passwords, so what differs is not shown.
        ret["changes"] = dict.fromkeys(differ, "as declared in pillar")
        if __opts__["test"]:
            return predicted(ret, "The settings of the backups would be written")
        __salt__["backup.store_settings"]()
        ret["comment"] = "The settings of the backups have been written"
    except (CommandExecutionError, SaltInvocationError) as err:
        return failed(ret, err)
    return ret


def repository_present(name: str) -> dict[str, Any]:
    """
    Make sure that there is a repository which the password opens; one that is there stays.

    name
        A word for the state; pillar ``backup:repository`` says where it is.
    """
    ret = unchanged(name, "The repository is there, and its password opens it")
    try:
        if __opts__["test"] and __salt__["backup.settings_differ"]():
            return predicted(ret, "The repository would be looked at once its settings are written")
        if __salt__["backup.repository_present"]():
            return ret
        ret["changes"] = {"repository": {"old": "absent", "new": "encrypted"}}
        if __opts__["test"]:
            return predicted(ret, "The repository would be made")
        __salt__["backup.make_repository"]()
        ret["comment"] = "The repository has been made"
    except (CommandExecutionError, SaltInvocationError) as err:
        return failed(ret, err)
    return ret


def following(name: str) -> dict[str, Any]:
    """
    Make sure that the machine follows its group; one that holds nothing clones a member first.

    What would lose something is refused, and the comment says which call names this machine. With
    pillar ``converge: partial`` a group that is not there yet is no failure.

    name
        A word for the state.
    """
    ret = unchanged(name, "The machine follows its group")
    try:
        try:
            decision = __salt__["backup.decide"]()
        except CommandExecutionError as err:
            if not __opts__["test"]:
                raise
            # A machine that has no server yet gets one in the same run.
            return predicted(ret, f"It would follow its group once mysqld runs: {err}")
        if decision["verdict"] == "follows":
            return ret
        if decision["verdict"] == "refused":
            if __salt__["config.get"]("converge") == "partial":
                ret["comment"] = f"Not yet: {decision['why']}"
                return ret
            raise CommandExecutionError(f"It does not follow its group: {decision['why']}")
        ret["changes"] = {"following": {"old": decision["why"], "new": decision["verdict"]}}
        if __opts__["test"]:
            return predicted(ret, f"Would {decision['verdict']}: {decision['why']}")
        decision = __salt__["backup.follow"]()
        ret["comment"] = f"The machine has come to follow its group: {decision['why']}"
    except (CommandExecutionError, SaltInvocationError) as err:
        return failed(ret, err)
    return ret


def taken(name: str, hours: int = 24) -> dict[str, Any]:
    """
    Make sure that there is a full backup that is not too old: before an upgrade, for example.

    A full backup that is taken is drilled, too (:py:func:`backup.take <_modules.backup.take>`).

    name
        A word for the state.

    hours
        How old the newest one may be, in hours: 1 to 8784. Default 24.
    """
    ret = unchanged(name, f"The newest full backup is no older than {hours} h")
    try:
        if isinstance(hours, bool) or not isinstance(hours, int) or not 1 <= hours <= 8784:
            raise SaltInvocationError(f"hours is '{hours}'; expected a number from 1 to 8784")
        if __opts__["test"] and __salt__["backup.settings_differ"]():
            return predicted(ret, "Full backups would be looked at once the settings are written")
        age = __salt__["backup.age"]()
        if age is not None and age <= hours * 3600:
            return ret
        old = "none" if age is None else f"{age / 3600:.1f} h old"
        ret["changes"] = {"full backup": {"old": old, "new": "taken"}}
        if __opts__["test"]:
            return predicted(ret, "A full backup would be taken")
        done = __salt__["backup.take"]()
        ret["comment"] = f"Full backup {done['snapshot'][:8]} has been taken"
    except (CommandExecutionError, SaltInvocationError) as err:
        return failed(ret, err)
    return ret


def drilled(name: str) -> dict[str, Any]:
    """
    Hold that the last full backup was restored and found equal, not too long ago; nothing is done.

    name
        A word for the state; pillar ``backup:drill_hours`` says how old a drill may be.
    """
    ret = unchanged(name, "No drill of a full backup has failed or is due")
    try:
        problem = __salt__["backup.drill_problem"]()
    except (CommandExecutionError, SaltInvocationError) as err:
        return failed(ret, err)
    if problem:
        ret["result"] = False
        ret["comment"] = f"{problem}; journalctl -u 'mysql-gr-backup@full' has more"
    return ret
