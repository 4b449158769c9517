"""Another release serves: the next one, or an earlier one again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from salt.exceptions import CommandExecutionError

from laravel_deploy.artisan import Application
from laravel_deploy.cache_build import build_caches
from laravel_deploy.caches import is_cached
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
from laravel_deploy.web_server import activate, health_page, told_server


@dataclass(frozen=True)
class Runtime:
    """As whom the application runs, and by which functions of Salt's it is tried and served."""

    # The web server's user, and its group, which may read the caches.
    user: str | None
    group: str
    # Salt's cmd.run_all and service.reload.
    run_all: Callable[..., dict[str, Any]]
    reload: Callable[[str], Any]
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
        done = _switch(root, name, noted["server"], bare, "rolled back")
        stop(root, live, "operator", reason or f"rolled back to {name}")
        return done


def try_release(
    root: Path, release: str, server: Mapping[str, str] | None, runtime: Runtime
) -> None:
    """
    Make the caches of a release that does not serve, and have it answer; nobody is led to it.

    root, release, server, runtime
        As for :py:func:`switch`.

    Raises CommandExecutionError if it is not complete, or does not answer.
    """
    with locked(str(root)):
        path = complete_path(root, release)
        _try(path, health_page(told_server(root, server)), runtime)


def keep_from_serving(root: Path, release: str, reason: str) -> None:
    """Note that a release must not serve by itself; ``switch`` and ``rollback`` name it."""
    with locked(str(root)):
        # What was seen of it here says more.
        if release not in record(root)["stopped"]:
            stop(root, release, "operator", reason)


def _try(path: Path, page: str, runtime: Runtime) -> None:
    if not is_cached(path):
        build_caches(runtime.application(path), runtime.group, page)
    elif page:
        rehearse(runtime.application(path), page, {})
    run_hooks(runtime.application(path), "before_switch", runtime.hooks)


def _switch(
    root: Path, name: str, server: Mapping[str, str], runtime: Runtime, how: str
) -> dict[str, str]:
    """Switch, and back again if the release does not answer well."""
    before = linked(root / CURRENT)
    path = root / RELEASES / name
    _try(path, health_page(server), runtime)
    # Noted before, so that it is also known to who switches by hand after a failure.
    write_record(root, {**record(root), "server": server})
    try:
        activate(root, name, server, runtime.reload)
    except CommandExecutionError as err:
        if not before:
            # Nobody was served; the next run tries again.
            (root / CURRENT).unlink()
        if before in ("", name):
            raise
        stop(root, name, "check", str(err))
        activate(root, before, server, runtime.reload)
        raise CommandExecutionError(f"{err} {before} serves again.") from err
    noted = record(root)
    noted["stopped"].pop(name, None)
    there = [one for one in noted["history"] if (root / RELEASES / one).is_dir() and one != name]
    noted = {**noted, "history": [*there, name]}
    if before != name:
        noted = with_deployment(noted, name, runtime.who, how, there)
    write_record(root, noted)
    restart_workers(runtime.run_all)
    after_switch(runtime.application(path), runtime.hooks, name)
    return {"old": before, "new": name}
