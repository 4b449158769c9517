"""
Restart, upgrade or reboot the members of a group, one after the other.
=======================================================================

Called on the machine of the Salt master, whose minion asks the other machines through it:
``salt-run state.orchestrate`` of ``orch.restart``, ``orch.upgrade`` or ``orch.reboot`` does that; a
reboot takes balancers, web servers and the backup machine, too. What it is at stands in the group
(:py:mod:`mysql_operation <_modules.mysql_operation>`), so that a run that was killed is continued
by the next one.

The table of nodes comes from pillar ``cluster`` (see ``pillar.example``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import minions
from group_replication import lock
from group_replication.pillar import ROLES, declared_balancer, declared_nodes, declared_web
from group_replication.reboot_run import Reboot
from group_replication.rolling_run import Rolling
from group_replication.stand_in import Site
from group_replication.upgrade_run import Upgrade
from minions import Answer

__virtualname__ = "mysql_rolling"

# Held by a run for as long as it lives.
LOCK_FILE = Path("/run/mysql-gr/operation")
# A plan holds it for a moment, too.
LOOK_SECONDS = 2


def __virtual__() -> str:
    return __virtualname__


def _call(targets: Sequence[str], function: str, arguments: Mapping[str, Any]) -> dict[str, Answer]:
    """Call a function on minions, through the master of this machine."""
    return minions.call(__opts__["conf_file"], targets, function, arguments)


def _listen(name: str, seconds: float) -> bool:
    """Wait until a minion tells the master of this machine that it has started."""
    return minions.listen(__opts__["conf_file"], name, seconds)


def _who(alone: bool) -> str:
    """The owner of what is done here: beside a run that lives, the row is another one's."""
    return f"the master on {__opts__['id']}" if alone else ""


def _run_alone(made: Callable[..., Rolling], done: str) -> dict[str, Any]:
    """Run what is made, or say which run of this machine is under way; done is the answer's key."""
    rolling = made()
    # A run of this machine that has died holds it no more: the kernel has let go.
    with lock.held(LOOK_SECONDS, LOCK_FILE) as alone:
        if alone:
            return rolling.run()
    why = made(alone=False).plan()["refused"]
    return {done: [], "gave_up": "", "problem": why or "another run has just begun here"}


def _rolling(
    only: str, machines: Sequence[str] | None, settle: float, alone: bool = True
) -> Rolling:
    return Rolling(
        _call,
        declared_nodes(__pillar__, "db"),
        list(declared_nodes(__pillar__, "proxy")),
        _who(alone),
        only=only,
        machines=machines or (),
        settle=settle,
    )


def _upgrade(
    version: str, machines: Sequence[str] | None, settle: float, alone: bool = True
) -> Upgrade:
    return Upgrade(
        _call,
        declared_nodes(__pillar__, "db"),
        list(declared_nodes(__pillar__, "proxy")),
        _who(alone),
        version=version,
        machines=machines or (),
        settle=settle,
    )


def _site() -> Site:
    """The table of nodes, and who stands in for whom."""
    roles = {name: role for role in ROLES for name in declared_nodes(__pillar__, role)}
    addresses = declared_nodes(__pillar__, None)
    return Site(
        {name: roles[name] for name in addresses},
        addresses,
        declared_web(__pillar__).balanced,
        declared_balancer(__pillar__).virtual_address,
    )


def _reboot(
    only: str,
    machines: Sequence[str] | None,
    outage: Sequence[str] | None,
    settle: float,
    alone: bool = True,
) -> Reboot:
    return Reboot(
        _call,
        _listen,
        _site(),
        _who(alone),
        only=only,
        machines=machines or (),
        outage=outage or (),
        settle=settle,
    )


def plan(
    only: str = "all", machines: Sequence[str] | None = None, settle: float = 5
) -> dict[str, Any]:
    """
    Say which members would be restarted, in which order, and what stands in the way.

    only, machines, settle
        As for :py:func:`restart`.

    Returns a dict: ``purpose``; ``machines``, in order; ``pending``, by member what does not run as
    the option file says; ``writer``, the member that is last; ``gates``, what has to be so to "" or
    the sentence that says why it is not; ``refused``, the first of these or ""; ``continues``, what
    was broken off and would be continued, or "". Raises SaltInvocationError for wrong arguments or
    a wrong table of nodes.

    CLI Example:

    .. code-block:: bash

        salt master mysql_rolling.plan only=pending
    """
    with lock.held(0, LOCK_FILE) as alone:
        pass
    return _rolling(only, machines, settle, alone).plan()


def restart(
    only: str = "all", machines: Sequence[str] | None = None, settle: float = 5
) -> dict[str, Any]:
    """
    Restart members one after the other, each once all are well, the writer's last.

    In single-primary mode the primary is switched over before it is restarted. The first member
    that does not come back ends the run; the same call continues it.

    only
        ``all`` (default), or ``pending``: those with an option that waits for a restart.

    machines
        A list of declared names: no others. Default: all.

    settle
        Seconds between a member that is back and the next one. Default 5.

    Returns a dict: ``restarted`` (names in order), ``gave_up`` (a sentence about another operation
    that was broken off, or "") and ``problem`` (why it was refused or ended early, or ""). Raises
    SaltInvocationError for wrong arguments or a wrong table of nodes, CommandExecutionError when a
    balancer does not answer.

    CLI Example:

    .. code-block:: bash

        salt master mysql_rolling.restart only=pending machines='[db2]'
    """
    return _run_alone(partial(_rolling, only, machines, settle), "restarted")


def upgrade_plan(
    version: str = "", machines: Sequence[str] | None = None, settle: float = 5
) -> dict[str, Any]:
    """
    Say which members would be upgraded to what, in which order, and what stands in the way.

    version, machines, settle
        As for :py:func:`upgrade`.

    Returns what :py:func:`plan` does, with ``version``, what all packages would be, and
    ``installed``, member to what it has. apt's lists are fetched, and nothing else is done. Raises
    SaltInvocationError for wrong arguments or a wrong table of nodes.

    CLI Example:

    .. code-block:: bash

        salt master mysql_rolling.upgrade_plan
    """
    with lock.held(0, LOCK_FILE) as alone:
        pass
    return _upgrade(version, machines, settle, alone).plan()


def upgrade(
    version: str = "", machines: Sequence[str] | None = None, settle: float = 5
) -> dict[str, Any]:
    """
    Upgrade MySQL's packages on one member after the other, the writer's last.

    All members fetch the packages before the first one is touched. Each leaves the group and stops
    before they are unpacked. The first member that does not come back ends the run; the same call
    continues it.

    version
        What all packages are to be, such as ``9.7.4-2``. Default: that of a run that was broken
        off, else what apt would install.

    machines
        A list of declared names: no others. Default: all.

    settle
        Seconds between a member that is back and the next one. Default 5.

    Returns a dict: ``upgraded`` (names in order), ``gave_up`` (a sentence about another operation
    that was broken off, or "") and ``problem`` (why it was refused or ended early, or ""). Raises
    SaltInvocationError for wrong arguments or a wrong table of nodes, CommandExecutionError when a
    balancer does not answer.

    CLI Example:

    .. code-block:: bash

        salt master mysql_rolling.upgrade machines='[db2]'
    """
    return _run_alone(partial(_upgrade, version, machines, settle), "upgraded")


def reboot_plan(
    only: str = "all",
    machines: Sequence[str] | None = None,
    outage: Sequence[str] | None = None,
    settle: float = 5,
) -> dict[str, Any]:
    """
    Say which machines would be rebooted, in which order, what it costs, and what stands in the way.

    only, machines, outage, settle
        As for :py:func:`reboot`.

    Returns what :py:func:`plan` does, but ``pending``: machine to why it waits for a reboot. Also
    ``costs``, machine to what its reboot costs clients, and ``by_hand``, machine to how a person
    reboots it: that of the Salt master. Raises SaltInvocationError for wrong arguments or a wrong
    table of nodes.

    CLI Example:

    .. code-block:: bash

        salt master mysql_rolling.reboot_plan only=pending
    """
    with lock.held(0, LOCK_FILE) as alone:
        pass
    return _reboot(only, machines, outage, settle, alone).plan()


def reboot(
    only: str = "all",
    machines: Sequence[str] | None = None,
    outage: Sequence[str] | None = None,
    settle: float = 5,
) -> dict[str, Any]:
    """
    Reboot machines one after the other, so that clients are served meanwhile.

    Backup machines come first, then members as :py:func:`restart` takes them, balancers, the one
    with the virtual address last, and web servers, each drained first. The first machine that does
    not come back ends the run; the same call continues it. The machine of the Salt master is
    rebooted by a person.

    only
        ``all`` (default), or ``pending``: machines that wait for a reboot, by /run/reboot-required
        or a newer kernel.

    machines
        A list of declared names, of any role but ``master``: no others. Default: all.

    outage
        A list of those among them whose work no other machine does, such as a single balancer: its
        clients wait or fail until it is back. Without this they are refused. Default: none.

    settle
        Seconds between a machine that is back and the next one. Default 5.

    Returns a dict: ``rebooted`` (names in order), ``gave_up`` (a sentence about another operation
    that was broken off, or "") and ``problem`` (why it was refused or ended early, or ""). Raises
    SaltInvocationError for wrong arguments or a wrong table of nodes, CommandExecutionError when a
    balancer does not answer.

    CLI Example:

    .. code-block:: bash

        salt master mysql_rolling.reboot machines='[db2, web2]'
    """
    return _run_alone(partial(_reboot, only, machines, outage, settle), "rebooted")
