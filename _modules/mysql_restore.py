"""
Begin a group anew with a restored point in time, by one database machine that the call names.
==============================================================================================

The backup machine offers the point (:py:mod:`backup_restore <_modules.backup_restore>`); this
module is the receiving side. docs/backup.md leads through both.

Settings come from pillar ``mysql`` and ``cluster`` (see ``pillar.example``).
"""

from __future__ import annotations

from typing import Any

from group_replication import receiving
from group_replication.model import joined
from group_replication.pillar import declared_nodes
from group_replication.settings import current_settings
from salt.exceptions import SaltInvocationError

__virtualname__ = "mysql_restore"


def __virtual__() -> str:
    return __virtualname__


def receive(
    member: str,
    donor: str,
    fingerprint: str,
    overwrite: str | None = None,
    patience: float = 60,
    test: bool = False,
) -> dict[str, Any]:
    """
    Clone what the backup machine offers onto this member; the group is not begun yet.

    The member has to be empty, and no declared member that answers may serve. It keeps its own
    ``server_uuid`` and ``server_id``; accounts come with the data, and those of the group get the
    declared passwords. ``mysql_gr.bootstrap`` or ``mysql_gr.recover`` begins the group afterwards.

    member
        This member's declared name.

    donor
        The declared name of the backup machine.

    fingerprint
        The SHA-256 of its certificate, as ``backup_restore.offer_point`` returned it. Another
        certificate is refused before anything is touched.

    overwrite
        This member's name: what it holds may be given up. Default: it may not.

    patience
        Seconds without progress after which the clone is given up. Default 60.

    test
        Check all of it, and change nothing. Default False.

    Returns a dict: ``gtids`` (what was offered), ``given_up`` (what the member held) and
    ``changed`` (False where it has just that already). Raises CommandExecutionError where it is
    refused, the donor is another one or does not answer, or the clone fails; SaltInvocationError
    for wrong settings, or where ``member`` or ``overwrite`` is not this one.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_restore.receive member=db1 donor=backup1 fingerprint=5f0c…e1 test=True
        salt db1 mysql_restore.receive member=db1 donor=backup1 fingerprint=5f0c…e1
    """
    machines = declared_nodes(__pillar__, "backup")
    if donor not in machines:
        raise SaltInvocationError(
            f"donor is '{donor}'; expected a node of role backup: {joined(machines) or 'none is'}"
        )
    settings = current_settings(__pillar__, __opts__["id"])
    return receiving.receive(
        settings, member, machines[donor], fingerprint, overwrite, patience, test
    )
