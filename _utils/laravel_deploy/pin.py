"""A pinned release: it is taken as it is here, whatever the source makes by now."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from salt.exceptions import CommandExecutionError, SaltInvocationError

from laravel_deploy.layout import CURRENT, RELEASES, linked
from laravel_deploy.naming import RELEASE_NAME
from laravel_deploy.releases import complete, marked
from laravel_deploy.sources import Plan, Source

# In the place of a release's name: the one that serves, whichever it is.
LIVE = "live"


def taken(pin: str, live: str, whole: Collection[str]) -> str:
    """
    Return the release that is taken without a look at the source, or nothing.

    pin
        The pillar's: a release's name, ``live``, or nothing.

    live, whole
        The release that serves, and all that are complete here.

    Raises SaltInvocationError for what can be no release's name.
    """
    if pin and not RELEASE_NAME.fullmatch(pin):
        raise SaltInvocationError(
            f"release is {pin!r}; expected a release's name, or {LIVE} for the one that serves."
        )
    wanted = live if pin == LIVE else pin
    return wanted if wanted in whole else ""


def kept_plan(root: Path, source: Source, pin: str) -> Plan | None:
    """
    Return the plan for a pinned release that is complete here; None where the source is to be read.

    root
        The folder of the releases.

    source
        Where releases come from.

    pin
        As for :py:func:`taken`.
    """
    name = taken(pin, linked(root / CURRENT), complete(root)) if pin else ""
    if not name:
        return None
    path = root / RELEASES / name
    migrations = sorted(file.stem for file in (path / "database" / "migrations").glob("*.php"))
    return Plan(source, name, marked(path).get("fingerprint", ""), True, migrations, {})


def check_made(pin: str, made: str, source: Source) -> None:
    """Refuse what a source makes where the pillar names another release."""
    if pin in ("", LIVE, made):
        return
    raise CommandExecutionError(
        f"release is {pin!r}, which is not here, and {source.url} makes {made} now; expected a "
        "release that is here, a source that makes it (such as its commit as rev), or no pin."
    )
