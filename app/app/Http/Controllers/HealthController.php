<?php

namespace App\Http\Controllers;

use App\Database\DriverError;
use Illuminate\Foundation\Application;
use Illuminate\Http\JsonResponse;
use Illuminate\Http\Request;
use Illuminate\Support\Facades\DB;
use PDOException;
use Symfony\Component\HttpFoundation\IpUtils;

/**
 * Says whether the application and its database are well; to who asks on the machine itself also which release
 * answers, and which database member answered it on either path.
 *
 * For monitoring. A balancer in front of several web servers asks /up, which does not depend on
 * the database: one that is away for a moment must not take every web server out.
 */
class HealthController
{
    private const MEMBER = 'select @@hostname as host, @@port as port, @@version as version';

    private const HANDED_ON = ['Forwarded', 'Via', 'X-Forwarded-For', 'X-Real-IP'];

    public function __invoke(Request $request): JsonResponse
    {
        $shown = $this->isOfTheMachine($request);
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
                ['status' => 'unavailable', ...($shown ? [...$web, 'database' => $reason] : [])],
                503,
                ['Retry-After' => '5']
            );
        }

        return new JsonResponse(['status' => 'ok', ...($shown ? [...$web, 'database' => $database] : [])]);
    }

    /**
     * Names and versions are no stranger's business. What a proxy on this machine hands on is a stranger's.
     */
    private function isOfTheMachine(Request $request): bool
    {
        return IpUtils::checkIp((string) $request->server('REMOTE_ADDR'), ['127.0.0.0/8', '::1'])
            && array_filter(self::HANDED_ON, $request->headers->has(...)) === [];
    }
}
