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
        $expired = (new Tokens(config('conduit.jwt.secret'), 0))->issue($this->id('jane'));
        $stranger = (new Tokens(str_repeat('another secret ', 3), 60))->issue($this->id('jane'));
        $nobody = app(Tokens::class)->issue($this->id('jane') + 1);
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
}
