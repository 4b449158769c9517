"""What further applications of a web server may not be, and what no two of them may share."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from pillar_check import invalid, is_number

from laravel_deploy.applications import FIRST, place_of

HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")
DIRECTORY = re.compile(r"/[A-Za-z0-9._@+-]+(?:/[A-Za-z0-9._@+-]+)*")
USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
# Accounts of the system: Salt would change them, and others run as they do.
NOT_OWN = ("root", "www-data", "nobody")
HOST_NAME = "a name in virtual hosts"


def check_own(name: str, settings: Mapping[str, Any]) -> None:
    """
    Refuse settings that no further application can have.

    name, settings
        Its name, and its merged settings.

    Raises SaltInvocationError that names the key, its value, and what would be right.
    """
    place = place_of(name)

    def refuse(key: str, right: str) -> None:
        raise invalid(f"{place}:{key}", settings[key], right)

    if not settings["source"] or not isinstance(settings["source"], str):
        refuse("source", "a folder such as salt://shop, or the URL of a git repository")
    if not _is(HOST, settings["server_name"]):
        refuse("server_name", "the host's name that clients ask for")
    aliases = settings["server_aliases"]
    if not isinstance(aliases, list) or not all(_is(HOST, alias) for alias in aliases):
        refuse("server_aliases", "a list of hosts' names")
    # Two dots lead out of it.
    if not _is(DIRECTORY, settings["directory"]) or ".." in settings["directory"]:
        refuse("directory", "an absolute path such as /srv/shop")
    for key in ("user", "group", "build_user"):
        if not _is(USER, settings[key]) or settings[key] in NOT_OWN:
            refuse(key, "an account of the application's own")
    if settings["max_children"] is not None and not is_number(settings["max_children"], 3, 10000):
        refuse("max_children", "3 to 10000 processes, or null for php:fpm:max_children")


def check_apart(applications: Sequence[Mapping[str, Any]], first_server_name: str) -> None:
    """
    Refuse applications that would share what one alone may have.

    applications
        The merged settings of all, each with its ``name``, the first one first.

    first_server_name
        The name in the first one's virtual host.

    Raises SaltInvocationError that names the key, its value, and the other key.
    """
    taken = {(HOST_NAME, first_server_name.lower()): "apache:server_name"}
    for one in applications:
        for kind, key, value in _alone(one):
            other = taken.setdefault((kind, value), key)
            if other != key:
                raise invalid(key, value, f"{kind} of its own: {other} is the same")
    _check_folders({f"{place_of(one['name'])}:directory": one["directory"] for one in applications})


def _is(form: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and form.fullmatch(value) is not None


def _alone(one: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Return what an application has alone: what that is, its key, and the value."""
    place, env, composer = place_of(one["name"]), one["env"], one["composer"]
    if one["name"] != FIRST:
        for alias in one["server_aliases"]:
            yield HOST_NAME, f"{place}:server_aliases", alias.lower()
        yield HOST_NAME, f"{place}:server_name", one["server_name"].lower()
    for kind, key in (
        ("a user", "user"),
        ("a user", "build_user"),
        ("a group", "group"),
        ("a folder", "build_home"),
        ("a key", "app_key_from"),
        ("a key", "jwt_secret_from"),
    ):
        if one[key]:
            yield kind, f"{place}:{key}", str(one[key])
    for key in ("home", "cache"):
        if composer.get(key):
            yield "a folder", f"{place}:composer:{key}", str(composer[key])
    # At another host they are others.
    at = f" at {env['DB_HOST']}" if env.get("DB_HOST") else ""
    for kind, key in (("a database", "DB_DATABASE"), ("an account", "DB_USERNAME")):
        if env.get(key):
            yield f"{kind}{at}", f"{place}:env:{key}", str(env[key])
    yield f"an account{at}", f"{place}:schema_user", str(one["schema_user"])


def _check_folders(directories: Mapping[str, str]) -> None:
    """Refuse a folder of releases that is, or is in, another application's."""
    seen: dict[str, PurePosixPath] = {}
    for key, directory in directories.items():
        path = PurePosixPath(directory)
        for other, there in seen.items():
            if path == there or path in there.parents or there in path.parents:
                raise invalid(key, directory, f"a folder of its own: {other} is {there}")
        seen[key] = path
