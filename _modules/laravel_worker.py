"""
Keep queue workers of a Laravel application (10 or newer), and its scheduler, as systemd's units.

They run as the web server's user, with the release that serves. A switch, a rollback and a new
configuration have them start anew: each ends the job that it has, and then takes the next ones with
the code of that release. No job is broken off, and none is done by both.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from laravel_deploy import applications, unit_update
from laravel_deploy.applications import FIRST
from laravel_deploy.layout import RELEASES
from laravel_deploy.workers import Site, Units, names_of, queue_variables, wanted_units

__virtualname__ = "laravel_worker"


def __virtual__() -> str:
    return __virtualname__


def _wanted(
    directory: str,
    workers: Any,
    schedule: Any,
    nodes: list[str] | None,
    owner: tuple[str, str],
    application: str,
) -> Units:
    site = Site(directory, *owner, __opts__["id"], nodes or [], application)
    return wanted_units(site, workers, schedule)


def environment(
    workers: dict[str, Any] | None = None,
    env: dict[str, Any] | None = None,
    application: str = FIRST,
) -> dict[str, Any]:
    """
    Return the variables of .env that workers need and the pillar does not give.

    workers
        The workers: a name to its settings, as ``laravel:workers`` has them.

    env
        The variables that are given, as ``laravel:env`` has them.

    application
        The application's name, for errors. Default: laravel, the first one.

    Returns a dictionary of str to str or int, empty without workers: ``QUEUE_CONNECTION``, and the
    seconds after which a job counts as lost, ``DB_QUEUE_RETRY_AFTER`` and those of other queues:
    more than any worker lets a job run. Raises SaltInvocationError for a setting that is wrong.

    CLI Example:

    .. code-block:: bash

        salt web laravel_worker.environment '{mail: {timeout: 300}}'
    """
    return queue_variables(workers, env or {}, applications.place_of(application))


def units(
    directory: str,
    workers: dict[str, Any] | None = None,
    schedule: bool | str | list[str] = False,
    nodes: list[str] | None = None,
    user: str = "www-data",
    group: str = "www-data",
    application: str = FIRST,
) -> dict[str, Any]:
    """
    Return the units of an application that this machine should have.

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
        As whom they run: www-data and www-data.

    application
        The application's name, which the names of its units have. Default: laravel, the first one.

    Returns ``{"files": {name: text}, "running": [str]}``. Raises SaltInvocationError that names the
    setting that is wrong, and what would be right.

    CLI Example:

    .. code-block:: bash

        salt web laravel_worker.units /srv/conduit '{mail: {queue: [high, mail]}}' schedule=True
    """
    wanted = _wanted(directory, workers, schedule, nodes, (user, group), application)
    return {"files": wanted.files, "running": wanted.running}


def update(
    directory: str,
    workers: dict[str, Any] | None = None,
    schedule: bool | str | list[str] = False,
    nodes: list[str] | None = None,
    user: str = "www-data",
    group: str = "www-data",
    test: bool = False,
    application: str = FIRST,
) -> dict[str, dict[str, str]]:
    """
    Have an application's units here as they should be, and running; what is not asked for goes.

    A worker that goes ends its job first, and is waited for: up to its ``timeout``.

    directory, workers, schedule, nodes, user, group, application
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
    wanted = _wanted(directory, workers, schedule, nodes, (user, group), application)
    return unit_update.update_units(wanted, __salt__["cmd.run_all"], test)


def restart(application: str = FIRST) -> bool:
    """
    Have an application's workers start anew: each ends its job first, and is not waited for.

    A switch of releases does so by itself.

    application
        Its name. Default: laravel, the first one.

    Returns True. Raises CommandExecutionError if systemd refuses it, SaltInvocationError for a name
    that the pillar does not have.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel_worker.restart
    """
    root = Path(applications.folder_of(__pillar__, application))
    unit_update.restart_workers(__salt__["cmd.run_all"], root)
    return True


def status(directory: str = "", application: str = FIRST) -> list[dict[str, Any]]:
    """
    Return an application's workers on this machine, and its scheduler, as they are.

    directory
        The folder of the releases, an absolute path. Default: that of ``application``.

    application
        The name of the application, where no directory is given. Default: laravel, the first one.

    Returns a list of dictionaries: ``unit``, ``state`` (``active (running)``) and ``release``, the
    one that it was started in (str; empty for a timer), ``enabled`` (bool), ``restarts`` (how often
    systemd started it again by itself) and ``pid`` (int). Raises SaltInvocationError for a name
    that the pillar does not have.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel_worker.status application=shop
    """
    folder = directory or applications.folder_of(__pillar__, application)
    names = names_of(applications.named_at(__pillar__, folder))
    return unit_update.unit_status(__salt__["cmd.run_all"], f"{folder}/{RELEASES}", names)
