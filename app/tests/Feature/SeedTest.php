<?php

namespace Tests\Feature;

use Illuminate\Support\Facades\Artisan;
use Illuminate\Support\Facades\DB;
use RuntimeException;
use Tests\TestCase;

class SeedTest extends TestCase
{
    private const TABLES = ['users', 'tags', 'articles', 'article_tag', 'favorites', 'follows', 'comments'];

    public function test_its_rows_are_the_same_everywhere(): void
    {
        $seeded = [];
        foreach ([1, 2] as $installation) {
            Artisan::call('db:seed', ['--force' => true]);
            $seeded[] = $rows = $this->rows();
            foreach ($rows as $table => $some) {
                $this->assertNotEmpty($some, $table);
            }
            foreach (array_reverse(self::TABLES) as $table) {
                DB::table($table)->delete();
            }
        }
        $this->assertEquals(...$seeded);
    }

    public function test_what_it_makes_can_be_used(): void
    {
        Artisan::call('db:seed', ['--force' => true]);
        $login = ['email' => 'jane@conduit.example', 'password' => 'only for the tests'];
        $token = $this->api('POST', '/users/login', ['user' => $login])->assertOk()->json('user.token');
        $this->assertNotEmpty($this->api('GET', '/articles/feed', token: $token)->assertOk()->json('articles'));
        $this->assertCount(10, $this->api('GET', '/tags')->json('tags'));
        $this->assertNotEmpty($this->api('GET', '/articles?favorited=jane')->json('articles'));
        $this->assertNotEmpty($this->api('GET', '/articles?author=jane')->json('articles'));
        // Its numbers are in nobody's way.
        $this->write($token);
    }

    public function test_without_a_password_nothing_is_left(): void
    {
        config(['conduit.seed_password' => '']);
        try {
            Artisan::call('db:seed', ['--force' => true]);
            $this->fail('It seeded with no password.');
        } catch (RuntimeException $e) {
            $this->assertStringContainsString('SEED_PASSWORD', $e->getMessage());
        }
        $this->assertSame(0, DB::table('users')->count());
    }

    /**
     * @return array<string, mixed>
     */
    private function rows(): array
    {
        $rows = [];
        foreach (self::TABLES as $table) {
            // The password's hash has a salt.
            $rows[$table] = DB::table($table)->get()->map(fn (object $row): array => ['password' => null] + (array) $row)->all();
        }

        return $rows;
    }
}
