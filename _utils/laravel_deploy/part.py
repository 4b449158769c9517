"""One web server's part of a deployment on all: what it is declared to be, has, and would make."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from salt.exceptions import CommandExecutionError

from laravel_deploy.layout import CURRENT, RELEASES, linked
from laravel_deploy.pin import LIVE as PINNED_TO_LIVE
from laravel_deploy.releases import complete, record
from laravel_deploy.retention import served_before

# Looks a function of Salt's up when it is called.
Later = Callable[[str], Callable[..., Any]]

# What is used of each state of the formula: its arguments, as the rendered SLS has them.
BUILT = ("source", "rev", "exclude", "dev", "build", "identity", "release", "shared_folders")
LIVE = ("server", "keep", "user", "group", "hooks")
MIGRATED = ("node", "schema_user", "schema_password_from", "timeout")
STATES = {"laravel_release.built", "laravel_release.live", "laravel.migrated"}


def declared(chunks: Any) -> dict[str, Any]:
    """
    Return how an application is declared, of the rendered states of the formula.

    chunks
        What ``state.show_low_sls laravel`` returns: dictionaries, or sentences about what is wrong.

    Raises CommandExecutionError if it cannot be told.
    """
    wrong = [str(one) for one in chunks if not isinstance(one, dict)]
    if wrong:
        raise CommandExecutionError("; ".join(wrong))
    found = {f"{one['state']}.{one['fun']}": one for one in chunks}
    missing = STATES - found.keys()
    if missing:
        raise CommandExecutionError(f"The states of laravel have no {', '.join(sorted(missing))}.")
    built, live, migrated = (
        found["laravel_release.built"],
        found["laravel_release.live"],
        found["laravel.migrated"],
    )
    return {
        "directory": live["name"],
        # The one that serves stays in a highstate; a deployment is what brings another.
        "source": {
            name: built[name]
            for name in BUILT
            if built.get(name) is not None and (name, built[name]) != ("release", PINNED_TO_LIVE)
        },
        "live": {name: live[name] for name in LIVE if live.get(name) is not None},
        "pages": found.get("laravel_release.rehearsed", {}).get("pages", []),
        "migrate": {name: migrated[name] for name in MIGRATED if migrated.get(name) is not None},
        "seeder": found.get("laravel.seeded", {}).get("seeder", ""),
        "app_key_from": found.get("laravel.key_present", {}).get("secret", ""),
        "tokens_from": _tokens(found.get("laravel.jwt_secret_present", {})),
        "secrets_from": found.get("laravel.env_present", {}).get("secrets", {}),
    }


def _tokens(state: Mapping[str, Any]) -> dict[str, str]:
    """Return where the secrets of tokens are, and when the second one ends; none without both."""
    if not state.get("secret") or not state.get("accepted"):
        return {}
    return {
        "secret": state["secret"],
        "accepted": state["accepted"],
        "until": state.get("accepted_until") or "",
    }


def look(settings: Mapping[str, Any], later: Later, ask: bool) -> dict[str, Any]:
    """
    Return what a web server has of an application, and what a deployment would make there.

    settings
        As :py:func:`declared` returns it.

    later
        Looks up a function of Salt's.

    ask
        Ask the source which release it makes, and the database which migrations that has pending.

    Returns what ``laravel_machine.look`` does. Raises CommandExecutionError if the source or the
    database cannot be asked.
    """
    root = Path(settings["directory"])
    noted, live = record(root), linked(root / CURRENT)
    whole = complete(root)
    usable = [name for name in whole if name not in noted["stopped"]]
    found = {
        "settings": dict(settings),
        "serves": later("laravel_release.served")(str(root), settings["live"]["server"]),
        "before": served_before(noted["history"], live, usable),
        "releases": whole,
        "keys": later("laravel_machine.key_status")(str(root), settings["app_key_from"]),
        "tokens": later("laravel_machine.jwt_status")(str(root), **settings["tokens_from"]),
    }
    if not ask:
        return found
    coming = later("laravel_release.source_release")(str(root), **settings["source"])
    name = coming["release"]
    return {
        **found,
        "release": name,
        "complete": name in whole,
        "revision": coming["fingerprint"],
        "stopped": noted["stopped"].get(name, {}).get("reason", ""),
        "migrations": _pending(root, settings["live"]["user"], coming, later),
        "lock": lock_digest(root / RELEASES / name) if name in whole else "",
    }


def _pending(root: Path, user: str, coming: Mapping[str, Any], later: Later) -> list[str]:
    """Return the migrations that the database has not seen of a release, made or not."""
    if coming["complete"]:
        path = str(root / RELEASES / coming["release"])
        return list(later("laravel.pending")(path, user=user))
    if not later("laravel.installed")(str(root)):
        return list(coming["migrations"])
    ran: Sequence[str] = later("laravel.migration_status")(str(root), user=user)["ran"]
    return [one for one in coming["migrations"] if one not in ran]


def lock_digest(path: Path) -> str:
    """Return what tells a release's composer.lock from another; nothing where there is none."""
    lock = path / "composer.lock"
    return hashlib.sha256(lock.read_bytes()).hexdigest()[:12] if lock.is_file() else ""
