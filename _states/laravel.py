"""
Hold a Laravel application (10 or newer) in shape: .env file, keys, migrations, seeds.

A deployment is ``laravel_release.built``, ``migrated``, ``seeded`` and ``laravel_release.live``, in
this order: what is new is made aside, and serves once all that it needs is there. Each takes the
folder of releases; those of this module take any other folder with an ``artisan`` in it, too.

Every state compares first, and a second run changes nothing. With ``test=True`` it returns what
a run would change. Settings are plain arguments; a secret is named by its pillar key and read by
the :mod:`laravel <_modules.laravel>` execution module, so that it stands in no rendered state.

States that need the database fail with a sentence when it does not answer, or when another web
server has not migrated it yet. With the pillar value
``converge: partial``, which the first ``vagrant up`` sets, they leave their work to the next run
instead and say what they wait for.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from laravel_deploy.reports import changed, failed
from salt.exceptions import CommandExecutionError, SaltInvocationError
from state_report import unchanged

if TYPE_CHECKING:
    from collections.abc import Callable

    __grains__: dict[str, Any]
    __opts__: dict[str, Any]
    __pillar__: dict[str, Any]
    __salt__: dict[str, Callable[..., Any]]

__virtualname__ = "laravel"


def __virtual__() -> str:
    return __virtualname__


def _partial() -> bool:
    return bool(__pillar__.get("converge") == "partial")


def _failed(ret: dict[str, Any], err: Exception) -> dict[str, Any]:
    return failed(ret, err, _partial())


def _changed(
    ret: dict[str, Any], changes: dict[str, Any], what: str, many: bool = False
) -> dict[str, Any]:
    return changed(ret, changes, what, __opts__["test"], many)


def env_present(
    name: str,
    values: dict[str, Any] | None = None,
    secrets: dict[str, str] | None = None,
    user: str = "root",
    group: str = "www-data",
    mode: str = "0640",
    only: bool = False,
) -> dict[str, Any]:
    """
    Have variables set in a .env file, and the file readable by the web server only.

    Lines for other variables, comments and blank lines stay as they are.

    name
        The file, an absolute path. It is created if need be.

    values
        Variable to value.

    secrets
        Variable to pillar key, e.g. ``DB_PASSWORD: mysql:accounts:application:password``. A key
        that the pillar does not have is an error.

    user, group, mode
        Who owns the file and who may read it: root, www-data and 0640.

    only
        What was set by this state before, and is not named any more, goes. Default: False.

    Returns the state's answer; changes: each variable with old and new value, secrets masked.

    CLI Example:

    .. code-block:: bash

        salt web state.single laravel.env_present /srv/conduit/shared/.env values='{A: b}'
    """
    ret = unchanged(name, f"{name} is as it should be.")
    try:
        changes = __salt__["laravel.env_update"](
            name,
            values=values,
            secrets=secrets,
            user=user,
            group=group,
            mode=mode,
            only=only,
            test=__opts__["test"],
        )
    except (CommandExecutionError, SaltInvocationError) as err:
        return _failed(ret, err)
    if changes:
        _changed(ret, changes, name)
        ret["comment"] += f" updated: {', '.join(changes)}."
    return ret


def password_accepted(
    name: str, values: dict[str, Any] | None = None, secrets: dict[str, str] | None = None
) -> dict[str, Any]:
    """
    Have the database accept the password that a .env file is to have; nothing is changed.

    Another one than the application has, which the database refuses, would leave it without its
    data: ``orch.rotate`` brings it to all machines. A file that is not there yet gets any.

    name
        The file, an absolute path.

    values, secrets
        As for ``laravel.env_present``.

    Returns the state's answer; it never has changes.

    CLI Example:

    .. code-block:: bash

        salt web state.single laravel.password_accepted /srv/conduit/shared/.env \\
            secrets='{DB_PASSWORD: "mysql:accounts:application:password"}'
    """
    ret = unchanged(name, "The database's password is as before, or accepted.")
    try:
        __salt__["laravel_machine.check_password"](name, values or {}, secrets or {})
    except (CommandExecutionError, SaltInvocationError) as err:
        return _failed(ret, err)
    return ret


def key_present(
    name: str,
    secret: str | None = None,
    shared: bool = False,
    user: str = "www-data",
) -> dict[str, Any]:
    """
    Have an APP_KEY in the application's .env file; one that is there is never replaced.

    name
        The application's directory, an absolute path.

    secret
        The pillar key that may hold the value, e.g. ``laravel:secrets:app_key``: web servers
        that share sessions or encrypted data have to share it. Without a value there,
        ``artisan key:generate`` makes one.

    shared
        There are several web servers: a key that the pillar lacks is an error. Default: False.

    user
        Who runs artisan: www-data.

    Returns the state's answer; changes: ``APP_KEY``, masked.

    CLI Example:

    .. code-block:: bash

        salt web state.single laravel.key_present /srv/conduit
    """
    return _key(name, "APP_KEY", ["key:generate"], secret, shared, user)


def jwt_secret_present(
    name: str,
    secret: str | None = None,
    shared: bool = False,
    user: str = "www-data",
    accepted: str | None = None,
    accepted_until: str = "",
) -> dict[str, Any]:
    """
    Have a JWT_SECRET in the application's .env file; no token gets void by one that is replaced.

    name
        The application's directory, an absolute path.

    secret
        The pillar key that may hold the value, e.g. ``laravel:secrets:jwt_secret``: web servers
        have to share it to accept each other's tokens. Without a value there,
        ``artisan jwt:secret`` makes one, or ``jwt:generate`` where that is the command's name.

    shared
        There are several web servers: a secret that the pillar lacks is an error. Default: False.

    user
        Who runs artisan: www-data.

    accepted, accepted_until
        As for ``laravel_machine.update_jwt_secrets``: a second secret, whose tokens count until a
        time. JWT_SECRET is replaced if it is that one. Default: None, it is never replaced.

    Returns the state's answer; changes: ``JWT_SECRET``, ``JWT_ACCEPTED_SECRET``, masked, and
    ``JWT_ACCEPTED_UNTIL``.

    CLI Example:

    .. code-block:: bash

        salt web state.single laravel.jwt_secret_present /srv/conduit
    """
    changes: dict[str, Any] = {}
    if secret and accepted:
        try:
            changes = __salt__["laravel_machine.update_jwt_secrets"](
                name, secret, accepted, accepted_until, shared=shared, test=__opts__["test"]
            )
        except (CommandExecutionError, SaltInvocationError) as err:
            return _failed(unchanged(name, ""), err)
    ret = _key(name, "JWT_SECRET", ["jwt:secret", "jwt:generate"], secret, shared, user)
    if not changes or ret["result"] is False:
        return ret
    # A secret that is kept, and not the pillar's, is told of in any case.
    told = "" if "JWT_SECRET" in changes else f"{ret['comment']} "
    _changed(ret, {**ret["changes"], **changes}, "The secrets of tokens", many=True)
    ret["comment"] = f"{told}{ret['comment']} put in place."
    return ret


# How another value is brought in.
REPLACED = {
    "APP_KEY": "orch.rotate_key brings the pillar's in, on all web servers, and keeps the old one "
    "for what was made with it.",
    "JWT_SECRET": "orch.rotate_key with key JWT_SECRET brings the pillar's in, on all web servers, "
    "while the tokens of before stay valid.",
}


def _key(
    name: str,
    variable: str,
    commands: list[str],
    secret: str | None,
    shared: bool,
    user: str,
) -> dict[str, Any]:
    ret = unchanged(name, f"{variable} is set.")
    try:
        status = __salt__["laravel.key_update"](
            name,
            variable,
            commands,
            secret=secret,
            shared=shared,
            user=user,
            test=__opts__["test"],
        )
    except (CommandExecutionError, SaltInvocationError) as err:
        return _failed(ret, err)
    if status["differs"]:
        ret["comment"] = (
            f"{variable} is set to another value than the pillar's at {secret}; it was kept, since "
            f"replacing it makes void what was made with it. {REPLACED[variable]}"
        )
        if shared:
            # What one web server makes the others cannot read, meanwhile.
            ret["warnings"] = [f"{variable} may not be the one that the other web servers have."]
    elif status["changes"]:
        _changed(ret, status["changes"], variable)
        ret["comment"] += " taken from the pillar." if status["source"] == "pillar" else " made."
    return ret


def _next(name: str) -> dict[str, Any]:
    """Return the release that a run is about: in a test the one that a run would have made."""
    ask = __salt__["laravel_release.next_release"]
    found: dict[str, Any] = ask(name, predicted=__opts__["test"])
    return found


def migrated(
    name: str,
    node: str | None = None,
    wait: int = 300,
    user: str = "www-data",
    timeout: int | None = None,
    schema_user: str = "schema_change",
    schema_password_from: str = "mysql:accounts:schema:password",  # noqa: S107
) -> dict[str, Any]:
    """
    Have the database seen every migration of the release that is next.

    MySQL's schema changes are no transactions: where there are several web servers, one runs them,
    and the others wait until it has.

    name
        The application's directory, an absolute path.

    node
        The id of the minion that runs them. Default: the one that is asked.

    wait
        Seconds that the others wait for that, anew after each migration that has run: 300.

    user
        Who runs artisan: www-data.

    timeout
        Seconds after which artisan is ended, as for ``laravel.migrate``. Default: None, never.

    schema_user, schema_password_from
        The account that may change the schema, and the pillar key of its password.

    Returns the state's answer; changes: ``migrations`` with the list of those that ran.

    CLI Example:

    .. code-block:: bash

        salt web state.single laravel.migrated /srv/conduit test=True
    """
    ret = unchanged(name, "No migration is pending.")
    mine = node in (None, __grains__["id"])
    try:
        release = _next(name)
        at_once = mine or _partial() or __opts__["test"]
        pending = _left(name, release, user, 0 if at_once else wait)
        if not pending:
            return ret
        if not mine:
            return _awaited(ret, pending, node)
        if not __opts__["test"]:
            account = {"schema_user": schema_user, "schema_password_from": schema_password_from}
            run = __salt__["laravel.migrate"]
            pending = run(release["path"], user=user, timeout=timeout, **account)
    except (CommandExecutionError, SaltInvocationError) as err:
        return _failed(ret, err)
    return _ran(ret, pending)


def _ran(ret: dict[str, Any], ran: list[str]) -> dict[str, Any]:
    """Say that migrations have run, or would."""
    many = len(ran) > 1
    _changed(ret, {"migrations": ran}, f"{len(ran)} migrations" if many else "One migration", many)
    ret["comment"] += " run."
    return ret


def _awaited(ret: dict[str, Any], pending: list[str], node: str | None) -> dict[str, Any]:
    """Say that another web server has not migrated yet: a failure, unless the next run may see."""
    ret["comment"] = f"{', '.join(pending)} pending: {node} runs them."
    ret["result"] = _partial() or bool(__opts__["test"])
    return ret


def _left(name: str, release: dict[str, Any], user: str, seconds: float) -> list[str]:
    """Return the migrations that are pending after some seconds, in which others may run them."""
    pending = _pending(name, release, user)
    deadline = time.monotonic() + seconds
    while pending and time.monotonic() < deadline:
        time.sleep(2)
        still = _pending(name, release, user)
        if len(still) < len(pending):
            deadline = time.monotonic() + seconds
        pending = still
    return pending


def _pending(name: str, release: dict[str, Any], user: str) -> list[str]:
    """Return the migrations that are pending; of a release that is only predicted, its source's."""
    if release["complete"]:
        found: list[str] = __salt__["laravel.pending"](release["path"], user=user)
        return found
    if not __salt__["laravel.installed"](name):
        # Nobody is there to ask the database.
        return list(release["migrations"])
    status = __salt__["laravel.migration_status"](name, user=user)
    return [one for one in release["migrations"] if one not in status["ran"]]


def seeded(
    name: str,
    seeder: str = "DatabaseSeeder",
    node: str | None = None,
    user: str = "www-data",
    timeout: int | None = None,
    schema_user: str = "schema_change",
    schema_password_from: str = "mysql:accounts:schema:password",  # noqa: S107
) -> dict[str, Any]:
    """
    Have a seeder run exactly once in the life of the database.

    The database remembers it in its table ``seed_runs``.

    name
        The application's directory, an absolute path.

    seeder
        The seeder's class: DatabaseSeeder.

    node
        The id of the minion that runs it; the others need not wait for it. Default: the one that
        is asked.

    user
        Who runs artisan: www-data.

    timeout
        Seconds after which artisan is ended. Default: None, never.

    schema_user, schema_password_from
        The account that may change the schema, and the pillar key of its password.

    Returns the state's answer; changes: the seeder's class.

    CLI Example:

    .. code-block:: bash

        salt web state.single laravel.seeded /srv/conduit test=True
    """
    ret = unchanged(name, f"{seeder} has run in this database.")
    try:
        release = _next(name)
        if _has_seeded(name, release, seeder, user):
            return ret
        if node not in (None, __grains__["id"]):
            ret["comment"] = f"{seeder} has not run yet: {node} runs it."
            return ret
        if not __opts__["test"]:
            account = {"schema_user": schema_user, "schema_password_from": schema_password_from}
            __salt__["laravel.seed"](
                release["path"], seeder=seeder, user=user, timeout=timeout, **account
            )
    except (CommandExecutionError, SaltInvocationError) as err:
        return _failed(ret, err)
    _changed(ret, {seeder: {"old": "not run", "new": "run"}}, seeder)
    ret["comment"] += " run."
    return ret


def _has_seeded(name: str, release: dict[str, Any], seeder: str, user: str) -> bool:
    """Tell whether a seeder has run; before there is any application, none has."""
    # A release that is only predicted cannot be asked; the one that serves can.
    asked = release["path"] if release["complete"] else name
    if not __salt__["laravel.installed"](asked):
        return False
    return bool(__salt__["laravel.seeded"](asked, seeder=seeder, user=user))
