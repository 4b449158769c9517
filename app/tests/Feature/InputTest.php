<?php

namespace Tests\Feature;

use App\Models\User;
use Illuminate\Support\Facades\Route;
use Illuminate\Testing\TestResponse;
use PHPUnit\Framework\Attributes\DataProvider;
use RuntimeException;
use Tests\TestCase;

/**
 * What nobody means to send: each is refused in the API's own words, and nothing of it is kept.
 */
class InputTest extends TestCase
{
    private const NOT_ALLOWED = ['has characters that are not allowed'];

    private const JANE = ['username' => 'jane', 'email' => 'jane@conduit.example', 'password' => 'a password'];

    /**
     * @param  list<string>  $sentences
     */
    #[DataProvider('words')]
    public function test_words_that_no_user_may_have(string $field, string $value, array $sentences): void
    {
        $this->api('POST', '/users', ['user' => [$field => $value] + self::JANE])
            ->assertUnprocessable()->assertExactJson(['errors' => [$field => $sentences]]);
        $this->assertSame(0, User::query()->count());
        $token = $this->register('jane');
        $this->api('PUT', '/user', ['user' => [$field => $value]], $token)
            ->assertUnprocessable()->assertExactJson(['errors' => [$field => $sentences]]);
    }

    /**
     * @return array<string, array{string, string, list<string>}>
     */
    public static function words(): array
    {
        return [
            'NUL in a password' => ['password', "a pass\0word", self::NOT_ALLOWED],
            'NUL in a name' => ['username', "ja\0ne", self::NOT_ALLOWED],
            'NUL in an address' => ['email', "ja\0ne@conduit.example", self::NOT_ALLOWED],
            'NUL in a text' => ['bio', "a\0b", self::NOT_ALLOWED],
            'NUL in an image' => ['image', "a\0b", self::NOT_ALLOWED],
            'two lines' => ['username', "ja\nne", self::NOT_ALLOWED],
            'a control character of Unicode' => ['username', "ja\u{85}ne", self::NOT_ALLOWED],
            'an end of a line of Unicode' => ['username', "ja\u{2028}ne", self::NOT_ALLOWED],
            'a slash' => ['username', 'ja/ne', self::NOT_ALLOWED],
            'a backslash' => ['username', 'ja\\ne', self::NOT_ALLOWED],
            'this folder' => ['username', '.', ['is not allowed']],
            'the folder above' => ['username', '..', ['is not allowed']],
        ];
    }

    public function test_other_words_are_a_name_and_a_path(): void
    {
        foreach (['a b', 'ä.ö', '日本', '50%', 'a?b#c', '…'] as $name) {
            $user = ['username' => $name, 'email' => md5($name).'@conduit.example'] + self::JANE;
            $this->api('POST', '/users', ['user' => $user])->assertCreated();
            $this->api('GET', '/profiles/'.rawurlencode($name))->assertOk()->assertJsonPath('profile.username', $name);
        }
    }

    public function test_articles_and_comments_have_no_nul_and_titles_and_tags_one_line(): void
    {
        $token = $this->register('jane');
        $slug = $this->write($token);
        $article = ['title' => 'T', 'description' => 'D', 'body' => 'B'];
        foreach (['title' => "a\0b", 'description' => "a\0b", 'body' => "a\0b"] as $field => $value) {
            $this->api('POST', '/articles', ['article' => [$field => $value] + $article], $token)
                ->assertUnprocessable()->assertExactJson(['errors' => [$field => self::NOT_ALLOWED]]);
        }
        $this->api('PUT', "/articles/{$slug}", ['article' => ['title' => "a\nb", 'tagList' => ["a\tb"]]], $token)
            ->assertUnprocessable()->assertExactJson(['errors' => ['title' => self::NOT_ALLOWED, 'tagList.0' => self::NOT_ALLOWED]]);
        $this->api('POST', "/articles/{$slug}/comments", ['comment' => ['body' => "a\0b"]], $token)
            ->assertUnprocessable()->assertExactJson(['errors' => ['body' => self::NOT_ALLOWED]]);
        $this->api('PUT', "/articles/{$slug}", ['article' => ['body' => "a\tb\r\n\f"]], $token)->assertOk();
    }

    public function test_a_filter_that_is_no_text_is_refused_and_an_empty_page_is_the_first(): void
    {
        foreach (['author=%ff', 'tag=a%00b', 'favorited=a%0ab'] as $query) {
            $field = strtok($query, '=');
            $this->api('GET', "/articles?{$query}")
                ->assertUnprocessable()->assertExactJson(['errors' => [$field => self::NOT_ALLOWED]]);
        }
        $this->api('GET', '/articles?limit=&offset=')->assertOk();
    }

    #[DataProvider('methods')]
    public function test_a_request_is_of_the_method_that_it_was_sent_by(string $method): void
    {
        $this->json('POST', '/api/users', ['user' => self::JANE], ['X-HTTP-Method-Override' => $method])->assertCreated();
        foreach (['/api/users', "/api/users?_method={$method}"] as $path) {
            $this->json('POST', $path, ['user' => self::JANE, '_method' => $method])->assertConflict();
        }
    }

    /**
     * @return list<array{string}>
     */
    public static function methods(): array
    {
        return [['GET'], ['HEAD'], ['CONNECT'], ['TRACE'], ['PUT'], ['DELETE'], ['ä']];
    }

    #[DataProvider('bodies')]
    public function test_a_body_that_cannot_be_read_is_told(string $body, string $sentence): void
    {
        $token = $this->register('jane');
        foreach (['POST' => '/users/login', 'PUT' => '/user', 'DELETE' => '/articles/none'] as $method => $path) {
            $this->send($method, $path, $body, token: $token)->assertBadRequest()
                ->assertExactJson(['errors' => ['body' => [$sentence]]])->assertHeader('Access-Control-Allow-Origin', '*');
        }
    }

    /**
     * @return array<string, array{string, string}>
     */
    public static function bodies(): array
    {
        return [
            'broken' => ['{"user":', 'is not JSON: Syntax error'],
            'bytes' => ['{"user":{"bio":"'."\xff".'"}}', 'is not JSON: Malformed UTF-8 characters, possibly incorrectly encoded'],
            'half a character' => [
                '{"user":{"bio":"\ud800"}}', 'is not JSON: Single unpaired UTF-16 surrogate in unicode escape',
            ],
            'deep' => [str_repeat('[', 600).str_repeat(']', 600), 'is not JSON: Maximum stack depth exceeded'],
            'a number' => ['5', 'must be a JSON object'],
            'nothing' => ['null', 'must be a JSON object'],
        ];
    }

    public function test_a_body_is_json_or_a_form(): void
    {
        foreach (['text/plain', 'application/xml', ''] as $type) {
            $this->send('POST', '/users/login', '{}', $type)->assertStatus(415)->assertJsonStructure(['errors' => ['body']]);
        }
        $this->post('/api/users', ['user' => self::JANE])->assertCreated();
    }

    public function test_nobody_registers_by_an_address(): void
    {
        $this->api('POST', '/users?'.http_build_query(['user' => self::JANE]))
            ->assertUnprocessable()->assertJsonCount(3, 'errors');
        $this->assertSame(0, User::query()->count());
    }

    public function test_names_that_are_no_text_are_answered(): void
    {
        $token = $this->register('jane');
        $article = ['title' => 'T', 'description' => 'D', 'body' => 'B', 'tagList' => ["\xff" => '']];
        $this->post('/api/articles', ['article' => $article], ['Authorization' => "Token {$token}"])->assertUnprocessable();
    }

    public function test_every_path_is_answered_in_the_api_s_form(): void
    {
        foreach (['/api', '/api/', '/api/none', '/api/articles/%ff', '/api/profiles/%00'] as $path) {
            $answer = $this->get($path);
            $this->assertContains($answer->status(), [400, 404], $path);
            $answer->assertJsonStructure(['errors']);
        }
    }

    public function test_a_failure_is_told_in_the_api_s_form_and_without_its_words(): void
    {
        Route::middleware('api')->get('/api/fails', fn () => throw new RuntimeException('a secret'));
        $this->api('GET', '/fails')->assertInternalServerError()->assertExactJson(['errors' => ['server' => ['has failed']]]);
    }

    private function send(
        string $method, string $path, string $body, string $type = 'application/json', ?string $token = null
    ): TestResponse {
        return $this->call($method, "/api{$path}", server: [
            'CONTENT_TYPE' => $type, 'HTTP_ACCEPT' => 'application/json', 'HTTP_ORIGIN' => 'https://conduit.example',
            ...($token === null ? [] : ['HTTP_AUTHORIZATION' => "Token {$token}"]),
        ], content: $body);
    }
}
