"""
Bring releases of a Laravel application (10 or newer) to life: built aside, tried, switched, pruned.

A deployed application is a folder of releases::

    releases/<release>/   the code and its dependencies, never changed once complete; .env and
                          storage are links into shared/
    shared/               .env and storage/, which outlive a release
    current, next         links to the release that serves, and to the one that is to

What the application itself is asked is in :py:mod:`laravel <_modules.laravel>`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from laravel_deploy import pruning, web_server
from laravel_deploy import releases as releases_on_disk
from laravel_deploy import switch as switching
from laravel_deploy.accounts import owner_of, runs_as
from laravel_deploy.artisan import Application
from laravel_deploy.build import build_release
from laravel_deploy.cache_build import refresh_caches
from laravel_deploy.caches import is_cached
from laravel_deploy.composer import Composer
from laravel_deploy.deployments import caller
from laravel_deploy.file_server import NOT_DEPLOYED, FileServer
from laravel_deploy.git import Git
from laravel_deploy.hooks import parse_hooks
from laravel_deploy.layout import home
from laravel_deploy.pin import check_made, kept_plan
from laravel_deploy.sources import Plan, Source, plan
from laravel_deploy.switch import Runtime

__virtualname__ = "laravel_release"


def __virtual__() -> str:
    return __virtualname__


def _later(function: str) -> Callable[..., Any]:
    """Return a function of Salt's that is looked up when it is called: not every machine has it."""
    return lambda *args, **kwargs: __salt__[function](*args, **kwargs)


def _runtime(
    directory: str,
    user: str | None,
    group: str,
    by: str = "",
    hooks: dict[str, Any] | None = None,
) -> Runtime:
    who, as_whom = by or caller(__opts__["cachedir"]), runs_as(directory, user, group)
    return Runtime(*as_whom, __salt__["cmd.run_all"], who, parse_hooks(hooks))


def _planned_key(directory: str) -> str:
    """
    Return where in ``__context__``, which lives as long as a run of states, a plan is kept.

    With ``test=True`` no release is made, so the states after ``laravel_release.built`` would know
    nothing of the one that is to come. ``_plan``, which reads a source for ``source_release`` and
    ``build``, leaves there what that makes; ``next_release(predicted=True)`` alone takes it.
    """
    # Given to those states as an argument, a source would be read four times, and may change.
    return f"laravel_release.planned.{Path(directory)}"


def _plan(directory: str, source: Source, pin: str) -> Plan:
    """Return the release that is to be next, and keep it for the states that follow."""
    folders = FileServer(_later("cp.list_master"), _later("cp.cache_files"))
    found = kept_plan(Path(directory), source, pin)
    if found is None:
        found = plan(Path(directory), source, folders, Git.of_minion(__opts__["cachedir"], _later))
        check_made(pin, found.release, source)
    __context__[_planned_key(directory)] = found.told()
    return found


def source_release(
    directory: str,
    source: str,
    rev: str = "",
    exclude: str = NOT_DEPLOYED,
    dev: bool = False,
    build: str = "",
    identity: str | None = None,
    release: str = "",
    shared_folders: list[str] | None = None,
) -> dict[str, Any]:
    """
    Tell which release a source makes now, without making it.

    A release is named by what it is made of: the commit, or the contents of the folder.

    directory
        The folder of the releases, an absolute path.

    source
        A folder of the file server, such as ``salt://app``, or the URL of a git repository.

    rev
        Of a git repository: branch, tag or commit. Default: what its HEAD names.

    exclude
        What of a folder is left out: a glob, or a regular expression behind ``E@``. Default: what
        is made on the web server (vendor, storage, bootstrap/cache, .env), tests and README.md.

    dev
        With the dependencies for development. Default: False.

    build
        Text that makes another release of the same source: to take newer packages, say.

    identity
        The file of the SSH key with which a git repository is asked. Default: the user's own.

    release
        A release that is taken as it is where it is complete here, without a look at the source;
        ``live`` is the one that serves. Default: what the source makes.

    shared_folders
        Folders of the code that are links into the storage. Default: None, there are none.

    Returns ``{"release": str, "fingerprint": str, "complete": bool, "migrations": [str]}``. Raises
    CommandExecutionError if the source cannot be read or makes another release than the one named,
    SaltInvocationError if it is malformed.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel_release.source_release /srv/conduit salt://app
    """
    wanted = Source(source, rev, exclude, dev, build, identity, shared_folders or ())
    return _plan(directory, wanted, release).told()


def next_release(directory: str, predicted: bool = False) -> dict[str, Any]:
    """
    Return the release that is to serve next, which is often the one that serves.

    directory
        The folder of the releases, or an application that has none, an absolute path.

    predicted
        The one that the source makes, as asked earlier in the same run of states, though it is not
        made yet. Default: False, the one that was built last.

    Returns ``{"release": str, "path": str, "complete": bool, "stopped": str, "stopped_by": str,
    "migrations": [str]}``. ``stopped`` says why it must not serve, ``stopped_by`` who says so, the
    ``check`` after the switch or the ``operator``; ``migrations`` are a source's that was asked. An
    application without releases has no name.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel_release.next_release /srv/conduit
    """
    planned = __context__.get(_planned_key(directory)) if predicted else None
    return releases_on_disk.next_release(directory, planned)


def releases(directory: str) -> list[dict[str, Any]]:
    """
    Return the releases of an application, newest first.

    directory
        The folder of the releases, an absolute path.

    Returns a list of dictionaries: ``release`` (str), ``complete``, ``live`` and ``next`` (bool),
    ``built`` (time in UTC), ``source``, ``rev``, ``revision`` (str, the whole commit or what tells
    a folder's contents), ``deployments``, and ``stopped``: why it must not serve. ``deployments``
    has a dictionary for each time that the release came to serve: ``at`` (time in UTC), ``by`` (the
    user as Salt knows it) and ``how``, ``deployed`` or ``rolled back``.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel_release.releases /srv/conduit
    """
    return releases_on_disk.known(Path(directory))


def build(
    directory: str,
    source: str,
    rev: str = "",
    exclude: str = NOT_DEPLOYED,
    dev: bool = False,
    build: str = "",
    identity: str | None = None,
    composer_home: str = "/etc/composer",
    cache: str = "/var/cache/laravel-build",
    timeout: int = 900,
    build_user: str = "laravel-build",
    test: bool = False,
    release: str = "",
    npm: bool | None = None,
    hooks: dict[str, Any] | None = None,
    shared_folders: list[str] | None = None,
    network: bool = False,
) -> dict[str, Any]:
    """
    Make the release of a source, aside from the one that serves, with its dependencies.

    One that was broken off is made anew. Composer and the scripts of packages run as a user of
    their own, without the secrets of ``.env``, the scripts without a network. The release is a copy
    of what came of it, and root's: neither this user nor the web server can change it.

    directory
        The folder of the releases, an absolute path.

    source, rev, exclude, dev, build, identity, release, shared_folders
        As for ``laravel_release.source_release``.

    composer_home, cache
        Composer's settings (/etc/composer), and what it downloaded (/var/cache/laravel-build).

    timeout, build_user, test, npm, hooks, network
        Seconds after which Composer is ended: 900; who runs it, never root: laravel-build; whether
        only to tell what would be made: False; whether ``npm ci`` and ``npm run build`` are run
        (None refuses a source with a ``package-lock.json``); artisan commands, as pillar ``hooks``;
        whether scripts, ``npm run build`` and hooks reach the network: False.

    Returns ``{"release": str, "before": str, "built": bool}``; ``before`` was to serve next. Raises
    CommandExecutionError if it cannot be made.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel_release.build /srv/shop https://git.example.com/shop.git rev=v2.1
    """
    wanted = Source(source, rev, exclude, dev, build, identity, shared_folders or ())
    composer = Composer(composer_home, cache, timeout, __salt__["cmd.run_all"], build_user, network)
    git, commands = Git.of_minion(__opts__["cachedir"], _later), parse_hooks(hooks)
    return build_release(
        Path(directory),
        lambda: _plan(directory, wanted, release),
        *(git, composer, test, npm, commands),
    )


def cached(directory: str) -> bool:
    """
    Tell whether an application's caches are there and made from the .env file as it is.

    directory
        The application, an absolute path.

    Returns bool.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel_release.cached /srv/conduit
    """
    return is_cached(home(directory))


def cache(directory: str, user: str | None = "", group: str = "") -> bool:
    """
    Have configuration, events and routes of an application cached, as its .env file says.

    A cached configuration is what counts: a .env file that was edited by hand takes effect with
    this. The caches are made aside, and tried before they take the place of those in use.

    directory
        The application, an absolute path.

    user, group
        Who makes the caches, and who may read them. Default: the application's own.

    Returns bool: whether they were made. Raises CommandExecutionError if the application cannot
    make them, or does not answer with them.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel_release.cache /srv/conduit
    """
    runs, readers = runs_as(directory, user, group)
    return refresh_caches(Application(directory, runs, __salt__["cmd.run_all"]), readers)


def rehearse(
    directory: str,
    release: str = "",
    pages: list[str] | None = None,
    user: str | None = "",
    group: str = "",
) -> bool:
    """
    Make the caches of a release, and have it answer pages in php itself; nobody is led to it.

    directory
        The folder of the releases, an absolute path.

    release
        Its name. Default: the one that was built last.

    pages
        Paths, e.g. ``/up``. They must not need a schema that only its migrations will make.
        Default: none, the caches alone are made.

    user, group
        As whom it runs. Default: the application's own.

    Returns bool: whether caches were made. Raises CommandExecutionError if the release is not
    complete, its caches cannot be made, or a page is answered badly.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel_release.rehearse /srv/conduit pages='[/up]'
    """
    return switching.try_release(
        Path(directory), release, pages or [], _runtime(directory, user, group)
    )


def served(directory: str, server: dict[str, str] | None = None) -> str:
    """
    Return the release that the web server is told to serve.

    directory
        The folder of the releases, an absolute path.

    server
        As for ``laravel_release.switch``. Default: as at the last switch.

    Returns str: the release's name, or nothing if Apache's file does not name it, or this is not
    the web server of the last switch.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel_release.served /srv/conduit
    """
    return web_server.served(Path(directory), server)


def switch(
    directory: str,
    release: str = "",
    server: dict[str, str] | None = None,
    user: str | None = "",
    group: str = "",
    timeout: int = 600,
    by: str = "",
    hooks: dict[str, Any] | None = None,
) -> dict[str, str]:
    """
    Let another release serve; if it does not answer well, the one before serves again.

    The release has to be complete, its migrations have to have run, and it has to answer in php
    itself before any client is led to it. Apache is told its name, takes it with the next request,
    without a reload, and is asked whether the release answers. Where nothing answers in time, the
    one before serves again, and the release is not given up. php-fpm is not reloaded: its code
    cache is told which releases it may forget.

    directory
        The folder of the releases, an absolute path.

    release
        Its name, as ``laravel_release.releases`` shows it. Default: the one that was built last.
        One that was stopped may serve again by this.

    server
        The web server: ``map``, the file of Apache's that names the release; ``socket``, where
        php-fpm listens; ``health``, the URL to ask, and ``host``, the name to ask for. Default: as
        at the last switch.

    user, group
        As whom it runs. Default: the application's own.

    timeout
        Seconds for the database to tell which migrations are pending: 600.

    by
        Who is noted to have done it. Default: the user who called.

    hooks
        As for ``laravel_release.build``. Default: None, no command.

    Returns ``{"old": str, "new": str}``, the releases before and now. Raises
    CommandExecutionError if the release cannot serve; then the one before does.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel_release.switch /srv/conduit 3f2a9c01be77
    """
    runtime = _runtime(directory, user, group, by, hooks)
    return switching.switch(Path(directory), release, server, runtime, timeout)


def rollback(
    directory: str,
    release: str = "",
    user: str | None = "",
    group: str = "",
    by: str = "",
    reason: str = "",
) -> dict[str, str]:
    """
    Let an earlier release serve again, and keep the one that served from coming back by itself.

    The next run of the states leaves it so, until the source makes another release, or
    ``laravel_release.switch`` names the one that was stopped. Migrations are not undone: an earlier
    release has to bear the schema of the later one. No database is needed.

    directory
        The folder of the releases, an absolute path.

    release
        Its name. Default: the one that served before.

    user, group
        As whom it runs. Default: the application's own.

    by, reason
        Who is noted to have done it, and why the later one must not come back by itself. Default:
        the user who called, and that it was rolled back.

    Returns ``{"old": str, "new": str}``, the releases before and now. Raises
    CommandExecutionError if there is none to go back to, or it does not answer.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel_release.rollback /srv/conduit
    """
    return switching.rollback(
        Path(directory), release, _runtime(directory, user, group, by), reason
    )


def surplus(directory: str, keep: int = 5, live: str = "") -> list[str]:
    """
    Return the releases that ``laravel_release.prune`` takes away.

    directory
        The folder of the releases, an absolute path.

    keep
        How many are kept, at least 2: 5. The one that serves, the one before it, the one that is
        next and those that a worker runs in are always among them.

    live
        The release that will serve by then. Default: the one that serves now.

    Returns a list of str, oldest first. Raises SaltInvocationError if keep is too small.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel_release.surplus /srv/conduit keep=3
    """
    return pruning.surplus(Path(directory), keep, __salt__["cmd.run_all"], live)


def prune(directory: str, keep: int = 5, user: str = "") -> list[str]:
    """
    Take the oldest releases away, those that were never completed, and the views they compiled.

    directory
        The folder of the releases, an absolute path.

    keep, user
        As for ``laravel_release.surplus``, and as whom it runs. Default: the application's own.

    Returns a list of str: the releases that are gone. Raises SaltInvocationError if keep is too
    small.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel_release.prune /srv/conduit keep=3
    """
    runs = user or owner_of(directory)[0]
    return pruning.prune(Path(directory), keep, __salt__["cmd.run_all"], runs)
