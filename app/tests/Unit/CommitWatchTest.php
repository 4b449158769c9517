<?php

namespace Tests\Unit;

use App\Database\CommitWatch;
use Illuminate\Database\Connection;
use Illuminate\Database\Events\TransactionBeginning;
use Illuminate\Database\Events\TransactionCommitted;
use Illuminate\Database\Events\TransactionCommitting;
use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\TestCase;

class CommitWatchTest extends TestCase
{
    /**
     * @param  string  $events  begins, COMMIT is sent, done, savepoint released, forgotten
     */
    #[DataProvider('courses')]
    public function test_what_is_known_of_the_commit(string $events, bool $begun, bool $unanswered): void
    {
        $watch = new CommitWatch;
        foreach (str_split($events) as $event) {
            match ($event) {
                'b' => $watch->begins(new TransactionBeginning($this->connection(1))),
                'c' => $watch->commits(new TransactionCommitting($this->connection(1))),
                'd' => $watch->hasCommitted(new TransactionCommitted($this->connection(0))),
                's' => $watch->hasCommitted(new TransactionCommitted($this->connection(1))),
                'f' => $watch->forget(),
            };
        }
        $this->assertSame([$begun, $unanswered], [$watch->hasBegun(), $watch->isUnanswered()]);
    }

    /**
     * @return array<string, array{string, bool, bool}>
     */
    public static function courses(): array
    {
        return [
            'within the work' => ['b', false, false],
            'sent' => ['bc', true, true],
            'done' => ['bcd', true, false],
            'refused, and again' => ['bcb', false, false],
            'refused, again, sent' => ['bcbc', true, true],
            'done, and another one' => ['bcdb', true, false],
            'done, another one refused, and again' => ['bcdbcb', true, false],
            'a savepoint' => ['bbs', false, false],
            'another attempt' => ['bcf', false, false],
        ];
    }

    private function connection(int $level): Connection
    {
        return new class($level) extends Connection
        {
            public function __construct(int $level)
            {
                $this->transactions = $level;
            }
        };
    }
}
