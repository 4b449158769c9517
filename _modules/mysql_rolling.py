"""
Restart, upgrade or reboot the members of a group, one after the other.
=======================================================================

Called on the machine of the Salt master, whose minion asks the other machines through it:
``salt-run state.orchestrate`` of ``orch.restart``, ``orch.upgrade`` or ``orch.reboot`` does that.
Balancers and web servers have their turns, too, where they are asked for; a reboot takes all
machines. What it is at stands in the group
(:py:mod:`mysql_operation <_modules.mysql_operation>`), so that a run that was killed is continued
by the next one.

The table of nodes comes from pillar ``cluster`` (see ``pillar.example``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import minion_calls
from group_replication import lock
from group_replication.pillar import ROLES, declared_balancer, declared_nodes, declared_web
from group_replication.reboot_run import Reboot
from group_replication.restart_run import Restart
from group_replication.rolling_run import Rolling
from group_replication.stand_in import Site
from group_replication.upgrade_run import Upgrade
from laravel_deploy.lock import FLEET_LOCK
from minion_calls import Answer

__virtualname__ = "mysql_rolling"

# Held by a run for as long as it lives.
LOCK_FILE = Path("/run/mysql-gr/operation")
# A plan holds it for a moment, too.
LOOK_SECONDS = 2
DEPLOYING = "a deployment, a rollback or a rotation of keys on the web servers is under way"


def __virtual__() -> str:
    return __virtualname__


def _call(targets: Sequence[str], function: str, arguments: Mapping[str, Any]) -> dict[str, Answer]:
    """Call a function on minions, through the master of this machine."""
    return minion_calls.call(__opts__["conf_file"], targets, function, arguments)


def _listen(name: str, seconds: float) -> bool:
    """Wait until a minion tells the master of this machine that it has started."""
    return minion_calls.listen(__opts__["conf_file"], name, seconds)


def _who(alone: bool) -> str:
    """The owner of what is done here: beside a run that lives, the row is another one's."""
    return f"the master on {__opts__['id']}" if alone else ""


def _run_alone(made: Callable[..., Rolling], done: str) -> dict[str, Any]:
    """Run what is made, or say which run of this machine is under way; done is the answer's key."""
    rolling = made()
    # A run of this machine that has died holds it no more: the kernel has let go.
    with lock.held(LOOK_SECONDS, LOCK_FILE) as alone:
        if alone:
            # Nothing is deployed on machines that are begun anew meanwhile.
            with lock.held(0, FLEET_LOCK) as free:
                if free:
                    return rolling.run()
            return {done: [], "gave_up": "", "problem": DEPLOYING}
    why = made(alone=False).plan()["refused"]
    return {done: [], "gave_up": "", "problem": why or "another run has just begun here"}


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


def _rolling(alone: bool = True, **told: Any) -> Rolling:
    """What restarts members alone, or machines of other roles, too."""
    given = _given(told)
    databases = declared_nodes(__pillar__, "db")
    named = given["machines"]
    if given["roles"] or (not isinstance(named, str) and not set(named) <= set(databases)):
        return Restart(_call, _site(), _who(alone), **given)
    del given["roles"], given["outage"]
    balancers = list(declared_nodes(__pillar__, "proxy"))
    return Rolling(_call, databases, balancers, _who(alone), **given)


def _upgrade(alone: bool = True, **told: Any) -> Upgrade:
    return Upgrade(_call, _site(), _who(alone), **_given(told))


def _reboot(alone: bool = True, **told: Any) -> Reboot:
    return Reboot(_call, _listen, _site(), _who(alone), **_given(told))


def _given(told: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a call; a list that is not given is empty."""
    lists = ("roles", "machines", "outage")
    return {name: value or () if name in lists else value for name, value in told.items()}


def _planned(made: Callable[..., Rolling], **told: Any) -> dict[str, Any]:
    with lock.held(0, LOCK_FILE) as alone, lock.held(0, FLEET_LOCK) as free:
        pass
    planned = made(alone=alone, **told).plan()
    # Who holds the first of them holds the second one, too.
    why = DEPLOYING if alone and not free else ""
    planned["gates"]["no deployment"] = why
    planned["refused"] = planned["refused"] or why
    return planned


def plan(
    only: str = "all",
    machines: Sequence[str] | None = None,
    settle: float = 5,
    roles: Sequence[str] | None = None,
    outage: Sequence[str] | None = None,
    window: str = "",
) -> dict[str, Any]:
    """
    Say which members would be restarted, in which order, and what stands in the way.

    only, machines, settle, roles, outage, window
        As for :py:func:`restart`.

    Returns a dict: ``purpose``; ``machines``, in order; ``pending``, by member what does not run as
    the option file says; ``writer``, the member that is last; ``gates``, what has to be so to "" or
    the sentence that says why it is not; ``refused``, the first of these or ""; ``continues``, what
    was broken off and would be continued, or "". Where machines of other roles are meant also
    ``packages``, machine to the services that run from files of before, and ``costs``, machine to
    what its turn costs clients. Raises SaltInvocationError for wrong arguments or a wrong table of
    nodes.

    CLI Example:

    .. code-block:: bash

        salt master mysql_rolling.plan only=pending
    """
    return _planned(
        _rolling,
        only=only,
        machines=machines,
        settle=settle,
        roles=roles,
        outage=outage,
        window=window,
    )


def restart(
    only: str = "all",
    machines: Sequence[str] | None = None,
    settle: float = 5,
    roles: Sequence[str] | None = None,
    outage: Sequence[str] | None = None,
    window: str = "",
) -> dict[str, Any]:
    """
    Restart members one after the other, each once all are well, the writer's last.

    In single-primary mode the primary is switched over before it is restarted. On balancers and web
    servers, which are not used meanwhile, HAProxy, keepalived, Apache and php-fpm are restarted.
    The first machine that does not come back ends the run; the same call continues it.

    only
        ``all`` (default), or ``pending``: members with an option that waits for a restart, and
        others whose services run from files in whose place others have come.

    machines
        A list of declared names of role ``db``, ``proxy`` or ``web``: no others. Default: all of
        ``roles``.

    settle
        Seconds between a machine that is back and the next one. Default 5.

    roles
        A list of ``db``, ``proxy`` and ``web``: all machines of these. Default: ``db``.

    outage
        A list of machines whose work no other one does, which is accepted. Default: none.

    window
        Times of day such as ``02:00-04:00``, by this machine's clock: no turn begins outside of
        it, and none that was begun is cut. Default: any time.

    Returns a dict: ``restarted`` (names in order), ``gave_up`` (a sentence about another operation
    that was broken off, or "") and ``problem`` (why it was refused or ended early, or ""). Raises
    SaltInvocationError for wrong arguments or a wrong table of nodes, CommandExecutionError when a
    balancer does not answer.

    CLI Example:

    .. code-block:: bash

        salt master mysql_rolling.restart only=pending machines='[db2]'
    """
    told: dict[str, Any] = {"only": only, "machines": machines, "settle": settle}
    told |= {"roles": roles, "outage": outage, "window": window}
    return _run_alone(partial(_rolling, **told), "restarted")


def upgrade_plan(
    version: str = "",
    machines: Sequence[str] | None = None,
    settle: float = 5,
    roles: Sequence[str] | None = None,
    outage: Sequence[str] | None = None,
    window: str = "",
) -> dict[str, Any]:
    """
    Say which machines would be upgraded to what, in which order, and what stands in the way.

    version, machines, settle, roles, outage, window
        As for :py:func:`upgrade`.

    Returns what :py:func:`plan` does, with ``version``, what all MySQL's packages would be,
    ``installed``, member to what it has, ``packages``, other machine to what would come to it, and
    ``costs``, machine to what its turn costs clients. apt's lists are fetched, and nothing else is
    done. Raises SaltInvocationError for wrong arguments or a wrong table of nodes.

    CLI Example:

    .. code-block:: bash

        salt master mysql_rolling.upgrade_plan
    """
    return _planned(
        _upgrade,
        version=version,
        machines=machines,
        settle=settle,
        roles=roles,
        outage=outage,
        window=window,
    )


def upgrade(
    version: str = "",
    machines: Sequence[str] | None = None,
    settle: float = 5,
    roles: Sequence[str] | None = None,
    outage: Sequence[str] | None = None,
    window: str = "",
) -> dict[str, Any]:
    """
    Upgrade MySQL's packages on one member after the other, the writer's last; others by ``roles``.

    All machines fetch the packages before the first one is touched, and each new program judges
    what is configured. A member leaves the group and stops before they are unpacked; a web server
    is drained; a balancer's HAProxy is reloaded, the one with the virtual address last. The first
    machine that does not come back ends the run; the same call continues it.

    version
        What all MySQL's packages are to be, such as ``9.7.4-2``. Default: that of a run that was
        broken off, else what apt would install. Balancers and web servers get the latter.

    machines
        A list of declared names of role ``db``, ``proxy`` or ``web``: no others. Default: all of
        ``roles``.

    settle
        Seconds between a machine that is back and the next one. Default 5.

    roles
        A list of ``db`` (MySQL), ``proxy`` (HAProxy, keepalived) and ``web`` (Apache, PHP of the
        series that is there): all machines of these. Default: ``db``.

    outage
        A list of web servers whose work no other one does, which is accepted. Default: none.

    window
        As for :py:func:`restart`.

    Returns a dict: ``upgraded`` (names in order), ``gave_up`` (a sentence about another operation
    that was broken off, or "") and ``problem`` (why it was refused or ended early, or ""). Raises
    SaltInvocationError for wrong arguments or a wrong table of nodes, CommandExecutionError when a
    balancer does not answer.

    CLI Example:

    .. code-block:: bash

        salt master mysql_rolling.upgrade roles='[proxy, web]'
    """
    told: dict[str, Any] = {"version": version, "machines": machines, "settle": settle}
    told |= {"roles": roles, "outage": outage, "window": window}
    return _run_alone(partial(_upgrade, **told), "upgraded")


def reboot_plan(
    only: str = "all",
    machines: Sequence[str] | None = None,
    outage: Sequence[str] | None = None,
    settle: float = 5,
    window: str = "",
) -> dict[str, Any]:
    """
    Say which machines would be rebooted, in which order, what it costs, and what stands in the way.

    only, machines, outage, settle, window
        As for :py:func:`reboot`.

    Returns what :py:func:`plan` does, but ``pending``: machine to why it waits for a reboot. Also
    ``costs``, machine to what its reboot costs clients, and ``by_hand``, machine to how a person
    reboots it: that of the Salt master. Raises SaltInvocationError for wrong arguments or a wrong
    table of nodes.

    CLI Example:

    .. code-block:: bash

        salt master mysql_rolling.reboot_plan only=pending
    """
    told: dict[str, Any] = {"only": only, "machines": machines, "outage": outage}
    told |= {"settle": settle, "window": window}
    return _planned(_reboot, **told)


def reboot(
    only: str = "all",
    machines: Sequence[str] | None = None,
    outage: Sequence[str] | None = None,
    settle: float = 5,
    window: str = "",
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

    window
        As for :py:func:`restart`.

    Returns a dict: ``rebooted`` (names in order), ``gave_up`` (a sentence about another operation
    that was broken off, or "") and ``problem`` (why it was refused or ended early, or ""). Raises
    SaltInvocationError for wrong arguments or a wrong table of nodes, CommandExecutionError when a
    balancer does not answer.

    CLI Example:

    .. code-block:: bash

        salt master mysql_rolling.reboot machines='[db2, web2]'
    """
    told: dict[str, Any] = {"only": only, "machines": machines, "outage": outage}
    told |= {"settle": settle, "window": window}
    return _run_alone(partial(_reboot, **told), "rebooted")
