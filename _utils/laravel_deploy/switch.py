"""Another release serves: the next one, or an earlier one again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from salt.exceptions import CommandExecutionError

from laravel_deploy.artisan import Application
from laravel_deploy.cache_build import build_caches
from laravel_deploy.caches import is_cached
from laravel_deploy.code_cache import forget_releases
from laravel_deploy.deployments import with_deployment
from laravel_deploy.failures import awaiting_database
from laravel_deploy.hooks import Hooks, after_switch, run_hooks
from laravel_deploy.layout import CURRENT, NEXT, RELEASES, linked
from laravel_deploy.lock import locked
from laravel_deploy.migrations import pending
from laravel_deploy.rehearsal import rehearse
from laravel_deploy.releases import complete, complete_path, record, stop, write_record
from laravel_deploy.retention import served_before
from laravel_deploy.unit_update import restart_workers
from laravel_deploy.web_server import (
    UnansweredError,
    activate,
    health_page,
    put_back,
    serving,
    told_server,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Runtime:
    """As whom the application runs, and by which functions of Salt's it is tried and served."""

    # The web server's user, and its group, which may read the caches.
    user: str | None
    group: str
    # Salt's cmd.run_all.
    run_all: Callable[..., dict[str, Any]]
    # Who is noted to have done it.
    who: str = ""
    # What a switch runs before and after.
    hooks: Hooks = field(default_factory=Hooks)

    def application(self, path: Path, timeout: int = 600) -> Application:
        """Return a release as the application that it is."""
        return Application(str(path), self.user, self.run_all, timeout)


def switch(
    root: Path,
    release: str,
    server: Mapping[str, str] | None,
    runtime: Runtime,
    timeout: int,
) -> dict[str, str]:
    """
    Let another release serve; if it does not answer well, the one before serves again.

    root
        The folder of the releases.

    release
        Its name; the empty text for the one that was built last.

    server
        The web server; None for that of the last switch.

    runtime
        As whom, and by which functions.

    timeout
        Seconds for the database to tell which migrations are pending.

    Returns ``{"old": str, "new": str}``. Raises CommandExecutionError if the release cannot serve.
    """
    with locked(str(root)):
        name = release or linked(root / NEXT)
        path = complete_path(root, name)
        left = pending(runtime.application(path, timeout))
        if left:
            raise awaiting_database(
                f"{name} cannot serve yet: {', '.join(left)} pending in the database."
            )
        return _switch(root, name, told_server(root, server), runtime, "deployed")


def rollback(root: Path, release: str, runtime: Runtime, reason: str = "") -> dict[str, str]:
    """
    Let an earlier release serve again, and keep the one that served from coming back by itself.

    root, release
        The folder of the releases, and its name; the empty text for the one that served before.

    runtime
        As whom, and by which functions.

    reason
        Why the one that served must not come back by itself. Default: it was rolled back.

    Returns ``{"old": str, "new": str}``. Raises CommandExecutionError if there is none to go back
    to, or it does not answer.
    """
    with locked(str(root)):
        live, noted = linked(root / CURRENT), record(root)
        whole = complete(root)
        usable = [name for name in whole if name not in noted["stopped"]]
        name = release or served_before(noted["history"], live, usable)
        if not name or name == live:
            raise CommandExecutionError(
                f"{root} has no release to go back to from {live or 'none'}; it has "
                f"{', '.join(whole) or 'none'}."
            )
        complete_path(root, name)
        # What went before a switch has gone before that of this release; no database is needed.
        bare = replace(runtime, hooks=Hooks())
        done = _switch(root, name, told_server(root, None), bare, "rolled back")
        stop(root, live, "operator", reason or f"rolled back to {name}")
        return done


def try_release(root: Path, release: str, pages: Sequence[str], runtime: Runtime) -> bool:
    """
    Make the caches of a release that does not serve, and have it answer; nobody is led to it.

    root, release
        The folder of the releases, and its name; the empty text for the one that was built last.

    pages
        The pages that it has to answer in php itself.

    runtime
        As whom, and by which functions.

    Returns whether caches were made. Raises CommandExecutionError if it is not complete, they
    cannot be made, or it does not answer.
    """
    with locked(str(root)):
        path = complete_path(root, release or linked(root / NEXT))
        return _try(path, pages, told_server(root, None), runtime)


def keep_from_serving(root: Path, release: str, reason: str) -> None:
    """Note that a release must not serve by itself; ``switch`` and ``rollback`` name it."""
    with locked(str(root)):
        # What was seen of it here says more.
        if release not in record(root)["stopped"]:
            stop(root, release, "operator", reason)


def _try(path: Path, pages: Sequence[str], server: Mapping[str, str], runtime: Runtime) -> bool:
    """Have a release answer pages in php itself, with its caches, which are made if need be."""
    app = runtime.application(path)
    if not is_cached(path):
        build_caches(app, runtime.group, pages, server)
        return True
    for page in pages:
        rehearse(app, page, {})
    return False


def _switch(
    root: Path, name: str, server: Mapping[str, str], runtime: Runtime, how: str
) -> dict[str, str]:
    """Switch, and back again if the release does not answer well."""
    before, path = serving(root, server), root / RELEASES / name
    _try(path, [health_page(server)] if server else [], server, runtime)
    run_hooks(runtime.application(path), "before_switch", runtime.hooks)
    # Noted before, so that it is also known to who switches by hand after a failure.
    write_record(root, {**record(root), "server": server})
    try:
        activate(root, name, server)
    except CommandExecutionError as err:
        put_back(root, server, before)
        # Where nobody was served the next run tries again, and where nothing answered, too.
        if before.release not in ("", name) and not isinstance(err, UnansweredError):
            stop(root, name, "check", str(err))
        again = before.release or "What served before"
        raise CommandExecutionError(f"{err} {again} serves again.") from err
    noted = record(root)
    noted["stopped"].pop(name, None)
    there = [one for one in noted["history"] if (root / RELEASES / one).is_dir() and one != name]
    noted = {**noted, "history": [*there, name]}
    if before.release != name:
        noted = with_deployment(noted, name, runtime.who, how, there)
    write_record(root, noted)
    _forget(root, {name, before.release}, server, runtime)
    restart_workers(runtime.run_all, root)
    after_switch(runtime.application(path), runtime.hooks, name)
    return {"old": before.release, "new": name}


def _forget(root: Path, keep: Collection[str], server: Mapping[str, str], runtime: Runtime) -> None:
    """Make room in php-fpm's code cache: a release that serves well is none that has failed."""
    try:
        forget_releases(root, keep, server.get("socket", ""), runtime.run_all)
    except CommandExecutionError as err:
        log.warning("The next switch makes room: %s", err)
