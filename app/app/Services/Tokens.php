<?php

namespace App\Services;

use App\Models\User;
use Carbon\FactoryImmutable;
use DateInterval;
use DateTimeImmutable;
use Lcobucci\JWT\Configuration;
use Lcobucci\JWT\Exception;
use Lcobucci\JWT\Signer\Hmac\Sha256;
use Lcobucci\JWT\Signer\Key\InMemory;
use Lcobucci\JWT\UnencryptedToken;
use Lcobucci\JWT\Validation\Constraint\LooseValidAt;
use Lcobucci\JWT\Validation\Constraint\SignedWith;
use Lcobucci\JWT\Validation\Constraint\SignedWithUntilDate;
use RuntimeException;
use SensitiveParameter;
use TypeError;

/**
 * Issues and reads the tokens that say who a request comes from.
 *
 * A token is good until it expires, or its user has another password: it carries a fingerprint of
 * the password's hash.
 *
 * A second secret signs nothing. Its tokens are good as well, until a given time: that of before a
 * rotation, or the next one while the web servers do not sign with it yet.
 */
class Tokens
{
    // HS256 is as strong as its key: 256 bits.
    private const SHORTEST_SECRET = 32;

    private const FINGERPRINT = 'pwd';

    /**
     * @param  int  $leewaySeconds  by how much the clocks of two web servers may differ
     * @param  int  $acceptedUntil  seconds since 1970; past ones end the second secret
     */
    public function __construct(
        #[SensitiveParameter] private ?string $secret,
        private int $ttlMinutes,
        private int $leewaySeconds = 0,
        #[SensitiveParameter] private ?string $accepted = null,
        private int $acceptedUntil = 0,
    ) {}

    public function issue(User $user): string
    {
        $jwt = $this->configuration();
        $now = (new FactoryImmutable)->now();

        return $jwt->builder()
            ->relatedTo((string) $user->id)
            ->issuedAt($now)
            ->expiresAt($now->add(new DateInterval("PT{$this->ttlMinutes}M")))
            ->withClaim(self::FINGERPRINT, $this->fingerprint($user, (string) $this->secret))
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
        } catch (Exception|TypeError) {
            // Also of dates that are no numbers, which the library hands on as they come.
            return null;
        }
        if (! $parsed instanceof UnencryptedToken || ! $parsed->claims()->has('exp')) {
            return null;
        }
        $secret = $this->signedWith($parsed, $jwt);
        $inTime = new LooseValidAt(new FactoryImmutable, new DateInterval("PT{$this->leewaySeconds}S"));
        if ($secret === null || ! $jwt->validator()->validate($parsed, $inTime)) {
            return null;
        }
        $id = $parsed->claims()->get('sub');
        $user = is_string($id) && ctype_digit($id) ? User::find($id) : null;
        $given = $parsed->claims()->get(self::FINGERPRINT);

        return $user !== null && is_string($given) && hash_equals($this->fingerprint($user, $secret), $given)
            ? $user
            : null;
    }

    /**
     * The secret that a token was signed with; null when it is none that counts.
     */
    private function signedWith(UnencryptedToken $token, Configuration $jwt): ?string
    {
        if ($jwt->validator()->validate($token, new SignedWith($jwt->signer(), $jwt->verificationKey()))) {
            return (string) $this->secret;
        }
        $accepted = (string) $this->accepted;
        if ($accepted === '') {
            return null;
        }
        $former = new SignedWithUntilDate(
            $jwt->signer(),
            InMemory::plainText($accepted),
            new DateTimeImmutable("@{$this->acceptedUntil}"),
            new FactoryImmutable,
        );

        return $jwt->validator()->validate($token, $former) ? $accepted : null;
    }

    private function fingerprint(User $user, string $secret): string
    {
        // Keyed, so that it is of no use to who guesses at hashes.
        return substr(hash_hmac('sha256', "password {$user->password}", $secret), 0, 32);
    }

    private function configuration(): Configuration
    {
        if (strlen((string) $this->secret) < self::SHORTEST_SECRET) {
            throw new RuntimeException(
                'JWT_SECRET is missing or shorter than '.self::SHORTEST_SECRET
                .' characters: run `php artisan jwt:secret`.'
            );
        }
        if ((string) $this->accepted !== '' && strlen($this->accepted) < self::SHORTEST_SECRET) {
            throw new RuntimeException(
                'JWT_ACCEPTED_SECRET is shorter than '.self::SHORTEST_SECRET
                .' characters: leave it empty, or put the whole secret there.'
            );
        }

        return Configuration::forSymmetricSigner(new Sha256, InMemory::plainText($this->secret));
    }
}
