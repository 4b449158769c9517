<?php

namespace App\Services;

use Illuminate\Cache\RateLimiter;
use SensitiveParameter;

/**
 * Counts the logins that failed, by account and by address, and says when there have been too many.
 *
 * Logins that succeed count nowhere. The counters are this machine's (the cache is a folder): each
 * web server has its own.
 */
class LoginLimits
{
    // Accounts and addresses are dealt to so many counters of each kind: whoever makes names up fills
    // no disk with counters. Which ones share a counter depends on the secret.
    private const COUNTERS = 4096;

    private const MAPPED_IPV4 = "\0\0\0\0\0\0\0\0\0\0\xff\xff";

    /**
     * @param  array{account: int, address: int, window: int}  $limits  failures within so many seconds; 0: any number
     */
    public function __construct(
        private RateLimiter $limiter,
        private array $limits,
        #[SensitiveParameter] private string $secret,
    ) {}

    /**
     * The seconds until another login may be tried; 0 when it may be now.
     */
    public function wait(string $account, string $address): int
    {
        $seconds = 0;
        foreach ($this->counters($account, $address) as $counter => $limit) {
            if ($this->limiter->tooManyAttempts($counter, $limit)) {
                $seconds = max(1, $seconds, $this->limiter->availableIn($counter));
            }
        }

        return $seconds;
    }

    public function failed(string $account, string $address): void
    {
        foreach ($this->counters($account, $address) as $counter => $limit) {
            // A cache that cannot be written is for the log; the login is answered all the same.
            rescue(fn () => $this->limiter->increment($counter, $this->limits['window']));
        }
    }

    /**
     * @return array<string, int> the limit of each counter
     */
    private function counters(string $account, string $address): array
    {
        return array_filter([
            // The database compares without case.
            $this->counter('account', mb_strtolower($account)) => $this->limits['account'],
            $this->counter('address', self::network($address)) => $this->limits['address'],
        ]);
    }

    private function counter(string $kind, string $of): string
    {
        $hash = hash_hmac('sha256', "{$kind} {$of}", $this->secret);

        return "logins:{$kind}:".hexdec(substr($hash, 0, 8)) % self::COUNTERS;
    }

    /**
     * Of IPv6 a client has a whole /64.
     */
    private static function network(string $address): string
    {
        $packed = (string) @inet_pton($address);

        return strlen($packed) === 16 && ! str_starts_with($packed, self::MAPPED_IPV4) ? substr($packed, 0, 8) : $address;
    }
}
