"""The applications of a web server: the mapping ``laravel`` itself, and those below it by name.

The first one keeps the names that it always had. All of a further one's follow from its name.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pillar_check import invalid, walk
from salt.exceptions import SaltInvocationError

from laravel_deploy.layout import root_of

# The name of the first application, and its place in the pillar.
FIRST = "laravel"
PLACE = "laravel:applications"
# As long as a user's name of 32 characters leaves behind laravel-build-.
NAME = re.compile(r"[a-z][a-z0-9_]{0,17}")
# The names that follow would be those of the first application, or fit its workers' pattern.
RESERVED = (FIRST, "build", "schedule", "worker")
# Of the first one, as salt/laravel/defaults.yaml has it.
FIRST_S = {
    "directory": "/srv/conduit",
    "schema_user": "schema_change",
    "schema_password_from": "mysql:accounts:schema:password",
    "app_key_from": "laravel:secrets:app_key",
}
# The machine's, and read of the first mapping alone.
OF_THE_MACHINE = ("applications", "known_hosts", "only")


def names(pillar: Mapping[str, Any]) -> list[str]:
    """
    Return the names of all applications, the first one first.

    pillar
        The minion's pillar.

    Raises SaltInvocationError for a name that cannot be, or is taken.
    """
    declared = walk(pillar, PLACE)
    if declared is not None and not isinstance(declared, Mapping):
        raise invalid(PLACE, declared, "a mapping of names to applications")
    for name in declared or {}:
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise invalid(
                PLACE,
                name,
                "names of 1 to 18 small letters, digits and underscores, a letter first",
            )
        if name in RESERVED:
            raise invalid(PLACE, name, "another name: units or users of the first one have it")
    return [FIRST, *(declared or {})]


def checked(pillar: Mapping[str, Any], application: Any) -> str:
    """Return an application's name; raises SaltInvocationError if the pillar does not have it."""
    known = names(pillar)
    if application not in known:
        raise SaltInvocationError(
            f"application is {application!r}; expected {' or '.join(known)}, as pillar {PLACE} has "
            "them"
        )
    return str(application)


def chosen(pillar: Mapping[str, Any]) -> list[str]:
    """
    Return the applications that a run deals with: all, or those that the call names.

    pillar
        The minion's pillar: ``laravel:only`` has a name or a list of names.

    Raises SaltInvocationError for a name that is none.
    """
    known, only = names(pillar), walk(pillar, "laravel:only")
    if not only:
        return known
    wanted = only if isinstance(only, list) else [only]
    unknown = [one for one in wanted if one not in known]
    if unknown:
        raise invalid("laravel:only", str(unknown[0]), f"one of {', '.join(known)}")
    return [one for one in known if one in wanted]


def place_of(name: str) -> str:
    """Return where in the pillar an application's settings are."""
    return FIRST if name == FIRST else f"{PLACE}:{name}"


def folder_of(pillar: Mapping[str, Any], application: Any) -> str:
    """Return the folder of an application's releases; raises for one that the pillar has not."""
    return _declared(pillar, checked(pillar, application), "directory")


def named_at(pillar: Mapping[str, Any], directory: str) -> str:
    """Return the name of the application that a folder or a release belongs to, or the first's."""
    root = root_of(Path(directory))
    return next((name for name in names(pillar) if Path(folder_of(pillar, name)) == root), FIRST)


def prefix_of(name: str) -> str:
    """Return what an application's states, pool, site and user begin with, or are called."""
    return FIRST if name == FIRST else f"{FIRST}-{name}"


def password_of(name: str) -> str:
    """Return the pillar key of the password of the account that a group has for an application."""
    return f"mysql:accounts:{f'applications:{name}:' * (name != FIRST)}application:password"


def names_of(name: str) -> dict[str, str]:
    """Return the settings of a further application that follow from its name alone."""
    place, own = place_of(name), prefix_of(name)
    return {
        "directory": f"/srv/{name}",
        "user": own,
        "group": own,
        "build_user": f"{FIRST}-build-{name}",
        "build_home": f"/var/lib/{FIRST}-build-{name}",
        "schema_user": f"{name}_schema",
        "schema_password_from": f"mysql:accounts:applications:{name}:schema:password",
        "app_key_from": f"{place}:secrets:app_key",
        "jwt_accepted_from": f"{place}:secrets:jwt_accepted",
    }


def defaults_of(name: str, first: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the defaults of an application, and with them every key that it may have.

    name
        Its name.

    first
        Those of the first one.

    What the demonstration needs is not asked of another application: no seeder, no JWT_SECRET.
    """
    if name == FIRST:
        return copy.deepcopy(dict(first))
    kept = {key: value for key, value in first.items() if key not in OF_THE_MACHINE}
    return {
        **copy.deepcopy(kept),
        **names_of(name),
        "source": None,
        "server_name": None,
        "server_aliases": [],
        "max_children": None,
        "seeder": None,
        "env": {**first["env"], "DB_DATABASE": name, "DB_USERNAME": name},
        "secrets_from": {"DB_PASSWORD": password_of(name)},
        "jwt_secret_from": None,
        "composer": {
            "home": f"/etc/composer-{name}",
            "cache": f"/var/cache/{FIRST}-build-{name}",
            "auth_from": None,
        },
    }


def server_of(
    name: str, settings: Mapping[str, Any], apache: Mapping[str, Any], socket: str
) -> dict[str, Any]:
    """
    Return how Apache and php-fpm serve an application.

    name, settings
        Its name, and its merged settings.

    apache, socket
        The settings of Apache, and where the first application's php-fpm listens.

    Returns ``server_name``, ``aliases``, ``site`` (a file of Apache's), ``log`` (the beginning of
    its logs' names), ``map`` and ``socket``.
    """
    if name == FIRST:
        return {
            "server_name": apache["server_name"],
            "aliases": [],
            "site": "conduit.conf",
            "log": "conduit",
            "map": apache["release_map"],
            "socket": socket,
        }
    own = prefix_of(name)
    return {
        "server_name": settings["server_name"],
        "aliases": settings["server_aliases"],
        "site": f"{own}.conf",
        "log": own,
        "map": f"{apache['config']}/release-{name}.map",
        "socket": f"/run/php/{own}.sock",
    }


def schema_account_of(pillar: Mapping[str, Any], directory: str) -> tuple[str, str]:
    """
    Return the database account that changes an application's schema, and where its password is.

    pillar
        The minion's pillar.

    directory
        The folder of its releases, or one of these.
    """
    name = named_at(pillar, directory)
    return (
        _declared(pillar, name, "schema_user"),
        _declared(pillar, name, "schema_password_from"),
    )


def app_key_of(pillar: Mapping[str, Any], directory: str) -> str:
    """Return the pillar key of an application's APP_KEY; see :py:func:`schema_account_of`."""
    return _declared(pillar, named_at(pillar, directory), "app_key_from")


def _declared(pillar: Mapping[str, Any], name: str, key: str) -> str:
    """Return a text of an application's settings, which follows from its name unless given."""
    found = walk(pillar, f"{place_of(name)}:{key}")
    return str(found or (FIRST_S if name == FIRST else names_of(name))[key])
