<?php

namespace App\Services;

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
 */
class Tokens
{
    // HS256 is as strong as its key: 256 bits.
    private const SHORTEST_SECRET = 32;

    public function __construct(
        #[SensitiveParameter] private ?string $secret,
        private int $ttlMinutes,
    ) {}

    public function issue(int $userId): string
    {
        $jwt = $this->configuration();
        $now = (new FactoryImmutable)->now();

        return $jwt->builder()
            ->relatedTo((string) $userId)
            ->issuedAt($now)
            ->expiresAt($now->add(new DateInterval("PT{$this->ttlMinutes}M")))
            ->getToken($jwt->signer(), $jwt->signingKey())
            ->toString();
    }

    /**
     * The user a token was issued to; null when it is no token of ours or has expired.
     */
    public function userId(string $token): ?int
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
            new LooseValidAt(new FactoryImmutable),
        );

        return $valid ? (int) $parsed->claims()->get('sub') : null;
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
