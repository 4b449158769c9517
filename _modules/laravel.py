"""
Ask and tend a Laravel application (8 or newer): its releases, .env file, keys, migrations and
seeds.

A deployed application is a folder of releases::

    releases/<release>/   the code and its dependencies, never changed once complete; .env and
                          storage are links into shared/
    shared/               .env and storage/, which outlive a release
    current, next         links to the release that serves, and to the one that is to

Where a function takes the directory of an application, that folder means the release that
serves; any folder with an ``artisan`` in it can be named instead.

Secrets reach the application by its .env file only. They are never arguments of a process, and
what is returned or logged shows ``**********`` in their place.

The application's own commands run as the web server's user, so that no file of root's is left
where the web server has to write.

.. versionadded:: 0.1.0
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from laravel_deploy import keys, layout, migrations, pruning, seeds, web_server
from laravel_deploy import releases as releases_on_disk
from laravel_deploy import switch as switching
from laravel_deploy.artisan import Application, framework_version, printed
from laravel_deploy.build import build_release
from laravel_deploy.cache_build import refresh_caches
from laravel_deploy.caches import is_cached
from laravel_deploy.composer import Composer
from laravel_deploy.env_file import shown_env, update_env
from laravel_deploy.file_server import NOT_DEPLOYED, FileServer
from laravel_deploy.git import Git
from laravel_deploy.schema_window import SCHEMA_PASSWORD_FROM, SCHEMA_USER, SchemaAccount
from laravel_deploy.sources import Plan, Source
from laravel_deploy.sources import plan as planned
from laravel_deploy.switch import Runtime

__virtualname__ = "laravel"


def __virtual__() -> str:
    return __virtualname__


def _application(directory: str, user: str | None, timeout: int = 600) -> Application:
    return Application(directory, user, __salt__["cmd.run_all"], timeout)


def _account(name: str, password_from: str) -> SchemaAccount:
    return SchemaAccount(name, password_from, __pillar__, __opts__["id"])


def _check_statements(statements: list[str], mode: str) -> list[dict[str, Any]]:
    return _later("mysql_gr.check_statements")(statements, mode)


def _later(function: str) -> Callable[..., Any]:
    """Return a function of Salt's that is looked up when it is called: not every machine has it."""
    return lambda *args, **kwargs: __salt__[function](*args, **kwargs)


def _git() -> Git:
    return Git(
        Path(__opts__["cachedir"]) / "laravel",
        run_all=__salt__["cmd.run_all"],
        ls_remote=_later("git.ls_remote"),
        init=_later("git.init"),
        fetch=_later("git.fetch"),
        archive=_later("git.archive"),
        tar=_later("archive.tar"),
    )


def _plan(directory: str, source: Source) -> Plan:
    """Return the release that a source makes now."""
    root = Path(directory)
    folders = FileServer(_later("cp.list_master"), _later("cp.cache_files"))
    found = planned(root, source, folders, _git())
    # What is to come is known to the states that follow, also when it is only predicted.
    __context__[f"laravel.next.{root}"] = found.told()
    return found


def _runtime(user: str | None, group: str) -> Runtime:
    return Runtime(user, group, __salt__["cmd.run_all"], _later("service.reload"))


def env(path: str) -> dict[str, str]:
    """
    Return the variables of a .env file, secrets masked.

    Masked are the values of APP_KEY and of every variable whose name holds KEY, PASSWORD,
    PASSPHRASE, SECRET or TOKEN, and credentials within a URL. An empty value is shown as empty.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel.env /srv/conduit/shared/.env

    path
        The file, an absolute path.

    Returns a dictionary of str to str. Raises CommandExecutionError if the file cannot be read
    or is malformed.
    """
    return shown_env(Path(path))


def env_update(
    path: str,
    values: dict[str, Any] | None = None,
    secrets: dict[str, str] | None = None,
    user: str = "root",
    group: str = "www-data",
    mode: str = "0640",
    test: bool = False,
) -> dict[str, dict[str, str]]:
    """
    Set variables in a .env file, and its owner and mode; other lines stay as they are.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel.env_update /srv/conduit/shared/.env values='{APP_DEBUG: false}'
        salt 'web*' laravel.env_update /srv/conduit/shared/.env \\
            secrets='{DB_PASSWORD: "mysql:accounts:application:password"}'

    path
        The file, an absolute path. It is created if need be; its directory has to exist.

    values
        Variable to value. True, False and None become ``true``, ``false`` and nothing.

    secrets
        Variable to pillar key, e.g. ``mysql:accounts:application:password``: only the key
        travels through states and command lines.

    user, group, mode
        Who owns the file and who may read it: root, www-data and 0640.

    test
        Only tell what would change. Default: False.

    Returns a dictionary of what changed: variable (or user, group, mode) to ``{"old", "new"}``,
    secrets masked. Raises SaltInvocationError if the pillar lacks a secret, CommandExecutionError
    if the file cannot be read or written.
    """
    owner = {"user": user, "group": group, "mode": mode}
    return update_env(Path(path), values, secrets, owner, __pillar__, test)


def artisan(
    directory: str,
    command: str,
    args: list[str] | None = None,
    user: str | None = "www-data",
    timeout: int = 600,
) -> str:
    """
    Run an artisan command and return what it printed, secrets masked.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel.artisan /srv/conduit about
        salt 'web*' laravel.artisan /srv/conduit route:list args='["--path=api"]'

    directory
        The application, an absolute path.

    command
        The command, e.g. ``route:list``.

    args
        Its arguments. No secrets: every user of the machine can read a process's arguments.

    user
        Who runs it: www-data. None for the minion's own user.

    timeout
        Seconds after which it is ended: 600.

    Returns str. Raises CommandExecutionError if the application is not installed, the command
    fails, or the database does not answer.
    """
    return printed(_application(directory, user, timeout), command, args or [])


def installed(directory: str) -> bool:
    """
    Tell whether an application's code and its dependencies are in place.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel.installed /srv/conduit

    directory
        The application, an absolute path.

    Returns bool.
    """
    return layout.installed(directory)


def version(directory: str, user: str | None = "www-data") -> str:
    """
    Return the version of the framework an application runs on.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel.version /srv/conduit

    directory
        The application, an absolute path.

    user
        Who asks: www-data.

    Returns str, e.g. ``13.31.0``. Raises CommandExecutionError if it cannot be told.
    """
    return framework_version(_application(directory, user))


def migration_status(
    directory: str, user: str | None = "www-data", timeout: int = 600
) -> dict[str, list[str]]:
    """
    Return which migrations the database has seen and which are pending.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel.migration_status /srv/conduit

    directory
        The application, an absolute path.

    user
        Who asks: www-data.

    timeout
        Seconds to wait for the answer: 600.

    Returns ``{"ran": [str], "pending": [str]}`` in the order in which they run. Raises
    CommandExecutionError if the database does not answer.
    """
    return migrations.migration_status(_application(directory, user, timeout))


def pending(directory: str, user: str | None = "www-data", timeout: int = 600) -> list[str]:
    """
    Return the migrations that the database has not seen.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel.pending /srv/conduit

    directory
        The application, an absolute path.

    user
        Who asks: www-data.

    timeout
        Seconds to wait for the answer: 600.

    Returns a list of str, empty when there is nothing to do. Raises CommandExecutionError if
    the database does not answer.
    """
    return migrations.pending(_application(directory, user, timeout))


def check_migrations(
    directory: str, user: str | None = "www-data", timeout: int = 600
) -> list[dict[str, str]]:
    """
    Name what the pending migrations would make that the group in its present mode cannot write to.

    Artisan says which statements it would run (``migrate --pretend``), and none runs. A migration
    that needs the answer of a statement cannot be looked at so; MySQL judges it when it runs.

    CLI Example:

    .. code-block:: bash

        salt web laravel.check_migrations /srv/conduit

    directory
        The application, an absolute path.

    user
        Who asks: www-data.

    timeout
        Seconds to wait for the answer: 600.

    Returns a list of dictionaries as ``mysql_gr.check_statements`` does, each with its
    ``migration``; empty when all is well, or the database is in no group. Raises
    CommandExecutionError if the database does not answer.
    """
    return migrations.check_migrations(_application(directory, user, timeout), _check_statements)


def migrate(
    directory: str,
    user: str | None = "www-data",
    timeout: int = 600,
    schema_user: str = SCHEMA_USER,
    schema_password_from: str = SCHEMA_PASSWORD_FROM,
) -> list[str]:
    """
    Run the pending migrations while one member of the group alone takes writes.

    Artisan runs as an account that may change the schema; the application's own may not. In a
    group, a keeper first opens a window for that: the group is in single-primary mode until the
    migrations have run on all members (``mysql_gr.schema_change``).

    CLI Example:

    .. code-block:: bash

        salt web laravel.migrate /srv/conduit

    directory
        The application, an absolute path. Run it on one web server only: MySQL's schema changes
        are no transactions.

    user
        Who runs them: www-data.

    timeout
        Seconds after which artisan is ended: 600.

    schema_user
        The database account that may change the schema: schema_change.

    schema_password_from
        The pillar key of its password: ``mysql:accounts:schema:password``.

    Returns the list of str that have run, empty when there was nothing to do. Raises
    CommandExecutionError if one is refused (``laravel.check_migrations``), fails or is still
    pending afterwards, or if the group opens no window; SaltInvocationError if the password is
    missing.
    """
    return migrations.migrate(
        _application(directory, user, timeout),
        _account(schema_user, schema_password_from),
        _check_statements,
    )


def seeded(
    directory: str,
    seeder: str = "DatabaseSeeder",
    user: str | None = "www-data",
    timeout: int = 600,
) -> bool:
    """
    Tell whether a seeder has run in this database.

    The database itself remembers it, in the table ``seed_runs``: it outlives the web server.

    CLI Example:

    .. code-block:: bash

        salt web laravel.seeded /srv/conduit

    directory
        The application, an absolute path.

    seeder
        The seeder's class: DatabaseSeeder.

    user
        Who asks: www-data.

    timeout
        Seconds to wait for the answer: 600.

    Returns bool. Raises CommandExecutionError if the database does not answer.
    """
    return seeds.has_seeded(_application(directory, user, timeout), seeder)


def seed(
    directory: str,
    seeder: str = "DatabaseSeeder",
    user: str | None = "www-data",
    timeout: int = 600,
    schema_user: str = SCHEMA_USER,
    schema_password_from: str = SCHEMA_PASSWORD_FROM,
) -> bool:
    """
    Run a seeder unless it has run in this database.

    The seed and the row that records it are one transaction: it happens wholly and once, or not
    at all. An application's own command ``app:seed-once`` is used where there is one; for others
    the table ``seed_runs`` is made as a migration would. A seeder that changes the schema or
    truncates tables is refused by the database, as the application's account may not.

    CLI Example:

    .. code-block:: bash

        salt web laravel.seed /srv/conduit

    directory
        The application, an absolute path.

    seeder
        The seeder's class: DatabaseSeeder.

    user
        Who runs it: www-data.

    timeout
        Seconds after which it is ended: 600.

    schema_user, schema_password_from
        As for ``laravel.migrate``.

    Returns bool: whether it ran now. Raises CommandExecutionError if it fails.
    """
    return seeds.seed(
        _application(directory, user, timeout),
        seeder,
        _account(schema_user, schema_password_from),
    )


def key_update(
    directory: str,
    name: str,
    commands: list[str],
    secret: str | None = None,
    shared: bool = False,
    user: str | None = "www-data",
    test: bool = False,
) -> dict[str, Any]:
    """
    Give an application a key unless it has one; a key that is there is never replaced.

    CLI Example:

    .. code-block:: bash

        salt web laravel.key_update /srv/conduit APP_KEY '[key:generate]'

    directory
        The application, an absolute path. The key goes into its .env file, which has to exist.

    name
        The variable, e.g. APP_KEY.

    commands
        The artisan commands that make such a key, the first that exists is used, e.g.
        ``["jwt:secret", "jwt:generate"]``. Each has to know ``--show``.

    secret
        A pillar key to take the value from, if the pillar has it: several web servers have to
        share their keys. Default: None, the application makes one.

    shared
        A key that the pillar lacks is an error, since each web server would make its own. Default:
        False.

    user
        Who runs artisan: www-data.

    test
        Only tell what would change. Default: False.

    Returns ``{"changes": {name: {"old", "new"}}, "source": "kept", "pillar" or "generated",
    "differs": bool}``; ``differs`` tells that the key kept is not the pillar's. Raises
    CommandExecutionError if there is no .env file or the application makes no key.
    """
    return keys.update_key(
        _application(directory, user), name, commands, secret, shared, __pillar__, test
    )


def rotate_key(
    directory: str,
    secret: str | None = None,
    user: str | None = "www-data",
    group: str = "www-data",
) -> dict[str, Any]:
    """
    Give an application a new APP_KEY, and keep the old one to read what was made with it.

    The key that was in use becomes the first of APP_PREVIOUS_KEYS, which Laravel 11 and newer try
    when the new one does not fit. Sessions and encrypted data stay good. Call it on every web
    server, after the new key was put into the pillar; a second call changes nothing.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel.rotate_key /srv/conduit

    directory
        The application, an absolute path.

    secret
        The pillar key of the new value. Default: laravel:secrets:app_key. Where the pillar has
        none, the application makes one, which is right for a single web server only.

    user, group
        The web server's: www-data and www-data.

    Returns ``{"changes": {variable: {"old", "new"}}}``, masked; no changes if APP_KEY is the
    pillar's already. Raises CommandExecutionError if there is no key yet or the framework is older.
    """
    return keys.rotate_key(
        _application(directory, user), group, secret or "laravel:secrets:app_key", __pillar__
    )


def source_release(
    directory: str,
    source: str,
    rev: str = "",
    exclude: str = NOT_DEPLOYED,
    dev: bool = False,
    build: str = "",
    identity: str | None = None,
) -> dict[str, Any]:
    """
    Tell which release a source makes now, without making it.

    A release is named by what it is made of: the commit, or the contents of the folder.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel.source_release /srv/conduit salt://app

    directory
        The folder of the releases, an absolute path.

    source
        A folder of the file server, such as ``salt://app``, or the URL of a git repository.

    rev
        Of a git repository: branch, tag or commit. Default: what its HEAD names.

    exclude
        What of a folder is left out: a glob, or a regular expression behind ``E@``. Default: what
        is made on the web server (vendor, storage, bootstrap/cache, .env), and tests.

    dev
        With the dependencies for development. Default: False.

    build
        Text that makes another release of the same source: to take newer packages, say.

    identity
        The file of the SSH key with which a git repository is asked. Default: the user's own.

    Returns ``{"release": str, "fingerprint": str, "complete": bool, "migrations": [str]}``. Raises
    CommandExecutionError if the source cannot be read, SaltInvocationError if it is malformed.
    """
    return _plan(directory, Source(source, rev, exclude, dev, build, identity)).told()


def next_release(directory: str, predicted: bool = False) -> dict[str, Any]:
    """
    Return the release that is to serve next, which is often the one that serves.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel.next_release /srv/conduit

    directory
        The folder of the releases, or an application that has none, an absolute path.

    predicted
        The one that the source makes, as asked earlier in the same run of states, though it is not
        made yet. Default: False, the one that was built last.

    Returns ``{"release": str, "path": str, "complete": bool, "stopped": str, "stopped_by": str,
    "migrations": [str]}``. ``stopped`` says why it must not serve, ``stopped_by`` who says so, the
    ``check`` after the switch or the ``operator``; ``migrations`` are those of a source that was
    asked. An application without releases has no name.
    """
    return releases_on_disk.next_release(
        directory, __context__.get(f"laravel.next.{Path(directory)}") if predicted else None
    )


def releases(directory: str) -> list[dict[str, Any]]:
    """
    Return the releases of an application, newest first.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel.releases /srv/conduit

    directory
        The folder of the releases, an absolute path.

    Returns a list of dictionaries: ``release`` (str), ``complete``, ``live`` and ``next`` (bool),
    ``built`` (time in UTC), ``source``, ``rev`` (str), and ``stopped``: why it must not serve.
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
    cache: str = "/var/cache/composer",
    timeout: int = 900,
    test: bool = False,
) -> dict[str, Any]:
    """
    Make the release of a source, aside from the one that serves, with all its dependencies.

    One that is complete is left as it is; one that was broken off is made anew. All is root's, so
    that the web server cannot change the code it runs.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel.build /srv/conduit salt://app
        salt 'web*' laravel.build /srv/shop https://git.example.com/shop.git rev=v2.1

    directory
        The folder of the releases, an absolute path.

    source, rev, exclude, dev, build, identity
        As for ``laravel.source_release``.

    composer_home
        Directory of Composer's config.json and auth.json: /etc/composer.

    cache
        Directory of downloaded packages: /var/cache/composer.

    timeout
        Seconds after which Composer is ended: 900.

    test
        Only tell what would be made. Default: False.

    Returns ``{"release": str, "before": str, "built": bool}``; ``before`` is the one that was to
    serve next. Raises CommandExecutionError if it cannot be made.
    """
    wanted = Source(source, rev, exclude, dev, build, identity)
    composer = Composer(composer_home, cache, timeout, __salt__["cmd.run_all"])
    root = Path(directory)
    return build_release(root, lambda: _plan(directory, wanted), _git(), composer, test)


def cached(directory: str) -> bool:
    """
    Tell whether an application's caches are there and made from the .env file as it is.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel.cached /srv/conduit

    directory
        The application, an absolute path.

    Returns bool.
    """
    return is_cached(layout.home(directory))


def cache(directory: str, user: str | None = "www-data", group: str = "www-data") -> bool:
    """
    Have configuration, events and routes of an application cached, as its .env file says.

    A cached configuration is what counts: a .env file that was edited by hand takes effect with
    this. The caches are made aside, and tried before they take the place of those in use.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel.cache /srv/conduit

    directory
        The application, an absolute path.

    user, group
        Who makes the caches, and who may read them: www-data and www-data.

    Returns bool: whether they were made. Raises CommandExecutionError if the application cannot
    make them, or does not answer with them.
    """
    return refresh_caches(Application(directory, user, __salt__["cmd.run_all"]), group)


def served(directory: str, server: dict[str, str] | None = None) -> str:
    """
    Return the release that the web server is told to serve.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel.served /srv/conduit

    directory
        The folder of the releases, an absolute path.

    server
        As for ``laravel.switch``. Default: as at the last switch.

    Returns str: the release's name, or nothing if Apache's file does not name it, or this is not
    the web server of the last switch.
    """
    return web_server.served(Path(directory), server)


def switch(
    directory: str,
    release: str = "",
    server: dict[str, str] | None = None,
    user: str | None = "www-data",
    group: str = "www-data",
    timeout: int = 600,
) -> dict[str, str]:
    """
    Let another release serve; if it does not answer well, the one before serves again.

    The release has to be complete, its migrations have to have run, and it has to answer in php
    itself before any client is led to it. Apache is told its name, takes it with the next request,
    without a reload, and is asked whether the release answers.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel.switch /srv/conduit 3f2a9c01be77

    directory
        The folder of the releases, an absolute path.

    release
        Its name, as ``laravel.releases`` shows it. Default: the one that was built last. One that
        was stopped may serve again by this.

    server
        The web server: ``map``, the file of Apache's that has the release's name; ``php``, the
        service of php-fpm; ``health``, the URL to ask, and ``host``, the name to ask for. Default:
        as at the last switch.

    user, group
        The web server's: www-data and www-data.

    timeout
        Seconds for the database to tell which migrations are pending: 600.

    Returns ``{"old": str, "new": str}``, the releases before and now. Raises
    CommandExecutionError if the release cannot serve; then the one before does.
    """
    runtime = _runtime(user, group)
    return switching.switch(Path(directory), release, server, runtime, timeout)


def rollback(
    directory: str,
    release: str = "",
    user: str | None = "www-data",
    group: str = "www-data",
) -> dict[str, str]:
    """
    Let an earlier release serve again, and keep the one that served from coming back by itself.

    The next run of the states leaves it so, until the source makes another release, or
    ``laravel.switch`` names the one that was stopped. Migrations are not undone: an earlier release
    has to bear the schema of the later one. No database is needed.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel.rollback /srv/conduit

    directory
        The folder of the releases, an absolute path.

    release
        Its name. Default: the one that served before.

    user, group
        The web server's: www-data and www-data.

    Returns ``{"old": str, "new": str}``, the releases before and now. Raises
    CommandExecutionError if there is none to go back to, or it does not answer.
    """
    return switching.rollback(Path(directory), release, _runtime(user, group))


def surplus(directory: str, keep: int = 5, live: str = "") -> list[str]:
    """
    Return the releases that ``laravel.prune`` takes away.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel.surplus /srv/conduit keep=3

    directory
        The folder of the releases, an absolute path.

    keep
        How many are kept, at least 2: 5. The one that serves, the one before it and the one that is
        next are always among them.

    live
        The release that will serve by then. Default: the one that serves now.

    Returns a list of str, oldest first. Raises SaltInvocationError if keep is too small.
    """
    return pruning.surplus(Path(directory), keep, live)


def prune(directory: str, keep: int = 5) -> list[str]:
    """
    Take the oldest releases away, and those that were never completed.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel.prune /srv/conduit keep=3

    directory
        The folder of the releases, an absolute path.

    keep
        As for ``laravel.surplus``.

    Returns a list of str: the releases that are gone. Raises SaltInvocationError if keep is too
    small.
    """
    return pruning.prune(Path(directory), keep)
