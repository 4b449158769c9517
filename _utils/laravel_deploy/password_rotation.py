"""A database password that web servers share: tried before it is used, and never shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from group_replication import connection
from group_replication.passwords import fingerprint
from salt.exceptions import CommandExecutionError, SaltInvocationError

from laravel_deploy.applications import FIRST, password_of
from laravel_deploy.artisan import Application
from laravel_deploy.cache_build import use_env
from laravel_deploy.caches import has_caches, is_cached
from laravel_deploy.dotenv import edit_env, parse_env
from laravel_deploy.files import ownership, read_text, write_text
from laravel_deploy.layout import env_path, home
from laravel_deploy.lock import locked
from laravel_deploy.pillar import pillar_text

# What the server says to a password that is not the account's.
DENIED = "(1045)"
# Of each application that the group has an account for.
ROTATED = re.compile(r"mysql:accounts:(?:applications:[a-z0-9_]+:)?application:password")
ORCHESTRATION = "salt-run state.orchestrate orch.rotate"


def variables(secrets: Mapping[str, str], application: str = FIRST) -> list[str]:
    """Return the variables of .env that hold the password of the application's account."""
    right = password_of(application)
    key = secrets.get("DB_PASSWORD", right)
    if key != right and application == FIRST:
        raise SaltInvocationError(
            f"pillar laravel:secrets_from:DB_PASSWORD is '{key}'; expected {right}, which is "
            "rotated"
        )
    # A further application may have its database elsewhere: then nothing of it is rotated.
    return [name for name, key in secrets.items() if key == right]


def status(
    directory: str, secrets: Mapping[str, str], pillar: Mapping[str, Any], application: str = FIRST
) -> dict[str, Any]:
    """
    Return whether an application uses the password of pillar, and what tells that from others.

    directory, secrets, pillar, application
        As for :py:func:`is_used`.

    Returns a dict: ``current`` (bool) and ``print``, the password's fingerprint or the empty text.
    """
    names = variables(secrets, application)
    return {
        "current": is_used(directory, secrets, pillar, application),
        "print": fingerprint(_wanted(pillar, password_of(application))) if names else "",
    }


def is_used(
    directory: str, secrets: Mapping[str, str], pillar: Mapping[str, Any], application: str = FIRST
) -> bool:
    """
    Tell whether an application uses the password of pillar.

    directory
        The application.

    secrets, pillar
        Variable to pillar key, and the pillar.

    application
        Its name, by which the pillar has the password.
    """
    path, names = env_path(directory), variables(secrets, application)
    if not names or not path.exists():
        return True
    values = parse_env(read_text(path))
    where, wanted = home(directory), _wanted(pillar, password_of(application))
    return all(values.get(name) == wanted for name in names) and (
        is_cached(where) or not has_caches(where)
    )


def use_passwords(
    app: Application,
    group: str,
    secrets: Mapping[str, str],
    schema: tuple[str, str],
    pillar: Mapping[str, Any],
    application: str = FIRST,
) -> list[str]:
    """
    Have an application use the password of pillar, once the database accepts it.

    app, group
        The application, and who may read its caches.

    secrets, pillar
        Variable to pillar key, and the pillar.

    schema
        The account that may change the schema, and the pillar key of its password: it is tried,
        too, and kept nowhere.

    application
        Its name, by which the pillar has the password.

    Returns the variables that have another value since. Raises CommandExecutionError where the
    database refuses a password, or does not answer, before anything is written.
    """
    path, names = env_path(app.directory), variables(secrets, application)
    if not path.exists() or (not names and application != FIRST):
        return []
    wanted = _wanted(pillar, password_of(application)) if names else ""
    with locked(app.directory):
        text = read_text(path)
        values = parse_env(text)
        if names:
            _log_in(values, values.get("DB_USERNAME", ""), wanted)
        if password := pillar_text(pillar, schema[1], wanted_for=schema[0]):
            _log_in(values, schema[0], password)
        changed = [name for name in names if values.get(name) != wanted]
        if changed:
            edited = edit_env(text, dict.fromkeys(changed, wanted))
            write_text(path, edited, ownership(path))
        # Workers are restarted by this, too.
        use_env(app, group)
    return changed


def refuse_unrotated(
    path: Path, wanted: Mapping[str, Any], secrets: Mapping[str, str], pillar: Mapping[str, Any]
) -> None:
    """
    Refuse a password of pillar that the database does not accept, before .env gets it.

    path
        The .env file; one that is not there yet gets whatever pillar says.

    wanted
        Variable to value, as the file is to have them.

    secrets, pillar
        Variable to pillar key, and the pillar.

    Raises CommandExecutionError with the call to make, and where the database does not answer.
    """
    keys = {name: key for name, key in secrets.items() if ROTATED.fullmatch(key)}
    values = parse_env(read_text(path)) if path.exists() else {}
    now = {name: _wanted(pillar, key) for name, key in keys.items() if name in values}
    there = {**values, **{name: str(value) for name, value in wanted.items()}}
    for password in dict.fromkeys(new for name, new in now.items() if values[name] != new):
        _log_in(there, there.get("DB_USERNAME", ""), password)


def _wanted(pillar: Mapping[str, Any], key: str) -> str:
    password = pillar_text(pillar, key, wanted_for="the application's account")
    if not password:
        raise SaltInvocationError(
            f"pillar {key} is missing; expected the password of the application's account"
        )
    return password


def _log_in(values: Mapping[str, str], user: str, password: str) -> None:
    """Log in at the database as the application does, as some account; raise where that fails."""
    try:
        with connection.connect(
            host=values.get("DB_HOST", ""),
            port=int(values.get("DB_PORT") or 3306),
            user=user,
            password=password,
            ssl=connection.tls(values.get("MYSQL_ATTR_SSL_CA") or ""),
        ):
            return
    except CommandExecutionError as err:
        if DENIED in str(err):
            raise CommandExecutionError(
                f"the database does not accept the password of pillar for {user}: {ORCHESTRATION} "
                "changes it on all machines. The application keeps the one that it has"
            ) from err
        raise CommandExecutionError(
            f"the new password of {user} could not be tried, and the application keeps the one "
            f"that it has: {err}"
        ) from err
