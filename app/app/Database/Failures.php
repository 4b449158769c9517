<?php

namespace App\Database;

use ErrorException;
use Illuminate\Contracts\Database\ConcurrencyErrorDetector;
use Illuminate\Contracts\Database\LostConnectionDetector;
use PDOException;
use Throwable;

/**
 * Tells what a failure of the database means for whoever asked.
 */
class Failures
{
    // Nobody answers at the address, or no more, whatever the words are: they are the system's (no
    // route to host, connection refused, timed out). Or (1040) it has no connection left.
    private const AWAY = [1040, 2002, 2003, 2005, 2006, 2013];

    // The COMMIT was refused. The server says the same of a transaction that is too large.
    private const REFUSED = 3100;

    // Another member takes over in a moment.
    private const LEAVING = [
        1053, // It shuts down.
        1290, // It is read-only.
        3032, // It is offline; with a reason since MySQL 9:
        6400,
        self::REFUSED, // Its Group Replication stops.
        3796, // It cannot wait for what was written before (DB_CONSISTENCY),
        3797,
        3798,
        3799, // since its Group Replication stops.
    ];

    public function __construct(
        private LostConnectionDetector $lost,
        private ConcurrencyErrorDetector $conflicts,
    ) {}

    /**
     * Whether the same request has a chance a moment later.
     */
    public function passes(Throwable $e): bool
    {
        return $this->isOfTheDatabase($e) && (
            ($e instanceof PDOException && in_array(DriverError::code($e), [...self::AWAY, ...self::LEAVING], true))
            || $this->lost->causedByLostConnection($e)
            || $this->rolledBack($e)
        );
    }

    /**
     * Whether it is certain that nothing was written, even if COMMIT was answered with it.
     */
    public function rolledBack(Throwable $e): bool
    {
        return $this->conflicts->causedByConcurrencyError($e);
    }

    /**
     * One line for the log: the driver's words, without the statement and its values.
     */
    public function inShort(Throwable $e): string
    {
        $said = ($e instanceof PDOException ? $e->getPrevious() ?? $e : $e)->getMessage();
        if ($e instanceof PDOException && DriverError::code($e) === self::REFUSED) {
            $said .= ' Its member leaves, or it is larger than group_replication_transaction_size_limit.';
        }

        return $said;
    }

    /**
     * PHP's driver says some things as warnings: "PDO::commit(): MySQL server has gone away".
     */
    private function isOfTheDatabase(Throwable $e): bool
    {
        return $e instanceof PDOException
            || ($e instanceof ErrorException && str_starts_with($e->getMessage(), 'PDO'));
    }
}
