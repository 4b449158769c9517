<?php

namespace App\Http\Middleware;

use App\Http\Answers;
use Closure;
use Illuminate\Http\Request;
use JsonException;
use Symfony\Component\HttpFoundation\Response;

/**
 * Refuses a body that cannot be read: otherwise it would count as an empty one, and what it held as blank.
 */
class ReadBody
{
    // What PHP itself has read by then.
    private const FORMS = ['application/x-www-form-urlencoded', 'multipart/form-data'];

    public function handle(Request $request, Closure $next): Response
    {
        $body = Answers::isOfTheApi($request) ? $request->getContent() : '';
        if ($body === '') {
            return $next($request);
        }
        if (! $request->isJson()) {
            $type = strtolower(trim(explode(';', (string) $request->header('Content-Type'))[0]));

            return in_array($type, self::FORMS, true)
                ? $next($request)
                : Answers::error(['body' => ['must be JSON (Content-Type: application/json)']], 415);
        }
        try {
            $given = json_decode($body, true, flags: JSON_THROW_ON_ERROR);
        } catch (JsonException $e) {
            return Answers::error(['body' => ["is not JSON: {$e->getMessage()}"]], 400);
        }

        return is_array($given) ? $next($request) : Answers::error(['body' => ['must be a JSON object']], 400);
    }
}
