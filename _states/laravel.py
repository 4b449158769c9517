"""
Hold a Laravel application (8 or newer) in shape: dependencies, .env file, keys, migrations, seeds.

Every state compares first, and a second run changes nothing. With ``test=True`` it returns what
a run would change. Settings are plain arguments; a secret is named by its pillar key and read by
the :mod:`laravel <_modules.laravel>` execution module, so that it stands in no rendered state.

States that need the database fail with a sentence when it does not answer. With the pillar value
``converge: partial``, which the first ``vagrant up`` sets, they leave their work to the next run
instead and say what they wait for.

.. versionadded:: 0.1.0
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from salt.exceptions import CommandExecutionError, SaltInvocationError

if TYPE_CHECKING:
    from collections.abc import Callable

    __opts__: dict[str, Any]
    __pillar__: dict[str, Any]
    __salt__: dict[str, Callable[..., Any]]

__virtualname__ = "laravel"


def __virtual__() -> str:
    return __virtualname__


def _unchanged(name: str, comment: str) -> dict[str, Any]:
    return {"name": name, "result": True, "comment": comment, "changes": {}}


def _failed(ret: dict[str, Any], err: Exception) -> dict[str, Any]:
    """Turn an error into the state's answer; a database that is awaited is none."""
    away = (getattr(err, "info", None) or {}) == {"database": "unavailable"}
    waiting = away and __pillar__.get("converge") == "partial"
    ret["changes"] = {}
    ret["result"] = waiting
    ret["comment"] = f"{err} The next run goes on from here." if waiting else str(err)
    return ret


def _changed(ret: dict[str, Any], changes: dict[str, Any], what: str) -> dict[str, Any]:
    """Fill in an answer with changes: those of a test, or those just made."""
    ret["changes"] = changes
    ret["result"] = None if __opts__["test"] else True
    ret["comment"] = f"{what} {'would have been' if __opts__['test'] else 'has been'}"
    return ret


def dependencies_installed(
    name: str,
    dev: bool = False,
    composer_home: str = "/etc/composer",
    cache: str = "/var/cache/composer",
    timeout: int = 900,
) -> dict[str, Any]:
    """
    Have vendor/ hold what composer.json, composer.lock and the code ask for.

    ``composer install`` runs only if one of them has changed since it last ran to its end.

    CLI Example:

    .. code-block:: bash

        salt 'web*' state.single laravel.dependencies_installed /srv/conduit/app test=True

    name
        The application's directory, an absolute path.

    dev
        Install the dependencies for development, too. Default: False.

    composer_home
        Directory of Composer's config.json and auth.json: /etc/composer.

    cache
        Directory of downloaded packages: /var/cache/composer.

    timeout
        Seconds after which Composer is ended: 900.

    Returns the state's answer; changes: ``dependencies`` with the reason and ``installed``.
    """
    ret = _unchanged(name, f"The dependencies of {name} are installed.")
    try:
        status = __salt__["laravel.dependencies"](name, dev=dev)
        if status["current"]:
            return ret
        if not __opts__["test"]:
            __salt__["laravel.install_dependencies"](
                name, dev=dev, composer_home=composer_home, cache=cache, timeout=timeout
            )
    except (CommandExecutionError, SaltInvocationError) as err:
        return _failed(ret, err)
    reason = ", ".join(status["reasons"])
    _changed(ret, {"dependencies": {"old": reason, "new": "installed"}}, "The dependencies")
    ret["comment"] += f" installed: {reason}."
    return ret


def env_present(
    name: str,
    values: dict[str, Any] | None = None,
    secrets: dict[str, str] | None = None,
    user: str = "root",
    group: str = "www-data",
    mode: str = "0640",
) -> dict[str, Any]:
    """
    Have variables set in a .env file, and the file readable by the web server only.

    Lines for other variables, comments and blank lines stay as they are.

    CLI Example:

    .. code-block:: bash

        salt web state.single laravel.env_present /srv/conduit/app/.env values='{APP_DEBUG: false}'

    name
        The file, an absolute path. It is created if need be.

    values
        Variable to value.

    secrets
        Variable to pillar key, e.g. ``DB_PASSWORD: mysql:accounts:application:password``. A key
        that the pillar does not have is an error.

    user, group, mode
        Who owns the file and who may read it: root, www-data and 0640.

    Returns the state's answer; changes: each variable with old and new value, secrets masked.
    """
    ret = _unchanged(name, f"{name} is as it should be.")
    try:
        changes = __salt__["laravel.env_update"](
            name,
            values=values,
            secrets=secrets,
            user=user,
            group=group,
            mode=mode,
            test=__opts__["test"],
        )
    except (CommandExecutionError, SaltInvocationError) as err:
        return _failed(ret, err)
    if changes:
        _changed(ret, changes, name)
        ret["comment"] += f" updated: {', '.join(changes)}."
    return ret


def key_present(
    name: str,
    secret: str | None = None,
    user: str = "www-data",
) -> dict[str, Any]:
    """
    Have an APP_KEY in the application's .env file; one that is there is never replaced.

    CLI Example:

    .. code-block:: bash

        salt web state.single laravel.key_present /srv/conduit/app

    name
        The application's directory, an absolute path.

    secret
        The pillar key that may hold the value, e.g. ``laravel:secrets:app_key``: web servers
        that share sessions or encrypted data have to share it. Without a value there,
        ``artisan key:generate`` makes one.

    user
        Who runs artisan: www-data.

    Returns the state's answer; changes: ``APP_KEY``, masked.
    """
    return _key(name, "APP_KEY", ["key:generate"], secret, user)


def jwt_secret_present(
    name: str,
    secret: str | None = None,
    user: str = "www-data",
) -> dict[str, Any]:
    """
    Have a JWT_SECRET in the application's .env file; one that is there is never replaced.

    CLI Example:

    .. code-block:: bash

        salt web state.single laravel.jwt_secret_present /srv/conduit/app

    name
        The application's directory, an absolute path.

    secret
        The pillar key that may hold the value, e.g. ``laravel:secrets:jwt_secret``: web servers
        have to share it to accept each other's tokens. Without a value there,
        ``artisan jwt:secret`` makes one, or ``jwt:generate`` where that is the command's name.

    user
        Who runs artisan: www-data.

    Returns the state's answer; changes: ``JWT_SECRET``, masked.
    """
    return _key(name, "JWT_SECRET", ["jwt:secret", "jwt:generate"], secret, user)


def _key(
    name: str, variable: str, commands: list[str], secret: str | None, user: str
) -> dict[str, Any]:
    ret = _unchanged(name, f"{variable} is set.")
    try:
        status = __salt__["laravel.key_update"](
            name, variable, commands, secret=secret, user=user, test=__opts__["test"]
        )
    except (CommandExecutionError, SaltInvocationError) as err:
        return _failed(ret, err)
    if status["differs"]:
        ret["comment"] = (
            f"{variable} is set to another value than the pillar's at {secret}; it was kept, since "
            "replacing it makes void what was made with it. Empty it in .env to take the pillar's."
        )
    elif status["changes"]:
        _changed(ret, status["changes"], variable)
        ret["comment"] += " taken from the pillar." if status["source"] == "pillar" else " made."
    return ret


def migrated(name: str, user: str = "www-data", timeout: int = 600) -> dict[str, Any]:
    """
    Have the database seen every migration of the application.

    CLI Example:

    .. code-block:: bash

        salt web state.single laravel.migrated /srv/conduit/app test=True

    name
        The application's directory, an absolute path. Use it on one web server only: MySQL's
        schema changes are no transactions.

    user
        Who runs artisan: www-data.

    timeout
        Seconds after which artisan is ended: 600.

    Returns the state's answer; changes: ``migrations`` with the list of those that ran.
    """
    ret = _unchanged(name, "No migration is pending.")
    try:
        if __opts__["test"] and not __salt__["laravel.installed"](name):
            return _changed_unseen(ret, "migrations", "Every pending migration", "run")
        pending = __salt__["laravel.pending"](name, user=user, timeout=timeout)
        if not pending:
            return ret
        if not __opts__["test"]:
            pending = __salt__["laravel.migrate"](name, user=user, timeout=timeout)
    except (CommandExecutionError, SaltInvocationError) as err:
        return _failed(ret, err)
    _changed(ret, {"migrations": pending}, f"{len(pending)} migrations")
    ret["comment"] += " run."
    return ret


def seeded(
    name: str, seeder: str = "DatabaseSeeder", user: str = "www-data", timeout: int = 600
) -> dict[str, Any]:
    """
    Have a seeder run exactly once in the life of the database.

    The database remembers it in its table ``seed_runs``. The application's command
    ``app:seed-once`` is used where there is one.

    CLI Example:

    .. code-block:: bash

        salt web state.single laravel.seeded /srv/conduit/app test=True

    name
        The application's directory, an absolute path.

    seeder
        The seeder's class: DatabaseSeeder.

    user
        Who runs artisan: www-data.

    timeout
        Seconds after which artisan is ended: 600.

    Returns the state's answer; changes: the seeder's class.
    """
    ret = _unchanged(name, f"{seeder} has run in this database.")
    try:
        if __opts__["test"] and not __salt__["laravel.installed"](name):
            return _changed_unseen(ret, seeder, seeder, "run unless the database has it")
        if __salt__["laravel.seeded"](name, seeder=seeder, user=user, timeout=timeout):
            return ret
        if not __opts__["test"]:
            __salt__["laravel.seed"](name, seeder=seeder, user=user, timeout=timeout)
    except (CommandExecutionError, SaltInvocationError) as err:
        return _failed(ret, err)
    _changed(ret, {seeder: {"old": "not run", "new": "run"}}, seeder)
    ret["comment"] += " run."
    return ret


def _changed_unseen(ret: dict[str, Any], key: str, what: str, done: str) -> dict[str, Any]:
    """Predict for an application that is not installed yet, so that nobody can be asked."""
    _changed(ret, {key: {"old": "unknown", "new": done}}, what)
    ret["comment"] += f" {done}; the application is not installed yet."
    return ret
