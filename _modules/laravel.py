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

import contextlib
import datetime
import fcntl
import grp
import hashlib
import json
import logging
import os
import pwd
import re
import shutil
import stat
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import requests
from group_replication import connection, schema_change
from laravel_deploy.artisan_output import UNKNOWN_COMMAND, parse_migrations, pretended
from laravel_deploy.dotenv import edit_env, parse_env, spelled
from laravel_deploy.masking import MASK, SECRET_NAMES, URL_USERINFO, masked
from laravel_deploy.naming import is_git, named_commit, release_name
from laravel_deploy.retention import prunable, served_before
from salt.exceptions import CommandExecutionError, SaltInvocationError
from salt.utils.data import traverse_dict_and_list
from salt.utils.stringutils import check_include_exclude

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    __context__: dict[str, Any]
    __opts__: dict[str, Any]
    __pillar__: dict[str, Any]
    __salt__: dict[str, Callable[..., Any]]

log = logging.getLogger(__name__)

__virtualname__ = "laravel"

RELEASES, SHARED, LIVE, NEXT = "releases", "shared", "current", "next"
# In a release: its presence says that the release is complete, its content of what it was made.
MARKER = ".release.json"
# Beside them: which served, which must not serve again by itself, and the web server.
RECORD = ".deployment.json"
LOCK = ".deployment.lock"
# What was left of dependencies that no lock came with.
LOCKS = (".composer.json", "composer.lock")
COMMIT = re.compile(r"[0-9a-f]{40}")
# In a source's folder: what is made on the web server, or a developer's own.
NOT_DEPLOYED = (
    r"E@^(vendor|storage|bootstrap/cache|node_modules|tests|phpunit[.]xml|[.]env|[.]git)(/|$)"
)
STORAGE = ("framework/cache/data", "framework/sessions", "framework/views", "logs")

# Each of artisan's caches: the command, the file below bootstrap/cache, the variable that moves it.
CACHES = (
    ("config:cache", "config.php", "APP_CONFIG_CACHE"),
    ("event:cache", "events.php", "APP_EVENTS_CACHE"),
    ("route:cache", "routes-v7.php", "APP_ROUTES_CACHE"),
)
# Which .env the caches were made from.
CACHED_ENV = ".env.sha256"
FIRST_WITH_PREVIOUS_KEYS = 11

# Seconds for another deployment to end, for the web server to take a release, and between looks.
LOCKING, SERVING, LOOKING = 60, 20, 0.2
# So often in a row a release may answer wrongly before it is given up.
WRONG_ANSWERS = 5
# What the web server says, to the machine itself, of the release that answers.
RELEASE_HEADER = "X-Release"

# Asks the application for a page without any web server; handed to php on its standard input.
REHEARSAL = r"""<?php
require 'vendor/autoload.php';
$app = require 'bootstrap/app.php';
$request = Illuminate\Http\Request::create($argv[1]);
$response = $app->make(Illuminate\Contracts\Http\Kernel::class)->handle($request);
fwrite(STDERR, isset($response->exception) ? $response->exception->getMessage() : '');
echo "\n", $response->getStatusCode();
"""

# What a group asks of a schema depends on these; handed to php in the same way.
GROUP_MODE = r"""<?php
require 'vendor/autoload.php';
$app = require 'bootstrap/app.php';
$app->make(Illuminate\Contracts\Console\Kernel::class)->bootstrap();
try {
    $rows = $app->make('db')->connection()->select(
        "SHOW GLOBAL VARIABLES LIKE 'group_replication_single_primary_mode'"
    );
    echo json_encode(array_map(fn ($row) => $row->Value, $rows));
} catch (Throwable $e) {
    fwrite(STDERR, $e->getMessage());
    exit(1);
}
"""
# Seconds after which a question to a silent database is given up; PHP would wait for a day.
ASKING = ["-d", "mysqlnd.net_read_timeout=5"]

# MySQL's ways to say that the application's database is not there (yet): no route, no server
# behind the balancer, no account, no schema, or a member that takes no writes at the moment, is
# offline (3032, 6400) or cannot wait for what was written before (3796 to 3799).
UNAVAILABLE = {1040, 1044, 1045, 1049, 1053, 1130, 1290, 2002, 2003, 2005, 2006, 2013}
UNAVAILABLE |= {3032, 3100, 3796, 3797, 3798, 3799, 6400}
SQLSTATE = re.compile(r"SQLSTATE\[\w+\](?: \[(\d+)\]|: [^:]{1,80}: (\d+)) ([^(\n]*)")
# The account that may change the schema, and how long a window for that is waited for.
SCHEMA_USER, SCHEMA_PASSWORD_FROM = "schema_change", "mysql:accounts:schema:password"
WINDOW_PATIENCE = 120
SEED_COMMAND = "app:seed-once"
NOT_SEEDED, NO_RECORD = 3, 4

# For applications that have no such command: the same marker row, the same one transaction.
# It is handed to php on its standard input.
SEED_ONCE = r"""<?php
require 'vendor/autoload.php';
$app = require 'bootstrap/app.php';
$kernel = $app->make(Illuminate\Contracts\Console\Kernel::class);
$kernel->bootstrap();
[$mode, $seeder] = array_slice($argv, 1);
$db = $app->make('db')->connection();
$runs = fn () => $db->table('seed_runs')->useWritePdo();
try {
    $marked = $db->getSchemaBuilder()->hasTable('seed_runs');
    if ($mode === 'check') {
        exit(! $marked ? 4 : ($runs()->where('seeder', $seeder)->exists() ? 0 : 3));
    }
    if ($mode === 'prepare') {
        $marked || $db->getSchemaBuilder()->create('seed_runs', function ($table) {
            $table->string('seeder', 190)->primary();
            $table->timestamp('seeded_at');
        });
        exit(0);
    }
    $db->transaction(function () use ($kernel, $runs, $seeder) {
        $runs()->insert(['seeder' => $seeder, 'seeded_at' => date('Y-m-d H:i:s')]);
        if ($kernel->call('db:seed', ['--class' => $seeder, '--force' => true]) !== 0) {
            throw new RuntimeException($kernel->output());
        }
    });
} catch (Throwable $e) {
    fwrite(STDERR, $e->getMessage());
    exit(1);
}
"""


def __virtual__() -> str:
    return __virtualname__


# ---- files ----


def _read_text(path: Path) -> str:
    """Return a file's text; bytes that are no UTF-8 survive a round trip."""
    try:
        # Line ends are kept as they are.
        return path.read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError as err:
        raise CommandExecutionError(f"{path} does not exist.") from err
    except OSError as err:
        raise CommandExecutionError(f"{path} cannot be read: {err.strerror}.") from err


def _ownership(path: Path) -> dict[str, str]:
    """Return user, group and mode of a file by name; an id without a name as a number."""
    info = path.stat()
    user, group = str(info.st_uid), str(info.st_gid)
    with contextlib.suppress(KeyError):
        user = pwd.getpwuid(info.st_uid).pw_name
    with contextlib.suppress(KeyError):
        group = grp.getgrgid(info.st_gid).gr_name
    return {"user": user, "group": group, "mode": f"{stat.S_IMODE(info.st_mode):04o}"}


def _write_text(path: Path, text: str, wanted: Mapping[str, str]) -> None:
    """Replace a file in one step; it never exists with wider permissions than wanted."""
    path = path.resolve()
    try:
        uid, gid = pwd.getpwnam(wanted["user"]).pw_uid, grp.getgrnam(wanted["group"]).gr_gid
    except KeyError as err:
        raise CommandExecutionError(f"{path} cannot be written: {err.args[0]}.") from err
    draft = None
    try:
        with tempfile.NamedTemporaryFile("wb", dir=path.parent, delete=False) as file:
            draft = Path(file.name)
            file.write(text.encode("utf-8", "surrogateescape"))
            os.fchown(file.fileno(), uid, gid)
            os.fchmod(file.fileno(), int(wanted["mode"], 8))
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as err:
        if draft:
            draft.unlink(missing_ok=True)
        raise CommandExecutionError(f"{path} cannot be written: {err.strerror}.") from err


def _digest(root: Path, files: list[Path]) -> str:
    """Return one hash over the names and contents of files; a missing one counts as such."""
    whole = hashlib.sha256()
    for file in files:
        content = file.read_bytes() if file.is_file() else b"\0missing"
        whole.update(f"{file.relative_to(root)}\0{len(content)}\0".encode())
        whole.update(content)
    return whole.hexdigest()


def _pillar(key: str) -> Any:
    """Return a pillar value by its path, or None.

    ``pillar.get`` would answer with a mask when asked from a module.
    """
    return traverse_dict_and_list(__pillar__, key, None)


def _scalar(key: Any, wanted_for: str) -> str:
    """Return a pillar value as text, the empty text if there is none; no error shows it."""
    value = _pillar(key) if isinstance(key, str) else key
    if not isinstance(key, str) or isinstance(value, dict | list):
        raise SaltInvocationError(
            f"The pillar key for {wanted_for} leads to a {type(value).__name__}; "
            "expected the path of a text, such as mysql:accounts:application:password."
        )
    return "" if value is None else str(value)


# ---- commands ----


def _home(directory: str) -> Path:
    """Return where artisan is: in the release that serves, or in the folder itself."""
    root = Path(directory)
    return (root / LIVE).resolve() if (root / LIVE).is_symlink() else root.resolve()


def _env_path(directory: str) -> Path:
    shared = Path(directory) / SHARED
    return (shared if shared.is_dir() else _home(directory)) / ".env"


def _redact(text: str, directory: str) -> str:
    """Return text without the secrets of the application's .env file."""
    try:
        values = parse_env(_read_text(_env_path(directory)))
    except CommandExecutionError:
        values = {}
    for name, value in values.items():
        if len(value) > 3 and SECRET_NAMES.search(name):
            text = text.replace(value, MASK)
    return URL_USERINFO.sub(MASK, text)


def _php(
    directory: str,
    arguments: list[str],
    user: str | None,
    timeout: int,
    stdin: str | None = None,
    env: Mapping[str, str] | None = None,
    umask: str = "022",
) -> dict[str, Any]:
    """Run php in the application's directory; return retcode, stdout and stderr, unredacted."""
    if not _installed(directory):
        raise CommandExecutionError(
            f"{directory} is not installed: it needs both artisan and vendor/autoload.php."
        )
    home = _home(directory)
    # A configuration that was cached from another .env may lead to a database that is gone.
    uncached = {} if _cached(home) else {"APP_CONFIG_CACHE": str(home / "bootstrap/cache/.none")}
    done: dict[str, Any] = __salt__["cmd.run_all"](
        ["php", *arguments],
        cwd=str(home),
        runas=user,
        # A narrow terminal breaks messages within a word.
        env={"COLUMNS": "4096", "NO_COLOR": "1", **uncached, **(env or {})},
        stdin=stdin,
        python_shell=False,
        output_loglevel="quiet",
        ignore_retcode=True,
        timeout=timeout,
        umask=umask,
    )
    return done


def _installed(directory: str) -> bool:
    home = _home(directory)
    return (home / "artisan").is_file() and (home / "vendor" / "autoload.php").is_file()


def _sentence(done: Mapping[str, Any], directory: str) -> str:
    """Return the one line that says what went wrong in a command's output."""
    text = _redact(f"{done['stdout']}\n{done['stderr']}", directory)
    lines = [" ".join(line.split()) for line in text.splitlines()]
    telling = [
        line
        for line in lines
        if line and not re.match(r"(#\d|at |In \S+ line|\[stacktrace|INFO |PHP Warning)", line)
    ]
    errors = [line for line in telling if re.search(r"SQLSTATE|ERROR|rror:|xception", line)]
    return (errors or telling or ["it said nothing"])[0][:500]


def _failure(what: str, done: Mapping[str, Any], directory: str) -> CommandExecutionError:
    """Return the exception for a failed command.

    Its ``info`` tells a database that does not answer from every other failure.
    """
    text = " ".join(f"{done['stdout']} {done['stderr']}".split())
    found = SQLSTATE.search(text)
    if found and int(found[1] or found[2]) in UNAVAILABLE:
        where = ""
        with contextlib.suppress(CommandExecutionError):
            values = env(str(_env_path(directory)))
            where = f" at {values.get('DB_HOST', '?')}:{values.get('DB_PORT', '?')}"
        reason = _redact(found[3].strip(" ."), directory)
        err = CommandExecutionError(
            f"The database{where} is not available: {reason} ({found[1] or found[2]})."
        )
        err.info = {"awaited": "database"}
        return err
    return CommandExecutionError(
        f"{what} failed (exit code {done['retcode']}): {_sentence(done, directory)}"
    )


# ---- what can be asked and done ----


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
    return {name: masked(name, value) for name, value in parse_env(_read_text(Path(path))).items()}


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
    for argument, given in (("values", values), ("secrets", secrets)):
        if not isinstance(given or {}, dict):
            raise SaltInvocationError(
                f"{argument} is a {type(given).__name__}; expected a mapping of variable to value."
            )
    if not isinstance(mode, str) or not re.fullmatch(r"0?[0-7]{3}", mode):
        raise SaltInvocationError(f"mode is {mode!r}; expected text such as '0640'.")
    wanted = {name: spelled(name, value) for name, value in (values or {}).items()}
    for name, key in (secrets or {}).items():
        value = _scalar(key, wanted_for=name)
        if value == "":
            raise SaltInvocationError(f"The pillar has no value at {key!r}, wanted for {name}.")
        wanted[name] = value
    file = Path(path)
    exists = file.exists()
    text = _read_text(file) if exists else ""
    current = parse_env(text)
    different = {name: value for name, value in wanted.items() if current.get(name) != value}
    changes = {
        name: {
            "old": masked(name, current.get(name, "")),
            "new": MASK if name in (secrets or {}) else masked(name, value),
        }
        for name, value in different.items()
    }
    owner = {"user": user, "group": group, "mode": f"{int(mode, 8):04o}"}
    before = _ownership(file) if exists else {}
    for aspect, value in owner.items():
        if before.get(aspect) != value:
            changes[aspect] = {"old": before.get(aspect, ""), "new": value}
    if changes and not test:
        _write_text(file, edit_env(text, different), owner)
    return changes


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
    done = _artisan(directory, command, args, user, timeout)
    if done["retcode"]:
        raise _failure(f"artisan {command}", done, directory)
    return _redact(str(done["stdout"]), directory)


def _artisan(
    directory: str,
    command: str,
    args: list[str] | None = None,
    user: str | None = "www-data",
    timeout: int = 600,
    options: list[str] | None = None,
    env: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Run an artisan command; ``options`` are php's own. Return what cmd.run_all does."""
    line = ["artisan", command, *(args or []), "--no-interaction", "--no-ansi"]
    return _php(directory, [*(options or []), *line], user, timeout, env=env)


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
    return _installed(directory)


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
    printed = artisan(directory, "--version", user=user)
    found = re.search(r"Laravel Framework (\S+)", printed)
    if not found:
        raise CommandExecutionError(f"{directory} does not say which version it runs on.")
    return found[1]


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
    done = _artisan(directory, "migrate:status", None, user, timeout, ASKING)
    output = str(done["stdout"])
    if "Migration table not found" in f"{output}{done['stderr']}":
        files = (_home(directory) / "database" / "migrations").glob("*.php")
        return {"ran": [], "pending": sorted(file.stem for file in files)}
    if done["retcode"]:
        raise _failure("artisan migrate:status", done, directory)
    return parse_migrations(output)


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
    return migration_status(directory, user, timeout)["pending"]


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
    if not pending(directory, user, timeout):
        return []
    return _judged(directory, _group_mode(directory, user, timeout), user, timeout)


def _group_mode(directory: str, user: str | None, timeout: int) -> str:
    """Return the mode of the group that the database is in, or the empty text."""
    asked = _php(directory, [*ASKING, "--"], user, timeout, GROUP_MODE)
    if asked["retcode"]:
        raise _failure("asking for the group's mode", asked, directory)
    values = json.loads(str(asked["stdout"]).rpartition("\n")[2] or "[]")
    if not values:
        return ""
    return "single-primary" if values[0] == "ON" else "multi-primary"


def _judged(directory: str, mode: str, user: str | None, timeout: int) -> list[dict[str, str]]:
    """Return what is wrong with the pending migrations, of which there are some."""
    if not mode:
        return []
    done = _artisan(directory, "migrate", ["--pretend", "--force"], user, timeout)
    if done["retcode"]:
        log.warning("Not looked at before they run: %s", _sentence(done, directory))
        return []
    return [
        {"migration": migration, **problem}
        for migration, statement in pretended(str(done["stdout"]))
        for problem in __salt__["mysql_gr.check_statements"]([statement], mode)
    ]


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
    before = pending(directory, user, timeout)
    if not before:
        return []
    mode = _group_mode(directory, user, timeout)
    problems = _judged(directory, mode, user, timeout)
    if problems:
        told = "; ".join(f"{p['migration']}: {p['table']}: {p['detail']}" for p in problems)
        raise CommandExecutionError(
            f"Nothing was migrated, since the group could not write to these tables: {told}."
        )
    if mode:
        with _window(directory, schema_user, schema_password_from) as account:
            done = _artisan(directory, "migrate", ["--force"], user, timeout, env=account)
    else:
        done = _artisan(directory, "migrate", ["--force"], user, timeout)
    if done["retcode"]:
        raise _failure("artisan migrate", done, directory)
    left = pending(directory, user, timeout)
    if left:
        raise CommandExecutionError(f"Still pending after migrate: {', '.join(left)}.")
    return before


@contextlib.contextmanager
def _window(directory: str, name: str, password_from: str) -> Iterator[dict[str, str]]:
    """Return a context in which the schema may be changed, with artisan's variables for that."""
    password = _scalar(password_from, "the account that may change the schema")
    if not password:
        raise SaltInvocationError(
            f"Pillar {password_from} is missing; expected the password of {name}, the account that "
            "may change the schema, as vagrant/prepare.py makes it."
        )
    values = env(str(_env_path(directory)))

    def ask() -> contextlib.AbstractContextManager[Any]:
        return connection.connect(
            host=values.get("DB_HOST", ""),
            port=int(values.get("DB_PORT") or 3306),
            user=name,
            password=password,
            ssl=connection.tls(),
        )

    owner = f"laravel.migrate {directory} on {__opts__['id']}"
    with schema_change.window(ask, owner, name, WINDOW_PATIENCE):
        # A cached configuration would know the application's account alone.
        uncached = str(_home(directory) / "bootstrap/cache/.none")
        yield {"DB_USERNAME": name, "DB_PASSWORD": password, "APP_CONFIG_CACHE": uncached}
    if not schema_change.await_closed(ask, WINDOW_PATIENCE):
        log.warning("The window for the schema change is still open; a keeper closes it")


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
    return _seed_record(directory, seeder, user, timeout) == 0


def _seed_record(directory: str, seeder: str, user: str | None, timeout: int) -> int:
    """Return 0, NOT_SEEDED, or NO_RECORD where our own program has no table for it yet."""
    done = _seed_once(directory, "check", seeder, user, timeout)
    code, text = int(done["retcode"]), f"{done['stdout']}{done['stderr']}"
    if code in (0, NOT_SEEDED, NO_RECORD):
        return code
    if "42S02" in text and "seed_runs" in text:
        return NOT_SEEDED
    raise _failure(f"asking whether {seeder} has run", done, directory)


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
    record = _seed_record(directory, seeder, user, timeout)
    if record == 0:
        return False
    if record == NO_RECORD:
        _make_record(directory, user, timeout, schema_user, schema_password_from)
    done = _seed_once(directory, "run", seeder, user, timeout)
    if done["retcode"]:
        if seeded(directory, seeder, user, timeout):
            # Another web server was faster; what this one did was rolled back.
            return False
        raise _failure(f"seeding with {seeder}", done, directory)
    if not seeded(directory, seeder, user, timeout):
        raise CommandExecutionError(f"{seeder} ran, but the database has no record of it.")
    return True


def _make_record(
    directory: str, user: str | None, timeout: int, schema_user: str, schema_password_from: str
) -> None:
    """Make the table in which our own program records a seed."""
    mode = _group_mode(directory, user, timeout)
    window = _window(directory, schema_user, schema_password_from) if mode else None
    with window or contextlib.nullcontext({}) as account:
        line = ["--", "prepare", ""]
        done = _php(directory, line, user, timeout, SEED_ONCE, env=account)
    if done["retcode"]:
        raise _failure("making the table seed_runs", done, directory)


def _seed_once(
    directory: str, mode: str, seeder: str, user: str | None, timeout: int
) -> dict[str, Any]:
    """Check or run a seeder with the application's own command, else with ours."""
    asks = mode == "check"
    options, args = (ASKING, [seeder, "--check"]) if asks else ([], [seeder])
    done = _artisan(directory, SEED_COMMAND, args, user, timeout, options)
    if done["retcode"] and UNKNOWN_COMMAND.search(f"{done['stdout']}{done['stderr']}"):
        done = _php(directory, [*options, "--", mode, seeder], user, timeout, SEED_ONCE)
    return done


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
    path = _env_path(directory)
    given = _scalar(secret, wanted_for=name) if secret else ""
    source = "pillar" if given else "generated"
    # Before the first run the file may not be there; that run will have made it.
    text = "" if test and not path.exists() else _read_text(path)
    current = parse_env(text).get(name, "")
    if current:
        return {"changes": {}, "source": "kept", "differs": bool(given) and given != current}
    if shared and not given:
        raise SaltInvocationError(
            f"The pillar has no value at {secret!r}, wanted for {name}, which several web servers "
            "have to share. Put there what one of them has, or a new one."
        )
    if not test:
        key = given or _new_key(next_release(directory)["path"], commands, user)
        _write_text(path, edit_env(text, {name: key}), _ownership(path))
    changes = {name: {"old": "", "new": MASK}}
    return {"changes": changes, "source": source, "differs": False}


def _new_key(directory: str, commands: list[str], user: str | None) -> str:
    """Return a key made by the first of these commands that the application has."""
    for command in commands:
        done = _artisan(directory, command, ["--show"], user)
        if done["retcode"] == 0:
            lines = [line.strip() for line in str(done["stdout"]).splitlines() if line.strip()]
            if lines and re.fullmatch(r"\S{16,}", lines[-1]):
                return lines[-1]
            raise CommandExecutionError(f"artisan {command} --show did not print a key.")
        if not UNKNOWN_COMMAND.search(f"{done['stdout']}{done['stderr']}"):
            raise _failure(f"artisan {command}", done, directory)
    raise CommandExecutionError(f"The application has no command {' or '.join(commands)}.")


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
    path = _env_path(directory)
    given = _scalar(secret or "laravel:secrets:app_key", wanted_for="APP_KEY")
    with _locked(directory):
        text = _read_text(path)
        values = parse_env(text)
        current = values.get("APP_KEY", "")
        if not current:
            raise CommandExecutionError(f"{path} has no APP_KEY yet: there is nothing to rotate.")
        if given == current:
            return {"changes": {}}
        running = version(directory, user)
        if int(running.split(".")[0]) < FIRST_WITH_PREVIOUS_KEYS:
            raise CommandExecutionError(
                f"Laravel {running} knows no APP_PREVIOUS_KEYS ({FIRST_WITH_PREVIOUS_KEYS} and "
                "newer do): what was made with the old key could not be read any more."
            )
        new = given or _new_key(directory, ["key:generate"], user)
        earlier = [key for key in values.get("APP_PREVIOUS_KEYS", "").split(",") if key]
        kept = [current, *(key for key in earlier if key not in (current, new))]
        edited = {"APP_KEY": new, "APP_PREVIOUS_KEYS": ",".join(kept)}
        _write_text(path, edit_env(text, edited), _ownership(path))
        if _caches_exist(_home(directory)):
            page = _page(_record(Path(directory))["server"])
            _cache(_home(directory), user, group, page)
    return {
        "changes": {
            name: {"old": masked(name, values.get(name, "")), "new": MASK} for name in edited
        }
    }


# ---- releases: on disk ----


@contextlib.contextmanager
def _locked(directory: str) -> Iterator[None]:
    """Return a context that only one deployment of an application is in at a time."""
    root = Path(directory)
    if not root.is_dir():
        raise CommandExecutionError(f"{root} does not exist.")
    with (root / LOCK).open("a", encoding="ascii") as file:
        deadline = time.monotonic() + LOCKING
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise CommandExecutionError(
                        f"Another deployment has been at work in {root} for {LOCKING} s."
                    ) from None
                time.sleep(LOOKING)
        yield


def _json(path: Path) -> dict[str, Any]:
    """Return what a file of ours holds; nothing if it is not there or no such file."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    owner = {"user": "root", "group": "root", "mode": "0644"}
    _write_text(path, json.dumps(content, indent=1) + "\n", owner)


def _record(root: Path) -> dict[str, Any]:
    """Return what is noted of an application's releases."""
    return {"history": [], "stopped": {}, "server": {}, **_json(root / RECORD)}


def _linked(link: Path) -> str:
    """Return the name of the release that a link leads to, or nothing."""
    return link.readlink().name if link.is_symlink() else ""


def _link(link: Path, target: str) -> None:
    """Have a link lead somewhere, in one step."""
    aside = link.with_name(f".{link.name}.aside")
    aside.unlink(missing_ok=True)
    aside.symlink_to(target)
    aside.replace(link)


def _known(root: Path) -> list[dict[str, Any]]:
    """Return all releases, newest first; those that are not complete come first."""
    record, live, following = _record(root), _linked(root / LIVE), _linked(root / NEXT)
    found = []
    if (root / RELEASES).is_dir():
        for path in (root / RELEASES).iterdir():
            made = _json(path / MARKER)
            found.append(
                {
                    "release": path.name,
                    "complete": bool(made),
                    "live": path.name == live,
                    "next": path.name == following,
                    "built": made.get("built", ""),
                    "source": made.get("source", ""),
                    "rev": made.get("rev", ""),
                    "stopped": record["stopped"].get(path.name, {}).get("reason", ""),
                }
            )
    whole = sorted((one for one in found if one["complete"]), key=lambda one: one["built"])
    return [one for one in found if not one["complete"]] + whole[::-1]


def _complete(root: Path, release: str) -> Path:
    """Return a release's folder; raises CommandExecutionError if it is not there, or not whole."""
    whole = [one["release"] for one in _known(root) if one["complete"]]
    if release not in whole:
        raise CommandExecutionError(
            f"{root} has no complete release {release!r}; it has {', '.join(whole) or 'none'}."
        )
    return root / RELEASES / release


# ---- releases: where they come from ----


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
    return _coming(Path(directory), _read(source, rev, exclude, identity), dev, build)


class _Source(NamedTuple):
    """What a source holds when it is read."""

    fingerprint: str
    migrations: list[str]
    # Of a folder of the file server: relative path to the copy here.
    files: dict[str, str]


def _read(source: str, rev: str, exclude: str, identity: str | None) -> _Source:
    """Read a source, once for all: what it is named by is what will be copied."""
    if is_git(source):
        commit = _git_commit(source, rev, identity)
        return _Source(commit, _git_migrations(source, commit, identity), {})
    if rev:
        raise SaltInvocationError(
            f"rev is {rev!r}, and {source} is no git repository; leave rev out."
        )
    files = _files(source, exclude)
    migrations = sorted(
        Path(name).stem for name in files if re.fullmatch(r"database/migrations/\w+\.php", name)
    )
    return _Source(_fingerprint(files), migrations, files)


def _coming(root: Path, read: _Source, dev: bool, build: str) -> dict[str, Any]:
    """Return the release that a source makes, as it was read."""
    name = release_name(read.fingerprint, dev, build)
    found = {
        "release": name,
        "fingerprint": read.fingerprint,
        "complete": bool(_json(root / RELEASES / name / MARKER)),
        "migrations": read.migrations,
    }
    # What is to come is known to the states that follow, also when it is only predicted.
    __context__[f"laravel.next.{root}"] = found
    return found


def _files(source: str, exclude: str) -> dict[str, str]:
    """Return the files of a folder of the file server: relative path to the copy here."""
    prefix = source.removeprefix("salt://").rstrip("/") + "/"
    names = [
        name
        for name in __salt__["cp.list_master"](prefix=prefix)
        if check_include_exclude(name.removeprefix(prefix), None, exclude)
    ]
    if prefix + "artisan" not in names:
        raise CommandExecutionError(f"{source} holds no Laravel application: it has no artisan.")
    copies = __salt__["cp.cache_files"]([f"salt://{name}" for name in names])
    found = {name.removeprefix(prefix): copy for name, copy in zip(names, copies, strict=True)}
    missing = sorted(name for name, copy in found.items() if not copy)
    if missing:
        raise CommandExecutionError(f"{source} does not give {', '.join(missing)}.")
    return found


def _fingerprint(files: Mapping[str, str]) -> str:
    """Return one hash over the names and contents of files."""
    whole = hashlib.sha256()
    for name, copy in sorted(files.items()):
        content = Path(copy).read_bytes()
        whole.update(f"{name}\0{len(content)}\0".encode())
        whole.update(content)
    return whole.hexdigest()


def _git_commit(url: str, rev: str, identity: str | None) -> str:
    """Return the commit that a branch, a tag or a commit names in a repository."""
    if COMMIT.fullmatch(rev):
        return rev
    refs = __salt__["git.ls_remote"](remote=url, ref=rev or "HEAD", identity=identity)
    return named_commit(refs, rev or "HEAD")


def _git_mirror(url: str, commit: str, identity: str | None) -> str:
    """Return the copy that is kept of a repository, with this commit in it."""
    name = hashlib.sha256(url.encode()).hexdigest()[:16]
    mirror = Path(__opts__["cachedir"]) / "laravel" / f"{name}.git"
    if not (mirror / "HEAD").exists():
        mirror.parent.mkdir(parents=True, exist_ok=True)
        __salt__["git.init"](str(mirror), bare=True)
    there = ["cat-file", "-e", f"{commit}^{{commit}}"]
    if _git(mirror, there, ignore_retcode=True)["retcode"]:
        __salt__["git.fetch"](
            str(mirror), remote=url, force=True, refspecs="+refs/*:refs/*", identity=identity
        )
        if _git(mirror, there, ignore_retcode=True)["retcode"]:
            raise CommandExecutionError(f"{url} has no commit {commit}.")
    return str(mirror)


def _git(mirror: Path | str, arguments: list[str], ignore_retcode: bool = False) -> dict[str, Any]:
    """Ask a repository what Salt's git module cannot ask."""
    done: dict[str, Any] = __salt__["cmd.run_all"](
        ["git", *arguments], cwd=str(mirror), python_shell=False, ignore_retcode=ignore_retcode
    )
    return done


def _git_migrations(url: str, commit: str, identity: str | None) -> list[str]:
    mirror = _git_mirror(url, commit, identity)
    folder = "database/migrations/"
    listed = _git(mirror, ["ls-tree", "--name-only", commit, folder])["stdout"]
    return sorted(Path(name).stem for name in listed.splitlines() if name.endswith(".php"))


# ---- releases: built, switched, taken away ----


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
    root = Path(directory)
    if (root / "artisan").is_file():
        whole = _installed(directory)
        return {
            "release": "",
            "path": directory,
            "complete": whole,
            "stopped": "",
            "stopped_by": "",
            "migrations": [],
        }
    told = __context__.get(f"laravel.next.{root}", {}) if predicted else {}
    name = told.get("release") or _linked(root / NEXT)
    path = root / RELEASES / name if name else root / NEXT
    stopped = _record(root)["stopped"].get(name, {})
    return {
        "release": name,
        "path": str(path),
        "complete": bool(name) and bool(_json(path / MARKER)),
        "stopped": stopped.get("reason", ""),
        "stopped_by": stopped.get("by", ""),
        "migrations": told.get("migrations", []),
    }


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
    return _known(Path(directory))


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
    root = Path(directory)
    with contextlib.nullcontext() if test else _locked(directory):
        read = _read(source, rev, exclude, identity)
        coming = _coming(root, read, dev, build)
        name, before = coming["release"], _linked(root / NEXT)
        made = {"release": name, "before": before, "built": not coming["complete"]}
        if test:
            return made
        path = root / RELEASES / name
        if made["built"]:
            if path.exists():
                shutil.rmtree(path)
            path.mkdir(mode=0o755, parents=True)
            (root / SHARED).mkdir(exist_ok=True)
            if is_git(source):
                _unpack(source, read.fingerprint, path, identity)
            else:
                _copy(read.files, path)
            _furnish(path)
            _composer_install(root, path, dev, composer_home, cache, timeout)
            shutil.rmtree(path / "storage")
            (path / "storage").symlink_to(f"../../{SHARED}/storage")
            now = datetime.datetime.now(datetime.timezone.utc)
            whole = {"source": source, "rev": rev, "fingerprint": read.fingerprint}
            _write_json(path / MARKER, {**whole, "built": now.isoformat(timespec="milliseconds")})
        if before != name:
            _link(root / NEXT, f"{RELEASES}/{name}")
    return made


def _copy(files: Mapping[str, str], path: Path) -> None:
    for name, copy in files.items():
        target = path / name
        target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        shutil.copyfile(copy, target)
        target.chmod(0o644)


def _unpack(url: str, commit: str, path: Path, identity: str | None) -> None:
    """Put a commit's files into a folder."""
    mirror = _git_mirror(url, commit, identity)
    with tempfile.TemporaryDirectory(prefix="laravel-") as aside:
        archive = str(Path(aside) / "release.tar")
        __salt__["git.archive"](mirror, archive, rev=commit, format="tar", prefix="")
        __salt__["archive.tar"]("xf", archive, dest=str(path))
    if not (path / "artisan").is_file():
        raise CommandExecutionError(f"{url} holds no Laravel application: it has no artisan.")


def _furnish(path: Path) -> None:
    """Give a release the shared .env, the folder of its caches, and a storage while it is built.

    Composer's scripts run the application as root. What they leave behind must not lie where the
    web server has to write.
    """
    (path / ".env").unlink(missing_ok=True)
    (path / ".env").symlink_to(f"../../{SHARED}/.env")
    for folder in ("bootstrap/cache", *(f"storage/{name}" for name in STORAGE)):
        (path / folder).mkdir(mode=0o755, parents=True, exist_ok=True)


def _composer_install(
    root: Path, path: Path, dev: bool, composer_home: str, cache: str, timeout: int
) -> None:
    """Run ``composer install`` in a release.

    A lock that came with the code is obeyed. Without one, the lock of the release before stands
    in as long as composer.json is the same: a release has the packages that were tried before it.
    """
    manifest, lock = path / "composer.json", path / "composer.lock"
    if not manifest.is_file():
        raise CommandExecutionError(f"{manifest} does not exist.")
    shipped = lock.exists()
    kept_for, kept = (root / SHARED / name for name in LOCKS)
    stands_in = kept.is_file() and kept_for.is_file()
    if not shipped and stands_in and kept_for.read_bytes() == manifest.read_bytes():
        shutil.copyfile(kept, lock)
    done = __salt__["cmd.run_all"](
        ["composer", "install", "--no-interaction", "--no-progress", "--no-ansi"]
        + ["--classmap-authoritative"]
        + ([] if dev else ["--no-dev"]),
        cwd=str(path),
        env={
            "COMPOSER_HOME": composer_home,
            "COMPOSER_CACHE_DIR": cache,
            "COMPOSER_ALLOW_SUPERUSER": "1",
            "COLUMNS": "4096",
        },
        python_shell=False,
        output_loglevel="quiet",
        ignore_retcode=True,
        timeout=timeout,
        umask="022",
    )
    if done["retcode"]:
        raise CommandExecutionError(_composer_failure(done, str(path)))
    if not shipped:
        shutil.copyfile(lock, kept)
        shutil.copyfile(manifest, kept_for)


def _composer_failure(done: Mapping[str, Any], directory: str) -> str:
    """Return the sentence for a failed composer install: its own problem report, shortened."""
    text = _redact(f"{done['stdout']}\n{done['stderr']}", directory)
    lines = [" ".join(line.split()) for line in text.splitlines()]
    problems = [
        line for line in lines if re.match(r"- |Problem \d|.*(Error|failed|could not)", line)
    ]
    told = " ".join((problems or [line for line in lines if line])[-6:])
    return f"composer install failed (exit code {done['retcode']}): {told[:800]}"


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
    return _cached(_home(directory))


def _cached(home: Path) -> bool:
    folder = home / "bootstrap" / "cache"
    stamp = folder / CACHED_ENV
    whole = all((folder / file).is_file() for _, file, _ in CACHES)
    return whole and stamp.is_file() and stamp.read_text(encoding="ascii") == _env_hash(home)


def _caches_exist(home: Path) -> bool:
    return any((home / "bootstrap" / "cache" / file).exists() for _, file, _ in CACHES)


def _env_hash(home: Path) -> str:
    path = home / ".env"
    return hashlib.sha256(path.read_bytes() if path.is_file() else b"").hexdigest()


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
    home = _home(directory)
    if _cached(home):
        return False
    _cache(home, user, group, _page(_record(Path(directory))["server"]))
    return True


def _cache(home: Path, user: str | None, group: str, page: str) -> None:
    """Make the caches of an application, try them, and put them in their place."""
    folder, digest = home / "bootstrap" / "cache", _env_hash(home)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".aside-") as aside:
        if user:
            shutil.chown(aside, user)
        moved = {variable: f"{aside}/{file}" for _, file, variable in CACHES}
        for command, _, _ in CACHES:
            line = ["artisan", command, "--no-interaction", "--no-ansi"]
            done = _php(str(home), line, user, 120, env=moved, umask="027")
            if done["retcode"]:
                raise _failure(f"artisan {command}", done, str(home))
        if page:
            _rehearse(home, page, user, moved)
        for _, file, _ in CACHES:
            made = Path(aside) / file
            owner = {"user": "root", "group": group, "mode": "0640"}
            _write_text(folder / file, _read_text(made), owner)
        stamp = {"user": "root", "group": "root", "mode": "0640"}
        _write_text(folder / CACHED_ENV, digest, stamp)


def _rehearse(home: Path, page: str, user: str | None, caches: Mapping[str, str]) -> None:
    """Have an application answer a page before any client is led to it."""
    done = _php(str(home), ["--", page], user, 60, REHEARSAL, env=caches)
    status = str(done["stdout"]).rpartition("\n")[2]
    if done["retcode"] or not status.isdigit() or int(status) >= 400:
        said = _sentence({**done, "stdout": done["stderr"] or done["stdout"]}, str(home))
        raise CommandExecutionError(
            f"{home.name} answers {page} with {status if status.isdigit() else 'no answer'}: {said}"
        )


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
    root = Path(directory)
    noted, live = _record(root)["server"], _linked(root / LIVE)
    told = server or noted
    if not told:
        return live
    if told != noted:
        # Another web server, or asked in another way: it is told anew, and looked at.
        return ""
    file = Path(told["map"])
    return live if live and file.is_file() and _read_text(file) == _map_text(live) else ""


def _map_text(name: str) -> str:
    return f"# Kept by Salt.\nlive {name}\n"


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
    root = Path(directory)
    with _locked(directory):
        name = release or _linked(root / NEXT)
        path = _complete(root, name)
        left = pending(str(path), user, timeout)
        if left:
            err = CommandExecutionError(
                f"{name} cannot serve yet: {', '.join(left)} pending in the database."
            )
            err.info = {"awaited": "database"}
            raise err
        return _switch(root, name, _server(root, server), user, group)


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
    root = Path(directory)
    with _locked(directory):
        live, record = _linked(root / LIVE), _record(root)
        whole = [one["release"] for one in _known(root) if one["complete"]]
        usable = [name for name in whole if name not in record["stopped"]]
        name = release or served_before(record["history"], live, usable)
        if not name or name == live:
            raise CommandExecutionError(
                f"{root} has no release to go back to from {live or 'none'}; it has "
                f"{', '.join(whole) or 'none'}."
            )
        _complete(root, name)
        done = _switch(root, name, record["server"], user, group)
        _stop(root, live, "operator", f"rolled back to {name}")
        return done


def _server(root: Path, server: Mapping[str, str] | None) -> dict[str, str]:
    """Return the web server to tell; raises SaltInvocationError if it is malformed."""
    told = dict(server if server is not None else _record(root)["server"])
    wanted = ["health", "host", "map", "php"]
    if told and sorted(told) != wanted:
        raise SaltInvocationError(
            f"server has {', '.join(sorted(told)) or 'nothing'}; expected {', '.join(wanted)}."
        )
    return told


def _page(server: Mapping[str, str]) -> str:
    """Return the page that tells whether a release is well, without the server's address."""
    return "/" + server["health"].partition("://")[2].partition("/")[2] if server else ""


def _switch(
    root: Path, name: str, server: dict[str, str], user: str | None, group: str
) -> dict[str, str]:
    """Switch, and back again if the release does not answer well."""
    before, path = _linked(root / LIVE), root / RELEASES / name
    page = _page(server)
    if not _cached(path):
        _cache(path, user, group, page)
    elif page:
        _rehearse(path, page, user, {})
    # Noted before, so that it is also known to who switches by hand after a failure.
    _write_json(root / RECORD, {**_record(root), "server": server})
    try:
        _activate(root, name, server)
    except CommandExecutionError as err:
        if not before:
            # Nobody was served; the next run tries again.
            (root / LIVE).unlink()
        if before in ("", name):
            raise
        _stop(root, name, "check", str(err))
        _activate(root, before, server)
        raise CommandExecutionError(f"{err} {before} serves again.") from err
    record = _record(root)
    record["stopped"].pop(name, None)
    there = [one for one in record["history"] if (root / RELEASES / one).is_dir() and one != name]
    _write_json(root / RECORD, {**record, "history": [*there, name]})
    return {"old": before, "new": name}


def _stop(root: Path, name: str, who: str, reason: str) -> None:
    """Note that a release must not serve again by itself."""
    record = _record(root)
    record["stopped"][name] = {"by": who, "reason": reason}
    _write_json(root / RECORD, record)


def _activate(root: Path, name: str, server: Mapping[str, str]) -> None:
    """Lead everybody to a release, and wait until the web server serves it well."""
    _link(root / LIVE, f"{RELEASES}/{name}")
    if not server:
        return
    owner = {"user": "root", "group": "root", "mode": "0644"}
    # Apache reads it anew when it has changed: a reload would close connections that clients keep.
    _write_text(Path(server["map"]), _map_text(name), owner)
    # php-fpm forgets the release before, whose code would fill its cache, release after release,
    # until nothing new is cached any more. Requests that run are finished.
    __salt__["service.reload"](server["php"])
    deadline, wrong, last = time.monotonic() + SERVING, 0, "no answer"
    while time.monotonic() < deadline:
        release, status, last = _ask(server)
        if release == name:
            if status < 400:
                return
            wrong += 1
            if wrong >= WRONG_ANSWERS:
                break
        time.sleep(LOOKING)
    raise CommandExecutionError(
        f"{name} was switched to and answers {server['health']} badly: {last}."
    )


def _ask(server: Mapping[str, str]) -> tuple[str, int, str]:
    """Ask the web server for a page: which release answers, the status, and both in words."""
    with requests.Session() as session:
        # The machine asks itself: by no proxy, and a certificate would be for another name.
        session.trust_env = session.verify = False
        try:
            answer = session.get(
                server["health"],
                headers={"Host": server["host"]},
                timeout=10,
                allow_redirects=False,
            )
        except requests.RequestException as err:
            return "", 0, f"no answer ({err})"
    release, status = answer.headers.get(RELEASE_HEADER, ""), answer.status_code
    return release, status, f"status {status}, by {release or 'no release'}"


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
    if not isinstance(keep, int) or keep < 2:
        raise SaltInvocationError(f"keep is {keep!r}; expected a number, 2 or more.")
    root = Path(directory)
    known, now = _known(root), _linked(root / LIVE)
    whole = [one["release"] for one in known if one["complete"]]
    serving = live or now
    before = now if live and live != now else served_before(_record(root)["history"], now, whole)
    if live and live not in whole:
        # To come: it takes a place, though it is not there yet.
        known = [*known, {"release": live, "complete": True, "built": "9"}]
    return prunable(known, keep, {serving, before, _linked(root / NEXT)})


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
    root = Path(directory)
    with _locked(directory):
        gone = surplus(directory, keep)
        for name in gone:
            shutil.rmtree(root / RELEASES / name)
    return gone
