<?php

namespace Tests;

use App\Models\User;
use Illuminate\Database\Connection;
use Illuminate\Database\Events\QueryExecuted;
use Illuminate\Database\Events\TransactionBeginning;
use Illuminate\Database\Events\TransactionCommitted;
use Illuminate\Foundation\Testing\TestCase as FrameworkTestCase;
use Illuminate\Support\Facades\Artisan;
use Illuminate\Support\Facades\DB;
use Illuminate\Support\Facades\Event;
use Illuminate\Testing\TestResponse;
use PDOException;
use RuntimeException;

/**
 * Tests against a database of their own, which is emptied before each.
 *
 * Each request has connections of its own, as with php-fpm: what one wrote must not reach the next
 * one by a connection that both share.
 */
abstract class TestCase extends FrameworkTestCase
{
    private const TABLES = ['comments', 'favorites', 'article_tag', 'articles', 'tags', 'follows', 'users'];

    private static bool $migrated = false;

    /** @var list<string> what a request asked of the database, the begin and end of transactions included */
    protected array $log = [];

    protected function setUp(): void
    {
        parent::setUp();
        if (! str_ends_with(DB::getDatabaseName(), '_test')) {
            throw new RuntimeException('These tests empty their database, and '.DB::getDatabaseName().' is not for tests.');
        }
        if (! self::$migrated) {
            Artisan::call('migrate:fresh');
            self::$migrated = true;
        }
        DB::transaction(function (): void {
            foreach (self::TABLES as $table) {
                DB::table($table)->delete();
            }
        });
        Event::listen(fn (QueryExecuted $query) => $this->log[] = $query->sql);
        // Savepoints begin and end, too.
        Event::listen(function (TransactionBeginning $event): void {
            if ($event->connection->transactionLevel() === 1) {
                $this->log[] = 'begin';
            }
        });
        Event::listen(function (TransactionCommitted $event): void {
            if ($event->connection->transactionLevel() === 0) {
                $this->log[] = 'commit';
            }
        });
    }

    protected function tearDown(): void
    {
        DB::purge();
        parent::tearDown();
    }

    /**
     * Send a request and see that it kept the rule of App\Database\Work: all that is written is
     * written within a transaction, and COMMIT is the last that is asked of the database.
     */
    public function call($method, $uri, $parameters = [], $cookies = [], $files = [], $server = [], $content = null): TestResponse
    {
        DB::purge();
        $this->log = [];
        $response = parent::call($method, $uri, $parameters, $cookies, $files, $server, $content);

        $within = false;
        foreach ($this->log as $at => $entry) {
            $within = match ($entry) {
                'begin' => true,
                'commit' => false,
                default => $within,
            };
            if ($entry === 'commit') {
                $this->assertSame(array_key_last($this->log), $at, 'COMMIT comes last.');
            } elseif ($entry !== 'begin' && ! str_starts_with($entry, 'select')) {
                $this->assertTrue($within, "Written outside of a transaction: {$entry}");
            }
        }
        DB::purge();

        return $response;
    }

    /**
     * @param  array<string, mixed>  $data
     */
    protected function api(string $method, string $path, array $data = [], ?string $token = null): TestResponse
    {
        return $this->json($method, "/api{$path}", $data, $token === null ? [] : ['Authorization' => "Token {$token}"]);
    }

    /**
     * Register a user and return its token.
     */
    protected function register(string $name): string
    {
        $user = ['username' => $name, 'email' => "{$name}@conduit.example", 'password' => 'a password'];

        return $this->api('POST', '/users', ['user' => $user])->assertCreated()->json('user.token');
    }

    /**
     * Write an article and return its slug.
     *
     * @param  list<string>  $tags
     */
    protected function write(string $token, string $title = 'A title', array $tags = []): string
    {
        $article = ['title' => $title, 'description' => 'What it is about', 'body' => 'The text.', 'tagList' => $tags];

        return $this->api('POST', '/articles', ['article' => $article], $token)->assertCreated()->json('article.slug');
    }

    protected function id(string $username): int
    {
        return User::query()->where('username', $username)->firstOrFail()->id;
    }

    /**
     * What the driver throws for an error of the server.
     */
    protected function failure(int $code, string $message = 'from a test', string $state = 'HY000'): PDOException
    {
        $failure = new PDOException("SQLSTATE[{$state}]: General error: {$code} {$message}");
        $failure->errorInfo = [$state, $code, $message];

        return $failure;
    }

    /**
     * Do something the first times that an event happens.
     *
     * @template T of object
     *
     * @param  class-string<T>  $event
     * @param  callable(T): mixed  $action
     */
    protected function on(string $event, callable $action, int $times = 1): void
    {
        Event::listen($event, function (object $happened) use ($action, &$times): void {
            if ($times-- > 0) {
                $action($happened);
            }
        });
    }

    /**
     * Do something once, right after the first query of which this is a part; or the first within a transaction.
     */
    protected function afterQuery(string $part, callable $action, bool $within = false): void
    {
        $done = false;
        Event::listen(function (QueryExecuted $query) use ($part, $action, $within, &$done): void {
            if (! $done && str_contains($query->sql, $part) && (! $within || $query->connection->transactionLevel() > 0)) {
                $done = true;
                $action();
            }
        });
    }

    /**
     * Another client of the database, beside the request.
     */
    protected function beside(): Connection
    {
        return DB::connectUsing('beside', config('database.connections.mysql'), force: true);
    }
}
