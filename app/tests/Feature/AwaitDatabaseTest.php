<?php

namespace Tests\Feature;

use App\Models\Article;
use App\Models\User;
use App\Services\WaitingRoom;
use ErrorException;
use Illuminate\Database\Events\StatementPrepared;
use Illuminate\Database\Events\TransactionBeginning;
use Illuminate\Database\Events\TransactionCommitting;
use Illuminate\Log\Events\MessageLogged;
use Illuminate\Support\Facades\DB;
use Illuminate\Support\Facades\Event;
use Illuminate\Support\Facades\Route;
use Illuminate\Support\Sleep;
use Illuminate\Testing\TestResponse;
use PDO;
use PHPUnit\Framework\Attributes\DataProvider;
use RuntimeException;
use Tests\TestCase;

/**
 * What happens to a request when its database goes away.
 */
class AwaitDatabaseTest extends TestCase
{
    private const ARTICLE = ['article' => ['title' => 'A title', 'description' => 'd', 'body' => 'b', 'tagList' => ['salt']]];

    private string $token;

    /** @var list<string> */
    private array $logged = [];

    protected function setUp(): void
    {
        parent::setUp();
        $this->token = $this->register('jane');
        Event::listen(fn (MessageLogged $message) => $this->logged[] = "{$message->level}: {$message->message}");
    }

    public function test_a_connection_lost_before_the_commit_is_another_attempt(): void
    {
        $this->afterQuery('insert into `articles`', fn () => $this->kill());
        $this->publish()->assertCreated()->assertJsonPath('article.tagList', ['salt']);
        $this->assertSame(2, $this->begun());
        $this->assertSame(1, Article::query()->count());
        $this->assertSame([], $this->logged);
    }

    public function test_a_connection_lost_by_a_reader_is_made_anew(): void
    {
        $this->afterQuery('from `users`', fn () => $this->end(DB::connection()->getReadPdo()));
        $this->api('GET', '/articles', token: $this->token)->assertOk();
    }

    public function test_a_connection_lost_during_the_commit_is_told_and_not_tried_again(): void
    {
        $this->on(TransactionCommitting::class, fn () => $this->kill());
        $this->unknown($this->publish());
        $this->assertSame(1, $this->begun());
        $this->assertSame(0, Article::query()->count());
    }

    public function test_a_commit_whose_answer_was_lost_is_told_and_not_tried_again(): void
    {
        $this->on(TransactionCommitting::class, function (TransactionCommitting $event): void {
            $event->connection->getPdo()->commit();
            throw $this->failure(2013, 'Lost connection to MySQL server during query');
        });
        $this->unknown($this->publish());
        $this->assertSame(1, Article::query()->count());
    }

    #[DataProvider('leaving')]
    public function test_a_commit_that_a_leaving_member_refused_may_be_with_the_others(int $code): void
    {
        $this->on(TransactionCommitting::class, fn () => throw $this->failure($code));
        $this->unknown($this->publish());
        $this->assertSame(1, $this->begun());
    }

    public function test_a_commit_lost_with_a_warning_is_told_as_well(): void
    {
        $this->on(TransactionCommitting::class, fn () => throw new ErrorException('PDO::commit(): MySQL server has gone away'));
        $this->unknown($this->publish());
    }

    #[DataProvider('leaving')]
    public function test_a_member_that_leaves_before_the_commit_is_another_attempt(int $code): void
    {
        $this->on(StatementPrepared::class, fn () => throw $this->failure($code));
        $this->publish()->assertCreated();
        $this->on(TransactionBeginning::class, fn () => throw $this->failure($code));
        $this->publish()->assertCreated();
        $this->assertSame(2, Article::query()->count());
        $this->assertSame([], $this->logged);
    }

    /**
     * @return list<array{int}>
     */
    public static function leaving(): array
    {
        return [[1053], [1290], [3032], [6400], [3100], [3796], [3797], [3798], [3799]];
    }

    #[DataProvider('conflicts')]
    public function test_a_unit_of_work_that_lost_a_conflict_is_done_again(int $code, string $state): void
    {
        $this->on(TransactionCommitting::class, fn () => throw $this->failure($code, state: $state), times: 2);
        $this->publish()->assertCreated();
        $this->assertSame(3, $this->begun());
        $this->assertSame(1, Article::query()->count());
    }

    /**
     * @return list<array{int, string}>
     */
    public static function conflicts(): array
    {
        return [[3101, '40000'], [1180, 'HY000'], [1205, 'HY000'], [1213, '40001']];
    }

    public function test_what_is_done_again_is_done_wholly(): void
    {
        $conflict = fn () => throw $this->failure(3101);
        $this->on(TransactionCommitting::class, $conflict);
        $john = $this->register('john');
        $this->on(TransactionCommitting::class, $conflict);
        $this->api('PUT', '/user', ['user' => ['bio' => 'written']], $john)->assertOk();
        $this->assertSame('written', User::query()->where('username', 'john')->sole()->bio);
        $this->publish()->assertCreated();
        $this->on(TransactionCommitting::class, $conflict);
        $this->api('PUT', '/articles/a-title', ['article' => ['body' => 'written', 'tagList' => []]], $this->token)->assertOk();
        $this->api('GET', '/articles/a-title')->assertJsonPath('article.body', 'written')->assertJsonPath('article.tagList', []);
        $this->on(TransactionCommitting::class, $conflict);
        $this->api('DELETE', '/articles/a-title', token: $this->token)->assertNoContent();
        $this->assertSame(0, Article::query()->count());
    }

    public function test_a_conflict_that_lasts_is_a_reason_to_wait(): void
    {
        config(['conduit.attempts' => 2]);
        $this->on(TransactionCommitting::class, fn () => throw $this->failure(3101), times: 5);
        $this->publish()->assertCreated();
        $this->assertSame(6, $this->begun());
        $this->assertSame(1, Article::query()->count());
    }

    public function test_after_a_conflict_a_lost_connection_is_another_attempt(): void
    {
        $this->on(TransactionCommitting::class, fn () => throw $this->failure(3101));
        $begun = 0;
        Event::listen(function (TransactionBeginning $event) use (&$begun): void {
            if ($event->connection->transactionLevel() === 1 && ++$begun === 2) {
                $this->kill();
            }
        });
        $this->publish()->assertCreated();
        $this->assertSame(1, Article::query()->count());
    }

    public function test_who_waits_is_served_when_the_database_is_back(): void
    {
        $there = config('database.connections.mysql');
        config(['database.connections.mysql' => $this->away($there)]);
        Sleep::fake();
        Sleep::whenFakingSleep(fn () => config(['database.connections.mysql' => $there]));
        $this->api('GET', '/tags')->assertOk();
        Sleep::assertSleptTimes(1);
    }

    public function test_patience_ends(): void
    {
        config(['conduit.patience' => 0.6, 'database.connections.mysql' => $this->away(config('database.connections.mysql'))]);
        $begin = microtime(true);
        $this->publish()->assertServiceUnavailable()->assertHeader('Retry-After', '5')
            ->assertExactJson(['errors' => ['database' => ['is not available at the moment']]]);
        $this->assertEqualsWithDelta(1.0, microtime(true) - $begin, 0.6);
        // One line, with the driver's words, and none of the statement's or its values'.
        $this->assertCount(1, $this->logged);
        $this->assertMatchesRegularExpression(
            '~^warning: POST api/articles: 503 after \d\.\d s, attempts: \d+: SQLSTATE\[HY000] \[2002] Connection refused$~',
            $this->logged[0],
        );
    }

    public function test_no_patience_is_one_attempt(): void
    {
        config(['conduit.patience' => 0, 'database.connections.mysql' => $this->away(config('database.connections.mysql'))]);
        Sleep::fake();
        $this->api('GET', '/tags')->assertServiceUnavailable();
        Sleep::assertNeverSlept();
    }

    public function test_who_comes_when_all_places_are_taken_is_told_at_once(): void
    {
        config(['conduit.waiting' => 1, 'database.connections.mysql' => $this->away(config('database.connections.mysql'))]);
        app()->forgetInstance(WaitingRoom::class);
        Sleep::fake();
        $taken = new WaitingRoom(storage_path('framework/cache'), 1);
        $this->assertTrue($taken->enter());
        $this->api('GET', '/tags')->assertServiceUnavailable()->assertHeader('Retry-After', '5');
        $this->assertSame(['warning: GET api/tags: 503 after 0.0 s, attempts: 0: as many as may wait do so already'], $this->logged);
        Sleep::assertNeverSlept();
        $this->get('/up')->assertOk();
        // It asks, and says what it sees.
        $this->api('GET', '/health')->assertServiceUnavailable()->assertJsonPath('status', 'unavailable');
        $taken->leave();
        config(['conduit.patience' => 0.2]);
        $this->api('GET', '/tags')->assertServiceUnavailable();
        $this->assertStringContainsString('Connection refused', end($this->logged));
        // Whoever has waited gives its place back.
        $this->assertTrue($taken->enter());
    }

    public function test_a_place_is_free_again_with_the_first_answer_of_the_database(): void
    {
        config(['conduit.waiting' => 1]);
        app()->forgetInstance(WaitingRoom::class);
        $other = new WaitingRoom(storage_path('framework/cache'), 1);
        $free = null;
        $this->afterQuery('from `articles`', function () use ($other, &$free): void {
            $free = $other->enter();
            $other->leave();
        });
        $this->api('GET', '/articles')->assertOk();
        $this->assertTrue($free);
    }

    public function test_other_failures_are_answered_at_once(): void
    {
        $ran = 0;
        Route::middleware('api')->get('/api/fails', function () use (&$ran): never {
            $ran++;
            throw new RuntimeException('server has gone away, says somebody else');
        });
        $this->api('GET', '/fails')->assertInternalServerError();
        $this->assertSame(1, $ran);
        $this->on(TransactionBeginning::class, fn () => throw $this->failure(1146, "Table doesn't exist", '42S02'));
        $this->publish()->assertInternalServerError();
        $this->assertSame(1, $this->begun());
    }

    public function test_a_server_that_is_away_is_told_by_health_at_once(): void
    {
        config(['database.connections.mysql' => $this->away(config('database.connections.mysql'))]);
        $begin = microtime(true);
        $this->api('GET', '/health')->assertServiceUnavailable()->assertJsonPath('status', 'unavailable');
        $this->assertLessThan(2, microtime(true) - $begin);
        $this->get('/up')->assertOk();
    }

    private function publish(): TestResponse
    {
        return $this->api('POST', '/articles', self::ARTICLE, $this->token);
    }

    private function unknown(TestResponse $response): void
    {
        $response->assertServiceUnavailable()->assertHeader('Retry-After', '5');
        $this->assertStringContainsString('whether the change was made is unknown', $response->json('errors.database.0'));
        $this->assertCount(1, $this->logged);
        $this->assertMatchesRegularExpression('/^warning: POST api\/articles: 503 .*, outcome unknown: /', $this->logged[0]);
        $this->assertStringNotContainsString('insert', $this->logged[0]);
    }

    private function begun(): int
    {
        return count(array_keys($this->log, 'begin', true));
    }

    /**
     * Have the server end the connection by which the request writes.
     */
    private function kill(): void
    {
        $this->end(DB::connection()->getPdo());
    }

    private function end(PDO $connection): void
    {
        [$server, $id] = $connection->query('select @@server_uuid, connection_id()')->fetch(PDO::FETCH_NUM);
        // Readers are dealt to all members in turn: this one is met soon.
        for ($tries = 0; $tries < 20; $tries++) {
            $other = $this->beside()->getReadPdo();
            if ($other->query('select @@server_uuid')->fetchColumn() === $server) {
                $other->exec("kill {$id}");

                return;
            }
        }
        throw new RuntimeException('The member of the request was not met.');
    }

    /**
     * @param  array<string, mixed>  $config
     * @return array<string, mixed>
     */
    private function away(array $config): array
    {
        return ['host' => '127.0.0.1', 'write' => ['port' => 1], 'read' => ['port' => 1]] + $config;
    }
}
