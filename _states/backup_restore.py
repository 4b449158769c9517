"""
Keep what was restored from backups: instances aside, tables and schemas as SQL.
================================================================================

The states compare, call :py:mod:`backup_restore <_modules.backup_restore>` and report; they decide
nothing. Nothing that lives is replaced: an instance is beside the server, a table is a file.

.. code-block:: yaml

    users-before-written:
      backup_restore.table_written:
        - name: realworld.users
        - into: users_before
        - point: '2026-11-28 14:02:59'
"""

from __future__ import annotations

from typing import Any

from salt.exceptions import CommandExecutionError, SaltInvocationError
from state_report import failed, predicted, unchanged

__virtualname__ = "backup_restore"


def __virtual__() -> str:
    return __virtualname__


def instance_running(name: str, point: str, snapshot: str | None = None) -> dict[str, Any]:
    """
    Make sure that an instance of a point in time runs beside the living server.

    An instance of that name at another point fails the state, and stays as it is.

    name
        What the instance is called: small letters, digits and ``-``.

    point, snapshot
        As for :py:func:`backup_restore.restore_point <_modules.backup_restore.restore_point>`. The
        point ``latest`` is another one with each run of ``backup.save_logs``.
    """
    ret = unchanged(name, f"The instance {name} runs, at {point}")
    try:
        given = {"name": name, "point": point, "snapshot": snapshot}
        wanted = __salt__["backup_restore.restore_point"](**given, test=True)["gtids"]
        if name in __salt__["backup_restore.instances"]():
            have = __salt__["backup_restore.executed"](name)
            if have != wanted:
                raise CommandExecutionError(
                    f"The instance {name} is at {have}, and {point} is {wanted}; give the new one "
                    f"another name, or call backup_restore.drop_instance {name} first"
                )
            return ret
        ret["changes"] = {name: {"old": "absent", "new": wanted}}
        if __opts__["test"]:
            return predicted(ret, f"The instance {name} would be restored at {point}")
        done = __salt__["backup_restore.restore_point"](**given)
        ret["comment"] = f"The instance {name} has been restored, and answers at {done['socket']}"
    except (CommandExecutionError, SaltInvocationError) as err:
        return failed(ret, err)
    return ret


def instance_absent(name: str) -> dict[str, Any]:
    """
    Make sure that an instance which was restored is not there any more.

    name
        Its name.
    """
    ret = unchanged(name, f"There is no instance {name}")
    try:
        if name not in __salt__["backup_restore.instances"]():
            return ret
        ret["changes"] = {name: {"old": "present", "new": "absent"}}
        if __opts__["test"]:
            return predicted(ret, f"The instance {name} would be stopped and taken away")
        __salt__["backup_restore.drop_instance"](name)
        ret["comment"] = f"The instance {name} has been stopped and taken away"
    except (CommandExecutionError, SaltInvocationError) as err:
        return failed(ret, err)
    return ret


def table_written(name: str, into: str, point: str, snapshot: str | None = None) -> dict[str, Any]:
    """
    Make sure that a file of SQL has a table as it was at a point in time, under another name.

    name
        ``SCHEMA.TABLE``.

    into
        The new name, in the same schema.

    point, snapshot
        As for :py:func:`backup_restore.restore_table <_modules.backup_restore.restore_table>`.
    """
    return _written("table", name, into, point, snapshot)


def schema_written(name: str, into: str, point: str, snapshot: str | None = None) -> dict[str, Any]:
    """
    Make sure that a file of SQL has the tables of a schema as they were, as another schema.

    name
        The schema.

    into
        The new schema's name.

    point, snapshot
        As for :py:func:`backup_restore.restore_schema <_modules.backup_restore.restore_schema>`.
    """
    return _written("schema", name, into, point, snapshot)


def _written(what: str, name: str, into: str, point: str, snapshot: str | None) -> dict[str, Any]:
    target = f"{name.partition('.')[0]}.{into}" if what == "table" else into
    ret = unchanged(name, f"{target} is written, as {name} was at {point}")
    try:
        restore = __salt__[f"backup_restore.restore_{what}"]
        given = {what: name, "into": into, "point": point, "snapshot": snapshot}
        wanted = restore(**given, test=True)["gtids"]
        have = __salt__["backup_restore.written"](target).get("gtids", "absent")
        if have == wanted:
            return ret
        ret["changes"] = {target: {"old": have or "at another point", "new": wanted}}
        if __opts__["test"]:
            return predicted(ret, f"{target} would be written, as {name} was at {point}")
        done = restore(**given)
        ret["comment"] = f"{target} has been written to {done['file']}: {done['rows']} rows"
    except (CommandExecutionError, SaltInvocationError) as err:
        return failed(ret, err)
    return ret
