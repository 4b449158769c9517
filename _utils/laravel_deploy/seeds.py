"""A seeder that runs once in the life of the database, which remembers that itself."""

from __future__ import annotations

import contextlib

from salt.exceptions import CommandExecutionError

from laravel_deploy.artisan import ASKING, Application
from laravel_deploy.schema_window import SchemaAccount, group_of, window

# What the program below ends with.
NOT_SEEDED = 3
NO_RECORD = 4

# The row that records a seed and the seed are one transaction, tried again where it conflicts. The
# program is handed to php on its standard input.
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
    }, 3);
} catch (Throwable $e) {
    fwrite(STDERR, $e->getMessage());
    exit(1);
}
"""


def has_seeded(app: Application, seeder: str) -> bool:
    """Tell whether a seeder has run in this database."""
    return _seed_record(app, seeder) == 0


def _seed_record(app: Application, seeder: str) -> int:
    """Return 0, NOT_SEEDED, or NO_RECORD where the table for it is not there yet."""
    done = app.php([*ASKING, "--", "check", seeder], SEED_ONCE)
    code = int(done["retcode"])
    if code in (0, NOT_SEEDED, NO_RECORD):
        return code
    raise app.failure(f"asking whether {seeder} has run", done)


def seed(app: Application, seeder: str, account: SchemaAccount) -> bool:
    """
    Run a seeder unless it has run in this database; tell whether it ran now.

    app
        The application.

    seeder
        The seeder's class.

    account
        The account that makes the table ``seed_runs``, where it is not there yet.
    """
    found = _seed_record(app, seeder)
    if found == 0:
        return False
    if found == NO_RECORD:
        _make_record(app, account)
    done = app.php(["--", "run", seeder], SEED_ONCE)
    if done["retcode"]:
        if has_seeded(app, seeder):
            # Another web server was faster; what this one did was rolled back.
            return False
        raise app.failure(f"seeding with {seeder}", done)
    if not has_seeded(app, seeder):
        raise CommandExecutionError(f"{seeder} ran, but the database has no record of it.")
    return True


def _make_record(app: Application, account: SchemaAccount) -> None:
    """Make the table that records the seeds."""
    opened = window(app.directory, account) if group_of(app) else None
    with opened or contextlib.nullcontext({}) as variables:
        done = app.php(["--", "prepare", ""], SEED_ONCE, variables)
    if done["retcode"]:
        raise app.failure("making the table seed_runs", done)
