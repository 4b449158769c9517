"""
Ask and tend a Laravel application (10 or newer): its .env file, keys, migrations and seeds.

Where a function takes the directory of an application, the folder of its releases means the
release that serves (:py:mod:`laravel_release <_modules.laravel_release>`); any folder with an
``artisan`` in it can be named instead.

Secrets reach the application by its .env file only. They are never arguments of a process, and
what is returned or logged shows ``**********`` in their place.

The application's own commands run as the web server's user, so that no file of root's is left
where the web server has to write.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from laravel_deploy import applications, keys, layout, migrations, seeds
from laravel_deploy.accounts import runs_as
from laravel_deploy.artisan import Application, framework_version, printed
from laravel_deploy.env_file import shown_env, update_env
from laravel_deploy.schema_window import SchemaAccount

__virtualname__ = "laravel"


def __virtual__() -> str:
    return __virtualname__


def _application(directory: str, user: str | None, timeout: int | None = 600) -> Application:
    runs, _ = runs_as(directory, user)
    return Application(directory, runs, __salt__["cmd.run_all"], timeout)


def _account(directory: str, name: str, password_from: str) -> SchemaAccount:
    own = applications.schema_account_of(__pillar__, directory)
    return SchemaAccount(name or own[0], password_from or own[1], __pillar__, __opts__["id"])


def _check_statements(
    statements: list[str], mode: str, generated_keys: bool
) -> list[dict[str, Any]]:
    # Looked up when there is a group to ask about: not every web server need have it.
    check = __salt__["mysql_schema.check_statements"]
    problems: list[dict[str, Any]] = check(statements, mode, generated_keys)
    return problems


def env(path: str) -> dict[str, str]:
    """
    Return the variables of a .env file, secrets masked.

    Masked are the values of what was set as a secret (``laravel.env_update``), of every variable
    whose name holds KEY, PASSWORD, PASSPHRASE, SECRET or TOKEN, and credentials within a URL.

    path
        The file, an absolute path.

    Returns a dictionary of str to str. Raises CommandExecutionError if the file cannot be read
    or is malformed.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel.env /srv/conduit/shared/.env
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
    only: bool = False,
) -> dict[str, dict[str, str]]:
    """
    Set variables in a .env file, and its owner and mode; other lines stay as they are.

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

    only
        What an earlier call with ``only`` set, and this one does not name, goes. Default: False.

    Returns a dictionary of what changed: variable (or user, group, mode, and names, the variables
    that are kept) to ``{"old", "new"}``, secrets masked. Raises SaltInvocationError if the pillar
    lacks a secret, CommandExecutionError if the file cannot be read or written.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel.env_update /srv/conduit/shared/.env values='{APP_DEBUG: false}'
        salt 'web*' laravel.env_update /srv/conduit/shared/.env \\
            secrets='{DB_PASSWORD: "mysql:accounts:application:password"}'
    """
    owner = {"user": user, "group": group, "mode": mode}
    return update_env(Path(path), values, secrets, owner, __pillar__, test, only)


def artisan(
    directory: str,
    command: str,
    args: list[str] | None = None,
    user: str | None = "",
    timeout: int = 600,
) -> str:
    """
    Run an artisan command and return what it printed, secrets masked.

    directory
        The application, an absolute path.

    command
        The command, e.g. ``route:list``.

    args
        Its arguments. No secrets: every user of the machine can read a process's arguments.

    user
        Who runs it. Default: the application's own user. Root is refused.

    timeout
        Seconds after which it is ended: 600.

    Returns str. Raises CommandExecutionError if the application is not installed, the command
    fails, or the database does not answer.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel.artisan /srv/conduit about
        salt 'web*' laravel.artisan /srv/conduit route:list args='["--path=api"]'
    """
    return printed(_application(directory, user, timeout), command, args or [])


def installed(directory: str) -> bool:
    """
    Tell whether an application's code and its dependencies are in place.

    directory
        The application, an absolute path.

    Returns bool.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel.installed /srv/conduit
    """
    return layout.installed(directory)


def version(directory: str, user: str | None = "") -> str:
    """
    Return the version of the framework an application runs on.

    directory
        The application, an absolute path.

    user
        Who asks. Default: the application's own user.

    Returns str, e.g. ``13.31.0``. Raises CommandExecutionError if it cannot be told.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel.version /srv/conduit
    """
    return framework_version(_application(directory, user))


def migration_status(
    directory: str, user: str | None = "", timeout: int = 600
) -> dict[str, list[str]]:
    """
    Return which migrations the database has seen and which are pending.

    directory
        The application, an absolute path.

    user
        Who asks. Default: the application's own user.

    timeout
        Seconds to wait for the answer: 600.

    Returns ``{"ran": [str], "pending": [str]}`` in the order in which they run. Raises
    CommandExecutionError if the database does not answer.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel.migration_status /srv/conduit
    """
    return migrations.migration_status(_application(directory, user, timeout))


def pending(directory: str, user: str | None = "", timeout: int = 600) -> list[str]:
    """
    Return the migrations that the database has not seen.

    directory
        The application, an absolute path.

    user
        Who asks. Default: the application's own user.

    timeout
        Seconds to wait for the answer: 600.

    Returns a list of str, empty when there is nothing to do. Raises CommandExecutionError if
    the database does not answer.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel.pending /srv/conduit
    """
    return migrations.pending(_application(directory, user, timeout))


def check_migrations(
    directory: str, user: str | None = "", timeout: int = 600
) -> list[dict[str, str]]:
    """
    Name what the pending migrations would make that the group in its present mode cannot write to.

    Their code is asked which statements it would run, as ``nobody``, without a network, without the
    .env file and on a connection that leads to no server: nothing comes of whatever else it does.
    What a migration asks the database has no answer there; MySQL judges it when it runs.

    directory
        The application, an absolute path.

    user
        Who asks which are pending. Default: the application's own user.

    timeout
        Seconds to wait for that answer: 600.

    Returns a list of dictionaries as ``mysql_schema.check_statements`` does, each with its
    ``migration``; the ``problem`` may also be ``not looked at``, or ``half done`` by an earlier
    run. Empty when all is well, or the database is in no group. Raises CommandExecutionError if the
    database does not answer.

    CLI Example:

    .. code-block:: bash

        salt web laravel.check_migrations /srv/conduit
    """
    return migrations.check_migrations(_application(directory, user, timeout), _check_statements)


def migrate(
    directory: str,
    user: str | None = "",
    timeout: int | None = None,
    schema_user: str = "",
    schema_password_from: str = "",
) -> list[str]:
    """
    Run the pending migrations while one member of the group alone takes writes.

    Artisan runs as an account that may change the schema; the application's own may not. In a
    group, a keeper first opens a window for that: the group is in single-primary mode until the
    migrations have run on all members (``mysql_schema.change``).

    directory
        The application, an absolute path. Run it on one web server only: MySQL's schema changes
        are no transactions.

    user
        Who runs them. Default: the application's own user.

    timeout
        Seconds after which artisan is ended, which does not end a statement that the server is at.
        Default: None, they take as long as they take.

    schema_user, schema_password_from
        The database account that may change the schema, and the pillar key of its password.
        Default: as the pillar of the application whose folder it is has them.

    Returns the list of str that have run, empty when there was nothing to do. Raises
    CommandExecutionError if one is refused (``laravel.check_migrations``), fails, is cut off or is
    still pending afterwards, or if the group opens no window; of a migration that is half done the
    error names the statements that have committed. Raises SaltInvocationError if the password is
    missing.

    CLI Example:

    .. code-block:: bash

        salt web laravel.migrate /srv/conduit
    """
    return migrations.migrate(
        _application(directory, user, timeout),
        _account(directory, schema_user, schema_password_from),
        _check_statements,
    )


def seeded(
    directory: str,
    seeder: str = "DatabaseSeeder",
    user: str | None = "",
    timeout: int = 600,
) -> bool:
    """
    Tell whether a seeder has run in this database.

    The database itself remembers it, in the table ``seed_runs``: it outlives the web server.

    directory
        The application, an absolute path.

    seeder
        The seeder's class: DatabaseSeeder.

    user
        Who asks. Default: the application's own user.

    timeout
        Seconds to wait for the answer: 600.

    Returns bool. Raises CommandExecutionError if the database does not answer.

    CLI Example:

    .. code-block:: bash

        salt web laravel.seeded /srv/conduit
    """
    return seeds.has_seeded(_application(directory, user, timeout), seeder)


def seed(
    directory: str,
    seeder: str = "DatabaseSeeder",
    user: str | None = "",
    timeout: int | None = None,
    schema_user: str = "",
    schema_password_from: str = "",
) -> bool:
    """
    Run a seeder unless it has run in this database.

    The seed and the row that records it are one transaction: it happens wholly and once, or not
    at all. The table ``seed_runs`` is made where no migration made it. A seeder that changes the
    schema or truncates tables is refused by the database, as the application's account may not.

    directory
        The application, an absolute path.

    seeder
        The seeder's class: DatabaseSeeder.

    user
        Who runs it. Default: the application's own user.

    timeout
        Seconds after which it is ended. Default: None, it takes as long as it takes.

    schema_user, schema_password_from
        As for ``laravel.migrate``.

    Returns bool: whether it ran now. Raises CommandExecutionError if it fails.

    CLI Example:

    .. code-block:: bash

        salt web laravel.seed /srv/conduit
    """
    return seeds.seed(
        _application(directory, user, timeout),
        seeder,
        _account(directory, schema_user, schema_password_from),
    )


def key_update(
    directory: str,
    name: str,
    commands: list[str],
    secret: str | None = None,
    shared: bool = False,
    user: str | None = "",
    test: bool = False,
) -> dict[str, Any]:
    """
    Give an application a key unless it has one; a key that is there is never replaced.

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
        Who runs artisan. Default: the application's own user.

    test
        Only tell what would change. Default: False.

    Returns ``{"changes": {name: {"old", "new"}}, "source": "kept", "pillar" or "generated",
    "differs": bool}``; ``differs`` tells that the key kept is not the pillar's. Raises
    CommandExecutionError if there is no .env file or the application makes no key.

    CLI Example:

    .. code-block:: bash

        salt web laravel.key_update /srv/conduit APP_KEY commands='["key:generate"]'
    """
    return keys.update_key(
        _application(directory, user), name, commands, secret, shared, __pillar__, test
    )


def rotate_key(
    directory: str,
    secret: str | None = None,
    user: str | None = "",
    group: str = "",
) -> dict[str, Any]:
    """
    Give an application a new APP_KEY, and keep the old one to read what was made with it.

    The key that was in use becomes the first of APP_PREVIOUS_KEYS, which Laravel 11 and newer try
    when the new one does not fit. Sessions and encrypted data stay good. Call it on every web
    server, after the new key was put into the pillar; a second call changes nothing.

    directory
        The application, an absolute path.

    secret
        The pillar key of the new value. Default: the application's, such as
        laravel:secrets:app_key. Where the pillar has none, the application makes one, which is
        right for a single web server only.

    user, group
        As whom it runs. Default: the application's own.

    Returns ``{"changes": {variable: {"old", "new"}}}``, masked; no changes if APP_KEY is the
    pillar's already. Raises CommandExecutionError if there is no key yet or the framework is older.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel.rotate_key /srv/conduit
    """
    _, readers = runs_as(directory, user, group)
    key = secret or applications.app_key_of(__pillar__, directory)
    return keys.rotate_key(_application(directory, user), readers, key, __pillar__)
