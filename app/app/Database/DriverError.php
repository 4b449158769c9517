<?php

namespace App\Database;

use PDOException;

/**
 * The number of an error: the server's, or the client's where no server answered.
 */
class DriverError
{
    public static function code(PDOException $e): int
    {
        return (int) ($e->errorInfo[1] ?? $e->getCode());
    }
}
