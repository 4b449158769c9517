<?php

namespace Tests\Feature;

use App\Models\User;
use App\Services\Tokens;
use PHPUnit\Framework\Attributes\DataProvider;
use Tests\TestCase;

class TokensTest extends TestCase
{
    #[DataProvider('guarded')]
    public function test_a_missing_token_is_noticed_before_anything_else(string $method, string $path): void
    {
        $this->api($method, $path)
            ->assertUnauthorized()->assertExactJson(['errors' => ['token' => ['is missing']]]);
        $this->assertSame([], $this->log);
    }

    /**
     * @return list<array{string, string}>
     */
    public static function guarded(): array
    {
        return [
            ['GET', '/user'], ['PUT', '/user'], ['PATCH', '/user'],
            ['POST', '/profiles/nobody/follow'], ['DELETE', '/profiles/nobody/follow'],
            ['GET', '/articles/feed'], ['POST', '/articles'],
            ['PUT', '/articles/none'], ['PATCH', '/articles/none'], ['DELETE', '/articles/none'],
            ['POST', '/articles/none/favorite'], ['DELETE', '/articles/none/favorite'],
            ['POST', '/articles/none/comments'], ['DELETE', '/articles/none/comments/1'],
        ];
    }

    public function test_a_token_that_is_not_ours_is_refused_even_where_none_is_needed(): void
    {
        $token = $this->register('jane');
        $jane = $this->user('jane');
        $expired = $this->at(-8 * 24 * 3600, fn (): string => app(Tokens::class)->issue($jane));
        $stranger = (new Tokens(str_repeat('another secret ', 3), 60))->issue($jane);
        $nobody = app(Tokens::class)->issue((clone $jane)->forceFill(['id' => $jane->id + 1]));
        foreach (['nonsense', substr($token, 0, -2).'xx', $expired, $stranger, $nobody] as $wrong) {
            foreach (['/user', '/articles', '/profiles/jane'] as $path) {
                $this->api('GET', $path, token: $wrong)
                    ->assertUnauthorized()->assertExactJson(['errors' => ['token' => ['is invalid']]]);
            }
        }
        $this->assertSame(1, User::query()->count());
    }

    /**
     * @param  array<string, mixed>  $claims
     * @param  array<string, mixed>  $header
     */
    #[DataProvider('madeByHand')]
    public function test_a_token_that_is_made_by_hand_is_refused(array $claims, array $header = [], ?string $end = null): void
    {
        $this->register('jane');
        $jane = $this->user('jane');
        $right = [
            'sub' => (string) $jane->id,
            'iat' => time(),
            'exp' => time() + 60,
            'pwd' => substr(hash_hmac('sha256', "password {$jane->password}", config('conduit.jwt.secret')), 0, 32),
        ];
        $this->api('GET', '/user', token: $this->signed($right))->assertOk();
        $token = $this->signed(array_filter([...$right, ...$claims], fn ($one) => $one !== null), $header, $end);
        $this->api('GET', '/user', token: $token)
            ->assertUnauthorized()->assertExactJson(['errors' => ['token' => ['is invalid']]]);
    }

    /**
     * @return array<string, list<mixed>>
     */
    public static function madeByHand(): array
    {
        return [
            'one that never expires' => [['exp' => null]],
            'dates that are none' => [['exp' => []]],
            'dates that are none, and no signature' => [['exp' => ['a' => 1]], [], ''],
            'dates of texts' => [['iat' => 'yesterday']],
            'a date beyond all' => [['exp' => 1e300]],
            'several users' => [['sub' => ['1']]],
            'a user that is a condition' => [['sub' => '1 or 1=1']],
            'no user' => [['sub' => null]],
            'no password' => [['pwd' => null]],
            'passwords' => [['pwd' => ['a']]],
            'no signature' => [[], [], ''],
            'no algorithm' => [[], ['alg' => 'none'], ''],
            'another algorithm' => [[], ['alg' => 'HS512']],
            'four parts' => [[], [], 'c2ln.more'],
            'a claim in the header' => [['sub' => null], ['sub' => '1']],
        ];
    }

    public function test_bearer_is_a_token_as_well(): void
    {
        $headers = ['Authorization' => 'Bearer '.$this->register('jane')];
        $this->json('GET', '/api/user', [], $headers)->assertOk()->assertJsonPath('user.username', 'jane');
    }

    public function test_another_password_ends_the_tokens_of_the_one_before(): void
    {
        $first = $this->register('jane');
        $login = ['email' => 'jane@conduit.example', 'password' => 'a password'];
        $second = $this->api('POST', '/users/login', ['user' => $login])->assertOk()->json('user.token');
        $this->api('PUT', '/user', ['user' => ['bio' => 'A change of something else']], $first)
            ->assertOk()->assertJsonPath('user.token', $first);
        $new = $this->api('PUT', '/user', ['user' => ['password' => 'another password']], $first)->assertOk()->json('user.token');
        foreach ([$first, $second] as $old) {
            $this->api('GET', '/user', token: $old)
                ->assertUnauthorized()->assertExactJson(['errors' => ['token' => ['is invalid']]]);
        }
        $this->api('GET', '/user', token: $new)->assertOk()->assertJsonPath('user.token', $new);
    }

    public function test_a_token_of_the_other_secret_is_good_until_its_time(): void
    {
        $old = $this->register('jane');
        $secret = config('conduit.jwt.secret');
        $this->secrets(str_repeat('the next secret ', 3), $secret, 3600);
        $this->api('GET', '/user', token: $old)->assertOk()->assertJsonPath('user.username', 'jane');
        // What is signed now is signed with the new one.
        $login = ['email' => 'jane@conduit.example', 'password' => 'a password'];
        $new = $this->api('POST', '/users/login', ['user' => $login])->assertOk()->json('user.token');
        foreach ([3590 => 200, 3610 => 401] as $seconds => $status) {
            $this->travelTo(now()->addSeconds($seconds), function () use ($old, $new, $status): void {
                $this->api('GET', '/user', token: $old)->assertStatus($status);
                $this->api('GET', '/user', token: $new)->assertOk();
            });
        }
        // Without a time, or without the old secret, its tokens are void.
        foreach ([[$secret, -1], [null, 3600], ['', 3600]] as [$accepted, $left]) {
            $this->secrets(str_repeat('the next secret ', 3), $accepted, $left);
            $this->api('GET', '/user', token: $old)->assertUnauthorized();
            $this->api('GET', '/user', token: $new)->assertOk();
        }
    }

    public function test_a_web_server_accepts_what_another_signs_already(): void
    {
        $next = str_repeat('the next secret ', 3);
        $old = $this->register('jane');
        $new = (new Tokens($next, 60))->issue($this->user('jane'));
        $this->api('GET', '/user', token: $new)->assertUnauthorized();
        $this->secrets(config('conduit.jwt.secret'), $next, 3600);
        foreach ([$old, $new] as $token) {
            $this->api('GET', '/user', token: $token)->assertOk();
        }
        // Another password ends them all.
        $this->api('PUT', '/user', ['user' => ['password' => 'another password']], $new)->assertOk();
        foreach ([$old, $new] as $token) {
            $this->api('GET', '/user', token: $token)->assertUnauthorized();
        }
    }

    public function test_a_short_secret_is_refused_as_the_other_one_is(): void
    {
        $token = $this->register('jane');
        $this->secrets(config('conduit.jwt.secret'), 'short', 3600);
        $this->api('GET', '/user', token: $token)->assertInternalServerError();
    }

    public function test_the_time_is_read_from_the_environment(): void
    {
        // A time that cannot be read ends the secret.
        foreach (['2026-12-05T12:00:00Z' => 1796472000, '' => 0, 'never' => 0] as $text => $seconds) {
            putenv("JWT_ACCEPTED_UNTIL={$text}");
            $_ENV['JWT_ACCEPTED_UNTIL'] = $_SERVER['JWT_ACCEPTED_UNTIL'] = $text;
            try {
                $this->assertSame($seconds, (require config_path('conduit.php'))['jwt']['accepted_until']);
            } finally {
                putenv('JWT_ACCEPTED_UNTIL');
                unset($_ENV['JWT_ACCEPTED_UNTIL'], $_SERVER['JWT_ACCEPTED_UNTIL']);
            }
        }
    }

    public function test_clocks_may_differ_a_little(): void
    {
        $this->register('jane');
        $jane = $this->user('jane');
        $ttl = config('conduit.jwt.ttl_minutes') * 60;
        foreach ([20 => 200, 40 => 401, -$ttl - 20 => 200, -$ttl - 40 => 401] as $seconds => $status) {
            $token = $this->at($seconds, fn (): string => app(Tokens::class)->issue($jane));
            $this->api('GET', '/user', token: $token)->assertStatus($status);
        }
    }

    private function secrets(?string $signs, ?string $accepted, int $left): void
    {
        config([
            'conduit.jwt.secret' => $signs,
            'conduit.jwt.accepted_secret' => $accepted,
            'conduit.jwt.accepted_until' => now()->getTimestamp() + $left,
        ]);
        app()->forgetInstance(Tokens::class);
    }

    /**
     * A token as anybody may write it, signed with the secret or ended otherwise.
     *
     * @param  array<string, mixed>  $claims
     * @param  array<string, mixed>  $header
     */
    private function signed(array $claims, array $header = [], ?string $end = null): string
    {
        $encoded = fn (string $text): string => rtrim(strtr(base64_encode($text), '+/', '-_'), '=');
        $told = implode('.', array_map(
            fn (array $part): string => $encoded(json_encode($part)),
            [['typ' => 'JWT', 'alg' => 'HS256', ...$header], $claims],
        ));

        return $told.'.'.($end ?? $encoded(hash_hmac('sha256', $told, config('conduit.jwt.secret'), true)));
    }

    private function user(string $name): User
    {
        return User::query()->where('username', $name)->sole();
    }

    /**
     * @param  callable(): string  $action
     */
    private function at(int $seconds, callable $action): string
    {
        return $this->travelTo(now()->addSeconds($seconds), $action);
    }
}
