<?php

namespace App\Database;

use Closure;
use Illuminate\Database\UniqueConstraintViolationException;
use Illuminate\Support\Facades\DB;
use Throwable;

/**
 * A unit of work: one transaction, tried again when it conflicts with another one.
 *
 * Whatever it changes it also reads or makes within, since it may be run several times: a model
 * that was saved in a transaction that was rolled back believes to be saved. Nobody else's names
 * are inserted unseen, so a unique key that is violated nevertheless was used since the work
 * looked: then it looks again. What the answer needs is read within, too: COMMIT comes last.
 */
class Work
{
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
            when: fn (Throwable $e): bool => $e instanceof UniqueConstraintViolationException,
        );
    }
}
