"""
Begin a group anew with a restored point in time, by one database machine that the call names.
==============================================================================================

The backup machine offers the point (:py:mod:`backup_restore <_modules.backup_restore>`),
:py:func:`receive` clones it, and :py:func:`begin`, on the master's machine, does it all:
``salt-run state.orchestrate orch.restore``. docs/backup.md leads through them.

Settings come from pillar ``mysql`` and ``cluster`` (see ``pillar.example``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import minion_calls
from group_replication import receiving, restore_run
from group_replication.model import joined
from group_replication.pillar import declared_nodes
from group_replication.settings import current_settings
from minion_calls import Answer
from salt.exceptions import SaltInvocationError

__virtualname__ = "mysql_restore"


def __virtual__() -> str:
    return __virtualname__


def _call(targets: Sequence[str], function: str, arguments: Mapping[str, Any]) -> dict[str, Answer]:
    """Call a function on minions, through the master of this machine."""
    return minion_calls.call(__opts__["conf_file"], targets, function, arguments)


def _backup_machine(name: str | None) -> str:
    machines = declared_nodes(__pillar__, "backup")
    if name is None and len(machines) == 1:
        return next(iter(machines))
    if name not in machines:
        raise SaltInvocationError(
            f"donor is '{name}'; expected a node of role backup: {joined(machines) or 'none is'}"
        )
    return name


def begun(member: str) -> bool:
    """
    Tell, on the master's machine, whether a member is ONLINE in a group with a majority.

    member
        Its declared name.

    Returns True or False. Raises CommandExecutionError where its minion or its mysqld does not
    answer.

    CLI Example:

    .. code-block:: bash

        salt master mysql_restore.begun db1
    """
    return restore_run.is_member(_call, member)


def begin(
    member: str,
    point: str = "latest",
    donor: str | None = None,
    snapshot: str | None = None,
    keep_name: bool = False,
    overwrite: str | None = None,
    test: bool = False,
) -> dict[str, Any]:
    """
    Let one member begin the group anew with a point in time; called on the master's machine.

    The point is offered, cloned, the group begun and the offer withdrawn. The other members are
    left as they are.

    member
        The declared name of the member.

    point, snapshot, keep_name
        As for ``backup_restore.offer_point``.

    donor
        The declared name of the backup machine. Default: the one that is declared.

    overwrite
        As for :py:func:`receive`.

    test
        Find the point, and do nothing. Default False.

    Returns what ``backup_restore.offer_point`` says of the point, and ``given_up``. Raises
    CommandExecutionError with the sentence of the machine that refused, SaltInvocationError for a
    donor that is no backup machine.

    CLI Example:

    .. code-block:: bash

        salt master mysql_restore.begin db1 test=True
    """
    offered = {"point": point, "snapshot": snapshot, "keep_name": keep_name}
    return restore_run.begin(_call, member, _backup_machine(donor), offered, overwrite, test)


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
    address = declared_nodes(__pillar__, "backup")[_backup_machine(donor)]
    settings = current_settings(__pillar__, __opts__["id"])
    return receiving.receive(settings, member, address, fingerprint, overwrite, patience, test)
