<?php

namespace App\Http\Middleware;

use App\Database\CommitWatch;
use App\Database\Failures;
use App\Http\Answers;
use App\Services\WaitingRoom;
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
 *
 * Only so many are on their way to a database. When it is away, all places are taken in a moment, and
 * who comes then is told so before it asks: to find that out takes seconds, too.
 */
class AwaitDatabase
{
    // Milliseconds between two attempts, drawn anew each time, so that waiting requests spread out.
    private const PAUSE = [50, 250];

    // Seconds for a place to be free: while the database is there, each is taken for some milliseconds.
    private const PLACE = 0.5;

    public function __construct(
        private CommitWatch $commit,
        private Failures $failures,
        private WaitingRoom $room,
    ) {}

    public function handle(Request $request, Closure $next): Response
    {
        if ($this->asks($request) && ! $this->room->enter(self::PLACE)) {
            $this->log($request, 0, 0, ': as many as may wait do so already');

            return Answers::unavailable();
        }
        try {
            return $this->answer($request, $next);
        } finally {
            $this->room->leave();
        }
    }

    private function answer(Request $request, Closure $next): Response
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
            $rolledBack = $this->failures->rolledBack($failure);
            $repeatable = ! $this->commit->hasBegun() || ($this->commit->isUnanswered() && $rolledBack);
            // Who lost a conflict was answered: the database is there.
            $mayWait = $rolledBack || $this->room->enter();
            if (! $repeatable || ! $mayWait || $waited >= config('conduit.patience')) {
                $this->log($request, $waited, $attempts, ($repeatable ? ': ' : ', outcome unknown: ').$this->failures->inShort($failure));

                return $repeatable ? $response : Answers::unknownOutcome();
            }
            Sleep::for(random_int(...self::PAUSE))->milliseconds();
        }
    }

    /**
     * Whether a request needs the database. Health finds out how that is, and waits for nobody.
     */
    private function asks(Request $request): bool
    {
        return Answers::isOfTheApi($request) && $request->getPathInfo() !== '/api/health';
    }

    private function log(Request $request, float $waited, int $attempts, string $reason): void
    {
        Log::warning(sprintf(
            '%s %s: 503 after %.1f s, attempts: %d%s',
            $request->method(),
            $request->path(),
            $waited,
            $attempts,
            $reason,
        ));
    }
}
