"""
Deploy an application on all web servers at once: all or none.

Called on the machine of the Salt master, whose minion asks the web servers through it:
``salt-run state.orchestrate orch.deploy``, ``orch.rollback`` and ``orch.rotate_key`` do that. What
was done stands on the web servers, so that a run that was killed is continued by the same call.

The table of nodes comes from pillar ``cluster`` (see ``pillar.example``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import minion_calls
from group_replication import lock
from group_replication.pillar import declared_nodes
from laravel_deploy.applications import FIRST
from laravel_deploy.deployments import caller
from laravel_deploy.fleet_run import Fleet
from laravel_deploy.lock import FLEET_LOCK
from minion_calls import Answer
from salt.exceptions import CommandExecutionError

__virtualname__ = "laravel_deployment"


def __virtual__() -> str:
    return __virtualname__


def _call(targets: Sequence[str], function: str, arguments: Mapping[str, Any]) -> dict[str, Answer]:
    """Call a function on minions, through the master of this machine."""
    return minion_calls.call(__opts__["conf_file"], targets, function, arguments)


def _fleet(application: str, given: Mapping[str, Any] | None = None) -> Fleet:
    who, names = caller(__opts__["cachedir"]), list(declared_nodes(__pillar__, "web"))
    return Fleet(_call, names, who, given, application=application)


def _alone(run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    with lock.held(0, FLEET_LOCK) as alone:
        if not alone:
            raise CommandExecutionError(
                "Another deployment, rollback or rotation is under way, or a restart, upgrade or "
                "reboot of machines."
            )
        return run()


def plan(given: Mapping[str, Any] | None = None, application: str = FIRST) -> dict[str, Any]:
    """
    Say what a deployment on all web servers would do, and what stands in its way.

    given, application
        As for :py:func:`deploy`.

    Returns a dict: ``release``; ``revision``; ``build``, the web servers that have to build it;
    ``migrations`` and ``migrates``, what would be migrated and by whom; ``machines``, those that
    would be switched, in order; ``serves`` and ``directories``, the release and the folder of the
    releases of each; ``gates``, what has to be so to "" or the sentence that says why it is not;
    ``refused``, the first of these or "". Raises SaltInvocationError for wrong arguments or a wrong
    table of nodes.

    CLI Example:

    .. code-block:: bash

        salt master laravel_deployment.plan
    """
    return _fleet(application, given).plan()


def deploy(given: Mapping[str, Any] | None = None, application: str = FIRST) -> dict[str, Any]:
    """
    Build and try a release on all web servers, migrate once, and switch all or none.

    Where a build or a trial fails, nothing is migrated and nothing switched. Where a switch fails,
    all serve again what they served before; migrations stay.

    given
        A dict with ``rev`` and ``build``, in place of the pillar's; or with ``release``, the name
        of one that all have, also of one that was stopped. Default: what the pillar says.

    application
        The application's name; the others are left alone. Default: laravel, the first one.

    Returns a dict: ``release``; ``migrated``, what was migrated; ``switched``, the web servers that
    serve it since; ``problem``, why it was refused or taken back, or "". Raises SaltInvocationError
    for wrong arguments or a wrong table of nodes, CommandExecutionError beside another run.

    CLI Example:

    .. code-block:: bash

        salt master laravel_deployment.deploy given='{"rev": "v2.1"}'
    """
    return _alone(_fleet(application, given).deploy)


def rollback_plan(release: str = "", application: str = FIRST) -> dict[str, Any]:
    """
    Say what going back to one release on all web servers would do.

    release, application
        As for :py:func:`rollback`.

    Returns a dict: ``release``, ``machines``, ``serves``, ``gates`` and ``refused``, as
    :py:func:`plan` does. Raises SaltInvocationError for a wrong table of nodes.

    CLI Example:

    .. code-block:: bash

        salt master laravel_deployment.rollback_plan 3f2a9c01be77
    """
    return _fleet(application).rollback_plan(release)


def rollback(release: str = "", application: str = FIRST) -> dict[str, Any]:
    """
    Let one release serve again on all web servers, or on none. Migrations stay.

    release
        Its name. Refused where one web server does not have it, before anything is touched.
        Default: the one that served before, if that is the same on all.

    application
        As for :py:func:`deploy`.

    Returns a dict: ``release``; ``switched``, the web servers that serve it since; ``problem``, why
    it was refused or given up, or "". Raises SaltInvocationError for a wrong table of nodes,
    CommandExecutionError beside another run.

    CLI Example:

    .. code-block:: bash

        salt master laravel_deployment.rollback 3f2a9c01be77
    """
    return _alone(lambda: _fleet(application).rollback(release))


def rotation_plan(application: str = FIRST, key: str = "APP_KEY") -> dict[str, Any]:
    """
    Say which step of a new key is left on which web server.

    application, key
        As for :py:func:`rotate_key`.

    Returns a dict: ``accept``, the web servers that do not accept the pillar's key yet; ``sign``,
    those that do not sign with it; ``gates`` and ``refused`` as :py:func:`plan` does. Raises
    SaltInvocationError for another key or a wrong table of nodes.

    CLI Example:

    .. code-block:: bash

        salt master laravel_deployment.rotation_plan key=JWT_SECRET
    """
    return _fleet(application).rotation_plan(key)


def rotate_key(application: str = FIRST, key: str = "APP_KEY") -> dict[str, Any]:
    """
    Give all web servers the pillar's key in two steps: all accept it, then all sign with it.

    None signs with it before all accept it. What was made with the old one is read from then on:
    for ever with an APP_KEY (APP_PREVIOUS_KEYS, which Laravel 11 and newer have), and until
    ``laravel:jwt_accepted_until`` with a JWT_SECRET.

    application
        As for :py:func:`deploy`.

    key
        APP_KEY or JWT_SECRET. Default: APP_KEY.

    Returns a dict: ``accepted`` and ``signed``, the web servers of the two steps; ``problem``, why
    it was refused or ended early, or "". Raises SaltInvocationError for another key or a wrong
    table of nodes, CommandExecutionError beside another run.

    CLI Example:

    .. code-block:: bash

        salt master laravel_deployment.rotate_key
    """
    return _alone(lambda: _fleet(application).rotate(key))
