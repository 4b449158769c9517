"""
Ask and tend a Laravel application (8 or newer): its .env file, Composer dependencies, keys,
migrations and seeds.

Secrets reach the application by its .env file only. They are never arguments of a process, and
what is returned or logged shows ``**********`` in their place.

The application's own commands run as the web server's user, so that no file of root's is left
where the web server has to write.

.. versionadded:: 0.1.0
"""

from __future__ import annotations

import contextlib
import grp
import hashlib
import json
import logging
import os
import pwd
import re
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from salt.exceptions import CommandExecutionError, SaltInvocationError
from salt.utils.data import traverse_dict_and_list

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    __salt__: dict[str, Callable[..., Any]]
    __pillar__: dict[str, Any]

log = logging.getLogger(__name__)

__virtualname__ = "laravel"

MASK = "**********"
SECRET_NAMES = re.compile(r"KEY|PASSWORD|PASSPHRASE|SECRET|TOKEN", re.IGNORECASE)
URL_USERINFO = re.compile(r"(?<=://)[^/@\s]+(?=@)")

# What phpdotenv's trim() removes, and what it takes for white space within a line.
TRIMMED = " \n\r\t\0\x0b"
BLANKS = " \n\r\t\x0b\x0c"
ESCAPES = {"f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", '"': '"', "\\": "\\"}
PLAIN_VALUE = re.compile(r"[A-Za-z0-9_./:@+=,%-]*")
ENV_NAME = re.compile(r"[\w.]+")
# Stands for a dollar sign that is no reference while references are resolved.
LITERAL_DOLLAR = "\0"

STAMP = ".salt-dependencies.json"

# Seconds after which a question to a silent database is given up; PHP would wait for a day.
ASKING = ["-d", "mysqlnd.net_read_timeout=5"]

# MySQL's ways to say that the application's database is not there (yet): no route, no server
# behind the balancer, no account, no schema, or a member that takes no writes at the moment.
UNAVAILABLE = {1040, 1044, 1045, 1049, 1053, 1130, 1290, 2002, 2003, 2005, 2006, 2013, 3100}
SQLSTATE = re.compile(r"SQLSTATE\[\w+\](?: \[(\d+)\]|: [^:]{1,80}: (\d+)) ([^(\n]*)")
UNKNOWN_COMMAND = re.compile(
    r"no commands defined in the|Command \"[^\"]+\" is (?:not defined|ambiguous)"
)
MIGRATION_LINE = re.compile(r"^\s*(\S+) \.{2,} .*?(Ran|Pending)\s*$")
MIGRATION_ROW = re.compile(r"^\|\s*(Yes|No)\s*\|\s*(\S+)\s*\|")
SEED_COMMAND = "app:seed-once"
NOT_SEEDED = 3

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
        exit($marked && $runs()->where('seeder', $seeder)->exists() ? 0 : 3);
    }
    if (! $marked) {
        $db->getSchemaBuilder()->create('seed_runs', function ($table) {
            $table->string('seeder', 190)->primary();
            $table->timestamp('seeded_at');
        });
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


class _Entry(NamedTuple):
    """Where a variable stands in the text of a .env file, and its value as it is written."""

    name: str
    raw: str | None
    start: int
    end: int


# ---- the text of a .env file: pure functions, by the rules of vlucas/phpdotenv 5 ----


def _lines(text: str) -> Iterator[tuple[int, int]]:
    """Yield start and end of each line, without its line end."""
    start = 0
    for found in re.finditer(r"\r\n|\n|\r", text):
        yield start, found.start()
        start = found.end()
    yield start, len(text)


def _closes(line: str, opening: bool) -> bool:
    """Whether a line ends a quoted value; the line that opens it has one quote more."""
    count = len(re.findall(r'(?<!\\)"', line.replace("\\\\", "")))
    return count > (1 if opening else 0)


def _opens(line: str) -> bool:
    """Whether a line starts a quoted value that goes on in the next line."""
    at = line.find('="')
    if at < 0 or 0 <= line.find("#") < at:
        return False
    return not _closes(line, opening=True)


def _entries(text: str) -> Iterator[_Entry]:
    """Yield the variables of a .env file in order; comments and blank lines are passed over."""
    first: int | None = None
    for start, end in _lines(text):
        line = text[start:end]
        if first is None:
            first = start
            if _opens(line) and end < len(text):
                continue
        elif not _closes(line, opening=False) and end < len(text):
            continue
        whole, begin, first = text[first:end], first, None
        stripped = whole.strip(TRIMMED)
        if stripped and not stripped.startswith("#"):
            yield _entry(whole, begin)


def _entry(line: str, start: int) -> _Entry:
    """Return the variable that a line (or several, if quoted) sets."""
    name, equals, raw = line.partition("=")
    name = re.sub(r"^export\s+", "", name.strip(TRIMMED) if equals else name)
    if len(name) > 2 and name[0] == name[-1] and name[0] in "'\"":
        name = name[1:-1]
    value = re.sub(r"\r\n|\r", "\n", raw).strip(TRIMMED) if equals else None
    return _Entry(name, value, start, start + len(line))


def _read_value(raw: str, known: Mapping[str, str]) -> str:
    """Return the value of what is written after the equals sign.

    ``known`` resolves references like ``${APP_NAME}``. Raises ValueError if it is malformed.
    """
    if not raw:
        return ""
    quote = raw[0] if raw[0] in "'\"" else ""
    body, rest, closed = [], "", False
    at = len(quote)
    while at < len(raw):
        char = raw[at]
        if quote and char == quote:
            closed, rest = True, raw[at + 1 :]
            break
        if not quote and (char in BLANKS or char == "#"):
            rest = raw[at:]
            break
        if quote == '"' and char == "\\":
            at += 1
            following = raw[at : at + 1]
            if following != "$" and following not in ESCAPES:
                raise ValueError("an unexpected escape sequence")
            char = LITERAL_DOLLAR if following == "$" else ESCAPES[following]
        elif quote == "'" and char == "$":
            char = LITERAL_DOLLAR
        body.append(char)
        at += 1
    if quote and not closed:
        raise ValueError("a missing closing quote")
    if rest.strip(BLANKS) and not rest.lstrip(BLANKS).startswith("#"):
        raise ValueError("white space in a value without quotes")
    value = re.sub(r"\$\{([A-Za-z0-9_.]+)\}", lambda m: known.get(m[1], m[0]), "".join(body))
    return value.replace(LITERAL_DOLLAR, "$")


def _write_value(value: str) -> str:
    """Return a value as it has to be written after the equals sign."""
    if "\0" in value:
        raise SaltInvocationError("A value in a .env file cannot hold a NUL character.")
    if PLAIN_VALUE.fullmatch(value):
        return value
    written = re.sub(r'["\\$]', lambda found: "\\" + found[0], value)
    for letter in "fnrtv":
        written = written.replace(ESCAPES[letter], "\\" + letter)
    # phpdotenv before 5.7 takes \" for an escaped quote even in \\", and would look for the
    # value's end in the lines below. A quote in a comment ends its search.
    return f'"{written}" #"' if value.endswith("\\") else f'"{written}"'


def _parse_env(text: str) -> dict[str, str]:
    """Return the variables of a .env file; of several lines for one variable the last counts."""
    values: dict[str, str] = {}
    for entry in _entries(text):
        try:
            if not ENV_NAME.fullmatch(entry.name):
                raise ValueError("an invalid name")
            if entry.raw is not None:
                values[entry.name] = _read_value(entry.raw, values)
        except ValueError as err:
            line = text.count("\n", 0, entry.start) + 1
            raise CommandExecutionError(f"Line {line} of the .env file has {err}.") from err
    return values


def _edit_env(text: str, values: Mapping[str, str]) -> str:
    """Return the text with these variables set; every other line stays byte for byte."""
    for name, value in values.items():
        if not ENV_NAME.fullmatch(name):
            raise SaltInvocationError(f"{name!r} cannot be the name of a variable.")
        line = f"{name}={_write_value(value)}"
        found = [entry for entry in _entries(text) if entry.name == name]
        if found:
            entry = found[-1]
            export = re.match(r"\s*export\s+", text[entry.start : entry.end])
            line = (export[0] if export else "") + line
            text = text[: entry.start] + line + text[entry.end :]
        else:
            gap = "" if not text or text[-1] in "\r\n" else "\n"
            text = f"{text}{gap}{line}\n"
            if not any(entry.name == name for entry in _entries(text)):
                raise CommandExecutionError(f"{name} cannot be added: a quote is never closed.")
    return text


def _mask(name: str, value: str) -> str:
    """Return what may be shown of a variable's value."""
    if value and SECRET_NAMES.search(name):
        return MASK
    return URL_USERINFO.sub(MASK, value)


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


def _env_path(directory: str) -> Path:
    return Path(directory) / ".env"


def _redact(text: str, directory: str) -> str:
    """Return text without the secrets of the application's .env file."""
    try:
        values = _parse_env(_read_text(_env_path(directory)))
    except CommandExecutionError:
        values = {}
    for name, value in values.items():
        if len(value) > 3 and SECRET_NAMES.search(name):
            text = text.replace(value, MASK)
    return URL_USERINFO.sub(MASK, text)


def _php(
    directory: str, arguments: list[str], user: str | None, timeout: int, stdin: str | None = None
) -> dict[str, Any]:
    """Run php in the application's directory; return retcode, stdout and stderr, unredacted."""
    if not _installed(directory):
        raise CommandExecutionError(
            f"{directory} is not installed: it needs both artisan and vendor/autoload.php."
        )
    done: dict[str, Any] = __salt__["cmd.run_all"](
        ["php", *arguments],
        cwd=directory,
        runas=user,
        # A narrow terminal breaks messages within a word.
        env={"COLUMNS": "4096", "NO_COLOR": "1"},
        stdin=stdin,
        python_shell=False,
        output_loglevel="quiet",
        ignore_retcode=True,
        timeout=timeout,
        umask="022",
    )
    return done


def _installed(directory: str) -> bool:
    root = Path(directory)
    return (root / "artisan").is_file() and (root / "vendor" / "autoload.php").is_file()


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
        err.info = {"database": "unavailable"}
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

        salt 'web*' laravel.env /srv/conduit/app/.env

    path
        The file, an absolute path.

    Returns a dictionary of str to str. Raises CommandExecutionError if the file cannot be read
    or is malformed.
    """
    return {name: _mask(name, value) for name, value in _parse_env(_read_text(Path(path))).items()}


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

        salt 'web*' laravel.env_update /srv/conduit/app/.env values='{APP_DEBUG: false}'
        salt 'web*' laravel.env_update /srv/conduit/app/.env \\
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
    wanted = {name: _spell(name, value) for name, value in (values or {}).items()}
    for name, key in (secrets or {}).items():
        value = _scalar(key, wanted_for=name)
        if value == "":
            raise SaltInvocationError(f"The pillar has no value at {key!r}, wanted for {name}.")
        wanted[name] = value
    file = Path(path)
    exists = file.exists()
    text = _read_text(file) if exists else ""
    current = _parse_env(text)
    different = {name: value for name, value in wanted.items() if current.get(name) != value}
    changes = {
        name: {
            "old": _mask(name, current.get(name, "")),
            "new": MASK if name in (secrets or {}) else _mask(name, value),
        }
        for name, value in different.items()
    }
    owner = {"user": user, "group": group, "mode": f"{int(mode, 8):04o}"}
    before = _ownership(file) if exists else {}
    for aspect, value in owner.items():
        if before.get(aspect) != value:
            changes[aspect] = {"old": before.get(aspect, ""), "new": value}
    if changes and not test:
        _write_text(file, _edit_env(text, different), owner)
    return changes


def _spell(name: str, value: Any) -> str:
    """Return a setting as a .env file spells it."""
    if value is None:
        return ""
    if not isinstance(value, str | int | float):
        raise SaltInvocationError(
            f"{name} is a {type(value).__name__}; expected text, a number, true or false."
        )
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


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

        salt 'web*' laravel.artisan /srv/conduit/app about
        salt 'web*' laravel.artisan /srv/conduit/app route:list args='["--path=api"]'

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
) -> dict[str, Any]:
    """Run an artisan command; ``options`` are php's own. Return what cmd.run_all does."""
    line = ["artisan", command, *(args or []), "--no-interaction", "--no-ansi"]
    return _php(directory, [*(options or []), *line], user, timeout)


def installed(directory: str) -> bool:
    """
    Tell whether an application's code and its dependencies are in place.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel.installed /srv/conduit/app

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

        salt 'web*' laravel.version /srv/conduit/app

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

        salt 'web*' laravel.migration_status /srv/conduit/app

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
        files = (Path(directory) / "database" / "migrations").glob("*.php")
        return {"ran": [], "pending": sorted(file.stem for file in files)}
    if done["retcode"]:
        raise _failure("artisan migrate:status", done, directory)
    return _parse_migrations(output)


def _parse_migrations(output: str) -> dict[str, list[str]]:
    """Return what migrate:status printed: dotted lines since Laravel 9.21, a table before."""
    status: dict[str, list[str]] = {"ran": [], "pending": []}
    for line in output.splitlines():
        if dotted := MIGRATION_LINE.match(line):
            status[dotted[2].lower()].append(dotted[1])
        elif row := MIGRATION_ROW.match(line):
            status["ran" if row[1] == "Yes" else "pending"].append(row[2])
    return status


def pending(directory: str, user: str | None = "www-data", timeout: int = 600) -> list[str]:
    """
    Return the migrations that the database has not seen.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel.pending /srv/conduit/app

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


def migrate(directory: str, user: str | None = "www-data", timeout: int = 600) -> list[str]:
    """
    Run the pending migrations.

    CLI Example:

    .. code-block:: bash

        salt web laravel.migrate /srv/conduit/app

    directory
        The application, an absolute path. Run it on one web server only: MySQL's schema changes
        are no transactions.

    user
        Who runs them: www-data.

    timeout
        Seconds after which artisan is ended: 600.

    Returns the list of str that have run, empty when there was nothing to do. Raises
    CommandExecutionError if one fails or is still pending afterwards.
    """
    before = pending(directory, user, timeout)
    if not before:
        return []
    artisan(directory, "migrate", ["--force"], user, timeout)
    left = pending(directory, user, timeout)
    if left:
        raise CommandExecutionError(f"Still pending after migrate: {', '.join(left)}.")
    return before


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

        salt web laravel.seeded /srv/conduit/app

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
    done = _seed_once(directory, "check", seeder, user, timeout)
    text = f"{done['stdout']}{done['stderr']}"
    if done["retcode"] == NOT_SEEDED or ("42S02" in text and "seed_runs" in text):
        return False
    if done["retcode"]:
        raise _failure(f"asking whether {seeder} has run", done, directory)
    return True


def seed(
    directory: str,
    seeder: str = "DatabaseSeeder",
    user: str | None = "www-data",
    timeout: int = 600,
) -> bool:
    """
    Run a seeder unless it has run in this database.

    The seed and the row that records it are one transaction: it happens wholly and once, or not
    at all. An application's own command ``app:seed-once`` is used where there is one. A seeder
    that changes the schema or truncates tables ends that transaction early.

    CLI Example:

    .. code-block:: bash

        salt web laravel.seed /srv/conduit/app

    directory
        The application, an absolute path.

    seeder
        The seeder's class: DatabaseSeeder.

    user
        Who runs it: www-data.

    timeout
        Seconds after which it is ended: 600.

    Returns bool: whether it ran now. Raises CommandExecutionError if it fails.
    """
    if seeded(directory, seeder, user, timeout):
        return False
    done = _seed_once(directory, "run", seeder, user, timeout)
    if done["retcode"]:
        raise _failure(f"seeding with {seeder}", done, directory)
    if not seeded(directory, seeder, user, timeout):
        raise CommandExecutionError(f"{seeder} ran, but the database has no record of it.")
    return True


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
    user: str | None = "www-data",
    test: bool = False,
) -> dict[str, Any]:
    """
    Give an application a key unless it has one; a key that is there is never replaced.

    CLI Example:

    .. code-block:: bash

        salt web laravel.key_update /srv/conduit/app APP_KEY '[key:generate]'

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
    current = _parse_env(text).get(name, "")
    if current:
        return {"changes": {}, "source": "kept", "differs": bool(given) and given != current}
    if not test:
        key = given or _new_key(directory, commands, user)
        _write_text(path, _edit_env(text, {name: key}), _ownership(path))
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


def dependencies(directory: str, dev: bool = False) -> dict[str, Any]:
    """
    Tell whether vendor/ is what composer.json, composer.lock and the code ask for.

    The code counts because the class map is made from it: with an authoritative one a new class
    is not found before the next ``composer install``.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel.dependencies /srv/conduit/app

    directory
        The application, an absolute path.

    dev
        Whether the dependencies for development are wanted. Default: False.

    Returns ``{"current": bool, "reasons": [str]}``: the reasons why an installation is due.
    Raises CommandExecutionError if composer.json is malformed.
    """
    root = Path(directory)
    if not (root / "vendor" / "autoload.php").is_file():
        return {"current": False, "reasons": ["vendor is missing"]}
    if not (root / "composer.json").is_file():
        return {"current": False, "reasons": ["composer.json is missing"]}
    before = _stamp(root).get("inputs")
    if not before:
        return {"current": False, "reasons": ["vendor is not known to be complete"]}
    now = _inputs(root, dev)
    reasons = [f"{what} has changed" for what in now if now[what] != before.get(what)]
    return {"current": not reasons, "reasons": reasons}


def install_dependencies(
    directory: str,
    dev: bool = False,
    composer_home: str = "/etc/composer",
    cache: str = "/var/cache/composer",
    timeout: int = 900,
) -> list[str]:
    """
    Run ``composer install`` if vendor/ is not what the application asks for.

    It runs as root, so that the web server cannot change the code it runs.

    CLI Example:

    .. code-block:: bash

        salt 'web*' laravel.install_dependencies /srv/conduit/app

    directory
        The application, an absolute path.

    dev
        Install the dependencies for development, too. Default: False.

    composer_home
        Directory of Composer's config.json and auth.json: /etc/composer.

    cache
        Directory of downloaded packages: /var/cache/composer.

    timeout
        Seconds after which Composer is ended: 900.

    Returns the list of str of reasons for which it ran, empty when there was nothing to do.
    Raises CommandExecutionError if it fails.
    """
    reasons: list[str] = dependencies(directory, dev)["reasons"]
    if not reasons:
        return []
    root = Path(directory)
    if not (root / "composer.json").is_file():
        raise CommandExecutionError(f"{root / 'composer.json'} does not exist.")
    stamp, lock = _stamp(root), root / "composer.lock"
    manifest_changed = stamp.get("inputs", {}).get("composer.json") != _digest(
        root, [root / "composer.json"]
    )
    # A lock that came with the code is obeyed. One that Composer left here is no decision of
    # anybody's, and must not keep a changed composer.json from being resolved.
    if stamp.get("own_lock") and manifest_changed:
        lock.unlink(missing_ok=True)
    own_lock = not lock.exists() or bool(stamp.get("own_lock"))
    (root / "vendor" / STAMP).unlink(missing_ok=True)
    done = __salt__["cmd.run_all"](
        ["composer", "install", "--no-interaction", "--no-progress", "--no-ansi"]
        + ["--classmap-authoritative"]
        + ([] if dev else ["--no-dev"]),
        cwd=directory,
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
        raise CommandExecutionError(_composer_failure(done, directory))
    content = {"inputs": _inputs(root, dev), "own_lock": own_lock}
    (root / "vendor" / STAMP).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return reasons


def _composer_failure(done: Mapping[str, Any], directory: str) -> str:
    """Return the sentence for a failed composer install: its own problem report, shortened."""
    text = _redact(f"{done['stdout']}\n{done['stderr']}", directory)
    lines = [" ".join(line.split()) for line in text.splitlines()]
    problems = [
        line for line in lines if re.match(r"- |Problem \d|.*(Error|failed|could not)", line)
    ]
    told = " ".join((problems or [line for line in lines if line])[-6:])
    return f"composer install failed (exit code {done['retcode']}): {told[:800]}"


def _stamp(root: Path) -> dict[str, Any]:
    """Return what vendor/ was installed from, as noted by the last complete installation."""
    try:
        content = json.loads((root / "vendor" / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _inputs(root: Path, dev: bool) -> dict[str, Any]:
    """Return what an installation is made from, as hashes."""
    try:
        manifest = json.loads((root / "composer.json").read_text(encoding="utf-8"))
    except ValueError as err:
        raise CommandExecutionError(f"{root / 'composer.json'} is malformed: {err}.") from err
    # What bootstrap/ and config/ name is cached at the end of an installation.
    code = {*(root / "bootstrap").glob("*.php"), *(root / "config").rglob("*.php")}
    for path in _autoload_paths(manifest.get("autoload", {})):
        found = [root / path] if (root / path).is_file() else (root / path).rglob("*.php")
        code |= {file for file in found if not file.is_relative_to(root / "vendor")}
    return {
        "composer.json": _digest(root, [root / "composer.json"]),
        "composer.lock": _digest(root, [root / "composer.lock"]),
        "code": _digest(root, sorted(code)),
        "dev": dev,
    }


def _autoload_paths(autoload: Mapping[str, Any]) -> Iterator[str]:
    """Yield the files and directories that composer.json has Composer load classes from."""
    for rule in ("psr-4", "psr-0"):
        for paths in autoload.get(rule, {}).values():
            yield from [paths] if isinstance(paths, str) else paths
    for rule in ("classmap", "files"):
        yield from autoload.get(rule, [])
