"""The keys in an application's .env file: given once, kept, and rotated."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from salt.exceptions import CommandExecutionError, SaltInvocationError

from laravel_deploy.artisan import Application, framework_version
from laravel_deploy.artisan_output import UNKNOWN_COMMAND
from laravel_deploy.cache_build import remake_caches
from laravel_deploy.caches import has_caches
from laravel_deploy.dotenv import edit_env, parse_env
from laravel_deploy.files import ownership, read_text, write_text
from laravel_deploy.layout import env_path, home
from laravel_deploy.lock import env_locked, locked
from laravel_deploy.masking import MASK, masked
from laravel_deploy.pillar import pillar_text
from laravel_deploy.releases import next_release

FIRST_WITH_PREVIOUS_KEYS = 11
# Of the ciphers that Laravel has.
KEY_BYTES = (16, 32)


def update_key(
    app: Application,
    name: str,
    commands: Sequence[str],
    secret: str | None,
    shared: bool,
    pillar: Mapping[str, Any],
    test: bool,
) -> dict[str, Any]:
    """
    Give an application a key unless it has one; a key that is there is never replaced.

    app
        The application.

    name, commands
        The variable, and the artisan commands that make such a key.

    secret, shared
        The pillar key that may hold it, and whether it has to.

    pillar
        The pillar.

    test
        Only tell what would change.

    Returns what ``laravel.key_update`` does.
    """
    if isinstance(commands, str):
        raise SaltInvocationError(f"commands is {commands!r}; expected a list, [{commands!r}].")
    path = env_path(app.directory)
    given = pillar_text(pillar, secret, wanted_for=name) if secret else ""
    if given and secret and name == "APP_KEY":
        check_app_key(given, secret)
    source = "pillar" if given else "generated"
    # Before the first run the file may not be there; that run will have made it.
    text = "" if test and not path.exists() else read_text(path)
    current = parse_env(text).get(name, "")
    if current:
        return {"changes": {}, "source": "kept", "differs": bool(given) and given != current}
    if shared and not given:
        raise SaltInvocationError(
            f"The pillar has no value at {secret!r}, wanted for {name}, which several web servers "
            "have to share. Put there what the others have in .env; a new one only if none has any."
        )
    if not test:
        built = replace(app, directory=next_release(app.directory)["path"])
        key = given or _new_key(built, commands)
        with env_locked(path):
            text = read_text(path)
            if parse_env(text).get(name):
                raise CommandExecutionError(
                    f"{path} has been given {name} by another call meanwhile."
                )
            write_text(path, edit_env(text, {name: key}), ownership(path))
    changes = {name: {"old": "", "new": MASK}}
    return {"changes": changes, "source": source, "differs": False}


def _new_key(app: Application, commands: Sequence[str]) -> str:
    """Return a key made by the first of these commands that the application has."""
    for command in commands:
        done = app.artisan(command, ["--show"])
        if done["retcode"] == 0:
            lines = [line.strip() for line in str(done["stdout"]).splitlines() if line.strip()]
            if lines and re.fullmatch(r"\S{16,}", lines[-1]):
                return lines[-1]
            raise CommandExecutionError(f"artisan {command} --show did not print a key.")
        if not UNKNOWN_COMMAND.search(f"{done['stdout']}{done['stderr']}"):
            raise app.failure(f"artisan {command}", done)
    raise CommandExecutionError(f"The application has no command {' or '.join(commands)}.")


def rotate_key(
    app: Application, group: str, secret: str, pillar: Mapping[str, Any]
) -> dict[str, Any]:
    """
    Give an application a new APP_KEY, and keep the old one to read what was made with it.

    app
        The application.

    group
        Who may read its caches.

    secret, pillar
        The pillar key of the new value, and the pillar; without a value there one is made.

    Returns ``{"changes": {variable: {"old", "new"}}}``, masked.
    """
    path = env_path(app.directory)
    given = pillar_text(pillar, secret, wanted_for="APP_KEY")
    with locked(app.directory), env_locked(path):
        text = read_text(path)
        values = parse_env(text)
        current = values.get("APP_KEY", "")
        if not current:
            raise CommandExecutionError(f"{path} has no APP_KEY yet: there is nothing to rotate.")
        if given == current:
            return {"changes": {}}
        if given:
            check_app_key(given, secret)
        check_framework(app)
        new = given or _new_key(app, ["key:generate"])
        earlier = [key for key in values.get("APP_PREVIOUS_KEYS", "").split(",") if key]
        kept = [current, *(key for key in earlier if key not in (current, new))]
        edited = {"APP_KEY": new, "APP_PREVIOUS_KEYS": ",".join(kept)}
        write_text(path, edit_env(text, edited), ownership(path))
        if has_caches(home(app.directory)):
            remake_caches(app, group)
    return {
        "changes": {
            name: {"old": masked(name, values.get(name, "")), "new": MASK} for name in edited
        }
    }


def is_app_key(value: str) -> bool:
    """Tell whether a text can be an APP_KEY."""
    try:
        raw = base64.b64decode(value.removeprefix("base64:"), validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    return len(raw if value.startswith("base64:") else value.encode()) in KEY_BYTES


def check_app_key(value: str, secret: str) -> None:
    """Refuse what the pillar has in place of an APP_KEY: with it no page would be answered."""
    if not is_app_key(value):
        raise SaltInvocationError(
            f"The pillar has no APP_KEY at {secret!r}; expected base64: and 32 bytes, as artisan "
            "key:generate --show prints it."
        )


def check_framework(app: Application) -> None:
    """Refuse a framework that could not read what was made with the old key."""
    running = framework_version(app)
    if int(running.split(".")[0]) < FIRST_WITH_PREVIOUS_KEYS:
        raise CommandExecutionError(
            f"Laravel {running} knows no APP_PREVIOUS_KEYS ({FIRST_WITH_PREVIOUS_KEYS} and "
            "newer do): what was made with the old key could not be read any more."
        )
