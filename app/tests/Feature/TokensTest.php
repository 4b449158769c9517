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
