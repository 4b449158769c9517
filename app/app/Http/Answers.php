<?php

namespace App\Http;

use App\Database\Failures;
use App\Models\User;
use Illuminate\Database\Eloquent\ModelNotFoundException;
use Illuminate\Foundation\Configuration\Exceptions;
use Illuminate\Http\Exceptions\HttpResponseException;
use Illuminate\Http\JsonResponse;
use Illuminate\Http\Request;
use Illuminate\Validation\ValidationException;
use Symfony\Component\HttpFoundation\Response;
use Symfony\Component\HttpKernel\Exception\HttpExceptionInterface;
use Symfony\Component\HttpKernel\Exception\NotFoundHttpException;
use Throwable;

/**
 * How failures are answered: {"errors": {subject: [sentence]}}.
 */
class Answers
{
    private const RETRY = ['Retry-After' => '5'];

    public static function register(Exceptions $exceptions): void
    {
        $exceptions->shouldRenderJsonWhen(
            fn (Request $request): bool => self::isOfTheApi($request) || $request->expectsJson()
        );
        // AwaitDatabase logs a line when it gives up; a trace for each attempt would flood the log.
        $exceptions->dontReportWhen(fn (Throwable $e): bool => self::passes($e));
        $exceptions->render(
            fn (Throwable $e): ?JsonResponse => self::passes($e) ? self::unavailable() : null
        );
        $exceptions->render(
            fn (ValidationException $e): JsonResponse => self::error($e->errors(), $e->status)
        );
        $exceptions->render(
            fn (NotFoundHttpException $e, Request $request): ?JsonResponse => self::isOfTheApi($request)
                ? self::error([self::subject($e) => ['not found']], 404)
                : null
        );
        $exceptions->render(
            fn (HttpExceptionInterface $e, Request $request): ?JsonResponse => self::isOfTheApi($request)
                ? self::error(['request' => [self::sentence($e)]], $e->getStatusCode(), $e->getHeaders())
                : null
        );
        $exceptions->render(
            fn (Throwable $e, Request $request): ?JsonResponse => self::isOfTheApi($request)
                && ! $e instanceof HttpResponseException && ! config('app.debug')
                ? self::error(['server' => ['has failed']], 500)
                : null
        );
    }

    /**
     * Whatever the path holds: Request::is() knows no path that is not UTF-8.
     */
    public static function isOfTheApi(Request $request): bool
    {
        return str_starts_with($request->getPathInfo().'/', '/api/');
    }

    /**
     * @param  array<string, list<string>>  $errors
     * @param  array<string, string>  $headers
     */
    public static function error(array $errors, int $status, array $headers = []): JsonResponse
    {
        // A name of what was sent, too, may be no UTF-8.
        return new JsonResponse(['errors' => $errors], $status, $headers, JSON_INVALID_UTF8_SUBSTITUTE);
    }

    /**
     * Answer with an error from wherever it is noticed; a unit of work is rolled back by it.
     *
     * @param  array<string, list<string>>  $errors
     * @param  array<string, string>  $headers
     */
    public static function refuse(array $errors, int $status, array $headers = []): never
    {
        throw new HttpResponseException(self::error($errors, $status, $headers));
    }

    public static function unavailable(): JsonResponse
    {
        return self::error(['database' => ['is not available at the moment']], 503, self::RETRY);
    }

    public static function unknownOutcome(): JsonResponse
    {
        $said = 'was lost while it was writing: whether the change was made is unknown, look before you repeat it';

        return self::error(['database' => [$said]], 503, self::RETRY);
    }

    private static function sentence(HttpExceptionInterface $e): string
    {
        return $e->getMessage() ?: (Response::$statusTexts[$e->getStatusCode()] ?? 'was refused');
    }

    private static function passes(Throwable $e): bool
    {
        return app(Failures::class)->passes($e);
    }

    /**
     * What was not found: a model by its name, a user as a profile, or else the path.
     */
    private static function subject(NotFoundHttpException $e): string
    {
        $missing = $e->getPrevious();

        return match (true) {
            ! $missing instanceof ModelNotFoundException => 'path',
            $missing->getModel() === User::class => 'profile',
            default => strtolower(class_basename($missing->getModel())),
        };
    }
}
