<?php

namespace App\Http;

use Illuminate\Contracts\Database\ConcurrencyErrorDetector;
use Illuminate\Contracts\Database\LostConnectionDetector;
use Illuminate\Foundation\Configuration\Exceptions;
use Illuminate\Http\JsonResponse;
use Illuminate\Http\Request;
use Illuminate\Validation\ValidationException;
use PDOException;
use Symfony\Component\HttpKernel\Exception\HttpExceptionInterface;
use Symfony\Component\HttpKernel\Exception\NotFoundHttpException;

/**
 * How failures are answered: {"errors": {subject: [sentence]}}.
 */
class Answers
{
    // Shutting down, read-only, or leaving the group: another member takes over in a moment.
    private const LEAVING = [1053, 1290, 3100];

    public static function register(Exceptions $exceptions): void
    {
        $exceptions->shouldRenderJsonWhen(
            fn (Request $request): bool => $request->is('api/*') || $request->expectsJson()
        );
        $exceptions->render(
            fn (PDOException $e): ?JsonResponse => self::isPassing($e) ? self::unavailable() : null
        );
        $exceptions->render(
            fn (ValidationException $e): JsonResponse => self::error($e->errors(), $e->status)
        );
        $exceptions->render(
            fn (NotFoundHttpException $e, Request $request): ?JsonResponse => $request->is('api/*')
                ? self::error(['path' => ['not found']], 404)
                : null
        );
        $exceptions->render(
            fn (HttpExceptionInterface $e, Request $request): ?JsonResponse => $request->is('api/*')
                ? self::error(['request' => [$e->getMessage()]], $e->getStatusCode(), $e->getHeaders())
                : null
        );
    }

    /**
     * @param  array<string, list<string>>  $errors
     * @param  array<string, string>  $headers
     */
    public static function error(array $errors, int $status, array $headers = []): JsonResponse
    {
        return new JsonResponse(['errors' => $errors], $status, $headers);
    }

    public static function unavailable(): JsonResponse
    {
        return self::error(
            ['database' => ['is not available at the moment']],
            503,
            ['Retry-After' => '5']
        );
    }

    /**
     * Whether the same request has a chance a few seconds later.
     */
    private static function isPassing(PDOException $e): bool
    {
        return in_array((int) ($e->errorInfo[1] ?? 0), self::LEAVING, true)
            || app(LostConnectionDetector::class)->causedByLostConnection($e)
            || app(ConcurrencyErrorDetector::class)->causedByConcurrencyError($e);
    }
}
