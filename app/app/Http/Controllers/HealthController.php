<?php

namespace App\Http\Controllers;

use App\Database\DriverError;
use Illuminate\Foundation\Application;
use Illuminate\Http\JsonResponse;
use Illuminate\Support\Facades\DB;
use PDOException;

/**
 * Says which release answers, and which database member answered it on either path.
 *
 * For monitoring. A balancer in front of several web servers asks /up, which does not depend on
 * the database: one that is away for a moment must not take every web server out.
 */
class HealthController
{
    private const MEMBER = 'select @@hostname as host, @@port as port, @@version as version';

    public function __invoke(): JsonResponse
    {
        $web = [
            'web' => gethostname(),
            'release' => config('conduit.release'),
            'laravel' => Application::VERSION,
            'php' => PHP_VERSION,
        ];
        try {
            $database = [
                'read' => DB::selectOne(self::MEMBER),
                'write' => DB::selectFromWriteConnection(self::MEMBER)[0],
            ];
        } catch (PDOException $e) {
            $reason = ['code' => DriverError::code($e)];

            return new JsonResponse(
                ['status' => 'unavailable', ...$web, 'database' => $reason],
                503,
                ['Retry-After' => '5']
            );
        }

        return new JsonResponse(['status' => 'ok', ...$web, 'database' => $database]);
    }
}
