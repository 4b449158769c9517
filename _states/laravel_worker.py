"""
Have the queue workers of a Laravel application (10 or newer) running, and its scheduler.

:mod:`laravel_worker <_modules.laravel_worker>` says what they are, and acts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from laravel_deploy.reports import changed, failed
from salt.exceptions import CommandExecutionError, SaltInvocationError
from state_report import unchanged

if TYPE_CHECKING:
    from collections.abc import Callable

    __opts__: dict[str, Any]
    __pillar__: dict[str, Any]
    __salt__: dict[str, Callable[..., Any]]

__virtualname__ = "laravel_worker"


def __virtual__() -> str:
    return __virtualname__


def running(
    name: str,
    workers: dict[str, Any] | None = None,
    schedule: bool | str | list[str] = False,
    nodes: list[str] | None = None,
    user: str = "www-data",
    group: str = "www-data",
    application: str = "laravel",
) -> dict[str, Any]:
    """
    Have the workers that are asked for running, and no others; the scheduler likewise.

    name
        The folder of the releases, an absolute path.

    workers, schedule, nodes, user, group, application
        As for ``laravel_worker.units``.

    Returns the state's answer; changes: each file and unit with what it was and is.

    CLI Example:

    .. code-block:: bash

        salt web state.single laravel_worker.running /srv/conduit workers='{mail: {}}' test=True
    """
    ret = unchanged(name, "The workers are as they should be.")
    try:
        changes = __salt__["laravel_worker.update"](
            name,
            workers=workers,
            schedule=schedule,
            nodes=nodes,
            user=user,
            group=group,
            application=application,
            test=__opts__["test"],
        )
    except (CommandExecutionError, SaltInvocationError) as err:
        return failed(ret, err, partial=__pillar__.get("converge") == "partial")
    if changes:
        changed(ret, changes, f"{len(changes)} units", test=__opts__["test"])
        ret["comment"] += " put in order."
    return ret
