"""
Keep a member out of its group, or clients from it, for as long as an operator works on it.
===========================================================================================

A reason says why, and is shown wherever somebody looks. A member that left rejoins by
``mysql_gr.join``; one that is no longer declared is taken out for good.

Settings come from pillar ``mysql`` and ``cluster`` (see ``pillar.example``).
"""

from __future__ import annotations

from typing import Any

import boots
from group_replication import (
    fencing,
    leaving,
    maintenance,
    member_reboot,
    member_restart,
    membership,
)
from group_replication.model import Settings
from group_replication.settings import current_settings
from pillar_check import walk

__virtualname__ = "mysql_maintenance"


def __virtual__() -> str:
    return __virtualname__


def _settings() -> Settings:
    """The settings of this minion."""
    return current_settings(__pillar__, __opts__["id"])


def _service() -> str:
    """What the distribution calls mysqld's service."""
    return str(walk(__pillar__, "mysql:lookup:service") or "mysql")


def pause(reason: str) -> dict[str, str]:
    """
    Keep every automation here from taking this member into the group, until :py:func:`unpause`.

    A member that is ONLINE stays so; one that is outside, or goes, stays outside.

    reason
        What status, decisions and the keeper's log say about it.

    Returns a dict: ``old`` and ``new`` reason. Raises SaltInvocationError without a reason, or for
    wrong settings; CommandExecutionError while an operation is at the members.

    CLI Example:

    .. code-block:: bash

        salt db3 mysql_maintenance.pause 'memory is replaced tonight'
    """
    return leaving.pause(_settings(), reason)


def paused() -> str:
    """
    Return why the operator keeps this member out of the group, or "".

    Returns str.

    CLI Example:

    .. code-block:: bash

        salt 'db*' mysql_maintenance.paused
    """
    return maintenance.paused()


def unpause() -> dict[str, str]:
    """
    End a pause; the keeper takes the member in again if it is outside.

    Returns a dict: ``old`` and ``new`` reason, the new one empty.

    CLI Example:

    .. code-block:: bash

        salt db3 mysql_maintenance.unpause
    """
    return maintenance.unpause()


def leave(
    member: str, reason: str = "left by mysql_maintenance.leave", drain: int | None = None
) -> dict[str, Any]:
    """
    Take the local member out of the group and keep it out until ``mysql_gr.join``.

    Before it leaves, a primary is switched over, the balancer sends no new connections, and
    transactions get the time to end.

    member
        This member's declared name.

    reason
        What status, decisions and the keeper's log say about it.

    drain
        Seconds that transactions get at most. 0 leaves at once. Default: pillar ``mysql:drain``.

    Returns a dict: ``old`` and ``new`` state. Raises CommandExecutionError when mysqld refuses, or
    while an operation is at the members; SaltInvocationError when ``member`` is not this one.

    CLI Example:

    .. code-block:: bash

        salt db3 mysql_maintenance.leave member=db3 reason='memory is replaced'
    """
    return leaving.leave(_settings(), member, reason, drain)


def drain(member: str, reason: str, seconds: int | None = None) -> dict[str, Any]:
    """
    Let the balancer send the local member nobody new, until :py:func:`undrain` or a boot.

    The member stays in its group and sessions go on. A primary of a single-primary group is
    switched over first. Nothing here looks at the other members: with all of them drained nobody
    is served.

    member
        This member's declared name: a call to all members at once is refused by all but one.

    reason
        What status and the health agent say about it.

    seconds
        How long to wait until no client is in a transaction. Default: pillar ``mysql:drain``.

    Returns a dict: ``old`` and ``new`` reason, and ``busy``, how many sessions of clients are still
    in a transaction. Raises CommandExecutionError when mysqld does not answer, or while an
    operation is at the members; SaltInvocationError without a reason, or when ``member`` is not
    this one.

    CLI Example:

    .. code-block:: bash

        salt db3 mysql_maintenance.drain member=db3 reason='a new kernel'
    """
    return leaving.drain(_settings(), member, reason, seconds)


def drained() -> str:
    """
    Return why the operator lets the balancer send this member nobody new, or "".

    Returns str.

    CLI Example:

    .. code-block:: bash

        salt 'db*' mysql_maintenance.drained
    """
    return maintenance.drained()


def undrain() -> dict[str, str]:
    """
    End a drain: the balancer sends this member clients again.

    Returns a dict: ``old`` and ``new`` reason, the new one empty.

    CLI Example:

    .. code-block:: bash

        salt db3 mysql_maintenance.undrain
    """
    return maintenance.undrain()


def unfence(member: str, test: bool = False) -> dict[str, str]:
    """
    Let a member serve again that was fenced: of two groups with one name, its own gave way.

    It is for when the other group is given up: its members have left. What they had written there
    is not here, and this member's rows count from now on.

    member
        This member's declared name: nobody else decides it.

    test
        Check alone, and change nothing. Default False.

    Returns a dict: ``old``, why it was fenced or "", and ``new``, always "". Raises
    CommandExecutionError while a member of the other group serves, SaltInvocationError when
    ``member`` is not this one.

    CLI Example:

    .. code-block:: bash

        salt db2 mysql_maintenance.unfence member=db2
    """
    return fencing.unfence(_settings(), member, test)


def forget(member: str, test: bool = False) -> dict[str, Any]:
    """
    Make this machine a new one: what it remembers of its group is forgotten, no data is touched.

    It is for a machine whose data is lost for good: without this call its empty data directory is
    taken for a missing disk, and neither is a new one made, nor does it join empty or bootstrap a
    group.

    member
        This member's declared name: it is forgotten only by a call that names it.

    test
        Say what would be forgotten, and do nothing. Default False.

    Returns what was remembered: ``group``, ``server_uuid``, ``view_id``, ``members`` and ``seen``;
    empty where it was no member. Raises CommandExecutionError when mysqld answers and has
    transactions; SaltInvocationError when ``member`` is not this one.

    CLI Example:

    .. code-block:: bash

        salt db3 mysql_maintenance.forget member=db3
    """
    return membership.forget(_settings(), member, test)


def removal() -> dict[str, Any]:
    """
    Say what is to be done about a member that the table of nodes no longer declares.

    Returns a dict: ``state`` of the local member, ``settled`` (bool: it is outside, and its keeper
    knows that it stays there) and ``problem`` (why it must not go now, or ""). Raises
    SaltInvocationError when it is declared, never was a member, or the table is wrong.

    CLI Example:

    .. code-block:: bash

        salt db4 mysql_maintenance.removal
    """
    return leaving.removal(_settings())


def remove(member: str, drain: int | None = None) -> dict[str, Any]:
    """
    Take a member out that the table of nodes no longer declares; its data is not touched.

    It drains, leaves and stays out until it is declared again.

    member
        This member's name.

    drain
        Seconds that transactions get at most. 0 leaves at once. Default: pillar ``mysql:drain``.

    Returns a dict: ``old`` and ``new`` state, UNKNOWN where mysqld does not answer. Raises
    CommandExecutionError when the rest would have no majority, or mysqld refuses;
    SaltInvocationError when the member is declared or ``member`` is not this one.

    CLI Example:

    .. code-block:: bash

        salt db4 mysql_maintenance.remove member=db4
    """
    return leaving.remove(_settings(), member, drain)


def restart(member: str, operation: str) -> dict[str, Any]:
    """
    Restart this member's mysqld for an operation, and wait until it serves again.

    It is a step of ``salt-run state.orchestrate orch.restart``, which asks beforehand whether it is
    this member's turn. systemd stops mysqld, which drains the member and lets it leave. A mysqld
    that has started anew since the operation began is not restarted again, so that a call that was
    killed is repeated.

    member
        This member's declared name.

    operation
        The token of the operation, whose present step is this restart.

    Returns a dict: ``member``, ``restarted`` (bool: by this call), ``state`` (ONLINE) and
    ``seconds``. Raises CommandExecutionError when it is not this member's turn, another member is
    not well, or this one is not ONLINE in time, has its queue not applied or is not served by its
    health agent; SaltInvocationError when ``member`` is not this one.

    CLI Example:

    .. code-block:: bash

        salt db3 mysql_maintenance.restart member=db3 operation=5e0c1b7a9d3f2846
    """
    service = _service()
    return member_restart.restart(
        _settings(),
        member,
        operation,
        lambda: __salt__["service.restart"](service),
        lambda: __salt__["service.start"](service),
    )


def reboot(member: str, operation: str) -> dict[str, Any]:
    """
    Have this member leave and its machine reboot for an operation; or wait until it serves again.

    It is a step of ``salt-run state.orchestrate orch.reboot``, which asks beforehand whether it is
    this member's turn, and calls it once more when the machine has booted. mysqld is stopped, which
    drains the member, and the machine reboots two seconds after the answer. A machine that has
    booted since the operation began is not rebooted again.

    member
        This member's declared name.

    operation
        The token of the operation, whose present step is this reboot.

    Returns a dict: ``member``, ``reboots`` (bool: it does in a moment) and ``seconds``. Raises
    CommandExecutionError when it is not this member's turn, another member is not well, mysqld does
    not leave or end by itself, systemd refuses, or this member is not ONLINE in time, has its queue
    not applied or is not served by its health agent; SaltInvocationError when ``member`` is not
    this one.

    CLI Example:

    .. code-block:: bash

        salt db3 mysql_maintenance.reboot member=db3 operation=5e0c1b7a9d3f2846
    """
    service = _service()
    machine = member_reboot.Machine(
        boot=boots.boot_of(),
        stop=lambda: __salt__["service.stop"](service),
        unclean=lambda: member_restart.unclean(service, __salt__["service.show"](service)),
        start=lambda: __salt__["service.start"](service),
        reboot=lambda: boots.reboot(__salt__["cmd.run_all"]),
    )
    return member_reboot.reboot(_settings(), member, operation, machine)
