"""A seeder that runs once in the life of the database, which remembers that itself."""

from __future__ import annotations

import contextlib
from typing import Any

from salt.exceptions import CommandExecutionError

from laravel_deploy.artisan import ASKING, Application
from laravel_deploy.artisan_output import UNKNOWN_COMMAND
from laravel_deploy.schema_window import SchemaAccount, group_mode, window

# An application's own command for it, and what that and our own program end with.
SEED_COMMAND = "app:seed-once"
NOT_SEEDED = 3
NO_RECORD = 4

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


def has_seeded(app: Application, seeder: str) -> bool:
    """Tell whether a seeder has run in this database."""
    return _seed_record(app, seeder) == 0


def _seed_record(app: Application, seeder: str) -> int:
    """Return 0, NOT_SEEDED, or NO_RECORD where our own program has no table for it yet."""
    done = _seed_once(app, "check", seeder)
    code, text = int(done["retcode"]), f"{done['stdout']}{done['stderr']}"
    if code in (0, NOT_SEEDED, NO_RECORD):
        return code
    if "42S02" in text and "seed_runs" in text:
        return NOT_SEEDED
    raise app.failure(f"asking whether {seeder} has run", done)


def seed(app: Application, seeder: str, account: SchemaAccount) -> bool:
    """
    Run a seeder unless it has run in this database; tell whether it ran now.

    app
        The application.

    seeder
        The seeder's class.

    account
        The account that makes the table ``seed_runs``, where our own program needs that.
    """
    found = _seed_record(app, seeder)
    if found == 0:
        return False
    if found == NO_RECORD:
        _make_record(app, account)
    done = _seed_once(app, "run", seeder)
    if done["retcode"]:
        if has_seeded(app, seeder):
            # Another web server was faster; what this one did was rolled back.
            return False
        raise app.failure(f"seeding with {seeder}", done)
    if not has_seeded(app, seeder):
        raise CommandExecutionError(f"{seeder} ran, but the database has no record of it.")
    return True


def _make_record(app: Application, account: SchemaAccount) -> None:
    """Make the table in which our own program records a seed."""
    opened = window(app.directory, account) if group_mode(app) else None
    with opened or contextlib.nullcontext({}) as variables:
        done = app.php(["--", "prepare", ""], SEED_ONCE, variables)
    if done["retcode"]:
        raise app.failure("making the table seed_runs", done)


def _seed_once(app: Application, mode: str, seeder: str) -> dict[str, Any]:
    """Check or run a seeder with the application's own command, else with ours."""
    asks = mode == "check"
    options, args = (ASKING, [seeder, "--check"]) if asks else ((), [seeder])
    done = app.artisan(SEED_COMMAND, args, options)
    if done["retcode"] and UNKNOWN_COMMAND.search(f"{done['stdout']}{done['stderr']}"):
        done = app.php([*options, "--", mode, seeder], SEED_ONCE)
    return done
