<?php

namespace App\Database;

use Closure;
use Illuminate\Support\Facades\DB;
use PDOException;
use Throwable;

/**
 * A unit of work: one transaction, tried again when it conflicts with another one.
 *
 * Whatever it changes it also reads or makes within, since it may be run several times: a model
 * that was saved in a transaction that was rolled back believes to be saved. Nobody else's names
 * are inserted unseen, and nothing refers to a row that was not seen, so a key that is violated
 * nevertheless is one whose rows have changed since the work looked: then it looks again. So it does
 * when the server rolls it back for another member's transaction while it checks a foreign key: the
 * row that it has just inserted is gone then, and it hears of that instead of the conflict. What the
 * answer needs is read within, too: COMMIT comes last.
 */
class Work
{
    private const VIOLATED = [
        1062, // A unique key.
        1451, // A foreign key, of rows that refer to this one.
        1452, // A foreign key, of the row that this one refers to.
    ];

    /**
     * @template T
     *
     * @param  Closure(): T  $work
     * @return T
     */
    public static function run(Closure $work): mixed
    {
        $attempts = config('conduit.attempts');

        return retry(
            $attempts,
            fn (): mixed => DB::transaction($work, $attempts),
            when: fn (Throwable $e): bool => $e instanceof PDOException
                && in_array(DriverError::code($e), self::VIOLATED, true),
        );
    }
}
