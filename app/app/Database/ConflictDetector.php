<?php

namespace App\Database;

use Illuminate\Database\ConcurrencyErrorDetector;
use PDOException;
use Throwable;

/**
 * Knows the errors after which a transaction was rolled back and may simply be tried again.
 *
 * The framework knows deadlocks. A member of a replication group also rolls back what lost the
 * certification against another member: 3101, or 1180 when the commit finds it out.
 */
class ConflictDetector extends ConcurrencyErrorDetector
{
    private const CODES = [1180, 1205, 1213, 3101];

    public function causedByConcurrencyError(Throwable $e): bool
    {
        return ($e instanceof PDOException && in_array(DriverError::code($e), self::CODES, true))
            || parent::causedByConcurrencyError($e);
    }
}
