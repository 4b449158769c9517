<?php

namespace App\Database;

use PDOException;

/**
 * The number of an error: the server's, or the client's where no server answered.
 */
class DriverError
{
    /**
     * A transaction within another one is ended with an exception of the framework's own, which has
     * the number only in the one before.
     */
    public static function code(PDOException $e): int
    {
        for ($one = $e; $one instanceof PDOException; $one = $one->getPrevious()) {
            if (isset($one->errorInfo[1])) {
                return (int) $one->errorInfo[1];
            }
        }

        return (int) $e->getCode();
    }
}
