"""Options that left pillar, and what the server made of those that were set."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from salt.exceptions import CommandExecutionError

from group_replication.files import write_whole
from group_replication.versions import today

# The names that the option file had when options were last set in the running server: what is set
# there by a statement does not say where it came from. And what the server made of such a value.
RECORD = Path("/var/lib/mysql-gr/options.json")
# What such an option gets: the server's own default, which no table has for each version.
DEFAULT = "DEFAULT"


def by_name(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of an option file by their variables."""
    return {
        option.lower().replace("-", "_").removeprefix("loose_"): value
        for option, value in options.items()
    }


def named(options: Mapping[str, Any]) -> set[str]:
    """Return the variables of an option file's options."""
    return {*by_name(options)}


def _record() -> dict[str, Any]:
    """Return what :py:func:`note` wrote; nothing where that cannot be read."""
    try:
        found = json.loads(RECORD.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    # An older version wrote the names alone.
    return {"names": found} if isinstance(found, list) else found if isinstance(found, dict) else {}


def noted() -> set[str]:
    """Return the names that the option file had."""
    return {str(name) for name in _record().get("names", [])}


def made() -> dict[str, list[str]]:
    """Return of each option that was set what was declared, and what the server made of it."""
    found = _record().get("made")
    return found if isinstance(found, dict) else {}


def note(names: Collection[str], values: Mapping[str, list[str]] | None = None) -> None:
    """
    Remember what the option file has, where it is something else than before.

    names, values
        The variables, and of those that were set now what was declared and what became of it.
    """
    kept = {name: pair for name, pair in {**made(), **(values or {})}.items() if name in names}
    if noted() == {*names} and made() == kept:
        return
    try:
        write_whole(
            RECORD, json.dumps({"names": sorted(names), "made": kept}, sort_keys=True) + "\n"
        )
    except OSError as err:
        raise CommandExecutionError(f"{RECORD} is not written: {err.strerror}") from err


def left(
    declared: Collection[str],
    before: Collection[str],
    sources: Mapping[str, tuple[str, str]],
    online: Collection[str],
    file: str,
) -> dict[str, list[str]]:
    """
    Return the variables that pillar had, and no longer has, while the server still does.

    declared, before
        The variables of the option file now, and of the one of before.

    sources
        Of each variable whence its value is, as ``performance_schema.variables_info`` says it, and
        of which file.

    online
        The variables that are set without a restart.

    file
        The option file.

    Returns a dict: ``online`` (what gets its default back now) and ``restart`` (what does so by a
    restart), lists of names.
    """
    found: dict[str, list[str]] = {"online": [], "restart": []}
    for name, (source, path) in sorted(sources.items()):
        # A variable with an older name is shown beside the one that it is.
        if any(one in declared for one in (name, today(name), name.replace("master", "source", 1))):
            continue
        started_with = path == file
        # Certificates are given up by all members at once.
        if name in online and "ssl" not in name:
            if started_with or (source == "DYNAMIC" and name in before):
                found["online"].append(name)
        elif started_with:
            found["restart"].append(name)
    return found
