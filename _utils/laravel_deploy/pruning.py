"""The oldest releases are taken away."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from salt.exceptions import CommandExecutionError, SaltInvocationError

from laravel_deploy.compiled_views import remove_views
from laravel_deploy.deployments import NOTED, kept_deployments
from laravel_deploy.layout import CURRENT, NEXT, RELEASES, linked
from laravel_deploy.lock import locked
from laravel_deploy.processes import occupied
from laravel_deploy.releases import known, record, write_record
from laravel_deploy.retention import prunable, served_before

log = logging.getLogger(__name__)

RunAll = Callable[..., dict[str, Any]]


def surplus(root: Path, keep: int, run_all: RunAll, live: str = "") -> list[str]:
    """
    Return the releases that are more than are kept, oldest first.

    root
        The folder of the releases.

    keep
        How many are kept, at least 2. The one that serves, the one before it, the one that is
        next, and those that a worker still runs in are always among them. Where that cannot be
        seen, all are kept that are complete, and a warning in the log says so.

    run_all
        Salt's cmd.run_all.

    live
        The release that will serve by then. Default: the one that serves now.
    """
    if not isinstance(keep, int) or keep < 2:
        raise SaltInvocationError(f"keep is {keep!r}; expected a number, 2 or more.")
    there, now = known(root), linked(root / CURRENT)
    whole = [one["release"] for one in there if one["complete"]]
    serving = live or now
    before = now if live and live != now else served_before(record(root)["history"], now, whole)
    if live and live not in whole:
        # To come: it takes a place, though it is not there yet.
        there = [*there, {"release": live, "complete": True, "built": "9"}]
    needed = {serving, before, linked(root / NEXT)}
    gone = prunable(there, keep, needed)
    if not gone:
        return []
    try:
        return prunable(there, keep, {*needed, *occupied(str(root / RELEASES), run_all)})
    except CommandExecutionError as err:
        log.warning("%s keeps its old releases: %s", root, err)
        return [name for name in gone if name not in whole]


def prune(root: Path, keep: int, run_all: RunAll, user: str) -> list[str]:
    """Take away what is :py:func:`surplus`, with the views that it compiled, and return it."""
    with locked(str(root)):
        gone = surplus(root, keep, run_all)
        for name in gone:
            shutil.rmtree(root / RELEASES / name)
        _forget(root, gone)
        remove_views(root, user, run_all)
    return gone


def _forget(root: Path, gone: Sequence[str]) -> None:
    """Keep no note of who deployed what is gone."""
    noted = record(root)
    kept = kept_deployments(noted, {*noted.get(NOTED, {})} - {*gone})
    if kept != noted.get(NOTED, {}):
        write_record(root, {**noted, NOTED: kept})
