<?php

namespace App\Http\Middleware;

use App\Database\CommitWatch;
use App\Database\Failures;
use App\Http\Answers;
use Closure;
use Illuminate\Http\Request;
use Illuminate\Support\Facades\DB;
use Illuminate\Support\Facades\Log;
use Illuminate\Support\Sleep;
use Symfony\Component\HttpFoundation\Response;
use Throwable;

/**
 * Lets a request wait for a database that is away for a moment, instead of failing.
 *
 * The whole request is done again: all of its writes are one unit of work, and without a COMMIT
 * nothing of it is left. Once COMMIT was sent, nobody can know what became of it but the server
 * that was asked: then it is never done again, unless that server said that it rolled back.
 */
class AwaitDatabase
{
    // Milliseconds between two attempts, drawn anew each time, so that waiting requests spread out.
    private const PAUSE = [50, 250];

    public function __construct(private CommitWatch $commit, private Failures $failures) {}

    public function handle(Request $request, Closure $next): Response
    {
        $begin = microtime(true);
        for ($attempts = 1; ; $attempts++) {
            $this->commit->forget();
            $response = $next($request);
            // The router has made an answer of whatever was thrown.
            $failure = $response->exception ?? null;
            if (! $failure instanceof Throwable || ! $this->failures->passes($failure)) {
                return $response;
            }

            // Another connection may lead to another member.
            DB::purge();
            $waited = microtime(true) - $begin;
            $repeatable = ! $this->commit->hasBegun()
                || ($this->commit->isUnanswered() && $this->failures->rolledBack($failure));
            if (! $repeatable || $waited >= config('conduit.patience')) {
                Log::warning(sprintf(
                    '%s %s: 503 after %.1f s, attempts: %d%s: %s',
                    $request->method(),
                    $request->path(),
                    $waited,
                    $attempts,
                    $repeatable ? '' : ', outcome unknown',
                    $this->failures->inShort($failure),
                ));

                return $repeatable ? $response : Answers::unknownOutcome();
            }
            Sleep::for(random_int(...self::PAUSE))->milliseconds();
        }
    }
}
