<?php

namespace App\Database;

use Closure;
use Illuminate\Support\Facades\DB;

/**
 * A unit of work: one transaction, tried again when it conflicts with another one.
 */
class Work
{
    public static function run(Closure $work): mixed
    {
        return DB::transaction($work, config('conduit.attempts'));
    }
}
