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

from laravel_deploy import key_rotation, one_lock, part, password_rotation, switch
from laravel_deploy.artisan import Application

__virtualname__ = "laravel_machine"


def __virtual__() -> str:
    return __virtualname__


def look(pillar: Mapping[str, Any] | None = None, ask: bool = True) -> dict[str, Any]:
    """
    Return what this web server has of its application, and what a deployment would make here.

    pillar
        Stands over the minion's own, as for ``state.apply``. Default: nothing.

    ask
        Ask the source which release it makes, and the database what is pending. Default: True.

    Returns a dictionary: ``settings``, how the formula declares the application, without secrets;
    ``serves`` and ``before`` (str), the release that serves and the one before; ``releases``, those
    that are complete; ``keys``, as :py:func:`key_status`. With ``ask`` also ``release``,
    ``revision``, ``complete``, ``stopped`` (why it must not serve), ``migrations`` (pending) and
    ``lock`` (the digest of composer.lock) of the release that is to come. Raises
    CommandExecutionError if the formula cannot be rendered, such as beside a run of states, or if
    source or database do not answer.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel_machine.look ask=False
    """
    given = {"pillar": dict(pillar)} if pillar else {}
    settings = part.declared(__salt__["state.show_low_sls"]("laravel", **given))
    return part.look(settings, lambda function: __salt__[function], ask)


def key_status(directory: str, secret: str) -> dict[str, Any]:
    """
    Return the fingerprints of an application's keys; never the keys.

    directory
        The application, an absolute path.

    secret
        The pillar key of the APP_KEY that is wanted, e.g. ``laravel:secrets:app_key``.

    Returns a dictionary: ``APP_KEY``, ``JWT_SECRET`` and ``wanted`` (str, empty without one);
    ``accepted``, a list of those of APP_PREVIOUS_KEYS; ``valid``, whether the wanted one can be an
    APP_KEY; ``in_use``, whether the application goes by its .env as it is.

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
    directory: str, secret: str, user: str | None = "www-data", group: str = "www-data"
) -> dict[str, Any]:
    """
    Have an application read what is made with a new APP_KEY, while it goes on with its own.

    The first of two steps: the new key is one of APP_PREVIOUS_KEYS, which Laravel 11 and newer try.

    directory
        The application, an absolute path.

    secret
        The pillar key of the new value, e.g. ``laravel:secrets:app_key``.

    user, group
        The web server's: www-data and www-data.

    Returns ``{"changes": {variable: {"old", "new"}}}``, masked. Raises SaltInvocationError if the
    pillar has no such key, CommandExecutionError if the framework is older.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel_machine.accept_key /srv/conduit laravel:secrets:app_key
    """
    return key_rotation.accept_key(_application(directory, user), group, secret, __pillar__)


def sign_with_key(
    directory: str, secret: str, user: str | None = "www-data", group: str = "www-data"
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
    return key_rotation.sign_with_key(_application(directory, user), group, secret, __pillar__)


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
    keys = (secret, accepted)
    return key_rotation.update_jwt_secrets(
        directory, keys, until, shared, __pillar__, time.time(), test
    )


def passwords() -> dict[str, Any]:
    """
    Tell whether the application uses the database password of pillar; never the password.

    Returns a dictionary: ``current`` (bool); ``print``, the fingerprint of the password in pillar,
    or "" for an application without one. Raises CommandExecutionError if the formula cannot be
    rendered, such as beside a run of states, SaltInvocationError for a DB_PASSWORD that comes of
    another pillar key.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel_machine.passwords
    """
    settings = _declared()
    return password_rotation.status(settings["directory"], settings["secrets_from"], __pillar__)


def use_passwords() -> list[str]:
    """
    Have the application use the database password of pillar, once the database accepts it.

    The account that may change the schema is tried, too; its password is kept nowhere.

    Returns a list of the variables of .env that have another value since. Raises
    CommandExecutionError where the database refuses a password, or does not answer, before anything
    is written.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel_machine.use_passwords
    """
    settings = _declared()
    live, migrate = settings["live"], settings["migrate"]
    return password_rotation.use_passwords(
        _application(settings["directory"], live.get("user", "www-data")),
        live.get("group", "www-data"),
        settings["secrets_from"],
        (migrate["schema_user"], migrate["schema_password_from"]),
        __pillar__,
    )


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


def _declared() -> dict[str, Any]:
    return part.declared(__salt__["state.show_low_sls"]("laravel"))


def _application(directory: str, user: str | None) -> Application:
    return Application(directory, user, __salt__["cmd.run_all"])
