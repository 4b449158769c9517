"""
Have a group that began anew with a restored point in time.
===========================================================

The state asks, calls :py:mod:`mysql_restore <_modules.mysql_restore>` on the master's machine, and
reports; ``salt-run state.orchestrate orch.restore`` applies it there.
"""

from __future__ import annotations

from typing import Any

from salt.exceptions import CommandExecutionError, SaltInvocationError
from state_report import failed, predicted, unchanged

__virtualname__ = "mysql_restore"


def __virtual__() -> str:
    return __virtualname__


def group_begun(
    name: str,
    point: str = "latest",
    donor: str | None = None,
    snapshot: str | None = None,
    keep_name: bool = False,
    overwrite: str | None = None,
) -> dict[str, Any]:
    """
    Make sure that a member is in a group; where it is in none, the group begins with a backup.

    name
        The declared name of the member that begins it.

    point, donor, snapshot, keep_name, overwrite
        As for ``mysql_restore.begin``.
    """
    ret = unchanged(name, f"{name} is ONLINE: the group is there, and nothing is restored")
    told = {"point": point, "donor": donor, "snapshot": snapshot, "keep_name": keep_name}
    told["overwrite"] = overwrite
    try:
        if __salt__["mysql_restore.begun"](name):
            return ret
        test = bool(__opts__["test"])
        found = __salt__["mysql_restore.begin"](name, **told, test=test)
        ret["changes"] = {"group": {"old": "none", "new": found["gtids"]}}
        last = found["before"][-1] if found["before"] else None
        until = f", the last one {last['gtid']} of {last['committed']}" if last else ""
        if test:
            return predicted(ret, f"{name} would begin the group with {found['gtids']}{until}")
        ret["comment"] = f"{name} has begun the group with {found['gtids']}{until}"
    except (CommandExecutionError, SaltInvocationError) as err:
        return failed(ret, err)
    return ret
