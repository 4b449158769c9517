"""
Say which Laravel applications a web server has, and what is declared of each.
==============================================================================

The first one is the mapping ``laravel`` of the pillar, and is called ``laravel``. Further ones are
below ``laravel:applications``, by their names. ``salt/laravel/map.jinja`` asks here for all of
them, so that each setting has one way in.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from laravel_deploy import application_check, applications
from laravel_deploy.shared_folders import parse_shared_folders, served
from pillar_check import walk
from salt.utils import dictupdate

if typing.TYPE_CHECKING:
    __pillar__: dict[str, Any]
    __salt__: dict[str, Callable[..., Any]]

__virtualname__ = "laravel_application"

# Below these the keys are the site's own, or are checked elsewhere.
FREE = ("env", "secrets_from", "workers")
# These are null where an application has none, or are of several kinds and checked elsewhere.
OWN = (
    *("seeder", "app_key_from", "jwt_secret_from", "jwt_accepted_from"),
    *("schedule", "hooks", "shared_folders", "server_aliases"),
)
# What calls return is stored by the master; whoever needs a secret reads it by its key.
WITHHELD = ("secrets", "applications")


def __virtual__() -> str:
    return __virtualname__


def names() -> list[str]:
    """
    Return the names of the applications, the first one first.

    Returns a list of str. Raises SaltInvocationError for a name that cannot be, or is taken.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel_application.names
    """
    return applications.names(__pillar__)


def declared(defaults: Mapping[str, Any]) -> list[dict[str, Any]]:
    """
    Return what is declared of each application, over its defaults.

    defaults
        Those of the first one: ``laravel`` of ``salt/laravel/defaults.yaml``.

    Returns a list of dictionaries, the first application first: its settings without ``secrets``,
    and with them ``name``; ``place``, where in the pillar they are; ``id``, what its states' names
    begin with; ``password_from``, where the password is of the account that the group has for it;
    ``chosen``, whether this run deals with it (pillar ``laravel:only``). Raises SaltInvocationError
    that names a key that is wrong, and what would be right.

    CLI Example:

    .. code-block:: bash

        salt web laravel_application.declared "$DEFAULTS"
    """
    chosen, found = applications.chosen(__pillar__), []
    for name in applications.names(__pillar__):
        place, settings = applications.place_of(name), applications.defaults_of(name, defaults)
        if name != applications.FIRST:
            __salt__["formula.check_pillar"](place, settings, free=FREE, own=OWN)
        given = {
            key: one for key, one in (walk(__pillar__, place) or {}).items() if key not in WITHHELD
        }
        dictupdate.update(settings, given)
        settings["shared_folders"] = parse_shared_folders(settings["shared_folders"], place)
        if name != applications.FIRST:
            application_check.check_own(name, settings)
        told = {"name": name, "place": place, "id": applications.prefix_of(name)}
        told["password_from"] = applications.password_of(name)
        found.append({**settings, **told, "chosen": name in chosen})
    return found


def server(
    application: str, settings: Mapping[str, Any], apache: Mapping[str, Any], socket: str
) -> dict[str, Any]:
    """
    Return how Apache and php-fpm serve an application.

    application, settings
        Its name, and what is declared of it.

    apache, socket
        The settings of Apache, and where the first application's php-fpm listens.

    Returns a dictionary: ``server_name`` and ``aliases``; ``site``, the name of its file of
    Apache's; ``log``, what its logs' names begin with; ``map``, the file that names the release;
    ``socket``, where its php-fpm listens; ``shared``, the folders of its storage that are served
    where the code would have them.

    CLI Example:

    .. code-block:: bash

        salt web laravel_application.server shop "$SETTINGS" "$APACHE" /run/php/php8.4-fpm.sock
    """
    told = applications.server_of(application, settings, apache, socket)
    return {**told, "shared": served(settings["shared_folders"])}


def check(merged: Sequence[Mapping[str, Any]], first_server_name: str) -> bool:
    """
    Refuse applications that would share what one alone may have.

    merged
        What ``laravel_application.declared`` returned, with all variables of .env.

    first_server_name
        The name in the first one's virtual host.

    Returns True. Raises SaltInvocationError that names the key, its value, and the other key.

    CLI Example:

    .. code-block:: bash

        salt web laravel_application.check "$DECLARED" web.example.com
    """
    application_check.check_apart(merged, first_server_name)
    return True
