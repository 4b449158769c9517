"""
Keep queue workers of a Laravel application (10 or newer), and its scheduler, as systemd's units.

They run as the web server's user, with the release that serves. A switch, a rollback and a new
configuration have them start anew: each ends the job that it has, and then takes the next ones with
the code of that release. No job is broken off, and none is done by both.
"""

from __future__ import annotations

from typing import Any

from laravel_deploy import unit_update
from laravel_deploy.layout import RELEASES
from laravel_deploy.workers import Site, Units, queue_variables, wanted_units

__virtualname__ = "laravel_worker"


def __virtual__() -> str:
    return __virtualname__


def _wanted(
    directory: str, workers: Any, schedule: Any, nodes: list[str] | None, user: str, group: str
) -> Units:
    site = Site(directory, user, group, __opts__["id"], nodes or [])
    return wanted_units(site, workers, schedule)


def environment(
    workers: dict[str, Any] | None = None, env: dict[str, Any] | None = None
) -> dict[str, Any]:
    """
    Return the variables of .env that workers need and the pillar does not give.

    workers
        The workers: a name to its settings, as ``laravel:workers`` has them.

    env
        The variables that are given, as ``laravel:env`` has them.

    Returns a dictionary of str to str or int, empty without workers: ``QUEUE_CONNECTION``, and the
    seconds after which a job counts as lost, ``DB_QUEUE_RETRY_AFTER`` and those of other queues:
    more than any worker lets a job run. Raises SaltInvocationError for a setting that is wrong.

    CLI Example:

    .. code-block:: bash

        salt web laravel_worker.environment '{mail: {timeout: 300}}'
    """
    return queue_variables(workers, env or {})


def units(
    directory: str,
    workers: dict[str, Any] | None = None,
    schedule: bool | str | list[str] = False,
    nodes: list[str] | None = None,
    user: str = "www-data",
    group: str = "www-data",
) -> dict[str, Any]:
    """
    Return the units that this machine should have.

    directory
        The folder of the releases, an absolute path.

    workers
        The workers: a name to its settings. ``queue`` (a name or a list, the first first: default),
        ``connection`` (the application's own), ``processes`` (1), ``tries`` (3), ``backoff``
        (seconds between them: 3), ``timeout`` (seconds for one job: 60; 0 for any), ``memory``
        (MiB: 128), ``sleep`` (seconds between two looks at an empty queue: 3), ``max_time``
        (seconds after which a worker is made anew: 3600; 0 for never) and ``nodes`` (all, or a list
        of minion ids).

    schedule
        Whether due tasks are looked for each minute: true for the first of the nodes, ``all``, or a
        list of minion ids. Default: False.

    nodes
        The ids of all web servers, the first first. Default: this one.

    user, group
        The web server's: www-data and www-data.

    Returns ``{"files": {name: text}, "running": [str]}``. Raises SaltInvocationError that names the
    setting that is wrong, and what would be right.

    CLI Example:

    .. code-block:: bash

        salt web laravel_worker.units /srv/conduit '{mail: {queue: [high, mail]}}' schedule=True
    """
    wanted = _wanted(directory, workers, schedule, nodes, user, group)
    return {"files": wanted.files, "running": wanted.running}


def update(
    directory: str,
    workers: dict[str, Any] | None = None,
    schedule: bool | str | list[str] = False,
    nodes: list[str] | None = None,
    user: str = "www-data",
    group: str = "www-data",
    test: bool = False,
) -> dict[str, dict[str, str]]:
    """
    Have the units of this machine as they should be, and running; what is not asked for goes.

    A worker that goes ends its job first, and is waited for: up to its ``timeout``.

    directory, workers, schedule, nodes, user, group
        As for ``laravel_worker.units``.

    test
        Only tell what would change. Default: False.

    Returns file or unit to ``{"old", "new"}``, empty when all is as it should be. Raises
    CommandExecutionError if systemd refuses something or a unit does not stay up,
    SaltInvocationError for a setting that is wrong.

    CLI Example:

    .. code-block:: bash

        salt web laravel_worker.update /srv/conduit '{mail: {processes: 2}}' test=True
    """
    wanted = _wanted(directory, workers, schedule, nodes, user, group)
    return unit_update.update_units(wanted, __salt__["cmd.run_all"], test)


def restart() -> bool:
    """
    Have all workers start anew: each ends the job that it has first, and is not waited for.

    A switch of releases does so by itself.

    Returns True. Raises CommandExecutionError if systemd refuses it.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel_worker.restart
    """
    unit_update.restart_workers(__salt__["cmd.run_all"])
    return True


def status(directory: str = "/srv/conduit") -> list[dict[str, Any]]:
    """
    Return the workers of this machine, and its scheduler, as they are.

    directory
        The folder of the releases, an absolute path.

    Returns a list of dictionaries: ``unit``, ``state`` (``active (running)``) and ``release``, the
    one that it was started in (str; empty for a timer), ``enabled`` (bool), ``restarts`` (how often
    systemd started it again by itself) and ``pid`` (int).

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel_worker.status
    """
    return unit_update.unit_status(__salt__["cmd.run_all"], f"{directory}/{RELEASES}")
