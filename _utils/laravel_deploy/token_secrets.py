"""The secrets of an application's tokens: one signs, a second one counts beside it for a time."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from datetime import datetime, timezone
from typing import Any

from salt.exceptions import SaltInvocationError

from laravel_deploy.applications import named_at, place_of
from laravel_deploy.dotenv import edit_env, parse_env, without_env
from laravel_deploy.files import ownership, read_text, write_text
from laravel_deploy.layout import env_path
from laravel_deploy.lock import env_locked
from laravel_deploy.masking import masked
from laravel_deploy.pillar import pillar_text

# The secret whose tokens count beside those of JWT_SECRET, and until when.
ACCEPTED, UNTIL = "JWT_ACCEPTED_SECRET", "JWT_ACCEPTED_UNTIL"
# HS256 is as strong as its key, and a JWT library refuses shorter ones.
SHORTEST_SECRET = 32


def update_jwt_secrets(
    directory: str,
    secrets: tuple[str, str],
    until: str,
    shared: bool,
    pillar: Mapping[str, Any],
    now: float,
    test: bool,
) -> dict[str, dict[str, str]]:
    """
    Have tokens of a second secret accepted for a time, and sign with another where none gets void.

    directory
        The application.

    secrets
        The pillar keys of the secret that signs, and of the one that is accepted beside it.

    until
        When the second one ends: a time in UTC, such as ``2026-12-05 12:00``.

    shared
        Other web servers sign, too: what is to sign has to have been accepted before.

    pillar, now, test
        The pillar, seconds since 1970, and whether only to tell what would change.

    Returns what changed: variable to ``{"old", "new"}``, masked. Raises SaltInvocationError for a
    secret that is too short or has no time, or a step that was left out.
    """
    place = place_of(named_at(pillar, directory))
    signs, accepted, end = _given_secrets(secrets, until, pillar, place)
    path = env_path(directory)
    if test and not path.exists():
        return {}
    with nullcontext() if test else env_locked(path):
        text = read_text(path)
        values = parse_env(text)
        wanted = jwt_variables(values, signs, accepted if end > now else "", end)
        if shared and not _is_accepted(values, wanted["JWT_SECRET"], now):
            raise SaltInvocationError(
                f"JWT_SECRET is not replaced: the other web servers may not accept the one at "
                f"{secrets[0]!r} yet. First leave the one in use there, and name the new one at "
                f"{secrets[1]!r}, on all web servers."
            )
        different = {name: new for name, new in wanted.items() if values.get(name, "") != new}
        gone = [name for name, new in different.items() if not new]
        if different and not test:
            kept = {name: new for name, new in different.items() if new}
            write_text(path, edit_env(without_env(text, gone), kept), ownership(path))
    return {
        name: {"old": masked(name, values.get(name, "")), "new": masked(name, new)}
        for name, new in different.items()
    }


def _given_secrets(
    keys: tuple[str, str], until: str, pillar: Mapping[str, Any], place: str
) -> tuple[str, str, float]:
    """Return the pillar's secrets, and when the second one ends; refuse what cannot be used."""
    signs = pillar_text(pillar, keys[0], wanted_for="JWT_SECRET")
    accepted = pillar_text(pillar, keys[1], wanted_for=ACCEPTED)
    if not accepted:
        return signs, "", 0
    for key, value in zip(keys, (signs, accepted), strict=True):
        if len(value.encode()) < SHORTEST_SECRET:
            raise SaltInvocationError(
                f"The pillar has no secret at {key!r}; expected {SHORTEST_SECRET} characters or "
                "more, since one of the two is brought in by the other."
            )
    return signs, accepted, _end(until, keys[1], place)


def jwt_variables(
    values: Mapping[str, str], signs: str, accepted: str, end: float
) -> dict[str, str]:
    """
    Return what the variables of a .env file are to be; an empty one is to go.

    values
        Those of the file.

    signs, accepted, end
        The pillar's secrets, and when the second one ends, in seconds since 1970; no second one
        after its time.

    The secret in use is replaced if it is the one that goes on being accepted.
    """
    current = values.get("JWT_SECRET", "")
    wanted = signs if signs and current and current == accepted else current
    beside = "" if accepted == wanted else accepted
    return {"JWT_SECRET": wanted, ACCEPTED: beside, UNTIL: _spelled(end) if beside else ""}


def _is_accepted(values: Mapping[str, str], secret: str, now: float) -> bool:
    """Tell whether tokens of a secret count by a .env file; those of no secret do, too."""
    beside = values.get(ACCEPTED) if values.get(UNTIL, "") > _spelled(now) else None
    return secret in (values.get("JWT_SECRET", ""), beside)


def _spelled(moment: float) -> str:
    return datetime.fromtimestamp(moment, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _end(until: str, key: str, place: str) -> float:
    """Return when a secret ends, in seconds since 1970."""
    try:
        found = datetime.fromisoformat(str(until).strip().replace("Z", "+00:00"))
    except ValueError as err:
        raise SaltInvocationError(
            f"{place}:jwt_accepted_until is {until!r}; expected the time in UTC until which tokens "
            f"of the secret at {key!r} count, such as '2026-12-05 12:00'."
        ) from err
    if found.tzinfo is None:
        found = found.replace(tzinfo=timezone.utc)
    return found.timestamp()
