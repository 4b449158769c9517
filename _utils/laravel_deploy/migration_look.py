"""Which statements migrations would run, asked of their code where it can have no effect."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from laravel_deploy.artisan import Application
from laravel_deploy.caches import CACHES, cache_folder
from laravel_deploy.confinement import confined
from laravel_deploy.dotenv import parse_env
from laravel_deploy.env_file import neutral_env
from laravel_deploy.failures import sentence
from laravel_deploy.layout import env_path, home
from laravel_deploy.programs import run_program

LOOK_SECONDS = 120
# What a migration may do beside its statements comes to nothing instead of failing.
NOWHERE = {
    "LOG_CHANNEL": "stderr",
    "CACHE_STORE": "array",
    "CACHE_DRIVER": "array",
    "SESSION_DRIVER": "array",
    "QUEUE_CONNECTION": "null",
    "MAIL_MAILER": "array",
}

# Handed to php on its standard input: what `migrate --pretend` does, on a connection that leads to
# no server.
LOOK = r"""<?php
require 'vendor/autoload.php';

final class NoServer extends PDO
{
    private bool $within = false;
    public function __construct() {}
    public function getAttribute(int $attribute): mixed
    {
        return $attribute === PDO::ATTR_SERVER_VERSION ? '9.0.0' : null;
    }
    public function setAttribute(int $attribute, mixed $value): bool { return true; }
    public function quote(string $string, int $type = PDO::PARAM_STR): string|false
    {
        return "'".addslashes($string)."'";
    }
    public function lastInsertId(?string $name = null): string|false { return '1'; }
    public function beginTransaction(): bool { return $this->within = true; }
    public function commit(): bool { return ! ($this->within = false); }
    public function rollBack(): bool { return ! ($this->within = false); }
    public function inTransaction(): bool { return $this->within; }
    public function exec(string $statement): int|false { throw $this->refusal(); }
    public function prepare(string $query, array $options = []): PDOStatement|false
    {
        throw $this->refusal();
    }
    public function query(string $query, ?int $mode = null, mixed ...$args): PDOStatement|false
    {
        throw $this->refusal();
    }
    private function refusal(): RuntimeException
    {
        return new RuntimeException('it asks the database for something');
    }
}

$app = require 'bootstrap/app.php';
$app->make(Illuminate\Contracts\Console\Kernel::class)->bootstrap();
Illuminate\Database\Connection::resolverFor('mysql', fn ($pdo, ...$of) => new
    Illuminate\Database\MySqlConnection(new NoServer, ...$of));
$db = $app->make('db');
$migrator = $app->make('migrator');
$files = $migrator->getMigrationFiles([...$migrator->paths(), $app->databasePath('migrations')]);
$default = $db->getDefaultConnection();
foreach (array_slice($argv, 1) as $name) {
    [$told, $connection] = [['migration' => $name, 'statements' => [], 'unknown' => ''], null];
    try {
        $found = require_once $files[$name];
        $class = Illuminate\Support\Str::studly(implode('_', array_slice(explode('_', $name), 4)));
        $migration = is_object($found) ? $found : new $class;
        $db->setDefaultConnection($migration->getConnection() ?: $default);
        $connection = $db->connection()->setReadPdo(new NoServer);
        $runs = ! method_exists($migration, 'shouldRun') || $migration->shouldRun();
        $queries = $runs ? $connection->pretend(fn () => $migration->up()) : [];
        $told['statements'] = array_column($queries, 'query');
    } catch (Throwable $e) {
        $told['unknown'] = $e->getMessage();
        $told['statements'] = $connection ? array_column($connection->getQueryLog(), 'query') : [];
    }
    echo "\n", json_encode($told, JSON_INVALID_UTF8_SUBSTITUTE), "\n";
}
"""


def look(app: Application, pending: Sequence[str]) -> list[tuple[str, list[str], str]]:
    """
    Return of each pending migration its name, the statements that it would run, and the reason if
    those are not known.

    The code of a migration is the only one that knows. It runs as ``nobody``, without a network,
    without the .env file, and on a connection that leads to no server: it writes to no database,
    no file of the application and no other machine. What it asks the database has no answer.

    app, pending
        The application, and the migrations.
    """
    app.ids()
    plain = parse_env(neutral_env(env_path(app.directory)))
    # Those of the release are the web server's to read.
    caches = {variable: str(cache_folder(home(app.directory)) / ".none") for *_, variable in CACHES}
    done = run_program(
        app.run_all,
        # As a user that owns nothing and reads no secret: its effects nobody has asked for.
        confined(["php", "--", *pending], "nobody", "nogroup"),
        cwd=str(home(app.directory)),
        clean_env=True,
        env={**plain, **NOWHERE, **caches, "COLUMNS": "4096", "NO_COLOR": "1"},
        stdin=LOOK,
        timeout=LOOK_SECONDS,
        umask="077",
    )
    told = {one["migration"]: one for one in _told(str(done["stdout"]))}
    missing: dict[str, Any] = {"statements": [], "unknown": sentence(done, app.directory)}
    found = [(name, told.get(name, missing)) for name in pending]
    return [(name, list(one["statements"]), str(one["unknown"])) for name, one in found]


def _told(output: str) -> list[dict[str, Any]]:
    """Return what the program said, without what the application printed."""
    found = []
    for line in output.splitlines():
        if line.startswith('{"migration":'):
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
    return found
