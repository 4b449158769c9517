<?php

namespace App\Http\Middleware;

use App\Http\Answers;
use App\Models\User;
use App\Services\Tokens;
use Closure;
use Illuminate\Http\Request;
use Symfony\Component\HttpFoundation\Response;

/**
 * Finds out who asks, from `Authorization: Token <jwt>` (or Bearer).
 *
 * `token` lets nobody else pass, `token:optional` lets anonymous requests pass as well. A token
 * that is there has to be valid in either case.
 */
class Authenticate
{
    public function __construct(private Tokens $tokens) {}

    public function handle(Request $request, Closure $next, string $need = 'required'): Response
    {
        $header = (string) $request->header('Authorization');
        if (! preg_match('/^(?:Token|Bearer)\s+(\S+)\s*$/i', $header, $found)) {
            return $need === 'optional'
                ? $next($request)
                : Answers::error(['token' => ['is missing']], 401);
        }

        $user = $this->tokens->user($found[1]);
        if ($user === null) {
            return Answers::error(['token' => ['is invalid']], 401);
        }

        $request->setUserResolver(fn (): User => $user);
        $request->attributes->set('token', $found[1]);

        return $next($request);
    }
}
