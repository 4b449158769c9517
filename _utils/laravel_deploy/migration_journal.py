"""The journal of a run of migrations: what of one that did not end had committed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from salt.exceptions import CommandExecutionError

from laravel_deploy.artisan import Application
from laravel_deploy.beneath import folder, read_file
from laravel_deploy.env_file import redact
from laravel_deploy.files import trusted
from laravel_deploy.layout import home

# In the application's storage, which outlives a release and is the web server's to write.
PLACE, JOURNAL = "framework", "migrations.journal"
# What changes nothing is not told; what ends a transaction by itself commits what was before.
READS = re.compile(r"\s*(?:select|show|set|use|explain|describe|desc|with)\b", re.I)
COMMITS = re.compile(
    r"\s*(?:create(?! temporary)|alter|drop(?! temporary)|rename|truncate|grant|revoke|lock|analyze"
    r"|optimize|repair)\b",
    re.I,
)
LENGTH = 160

# Handed to php on its standard input: `artisan migrate`, which notes what it does.
MIGRATE = r"""<?php
require 'vendor/autoload.php';
use Illuminate\Database\Events as Of;
$app = require 'bootstrap/app.php';
$kernel = $app->make(Illuminate\Contracts\Console\Kernel::class);
$kernel->bootstrap();
[$path, $mode] = array_slice($argv, 1);
$file = @fopen($path, $mode);
$name = '';
$note = function (array $entry) use ($file) {
    $file && fwrite($file, json_encode($entry, JSON_INVALID_UTF8_SUBSTITUTE)."\n");
};
$events = $app->make('events');
$watched = [];
$watch = function ($connection) use (&$watched, &$name, $note) {
    $id = spl_object_id($connection);
    if (isset($watched[$id]) || ! method_exists($connection, 'beforeExecuting')) {
        return;
    }
    $watched[$id] = $connection;
    $connection->beforeExecuting(function ($sql) use (&$name, $note) {
        $name === '' || $note(['asks' => $sql]);
    });
};
$events->listen(Of\MigrationStarted::class, function ($event) use ($app, &$name, $note, $watch) {
    $name = basename((new ReflectionClass($event->migration))->getFileName(), '.php');
    $watch($app->make('db')->connection($event->migration->getConnection()));
    $note(['begins' => $name]);
});
$events->listen(Of\MigrationEnded::class, function () use (&$name, $note) {
    $note(['ends' => $name]);
    $name = '';
});
$events->listen(Of\QueryExecuted::class, function ($event) use (&$name, $note) {
    $level = $event->connection->transactionLevel();
    $name === '' || $note(['did' => $event->sql, 'level' => $level]);
});
$events->listen(Of\TransactionCommitted::class, function ($event) use (&$name, $note) {
    $event->connection->transactionLevel() || $note(['commits' => true]);
});
$events->listen(Of\TransactionRolledBack::class, function ($event) use (&$name, $note) {
    $event->connection->transactionLevel() || $note(['undoes' => true]);
});
try {
    $code = $kernel->call('migrate', ['--force' => true]);
    echo $kernel->output();
    exit($code);
} catch (Throwable $e) {
    $note(['fails' => true]);
    fwrite(STDERR, $e->getMessage());
    exit(1);
}
"""


@dataclass
class HalfDone:
    """A migration that began and is not known to the database."""

    migration: str
    # Statements that have committed, and the one that was under way when nothing more was noted.
    committed: list[str] = field(default_factory=list)
    running: str = ""
    # All of its statements ran; only the row in the table of migrations is missing.
    whole: bool = False

    def told(self) -> str:
        """Return what is half done, in sentences."""
        if self.whole:
            return (
                f"{self.migration} has run whole and is not recorded in the table of migrations; "
                "add its row there."
            )
        parts = [
            f"{self.migration} is half done",
            f"committed: {'; '.join(map(_short, dict.fromkeys(self.committed))) or 'nothing'}",
        ]
        if self.running:
            parts.append(
                f"under way when it was cut off, and perhaps still so in the database: "
                f"{_short(self.running)}"
            )
        end = "."
        if self.committed or self.running:
            end = ". Undo that, or do the rest by hand and add its row to the table of migrations."
        return ", ".join(parts) + end


def _short(statement: str) -> str:
    line = " ".join(statement.split())
    return line if len(line) <= LENGTH else f"{line[: LENGTH - 3]}..."


def half_done(entries: Iterable[Mapping[str, Any]], pending: Iterable[str]) -> HalfDone | None:
    """
    Return the migration that was begun and is still pending, or nothing.

    entries
        What a run, or several ones, noted.

    pending
        The migrations that the database has not seen.
    """
    open_ones = set(pending)
    found: HalfDone | None = None
    waiting: list[str] = []
    for entry in entries:
        if "begins" in entry:
            waiting = []
            if found is None or found.migration != entry["begins"]:
                found = HalfDone(str(entry["begins"]))
            found.running, found.whole = "", False
        elif found is None:
            continue
        elif "asks" in entry:
            found.running = "" if READS.match(str(entry["asks"])) else str(entry["asks"])
        elif "did" in entry:
            found.running = ""
            waiting = _after(found, waiting, str(entry["did"]), int(entry.get("level", 0)))
        elif "commits" in entry:
            found.committed += waiting
            waiting = []
        elif "undoes" in entry:
            waiting = []
        elif "fails" in entry:
            found.running = ""
        elif "ends" in entry:
            found.running, found.whole = "", True
    return found if found and found.migration in open_ones else None


def _after(found: HalfDone, waiting: list[str], statement: str, level: int) -> list[str]:
    """Take a statement that ran into account; return those that wait for their COMMIT."""
    if READS.match(statement):
        return waiting
    if COMMITS.match(statement) or not level:
        found.committed += [*waiting, statement]
        return []
    return [*waiting, statement]


def read_journal(app: Application) -> list[dict[str, Any]]:
    """Return what the last run of migrations noted; nothing where there is no journal."""
    try:
        place = trusted(home(app.directory) / "storage")
        with folder(place, PLACE) as at:
            text = read_file(at, JOURNAL, app.ids()[0]).decode("utf-8", "replace")
    except CommandExecutionError:
        return []
    found = []
    for line in text.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            # The last line of a process that was killed.
            continue
        if isinstance(entry, dict):
            found.append(entry)
    return found


def left(app: Application, pending: Iterable[str]) -> str:
    """Return in words what an earlier run has left half done of the pending migrations."""
    found = half_done(read_journal(app), pending)
    # One that began and did nothing is none.
    if not found or not (found.committed or found.running or found.whole):
        return ""
    return redact(found.told(), app.directory)


def run_with_journal(
    app: Application, variables: Mapping[str, str], pending: Iterable[str]
) -> dict[str, Any]:
    """Run the pending migrations; what they do is noted as they do it."""
    path = home(app.directory) / "storage" / PLACE / JOURNAL
    # What is half done stays known until the migration has run.
    mode = "a" if left(app, pending) else "w"
    return app.php(["--", str(path), mode], MIGRATE, variables)
