"""
Do one web server's part of what all of them do together.

:py:mod:`laravel_deployment <_modules.laravel_deployment>` calls these functions, and those of
:py:mod:`laravel_release <_modules.laravel_release>`, from the master's machine.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from laravel_deploy import key_rotation, one_lock, part, password_rotation, switch, token_secrets
from laravel_deploy.accounts import runs_as
from laravel_deploy.applications import FIRST, names
from laravel_deploy.artisan import Application
from laravel_deploy.fleet import scope
from laravel_deploy.token_secrets import Wanted

__virtualname__ = "laravel_machine"


def __virtual__() -> str:
    return __virtualname__


def look(
    pillar: Mapping[str, Any] | None = None, ask: bool = True, application: str = FIRST
) -> dict[str, Any]:
    """
    Return what this web server has of an application, and what a deployment would make here.

    pillar
        Stands over the minion's own, as for ``state.apply``. Default: nothing.

    ask
        Ask the source which release it makes, and the database what is pending. Default: True.

    application
        The application's name. Default: laravel, the first one.

    Returns a dictionary: ``settings``, how the formula declares the application, without secrets;
    ``serves`` and ``before`` (str), the release that serves and the one before; ``releases``, those
    that are complete; ``keys``, as :py:func:`key_status`; ``tokens``, as :py:func:`jwt_status`.
    With ``ask`` also ``release``, ``revision``, ``complete``, ``stopped`` (why it must not serve),
    ``migrations`` (pending) and ``lock`` (the digest of composer.lock) of the release that is to
    come. Raises CommandExecutionError if the formula cannot be rendered, such as beside a run of
    states, or if source or database do not answer.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel_machine.look ask=False
    """
    settings = _declared(application, pillar)
    return part.look(settings, lambda function: __salt__[function], ask)


def key_status(directory: str, secret: str) -> dict[str, Any]:
    """
    Return the fingerprints of an application's keys; never the keys.

    directory
        The application, an absolute path.

    secret
        The pillar key of the APP_KEY that is wanted, e.g. ``laravel:secrets:app_key``.

    Returns a dictionary: ``APP_KEY``, ``JWT_SECRET`` and ``wanted`` (str, empty without one);
    ``accepted``, a list of those of APP_PREVIOUS_KEYS; ``problem``, why the wanted one is no
    APP_KEY, or ""; ``in_use``, whether the application goes by its .env as it is.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel_machine.key_status /srv/conduit laravel:secrets:app_key
    """
    return key_rotation.key_status(directory, secret, __pillar__)


def lock(directory: str, release: str) -> str:
    """
    Return the composer.lock that the build of a release made, packed, for other web servers.

    directory, release
        The folder of the releases, an absolute path, and the release's name.

    Returns str: nothing if the lock comes with the code, or has credentials in a URL.

    CLI Example:

    .. code-block:: bash

        salt web laravel_machine.lock /srv/conduit 3f2a9c01be77
    """
    return one_lock.packed_lock(Path(directory), release)


def take_lock(directory: str, packed: str) -> bool:
    """
    Have the next build take the packages that the lock of another web server names.

    directory
        The folder of the releases, an absolute path.

    packed
        What :py:func:`lock` returned there.

    Returns bool: whether another one was there.

    CLI Example:

    .. code-block:: bash

        salt web2 laravel_machine.take_lock /srv/conduit eNqLVorVUYpWUNJRilWoBQAYXgO1
    """
    return one_lock.take_lock(Path(directory), packed)


def stop(directory: str, release: str, reason: str) -> bool:
    """
    Keep a release from serving by itself: a run of states leaves it alone.

    directory, release
        The folder of the releases, an absolute path, and the release's name.

    reason
        Why, as ``laravel_release.releases`` shows it.

    Returns True.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel_machine.stop /srv/conduit 3f2a9c01be77 'web2 did not switch'
    """
    switch.keep_from_serving(Path(directory), release, reason)
    return True


def accept_key(
    directory: str, secret: str, user: str | None = "", group: str = ""
) -> dict[str, Any]:
    """
    Have an application read what is made with a new APP_KEY, while it goes on with its own.

    The first of two steps: the new key is one of APP_PREVIOUS_KEYS, which Laravel 11 and newer try.

    directory
        The application, an absolute path.

    secret
        The pillar key of the new value, e.g. ``laravel:secrets:app_key``.

    user, group
        As whom it runs. Default: the application's own.

    Returns ``{"changes": {variable: {"old", "new"}}}``, masked. Raises SaltInvocationError if the
    pillar has no such key, CommandExecutionError if the framework is older.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel_machine.accept_key /srv/conduit laravel:secrets:app_key
    """
    runs, readers = runs_as(directory, user, group)
    return key_rotation.accept_key(_application(directory, runs), readers, secret, __pillar__)


def sign_with_key(
    directory: str, secret: str, user: str | None = "", group: str = ""
) -> dict[str, Any]:
    """
    Have an application make what it makes with a new APP_KEY, and read what the old one made.

    The second of two steps, once all web servers accept the new key.

    directory, secret, user, group
        As for :py:func:`accept_key`.

    Returns and raises what :py:func:`accept_key` does.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel_machine.sign_with_key /srv/conduit laravel:secrets:app_key
    """
    runs, readers = runs_as(directory, user, group)
    return key_rotation.sign_with_key(_application(directory, runs), readers, secret, __pillar__)


def update_jwt_secrets(
    directory: str,
    secret: str,
    accepted: str,
    until: str = "",
    shared: bool = False,
    test: bool = False,
) -> dict[str, Any]:
    """
    Have tokens of a second secret accepted for a time, and sign with another where none gets void.

    The application has to read JWT_ACCEPTED_SECRET and JWT_ACCEPTED_UNTIL. JWT_SECRET is replaced
    by the pillar's only if the one in use is the pillar's second one: its tokens stay valid until
    the given time. After that time, and where the pillar has no second one, both variables go.

    directory
        The application, an absolute path. Its .env file has to exist.

    secret, accepted
        The pillar keys of the secret that signs, e.g. ``laravel:secrets:jwt_secret``, and of the
        one that is accepted beside it, ``laravel:secrets:jwt_accepted``.

    until
        When the second one ends: a time in UTC, such as ``2026-12-05 12:00``. Default: none, right
        where the pillar has no second one.

    shared
        There are several web servers: what is to sign has to have been accepted before. Default:
        False.

    test
        Only tell what would change. Default: False.

    Returns a dictionary of what changed: variable to ``{"old", "new"}``, masked. Raises
    SaltInvocationError for a secret that is shorter than 32 characters or has no time, or where the
    first of the two steps was left out.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel_machine.update_jwt_secrets /srv/conduit laravel:secrets:jwt_secret \\
            laravel:secrets:jwt_accepted '2026-12-05 12:00' test=True
    """
    return token_secrets.update_jwt_secrets(
        directory, _wanted(secret, accepted, until), shared, test
    )


def _wanted(secret: str, accepted: str, until: str) -> Wanted:
    return Wanted(secret, accepted, until, __pillar__, time.time())


def jwt_status(
    directory: str, secret: str = "", accepted: str = "", until: str = ""
) -> dict[str, Any]:
    """
    Return the fingerprints of the secrets of an application's tokens; never the secrets.

    directory
        The application, an absolute path.

    secret, accepted, until
        As for :py:func:`update_jwt_secrets`. Default: none, of an application without them.

    Returns a dictionary: ``JWT_SECRET`` and ``wanted``, the pillar's (str, empty without one);
    ``accepted``, a list of the one that counts beside it; ``problem``, why the pillar's cannot take
    the place of the one in use, or ""; ``in_use``, whether the application goes by its .env as it
    is.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel_machine.jwt_status /srv/conduit laravel:secrets:jwt_secret \\
            laravel:secrets:jwt_accepted '2026-12-05 12:00'
    """
    if not secret or not accepted:
        return {"JWT_SECRET": "", "accepted": [], "wanted": "", "in_use": True,
                "problem": "its states name no two secrets of tokens (jwt_secret_from, "
                           "jwt_accepted_from)"}  # fmt: skip
    return token_secrets.jwt_status(directory, _wanted(secret, accepted, until))


def accept_jwt_secret(
    directory: str,
    secret: str,
    accepted: str,
    until: str,
    user: str | None = "",
    group: str = "",
) -> dict[str, Any]:
    """
    Have tokens of the pillar's secret accepted, while the application signs with its own.

    The first of two steps, on all web servers.

    directory, secret, accepted, until
        As for :py:func:`update_jwt_secrets`.

    user, group
        As whom it runs. Default: the application's own.

    Returns ``{"changes": {variable: {"old", "new"}}}``, masked. Raises CommandExecutionError if the
    pillar's secret cannot take the place of the one in use.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel_machine.accept_jwt_secret /srv/conduit laravel:secrets:jwt_secret \\
            laravel:secrets:jwt_accepted '2026-12-05 12:00'
    """
    runs, readers = runs_as(directory, user, group)
    wanted = _wanted(secret, accepted, until)
    return token_secrets.accept_jwt_secret(_application(directory, runs), readers, wanted)


def sign_with_jwt_secret(
    directory: str,
    secret: str,
    accepted: str,
    until: str,
    user: str | None = "",
    group: str = "",
) -> dict[str, Any]:
    """
    Have an application sign with the pillar's secret, and accept tokens of the one before.

    The second of two steps, once all web servers accept the new one.

    directory, secret, accepted, until, user, group
        As for :py:func:`accept_jwt_secret`.

    Returns what :py:func:`accept_jwt_secret` does. Raises SaltInvocationError where the first step
    was left out.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel_machine.sign_with_jwt_secret /srv/conduit laravel:secrets:jwt_secret \\
            laravel:secrets:jwt_accepted '2026-12-05 12:00'
    """
    runs, readers = runs_as(directory, user, group)
    wanted = _wanted(secret, accepted, until)
    return token_secrets.sign_with_jwt_secret(_application(directory, runs), readers, wanted)


def passwords() -> dict[str, Any]:
    """
    Tell whether the applications use the database passwords of pillar; never a password.

    Returns a dictionary: ``current`` (bool), whether all do; ``print``, the fingerprint of the
    first one's password in pillar, or "" for an application without one; ``prints``, those of the
    further ones by name. Raises CommandExecutionError if the formula cannot be rendered, such as
    beside a run of states, SaltInvocationError for a DB_PASSWORD that comes of another pillar key.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel_machine.passwords
    """
    found = {}
    for name in names(__pillar__):
        one = _declared(name)
        found[name] = password_rotation.status(
            one["directory"], one["secrets_from"], __pillar__, name
        )
    return {
        "current": all(one["current"] for one in found.values()),
        "print": found.pop(FIRST)["print"],
        "prints": {name: one["print"] for name, one in found.items()},
    }


def use_passwords() -> list[str]:
    """
    Have the applications use the database passwords of pillar, once the database accepts them.

    The accounts that may change the schema are tried, too; their passwords are kept nowhere.

    Returns a list of the variables of .env that have another value since. Raises
    CommandExecutionError where the database refuses a password, or does not answer, before anything
    of that application is written.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel_machine.use_passwords
    """
    changed = []
    for name in names(__pillar__):
        one = _declared(name)
        live, migrate = one["live"], one["migrate"]
        changed += password_rotation.use_passwords(
            _application(one["directory"], live.get("user", "www-data")),
            live.get("group", "www-data"),
            one["secrets_from"],
            (migrate["schema_user"], migrate["schema_password_from"]),
            __pillar__,
            name,
        )
    return changed


def check_password(path: str, values: Mapping[str, Any], secrets: Mapping[str, str]) -> None:
    """
    Refuse a database password of pillar that the database does not accept, before .env gets it.

    path
        The .env file, an absolute path; one that is not there yet gets whatever pillar says.

    values, secrets
        As for ``laravel.env_update``.

    Returns nothing. Raises CommandExecutionError with the call to make, or where the database does
    not answer.

    CLI Example:

    .. code-block:: bash

        salt web laravel_machine.check_password /srv/conduit/shared/.env values='{DB_PORT: 3306}' \\
            secrets='{DB_PASSWORD: "mysql:accounts:application:password"}'
    """
    password_rotation.refuse_unrotated(Path(path), values, secrets, __pillar__)


def _declared(application: str, pillar: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return how an application is declared; of the others nothing is rendered."""
    given = scope(application, {})
    if pillar:
        given = {**pillar, FIRST: {**pillar.get(FIRST, {}), **given[FIRST]}}
    chunks = __salt__["state.show_low_sls"]("laravel", pillar=given)
    return {**part.declared(chunks), "application": application}


def _application(directory: str, user: str | None) -> Application:
    return Application(directory, user, __salt__["cmd.run_all"])
