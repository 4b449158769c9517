"""An application's .env file: shown, changed, and what it keeps out of every output."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from salt.exceptions import CommandExecutionError, SaltInvocationError

from laravel_deploy.dotenv import edit_env, parse_env, spelled
from laravel_deploy.files import ownership, read_text, write_text
from laravel_deploy.layout import env_path
from laravel_deploy.masking import MASK, masked, redacted
from laravel_deploy.pillar import pillar_text


def shown_env(path: Path) -> dict[str, str]:
    """Return the variables of a .env file, secrets masked."""
    return {name: masked(name, value) for name, value in parse_env(read_text(path)).items()}


def redact(text: str, directory: str) -> str:
    """Return text without the secrets of the application's .env file."""
    try:
        values = parse_env(read_text(env_path(directory)))
    except CommandExecutionError:
        values = {}
    return redacted(text, values)


def update_env(
    path: Path,
    values: Mapping[str, Any] | None,
    secrets: Mapping[str, str] | None,
    owner: Mapping[str, str],
    pillar: Mapping[str, Any],
    test: bool,
) -> dict[str, dict[str, str]]:
    """
    Set variables in a .env file, and its owner and mode; other lines stay as they are.

    path
        The file. It is created if need be; its directory has to exist.

    values, secrets
        Variable to value, and variable to pillar key.

    owner
        ``user``, ``group`` and ``mode``.

    pillar
        The pillar.

    test
        Only tell what would change.

    Returns what changed: variable or aspect to ``{"old", "new"}``, secrets masked. Raises
    SaltInvocationError for what is malformed or missing, before the file is looked at.
    """
    _check(values, secrets, owner["mode"])
    wanted = _wanted(values or {}, secrets or {}, pillar)
    exists = path.exists()
    text = read_text(path) if exists else ""
    current = parse_env(text)
    different = {name: value for name, value in wanted.items() if current.get(name) != value}
    changes = {
        name: {
            "old": masked(name, current.get(name, "")),
            "new": MASK if name in (secrets or {}) else masked(name, value),
        }
        for name, value in different.items()
    }
    owner = {**owner, "mode": f"{int(owner['mode'], 8):04o}"}
    before = ownership(path) if exists else {}
    for aspect, value in owner.items():
        if before.get(aspect) != value:
            changes[aspect] = {"old": before.get(aspect, ""), "new": value}
    if changes and not test:
        write_text(path, edit_env(text, different), owner)
    return changes


def _check(values: Any, secrets: Any, mode: Any) -> None:
    """Raise SaltInvocationError for arguments that are malformed."""
    for argument, given in (("values", values), ("secrets", secrets)):
        if not isinstance(given or {}, dict):
            raise SaltInvocationError(
                f"{argument} is a {type(given).__name__}; expected a mapping of variable to value."
            )
    if not isinstance(mode, str) or not re.fullmatch(r"0?[0-7]{3}", mode):
        raise SaltInvocationError(f"mode is {mode!r}; expected text such as '0640'.")


def _wanted(
    values: Mapping[str, Any], secrets: Mapping[str, str], pillar: Mapping[str, Any]
) -> dict[str, str]:
    """Return what variables are to be, as a .env file spells it."""
    wanted = {name: spelled(name, value) for name, value in values.items()}
    for name, key in secrets.items():
        value = pillar_text(pillar, key, wanted_for=name)
        if value == "":
            raise SaltInvocationError(f"The pillar has no value at {key!r}, wanted for {name}.")
        wanted[name] = value
    return wanted
