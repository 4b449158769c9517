"""The secrets of an application's tokens: one signs, a second one counts beside it for a time."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from group_replication.passwords import fingerprint
from salt.exceptions import CommandExecutionError, SaltInvocationError

from laravel_deploy.applications import named_at, place_of
from laravel_deploy.artisan import Application
from laravel_deploy.cache_build import use_env
from laravel_deploy.caches import has_caches, is_cached
from laravel_deploy.dotenv import edit_env, parse_env, without_env
from laravel_deploy.files import ownership, read_text, write_text
from laravel_deploy.layout import env_path, home
from laravel_deploy.lock import env_locked, locked
from laravel_deploy.masking import masked
from laravel_deploy.pillar import pillar_text

# The secret whose tokens count beside those of JWT_SECRET, and until when.
ACCEPTED, UNTIL = "JWT_ACCEPTED_SECRET", "JWT_ACCEPTED_UNTIL"
# HS256 is as strong as its key, and a JWT library refuses shorter ones.
SHORTEST_SECRET = 32
CALL = """salt-run state.orchestrate orch.rotate_key pillar='{"key": "JWT_SECRET"}'"""


@dataclass(frozen=True)
class Wanted:
    """
    What the pillar says of an application's tokens.

    secret, accepted
        The pillar keys of the secret that signs, and of the one that is accepted beside it.

    until
        When the second one ends: a time in UTC, such as ``2026-12-05 12:00``.

    pillar, now
        The pillar, and seconds since 1970.
    """

    secret: str
    accepted: str
    until: str
    pillar: Mapping[str, Any]
    now: float

    @property
    def signs(self) -> str:
        """The secret that signs."""
        return pillar_text(self.pillar, self.secret, wanted_for="JWT_SECRET")

    @property
    def beside(self) -> str:
        """The secret that is accepted beside it."""
        return pillar_text(self.pillar, self.accepted, wanted_for=ACCEPTED)

    def end(self, directory: str) -> float:
        """Return when the second one ends, in seconds since 1970."""
        try:
            found = datetime.fromisoformat(str(self.until).strip().replace("Z", "+00:00"))
        except ValueError as err:
            raise SaltInvocationError(
                f"{self.place(directory)} is {self.until!r}; expected the time in UTC until which "
                f"tokens of the secret at {self.accepted!r} count, such as '2026-12-05 12:00'."
            ) from err
        if found.tzinfo is None:
            found = found.replace(tzinfo=timezone.utc)
        return found.timestamp()

    def place(self, directory: str) -> str:
        """Return the pillar key of that time."""
        return f"{place_of(named_at(self.pillar, directory))}:jwt_accepted_until"


def jwt_status(directory: str, wanted: Wanted) -> dict[str, Any]:
    """
    Return the fingerprints of the secrets of an application's tokens, and of the one wanted.

    directory, wanted
        The application, and what the pillar says.

    Returns what ``laravel_machine.jwt_status`` does.
    """
    path, where = env_path(directory), home(directory)
    values = parse_env(read_text(path)) if path.exists() else {}
    return {
        "JWT_SECRET": fingerprint(values.get("JWT_SECRET", "")),
        "accepted": [fingerprint(one) for one in _counting(values, wanted.now)],
        "wanted": fingerprint(wanted.signs),
        "problem": _unusable(directory, values, wanted),
        "in_use": is_cached(where) or not has_caches(where),
    }


def _unusable(directory: str, values: Mapping[str, str], wanted: Wanted) -> str:
    """Return why the pillar's secret cannot take the place of the one in use, or nothing."""
    current = values.get("JWT_SECRET", "")
    if len(wanted.signs.encode()) < SHORTEST_SECRET:
        return (
            f"its pillar has no secret at {wanted.secret!r}; expected {SHORTEST_SECRET} characters "
            "or more"
        )
    if current in ("", wanted.signs):
        return ""
    if wanted.beside != current:
        return (
            f"its pillar has not the secret in use at {wanted.accepted!r}; expected that one, "
            "whose tokens would be void"
        )
    try:
        end = wanted.end(directory)
    except SaltInvocationError as err:
        return str(err).rstrip(".")
    if end <= wanted.now:
        return f"{wanted.place(directory)} is {wanted.until!r}; expected a time to come, in UTC"
    return ""


def accept_jwt_secret(app: Application, group: str, wanted: Wanted) -> dict[str, Any]:
    """
    Have tokens of the pillar's secret accepted, while the application signs with its own.

    app, group
        The application, and who may read its caches.

    wanted
        What the pillar says.

    Returns ``{"changes": {variable: {"old", "new"}}}``, masked. Raises CommandExecutionError if the
    pillar's secret cannot take the place of the one in use.
    """
    path, changes = env_path(app.directory), {}
    with locked(app.directory), env_locked(path):
        text = read_text(path)
        values = parse_env(text)
        why = _unusable(app.directory, values, wanted)
        if why:
            raise CommandExecutionError(f"{path}: {why}.")
        if not _is_accepted(values, wanted.signs, wanted.now):
            edited = {ACCEPTED: wanted.signs, UNTIL: _spelled(wanted.end(app.directory))}
            write_text(path, edit_env(text, edited), ownership(path))
            changes = _masked(values, edited)
        use_env(app, group)
    return {"changes": changes}


def sign_with_jwt_secret(app: Application, group: str, wanted: Wanted) -> dict[str, Any]:
    """
    Have an application sign with the pillar's secret, and accept the one before.

    app, group, wanted
        As for :py:func:`accept_jwt_secret`.

    Returns what :py:func:`accept_jwt_secret` does. Raises SaltInvocationError if the secret was not
    accepted before.
    """
    with locked(app.directory):
        changes = update_jwt_secrets(app.directory, wanted, shared=True, test=False)
        use_env(app, group)
    return {"changes": changes}


def update_jwt_secrets(
    directory: str, wanted: Wanted, shared: bool, test: bool
) -> dict[str, dict[str, str]]:
    """
    Have tokens of a second secret accepted for a time, and sign with another where none gets void.

    directory, wanted
        The application, and what the pillar says.

    shared
        Other web servers sign, too: what is to sign has to have been accepted before.

    test
        Only tell what would change.

    Returns what changed: variable to ``{"old", "new"}``, masked. Raises SaltInvocationError for a
    secret that is too short or has no time, or a step that was left out.
    """
    accepted, end = _second(directory, wanted)
    path = env_path(directory)
    if test and not path.exists():
        return {}
    with nullcontext() if test else env_locked(path):
        text = read_text(path)
        values = parse_env(text)
        edited = jwt_variables(values, wanted.signs, accepted if end > wanted.now else "", end)
        if shared and not _is_accepted(values, edited["JWT_SECRET"], wanted.now):
            raise SaltInvocationError(
                f"JWT_SECRET is not replaced: the other web servers may not accept the one at "
                f"{wanted.secret!r} yet. {CALL} has all of them accept it first."
            )
        different = {name: new for name, new in edited.items() if values.get(name, "") != new}
        gone = [name for name, new in different.items() if not new]
        if different and not test:
            kept = {name: new for name, new in different.items() if new}
            write_text(path, edit_env(without_env(text, gone), kept), ownership(path))
    return _masked(values, different)


def _masked(values: Mapping[str, str], edited: Mapping[str, str]) -> dict[str, dict[str, str]]:
    return {
        name: {"old": masked(name, values.get(name, "")), "new": masked(name, new)}
        for name, new in edited.items()
    }


def _second(directory: str, wanted: Wanted) -> tuple[str, float]:
    """Return the pillar's second secret, and when it ends; refuse what cannot be used."""
    if not wanted.beside:
        return "", 0
    given = ((wanted.secret, wanted.signs), (wanted.accepted, wanted.beside))
    for key, value in given:
        if len(value.encode()) < SHORTEST_SECRET:
            raise SaltInvocationError(
                f"The pillar has no secret at {key!r}; expected {SHORTEST_SECRET} characters or "
                "more, since one of the two is brought in by the other."
            )
    return wanted.beside, wanted.end(directory)


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
    return secret in (values.get("JWT_SECRET", ""), *_counting(values, now))


def _counting(values: Mapping[str, str], now: float) -> list[str]:
    """Return the second secret of a .env file, if its tokens count."""
    beside = values.get(ACCEPTED, "")
    return [beside] if beside and values.get(UNTIL, "") > _spelled(now) else []


def _spelled(moment: float) -> str:
    return datetime.fromtimestamp(moment, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
