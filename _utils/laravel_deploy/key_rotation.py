"""An APP_KEY that web servers share: compared without being shown, and rotated in two steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from group_replication.passwords import fingerprint

from laravel_deploy.artisan import Application
from laravel_deploy.cache_build import use_env
from laravel_deploy.caches import has_caches, is_cached
from laravel_deploy.dotenv import edit_env, parse_env
from laravel_deploy.files import ownership, read_text, write_text
from laravel_deploy.keys import check_app_key, check_framework, is_app_key, rotate_key
from laravel_deploy.layout import env_path, home
from laravel_deploy.lock import env_locked, locked
from laravel_deploy.masking import MASK, masked
from laravel_deploy.pillar import pillar_text

NO_KEY = (
    "its pillar has no APP_KEY; expected base64: and 32 bytes, as artisan key:generate --show "
    "prints it"
)


def key_status(directory: str, secret: str, pillar: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the fingerprints of an application's keys, and of the one that is wanted.

    directory
        The application.

    secret, pillar
        The pillar key of the wanted APP_KEY, and the pillar.

    Returns what ``laravel_machine.key_status`` does.
    """
    path = env_path(directory)
    values = parse_env(read_text(path)) if path.exists() else {}
    wanted = pillar_text(pillar, secret, wanted_for="APP_KEY")
    where = home(directory)
    return {
        "APP_KEY": fingerprint(values.get("APP_KEY", "")),
        "JWT_SECRET": fingerprint(values.get("JWT_SECRET", "")),
        "accepted": [fingerprint(key) for key in _previous(values)],
        "wanted": fingerprint(wanted),
        "problem": "" if is_app_key(wanted) else NO_KEY,
        "in_use": is_cached(where) or not has_caches(where),
    }


def accept_key(
    app: Application, group: str, secret: str, pillar: Mapping[str, Any]
) -> dict[str, Any]:
    """
    Have an application read what is made with a new APP_KEY, while it goes on with its own.

    app, group
        The application, and who may read its caches.

    secret, pillar
        The pillar key of the new value, and the pillar.

    Returns ``{"changes": {variable: {"old", "new"}}}``, masked. Raises SaltInvocationError if the
    pillar has no such key, CommandExecutionError if the framework knows no previous keys.
    """
    new = _given(secret, pillar)
    path, changes = env_path(app.directory), {}
    with locked(app.directory), env_locked(path):
        text = read_text(path)
        values = parse_env(text)
        if new not in (values.get("APP_KEY"), *_previous(values)):
            check_framework(app)
            edited = {"APP_PREVIOUS_KEYS": ",".join([*_previous(values), new])}
            write_text(path, edit_env(text, edited), ownership(path))
            changes = {
                name: {"old": masked(name, values.get(name, "")), "new": MASK} for name in edited
            }
        use_env(app, group)
    return {"changes": changes}


def sign_with_key(
    app: Application, group: str, secret: str, pillar: Mapping[str, Any]
) -> dict[str, Any]:
    """
    Have an application make what it makes with a new APP_KEY, and read what the old one made.

    app, group, secret, pillar
        As for :py:func:`accept_key`.

    Returns and raises what :py:func:`accept_key` does.
    """
    _given(secret, pillar)
    changed = rotate_key(app, group, secret, pillar)
    with locked(app.directory):
        use_env(app, group)
    return changed


def _given(secret: str, pillar: Mapping[str, Any]) -> str:
    """Return the new key; an application with another would answer nobody."""
    given = pillar_text(pillar, secret, wanted_for="APP_KEY")
    check_app_key(given, secret)
    return given


def _previous(values: Mapping[str, str]) -> list[str]:
    return [key for key in values.get("APP_PREVIOUS_KEYS", "").split(",") if key]
