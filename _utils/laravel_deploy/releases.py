"""The releases of an application on its disk: what each is, which serves, and what is noted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from salt.exceptions import CommandExecutionError

from laravel_deploy.deployments import NOTED
from laravel_deploy.files import write_text
from laravel_deploy.layout import CURRENT, NEXT, RELEASES, installed, linked

# In a release: its presence says that the release is complete, its content of what it was made.
MARKER = ".release.json"
# Beside them: which served, which must not serve again by itself, and the web server.
RECORD = ".deployment.json"


def record(root: Path) -> dict[str, Any]:
    """Return what is noted of an application's releases."""
    return {"history": [], "stopped": {}, "server": {}, **_json(root / RECORD)}


def write_record(root: Path, content: Mapping[str, Any]) -> None:
    """Note something else of an application's releases."""
    _write_json(root / RECORD, content)


def stop(root: Path, name: str, who: str, reason: str) -> None:
    """Note that a release must not serve again by itself."""
    noted = record(root)
    noted["stopped"][name] = {"by": who, "reason": reason}
    write_record(root, noted)


def marked(path: Path) -> dict[str, Any]:
    """Return of what a release was made; nothing if it is not complete."""
    return _json(path / MARKER)


def mark(path: Path, content: Mapping[str, Any]) -> None:
    """Say that a release is complete, and of what it was made."""
    _write_json(path / MARKER, content)


def _json(path: Path) -> dict[str, Any]:
    """Return what a file of ours holds; nothing if it is not there or no such file."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    owner = {"user": "root", "group": "root", "mode": "0644"}
    write_text(path, json.dumps(content, indent=1) + "\n", owner)


def known(root: Path) -> list[dict[str, Any]]:
    """Return all releases, newest first; those that are not complete come first."""
    noted, live, following = record(root), linked(root / CURRENT), linked(root / NEXT)
    found = []
    if (root / RELEASES).is_dir():
        for path in (root / RELEASES).iterdir():
            made = marked(path)
            found.append(
                {
                    "release": path.name,
                    "complete": bool(made),
                    "live": path.name == live,
                    "next": path.name == following,
                    "built": made.get("built", ""),
                    "source": made.get("source", ""),
                    "rev": made.get("rev", ""),
                    "revision": made.get("fingerprint", ""),
                    "deployments": noted.get(NOTED, {}).get(path.name, []),
                    "stopped": noted["stopped"].get(path.name, {}).get("reason", ""),
                }
            )
    whole = sorted((one for one in found if one["complete"]), key=lambda one: one["built"])
    return [one for one in found if not one["complete"]] + whole[::-1]


def complete(root: Path) -> list[str]:
    """Return the names of the releases that are complete, newest first."""
    return [one["release"] for one in known(root) if one["complete"]]


def complete_path(root: Path, release: str) -> Path:
    """Return a release's folder; raises CommandExecutionError if it is not there, or not whole."""
    whole = complete(root)
    if release not in whole:
        raise CommandExecutionError(
            f"{root} has no complete release {release!r}; it has {', '.join(whole) or 'none'}."
        )
    return root / RELEASES / release


def next_release(directory: str, planned: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """
    Return the release that is to serve next, which is often the one that serves.

    directory
        The folder of the releases, or an application that has none.

    planned
        What a source makes, as :py:mod:`sources` tells it, though it is not made yet. Default: the
        release that was built last.

    Returns what ``laravel_release.next_release`` does.
    """
    root = Path(directory)
    if (root / "artisan").is_file():
        return {
            "release": "",
            "path": directory,
            "complete": installed(directory),
            "stopped": "",
            "stopped_by": "",
            "migrations": [],
        }
    told = planned or {}
    name = told.get("release") or linked(root / NEXT)
    path = root / RELEASES / name if name else root / NEXT
    stopped = record(root)["stopped"].get(name, {})
    return {
        "release": name,
        "path": str(path),
        "complete": bool(name) and bool(marked(path)),
        "stopped": stopped.get("reason", ""),
        "stopped_by": stopped.get("by", ""),
        "migrations": told.get("migrations", []),
    }
