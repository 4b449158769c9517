<?php

namespace Tests\Feature;

use App\Models\User;
use App\Services\WaitingRoom;
use Illuminate\Testing\TestResponse;
use Tests\TestCase;

/**
 * Those who try passwords.
 */
class LoginsTest extends TestCase
{
    public function test_an_account_is_closed_for_a_while_after_too_many_failures(): void
    {
        config(['conduit.login_failures' => ['account' => 3, 'address' => 0, 'window' => 60]]);
        $this->register('jane');
        // Each spelling is the same account: with accents, and in letters of full width.
        foreach (['Jane', 'jäne', 'ｊane'] as $name) {
            $this->logIn($name, 'a wrong one')->assertUnauthorized();
        }
        $this->log = [];
        $refused = $this->logIn('jane', 'a password')->assertTooManyRequests();
        $this->assertSame([], $this->log, 'No password was looked at.');
        $wait = (int) $refused->headers->get('Retry-After');
        $this->assertGreaterThan(50, $wait);
        $refused->assertExactJson(['errors' => ['credentials' => ["were wrong too often, try again in {$wait} seconds"]]]);
        $this->register('john');
        $this->logIn('john', 'a password')->assertOk();
        $this->travel(61)->seconds();
        $this->logIn('jane', 'a password')->assertOk();
    }

    public function test_an_account_that_is_none_is_no_exception(): void
    {
        config(['conduit.login_failures' => ['account' => 2, 'address' => 0, 'window' => 60]]);
        foreach ([401, 401, 429] as $status) {
            $this->logIn('nobody', 'a password')->assertStatus($status);
        }
    }

    public function test_an_address_tries_so_many_accounts_and_no_more(): void
    {
        config(['conduit.login_failures' => ['account' => 0, 'address' => 3, 'window' => 60]]);
        $this->register('jane');
        foreach (['192.0.2.1' => 4, '2001:db8::1' => 2, '2001:db8::2' => 2] as $address => $tries) {
            for ($try = 1; $try <= $tries; $try++) {
                $last = $this->logIn("nobody{$try}", 'a password', $address);
            }
        }
        // The last two are of one network.
        $last->assertTooManyRequests();
        $this->logIn('jane', 'a password', '192.0.2.1')->assertTooManyRequests();
        $this->logIn('jane', 'a password', '192.0.2.2')->assertOk();
        $this->logIn('jane', 'a password', '2001:db8:1::1')->assertOk();
    }

    public function test_behind_a_balancer_it_is_the_client_that_is_counted(): void
    {
        config(['conduit.login_failures' => ['account' => 0, 'address' => 1, 'window' => 60]]);
        config(['trustedproxy.proxies' => ['192.0.2.50']]);
        foreach (['192.0.2.1' => 401, '192.0.2.2' => 401] as $client => $status) {
            $this->withHeader('X-Forwarded-For', $client)->logIn('nobody', 'a password', '192.0.2.50')->assertStatus($status);
        }
        $this->withHeader('X-Forwarded-For', '192.0.2.1')->logIn('nobody', 'a password', '192.0.2.50')->assertTooManyRequests();
    }

    public function test_a_stranger_says_of_himself_what_he_likes_and_is_counted(): void
    {
        config(['conduit.login_failures' => ['account' => 0, 'address' => 2, 'window' => 60]]);
        // A host for which Laravel believes everybody, unless it is told whom to believe.
        app('url')->useOrigin('http://any.on-forge.com');
        foreach (['192.0.2.1' => 401, '192.0.2.2' => 401, '192.0.2.3' => 429] as $said => $status) {
            $this->withHeader('X-Forwarded-For', $said)->logIn('nobody', 'a password')->assertStatus($status);
        }
    }

    public function test_who_succeeds_is_not_counted(): void
    {
        config(['conduit.login_failures' => ['account' => 2, 'address' => 2, 'window' => 60]]);
        $this->register('jane');
        for ($login = 1; $login <= 5; $login++) {
            $this->logIn('jane', 'a password')->assertOk();
        }
    }

    public function test_nobody_is_refused_as_slowly_as_somebody(): void
    {
        config(['hashing.bcrypt.rounds' => 10]);
        $this->register('jane');
        $this->assertGreaterThan($this->seconds('jane') / 2, $this->seconds('nobody'));
    }

    public function test_only_so_many_passwords_are_looked_at_at_once(): void
    {
        config(['conduit.passwords' => ['at_once' => 1, 'waiting' => 1]]);
        config(['conduit.login_failures' => ['account' => 1, 'address' => 0, 'window' => 60]]);
        $this->register('jane');
        $other = new WaitingRoom(storage_path('framework/cache'), 1, 'passwords-waiting');
        $other->enter();
        foreach (['jane', 'nobody'] as $name) {
            $busy = $this->logIn($name, 'a password')->assertServiceUnavailable()->assertHeader('Retry-After', '1');
            $busy->assertExactJson(['errors' => ['server' => ['is busy with passwords']]]);
        }
        $new = ['username' => 'john', 'email' => 'john@conduit.example', 'password' => 'a password'];
        $this->postJson('/api/users', ['user' => $new])->assertServiceUnavailable();
        $this->assertSame(1, User::query()->count());
        $other->leave();
        // Who was told so has not failed.
        $this->logIn('jane', 'a password')->assertOk();
    }

    private function seconds(string $name): float
    {
        $times = [];
        for ($try = 1; $try <= 3; $try++) {
            $begin = microtime(true);
            $this->logIn($name, 'a wrong one')->assertUnauthorized();
            $times[] = microtime(true) - $begin;
        }

        return min($times);
    }

    private function logIn(string $name, string $password, string $address = '192.0.2.9'): TestResponse
    {
        $user = ['email' => "{$name}@conduit.example", 'password' => $password];

        return $this->withServerVariables(['REMOTE_ADDR' => $address])->api('POST', '/users/login', ['user' => $user]);
    }
}
