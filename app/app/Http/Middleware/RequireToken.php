<?php

namespace App\Http\Middleware;

use App\Http\Answers;
use App\Models\User;
use App\Services\Tokens;
use Closure;
use Illuminate\Http\Request;
use Symfony\Component\HttpFoundation\Response;

/**
 * Lets a request pass that carries `Authorization: Token <jwt>` (or Bearer) of an existing user.
 */
class RequireToken
{
    public function __construct(private Tokens $tokens) {}

    public function handle(Request $request, Closure $next): Response
    {
        $header = (string) $request->header('Authorization');
        if (! preg_match('/^(?:Token|Bearer)\s+(\S+)\s*$/i', $header, $found)) {
            return Answers::error(['token' => ['is missing']], 401);
        }

        $id = $this->tokens->userId($found[1]);
        $user = $id === null ? null : User::find($id);
        if ($user === null) {
            return Answers::error(['token' => ['is invalid']], 401);
        }

        $request->setUserResolver(fn (): User => $user);
        $request->attributes->set('token', $found[1]);

        return $next($request);
    }
}
