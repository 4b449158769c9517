<?php

namespace App\Services;

use App\Models\User;
use Carbon\FactoryImmutable;
use DateInterval;
use Lcobucci\JWT\Configuration;
use Lcobucci\JWT\Exception;
use Lcobucci\JWT\Signer\Hmac\Sha256;
use Lcobucci\JWT\Signer\Key\InMemory;
use Lcobucci\JWT\UnencryptedToken;
use Lcobucci\JWT\Validation\Constraint\LooseValidAt;
use Lcobucci\JWT\Validation\Constraint\SignedWith;
use RuntimeException;
use SensitiveParameter;

/**
 * Issues and reads the tokens that say who a request comes from.
 *
 * A token is good until it expires, or its user has another password: it carries a fingerprint of
 * the password's hash.
 */
class Tokens
{
    // HS256 is as strong as its key: 256 bits.
    private const SHORTEST_SECRET = 32;

    private const FINGERPRINT = 'pwd';

    /**
     * @param  int  $leewaySeconds  by how much the clocks of two web servers may differ
     */
    public function __construct(
        #[SensitiveParameter] private ?string $secret,
        private int $ttlMinutes,
        private int $leewaySeconds = 0,
    ) {}

    public function issue(User $user): string
    {
        $jwt = $this->configuration();
        $now = (new FactoryImmutable)->now();

        return $jwt->builder()
            ->relatedTo((string) $user->id)
            ->issuedAt($now)
            ->expiresAt($now->add(new DateInterval("PT{$this->ttlMinutes}M")))
            ->withClaim(self::FINGERPRINT, $this->fingerprint($user))
            ->getToken($jwt->signer(), $jwt->signingKey())
            ->toString();
    }

    /**
     * The user a token was issued to; null when it is no token of ours, has expired, or was issued
     * for another password.
     */
    public function user(string $token): ?User
    {
        $jwt = $this->configuration();
        try {
            $parsed = $jwt->parser()->parse($token);
        } catch (Exception) {
            return null;
        }
        $valid = $parsed instanceof UnencryptedToken && $jwt->validator()->validate(
            $parsed,
            new SignedWith($jwt->signer(), $jwt->verificationKey()),
            new LooseValidAt(new FactoryImmutable, new DateInterval("PT{$this->leewaySeconds}S")),
        );
        if (! $valid || ! $parsed->claims()->has('exp')) {
            return null;
        }
        $id = $parsed->claims()->get('sub');
        $user = is_string($id) && ctype_digit($id) ? User::find($id) : null;
        $given = $parsed->claims()->get(self::FINGERPRINT);

        return $user !== null && is_string($given) && hash_equals($this->fingerprint($user), $given) ? $user : null;
    }

    private function fingerprint(User $user): string
    {
        // Keyed, so that it is of no use to who guesses at hashes.
        return substr(hash_hmac('sha256', "password {$user->password}", (string) $this->secret), 0, 32);
    }

    private function configuration(): Configuration
    {
        if (strlen((string) $this->secret) < self::SHORTEST_SECRET) {
            throw new RuntimeException(
                'JWT_SECRET is missing or shorter than '.self::SHORTEST_SECRET
                .' characters: run `php artisan jwt:secret`.'
            );
        }

        return Configuration::forSymmetricSigner(new Sha256, InMemory::plainText($this->secret));
    }
}
