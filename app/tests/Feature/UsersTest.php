<?php

namespace Tests\Feature;

use App\Models\User;
use Illuminate\Support\Facades\Hash;
use PHPUnit\Framework\Attributes\DataProvider;
use Tests\TestCase;

class UsersTest extends TestCase
{
    private const JANE = ['username' => 'jane', 'email' => 'jane@conduit.example', 'password' => 'a password'];

    public function test_a_user_registers_and_is_there_at_once(): void
    {
        $made = $this->api('POST', '/users', ['user' => self::JANE])->assertCreated();
        $token = $made->json('user.token');
        $made->assertExactJson(['user' => [
            'username' => 'jane', 'email' => 'jane@conduit.example', 'bio' => null, 'image' => null, 'token' => $token,
        ]]);
        $this->api('GET', '/user', token: $token)->assertOk()->assertExactJson($made->json());
    }

    public function test_a_user_logs_in(): void
    {
        $this->register('jane');
        $login = ['email' => 'jane@conduit.example', 'password' => 'a password'];
        $token = $this->api('POST', '/users/login', ['user' => $login])->assertOk()->json('user.token');
        $this->api('GET', '/user', token: $token)->assertOk()->assertJsonPath('user.username', 'jane');
    }

    public function test_a_wrong_login_does_not_tell_what_is_wrong(): void
    {
        $this->register('jane');
        foreach ([['jane@conduit.example', 'another one'], ['nobody@conduit.example', 'a password']] as [$email, $password]) {
            $this->api('POST', '/users/login', ['user' => ['email' => $email, 'password' => $password]])
                ->assertUnauthorized()->assertExactJson(['errors' => ['credentials' => ['invalid']]]);
        }
        $this->api('POST', '/users/login', ['user' => ['email' => '', 'password' => '']])
            ->assertUnprocessable()
            ->assertExactJson(['errors' => ['email' => ["can't be blank"], 'password' => ["can't be blank"]]]);
    }

    public function test_the_password_is_kept_as_a_hash_and_shown_nowhere(): void
    {
        $hash = Hash::make('a password');
        // Looks like a hash, and is a password like any other.
        $token = $this->api('POST', '/users', ['user' => ['password' => $hash] + self::JANE])
            ->assertCreated()->assertJsonMissingPath('user.password')->json('user.token');
        $this->assertTrue(Hash::check($hash, User::query()->sole()->password));
        $this->api('PUT', '/user', ['user' => ['password' => '  with spaces  ']], $token)->assertOk();
        $this->assertTrue(Hash::check('  with spaces  ', User::query()->sole()->password));
    }

    public function test_the_shortest_and_the_longest_password_are_taken(): void
    {
        $token = $this->register('jane');
        foreach ([str_repeat('a', 8), str_repeat('a', 72), str_repeat('ä', 36)] as $password) {
            $token = $this->api('PUT', '/user', ['user' => ['password' => $password]], $token)->assertOk()->json('user.token');
            $login = ['email' => 'jane@conduit.example', 'password' => $password];
            $this->api('POST', '/users/login', ['user' => $login])->assertOk();
        }
    }

    public function test_names_and_addresses_are_given_once(): void
    {
        $taken = ['has already been taken'];
        $this->register('jane');
        $token = $this->register('john');
        $this->api('POST', '/users', ['user' => self::JANE])
            ->assertConflict()->assertExactJson(['errors' => ['username' => $taken, 'email' => $taken]]);
        // To hash a password takes long: nobody makes the server do it by names that are taken.
        config(['hashing.driver' => 'none']);
        foreach (['username' => 'Jäne', 'email' => 'jane@conduit.example'] as $field => $value) {
            $other = ['username' => 'jim', 'email' => 'jim@conduit.example'];
            $this->api('POST', '/users', ['user' => [$field => $value] + $other + self::JANE])
                ->assertConflict()->assertExactJson(['errors' => [$field => $taken]]);
            $this->api('PUT', '/user', ['user' => [$field => $value]], $token)
                ->assertConflict()->assertExactJson(['errors' => [$field => $taken]]);
        }
        $this->api('PUT', '/user', ['user' => ['username' => 'John', 'email' => 'john@conduit.example']], $token)
            ->assertOk()->assertJsonPath('user.username', 'John');
    }

    public function test_of_two_that_register_one_name_at_the_same_moment_one_gets_it(): void
    {
        $this->afterQuery('from `users`', fn () => $this->beside()->table('users')->insert(self::JANE), within: true);
        $this->api('POST', '/users', ['user' => self::JANE])->assertConflict();
        $this->assertSame(1, User::query()->count());
    }

    /**
     * @param  array<string, mixed>  $change
     * @param  array<string, list<string>>  $errors
     */
    #[DataProvider('mistakes')]
    public function test_what_is_wrong_is_named(array $change, array $errors): void
    {
        $this->api('POST', '/users', ['user' => $change + self::JANE])
            ->assertUnprocessable()->assertExactJson(['errors' => $errors]);
        $token = $this->register('jane');
        $this->api('PUT', '/user', ['user' => $change], $token)
            ->assertUnprocessable()->assertExactJson(['errors' => $errors]);
    }

    /**
     * @return array<string, array{array<string, mixed>, array<string, list<string>>}>
     */
    public static function mistakes(): array
    {
        $blank = ["can't be blank"];

        return [
            'blank' => [
                ['username' => '', 'email' => ' ', 'password' => null],
                ['username' => $blank, 'email' => $blank, 'password' => $blank],
            ],
            'no text' => [['username' => ['jane']], ['username' => ['must be text']]],
            'no address' => [['email' => 'jane'], ['email' => ['is invalid']]],
            'too short' => [['password' => '1234567'], ['password' => ['is too short (minimum is 8 characters)']]],
            'too long' => [
                ['password' => str_repeat('a', 73), 'username' => str_repeat('a', 65)],
                [
                    'username' => ['is too long (maximum is 64 characters)'],
                    'password' => ['is too long (maximum is 72 characters)'],
                ],
            ],
            'too many bytes' => [
                ['password' => str_repeat('ä', 37)], ['password' => ['is too long (maximum is 72 bytes)']],
            ],
        ];
    }

    public function test_a_request_without_a_user_lacks_everything(): void
    {
        foreach ([[], ['user' => 'jane']] as $body) {
            $this->api('POST', '/users', $body)->assertUnprocessable()->assertJsonCount(3, 'errors');
        }
    }

    public function test_a_user_changes_what_is_named_and_nothing_else(): void
    {
        $token = $this->register('jane');
        $this->api('PUT', '/user', ['user' => ['bio' => 'About me', 'image' => 'https://conduit.example/jane.png']], $token)
            ->assertOk()->assertJsonPath('user.bio', 'About me');
        $this->api('PATCH', '/user', ['user' => ['username' => 'janet']], $token)->assertOk();
        $this->api('GET', '/user', token: $token)->assertExactJson(['user' => [
            'username' => 'janet', 'email' => 'jane@conduit.example', 'bio' => 'About me',
            'image' => 'https://conduit.example/jane.png', 'token' => $token,
        ]]);
    }

    public function test_an_empty_bio_or_image_is_none(): void
    {
        $token = $this->register('jane');
        foreach (['', null] as $nothing) {
            $this->api('PUT', '/user', ['user' => ['bio' => 'x', 'image' => 'y']], $token)->assertOk();
            $this->api('PUT', '/user', ['user' => ['bio' => $nothing, 'image' => $nothing]], $token)
                ->assertOk()->assertJsonPath('user.bio', null)->assertJsonPath('user.image', null);
            $this->api('GET', '/user', token: $token)->assertJsonPath('user.bio', null)->assertJsonPath('user.image', null);
        }
    }
}
