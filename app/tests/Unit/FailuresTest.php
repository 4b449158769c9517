<?php

namespace Tests\Unit;

use App\Database\ConflictDetector;
use App\Database\Failures;
use ErrorException;
use Exception;
use Illuminate\Database\DeadlockException;
use Illuminate\Database\LostConnectionDetector;
use Illuminate\Database\QueryException;
use PDOException;
use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\TestCase;
use Throwable;

class FailuresTest extends TestCase
{
    #[DataProvider('failures')]
    public function test_what_passes_and_what_was_rolled_back_for_certain(Throwable $e, bool $passes, bool $rolledBack): void
    {
        $failures = new Failures(new LostConnectionDetector, new ConflictDetector);
        $this->assertSame([$passes, $rolledBack], [$failures->passes($e), $failures->rolledBack($e)]);
    }

    /**
     * @return array<string, array{Throwable, bool, bool}>
     */
    public static function failures(): array
    {
        $lost = self::error(2006, 'MySQL server has gone away');

        return [
            'gone away' => [$lost, true, false],
            'gone away, in a query' => [self::query($lost), true, false],
            'gone away, as a warning' => [new ErrorException('PDOStatement::execute(): MySQL server has gone away'), true, false],
            'gone away, of another kind' => [new Exception('MySQL server has gone away'), false, false],
            'a file is missing' => [new ErrorException('fopen(): No such file or directory'), false, false],
            'refused' => [new PDOException('SQLSTATE[HY000] [2002] Connection refused', 2002), true, false],
            'no route' => [new PDOException('SQLSTATE[HY000] [2002] No route to host', 2002), true, false],
            'not allowed' => [self::query(self::error(2002, 'Permission denied')), true, false],
            'of an old client' => [self::error(2003, "Can't connect to MySQL server on 'h'"), true, false],
            'no such name' => [self::error(2005, "Unknown MySQL server host 'h'"), true, false],
            'in other words' => [self::error(2006, 'Le serveur est parti'), true, false],
            'lost, in other words' => [self::error(2013, 'Connexion perdue'), true, false],
            'too many connections' => [new PDOException('SQLSTATE[HY000] [1040] Too many connections', 1040), true, false],
            'no account' => [new PDOException("SQLSTATE[HY000] [1044] Access denied for user 'a' to database 'b'", 1044), false, false],
            'offline, at the connect' => [new PDOException('SQLSTATE[HY000] [3032] The server is currently in offline mode', 3032), true, false],
            'offline, with a reason' => [
                self::query(new PDOException('SQLSTATE[HY000] [6400] The server is currently in offline mode since', 6400)), true, false,
            ],
            'read only' => [self::error(1290, 'running with the --super-read-only option'), true, false],
            'read only, in a query' => [self::query(self::error(1290, '--super-read-only')), true, false],
            'shut down' => [self::error(1053, 'Server shutdown in progress'), true, false],
            'hook' => [self::error(3100, "Error on observer while running replication hook 'before_commit'."), true, false],
            'cannot wait' => [self::error(3797, 'Error while waiting for group transactions commit'), true, false],
            'certification' => [self::error(3101, 'Plugin instructed the server to rollback', '40000'), true, true],
            'certification, at the commit' => [self::error(1180, "Got error 149 - 'Lock deadlock; Retry transaction' during COMMIT"), true, true],
            'certification, within another transaction' => [
                self::nested(self::query(self::error(1180, "Got error 149 - 'Lock deadlock; Retry transaction' during COMMIT"))), true, true,
            ],
            'deadlock' => [self::error(1213, 'Deadlock found when trying to get lock', '40001'), true, true],
            'lock timeout' => [self::error(1205, 'Lock wait timeout exceeded'), true, true],
            'syntax' => [self::error(1064, 'You have an error in your SQL syntax', '42000'), false, false],
            'duplicate' => [self::error(1062, 'Duplicate entry', '23000'), false, false],
            'full' => [self::error(1114, 'The table is full'), false, false],
        ];
    }

    public function test_in_short_there_is_no_statement(): void
    {
        $failures = new Failures(new LostConnectionDetector, new ConflictDetector);
        $said = $failures->inShort(self::query(self::error(2006, 'MySQL server has gone away')));
        $this->assertSame('SQLSTATE[HY000]: General error: 2006 MySQL server has gone away', $said);
    }

    public function test_a_refused_commit_may_have_been_too_large(): void
    {
        $failures = new Failures(new LostConnectionDetector, new ConflictDetector);
        $refused = self::error(3100, "Error on observer while running replication hook 'before_commit'.");
        foreach ([$refused, self::query($refused)] as $e) {
            $this->assertStringEndsWith(
                "'before_commit'. Its member leaves, or it is larger than group_replication_transaction_size_limit.",
                $failures->inShort($e),
            );
        }
    }

    /** As the framework ends a transaction within another one. */
    private static function nested(PDOException $e): DeadlockException
    {
        return new DeadlockException($e->getMessage(), 0, $e);
    }

    private static function error(int $code, string $message, string $state = 'HY000'): PDOException
    {
        $e = new PDOException("SQLSTATE[{$state}]: General error: {$code} {$message}");
        $e->errorInfo = [$state, $code, $message];

        return $e;
    }

    private static function query(PDOException $e): QueryException
    {
        return new QueryException('mysql', 'insert into `users` (`password`) values (?)', ['secret'], $e);
    }
}
