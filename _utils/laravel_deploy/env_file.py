"""An application's .env file: shown, changed, and what it keeps out of every output."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from salt.exceptions import CommandExecutionError, SaltInvocationError

from laravel_deploy.dotenv import edit_env, parse_env, spelled, without_env
from laravel_deploy.files import ownership, read_text, write_text
from laravel_deploy.layout import env_path
from laravel_deploy.lock import env_locked
from laravel_deploy.masking import masked, redacted
from laravel_deploy.pillar import pillar_text

# Beside the file: which of its variables the pillar names, and which are secrets by what it says.
NAMES: dict[str, list[str]] = {"values": [], "secrets": []}


def _names_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.names.json")


def _names(path: Path) -> dict[str, list[str]]:
    """Return which variables the pillar named when the file was last written."""
    beside = _names_path(path.resolve())
    try:
        noted = json.loads(read_text(beside)) if beside.is_file() else {}
    except ValueError:
        noted = {}
    return {**NAMES, **noted}


def shown_env(path: Path) -> dict[str, str]:
    """Return the variables of a .env file, secrets masked."""
    values, secrets = parse_env(read_text(path)), _names(path)["secrets"]
    return {name: masked(name, value, secrets) for name, value in values.items()}


def neutral_env(path: Path) -> str:
    """Return a .env file for builds: the pillar's variables of another one, and no secrets."""
    if not path.exists():
        return ""
    values, named = parse_env(read_text(path)), _names(path)
    plain = {
        name: values[name]
        for name in named["values"]
        if name in values and masked(name, values[name], named["secrets"]) == values[name]
    }
    return edit_env("", plain)


def redact(text: str, directory: str) -> str:
    """Return text without the secrets of the application's .env file."""
    path = env_path(directory)
    try:
        # Whoever owns it: its values are only looked for in the text.
        values = parse_env(path.read_bytes().decode("utf-8", "surrogateescape"))
        secrets = _names(path)["secrets"]
    except (CommandExecutionError, OSError):
        return redacted(text, {})
    return redacted(text, values, secrets)


def update_env(
    path: Path,
    values: Mapping[str, Any] | None,
    secrets: Mapping[str, str] | None,
    owner: Mapping[str, str],
    pillar: Mapping[str, Any],
    test: bool,
    only: bool = False,
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

    only
        These are all that the pillar names: what it named before, and does not any more, goes.

    Returns what changed: variable or aspect to ``{"old", "new"}``, secrets masked. Raises
    SaltInvocationError for what is malformed or missing, before the file is looked at.
    """
    _check(values, secrets, owner["mode"])
    wanted = _wanted(values or {}, secrets or {}, pillar)
    with nullcontext() if test else env_locked(path):
        return _edited(path, wanted, values or {}, secrets or {}, owner, test, only)


def _edited(
    path: Path,
    wanted: Mapping[str, str],
    values: Mapping[str, Any],
    secrets: Mapping[str, str],
    owner: Mapping[str, str],
    test: bool,
    only: bool,
) -> dict[str, dict[str, str]]:
    """Edit the file, or only tell what would change."""
    exists = path.exists()
    text = read_text(path) if exists else ""
    current, named = parse_env(text), _names(path)
    gone = [name for name in _named(named) if only and name in current and name not in wanted]
    different = {name: value for name, value in wanted.items() if current.get(name) != value}
    hidden = {*named["secrets"], *secrets}
    changes = {
        name: {
            "old": masked(name, current.get(name, ""), hidden),
            "new": masked(name, different.get(name, ""), hidden),
        }
        for name in (*different, *gone)
    }
    owner = {**owner, "mode": f"{int(owner['mode'], 8):04o}"}
    before = ownership(path) if exists else {}
    for aspect, value in owner.items():
        if before.get(aspect) != value:
            changes[aspect] = {"old": before.get(aspect, ""), "new": value}
    noted = _noted(named, values, secrets, only)
    if noted != named:
        changes["names"] = _names_change(named, noted)
    if changes and not test:
        _note(path, noted, owner)
        write_text(path, edit_env(without_env(text, gone), different), owner)
    return changes


def _named(named: Mapping[str, list[str]]) -> list[str]:
    return [*named["values"], *named["secrets"]]


def _noted(
    named: Mapping[str, list[str]], values: Collection[str], secrets: Collection[str], only: bool
) -> dict[str, list[str]]:
    """Return which names are kept beside the file from now on."""
    if only:
        return {"values": sorted(values), "secrets": sorted(secrets)}
    return {**named, "secrets": sorted({*named["secrets"], *secrets})}


def _note(path: Path, noted: Mapping[str, list[str]], owner: Mapping[str, str]) -> None:
    """Keep the names; before the file itself is written, or its secrets could be shown."""
    text = json.dumps(noted, indent=1) + "\n"
    beside = _names_path(path.resolve())
    if noted != _names(path) or (beside.exists() and read_text(beside) != text):
        write_text(beside, text, {**owner, "mode": "0640"})


def _names_change(
    before: Mapping[str, list[str]], after: Mapping[str, list[str]]
) -> dict[str, str]:
    """Return the change of what the pillar names, in words."""
    return {"old": ", ".join(_named(before)), "new": ", ".join(_named(after))}


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
