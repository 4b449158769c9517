<?php

namespace Tests\Feature;

use App\Models\Article;
use Illuminate\Support\Facades\DB;
use PHPUnit\Framework\Attributes\DataProvider;
use Tests\TestCase;

class ArticlesTest extends TestCase
{
    private const NOT_FOUND = ['errors' => ['article' => ['not found']]];

    private const TIME = '/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/';

    public function test_an_article_is_written_and_is_there_at_once(): void
    {
        $token = $this->register('jane');
        $made = $this->api('POST', '/articles', ['article' => [
            'title' => 'How a group writes', 'description' => 'In one order', 'body' => "    code\n\nText. ",
            'tagList' => ['salt', 'mysql'],
        ]], $token)->assertCreated();
        $article = $made->json('article');
        $this->assertSame([
            'slug' => 'how-a-group-writes', 'title' => 'How a group writes', 'description' => 'In one order',
            'tagList' => ['mysql', 'salt'],
            'createdAt' => $article['createdAt'], 'updatedAt' => $article['createdAt'],
            'favorited' => false, 'favoritesCount' => 0,
            'author' => ['username' => 'jane', 'bio' => null, 'image' => null, 'following' => false],
            'body' => "    code\n\nText. ",
        ], $article);
        $this->assertMatchesRegularExpression(self::TIME, $article['createdAt']);
        foreach ([null, $token] as $reader) {
            $this->assertSame($made->json(), $this->api('GET', '/articles/how-a-group-writes', token: $reader)->assertOk()->json());
        }
    }

    public function test_titles_may_be_the_same_and_slugs_are_not(): void
    {
        $token = $this->register('jane');
        $slugs = [$this->write($token), $this->write($token), $this->write($token)];
        $this->assertCount(3, array_unique($slugs));
        foreach ($slugs as $slug) {
            $this->assertMatchesRegularExpression('/^a-title(-[a-z0-9]{8})?$/', $slug);
            $this->api('GET', "/articles/{$slug}")->assertOk();
        }
    }

    public function test_of_two_that_write_one_title_at_the_same_moment_both_have_a_slug(): void
    {
        $token = $this->register('jane');
        $row = [
            'author_id' => $this->id('jane'), 'slug' => 'a-title', 'title' => 'A title', 'description' => 'd', 'body' => 'b',
        ];
        // When the request has just seen that the slug is free.
        $this->afterQuery('exists(select * from `articles`', fn () => $this->beside()->table('articles')->insert($row));
        $this->assertMatchesRegularExpression('/^a-title-[a-z0-9]{8}$/', $this->write($token));
        $this->assertSame(2, Article::query()->count());
    }

    public function test_of_two_that_make_one_tag_at_the_same_moment_both_have_it(): void
    {
        $token = $this->register('jane');
        $this->afterQuery('from `tags`', fn () => $this->beside()->table('tags')->insert(['name' => 'salt']));
        $this->write($token, tags: ['salt']);
        $this->api('GET', '/articles?tag=salt')->assertJsonPath('articlesCount', 1);
        $this->assertSame(1, Article::query()->count());
    }

    #[DataProvider('titles')]
    public function test_every_title_makes_a_slug(string $title, string $slug): void
    {
        $token = $this->register('jane');
        $this->assertMatchesRegularExpression($slug, $this->write($token, $title));
    }

    /**
     * @return list<array{string, string}>
     */
    public static function titles(): array
    {
        return [
            ['Fünf Länder & ein Fluß', '/^funf-lander-ein-fluss$/'],
            ['???', '/^article$/'],
            [str_repeat('long ', 50), '/^(long-){35}long$/'],
            // The name of another page.
            ['Feed', '/^feed-[a-z0-9]{8}$/'],
        ];
    }

    /**
     * @param  array<string, mixed>  $change
     * @param  array<string, list<string>>  $errors
     */
    #[DataProvider('mistakes')]
    public function test_what_is_wrong_is_named(array $change, array $errors): void
    {
        $token = $this->register('jane');
        $slug = $this->write($token);
        $article = ['title' => 'T', 'description' => 'D', 'body' => 'B'];
        $this->api('POST', '/articles', ['article' => $change + $article], $token)
            ->assertUnprocessable()->assertExactJson(['errors' => $errors]);
        $this->api('PUT', "/articles/{$slug}", ['article' => $change], $token)
            ->assertUnprocessable()->assertExactJson(['errors' => $errors]);
        $this->assertSame(1, Article::query()->count());
    }

    /**
     * @return array<string, array{array<string, mixed>, array<string, list<string>>}>
     */
    public static function mistakes(): array
    {
        $blank = ["can't be blank"];

        return [
            'blank' => [
                ['title' => '', 'description' => ' ', 'body' => null],
                ['title' => $blank, 'description' => $blank, 'body' => $blank],
            ],
            'white space' => [['body' => "  \n"], ['body' => $blank]],
            'no text' => [['title' => 5], ['title' => ['must be text']]],
            'too long' => [['title' => str_repeat('a', 256)], ['title' => ['is too long (maximum is 255 characters)']]],
            'tags: null' => [['tagList' => null], ['tagList' => ['must be a list']]],
            'tags: no list' => [['tagList' => ['a' => 'b']], ['tagList' => ['must be a list']]],
            'tags: blank' => [['tagList' => ['salt', '']], ['tagList.1' => $blank]],
            'tags: too many' => [
                ['tagList' => array_map(strval(...), range(1, 21))], ['tagList' => ['has too many items (maximum is 20)']],
            ],
        ];
    }

    public function test_a_change_is_of_what_is_named_and_is_there_at_once(): void
    {
        $token = $this->register('jane');
        $slug = $this->write($token, tags: ['salt', 'mysql']);
        $before = $this->api('GET', "/articles/{$slug}")->json('article');
        $after = $this->api('PUT', "/articles/{$slug}", ['article' => ['body' => 'Another text.']], $token)
            ->assertOk()->json('article');
        $this->assertEquals(['body' => 'Another text.', 'updatedAt' => $after['updatedAt']] + $before, $after);
        $this->assertGreaterThan($before['updatedAt'], $after['updatedAt']);
        $this->assertSame($after, $this->api('GET', "/articles/{$slug}")->json('article'));
    }

    public function test_a_new_title_is_a_new_slug(): void
    {
        $token = $this->register('jane');
        $this->write($token);
        $this->api('PUT', '/articles/a-title', ['article' => ['title' => 'Another']], $token)
            ->assertOk()->assertJsonPath('article.slug', 'another');
        $this->api('GET', '/articles/a-title')->assertNotFound();
        // Another spelling of the title is no reason for another slug.
        $this->api('PATCH', '/articles/another', ['article' => ['title' => 'ANOTHER']], $token)
            ->assertOk()->assertJsonPath('article.slug', 'another')->assertJsonPath('article.title', 'ANOTHER');
    }

    public function test_a_title_that_is_sent_again_keeps_its_slug(): void
    {
        $token = $this->register('jane');
        $this->write($token);
        $slug = $this->write($token);
        $this->api('PUT', "/articles/{$slug}", ['article' => ['title' => 'A title']], $token)
            ->assertOk()->assertJsonPath('article.slug', $slug);
    }

    public function test_tags_are_kept_replaced_or_cleared(): void
    {
        $token = $this->register('jane');
        $slug = $this->write($token, tags: ['salt', 'mysql']);
        $before = $this->api('GET', "/articles/{$slug}")->json('article.updatedAt');
        foreach ([['proxy', 'mysql'], ['proxy'], []] as $tags) {
            $this->api('PUT', "/articles/{$slug}", ['article' => ['tagList' => $tags]], $token)->assertOk();
            sort($tags);
            $this->api('GET', "/articles/{$slug}")->assertJsonPath('article.tagList', $tags);
        }
        $this->assertGreaterThan($before, $this->api('GET', "/articles/{$slug}")->json('article.updatedAt'));
        $this->api('GET', '/tags')->assertOk()->assertExactJson(['tags' => []]);
    }

    public function test_a_tag_is_one_whatever_its_case_and_accents(): void
    {
        $token = $this->register('jane');
        $slug = $this->write($token, tags: ['Café', 'cafe', 'CAFÉ']);
        $this->api('GET', "/articles/{$slug}")->assertJsonPath('article.tagList', ['Café']);
        $this->api('GET', '/tags')->assertExactJson(['tags' => ['Café']]);
    }

    public function test_tags_are_those_of_articles_in_order(): void
    {
        $token = $this->register('jane');
        $this->write($token, tags: ['salt', 'mysql']);
        $this->write($token, tags: ['haproxy', 'mysql']);
        $this->api('GET', '/tags')->assertOk()->assertExactJson(['tags' => ['haproxy', 'mysql', 'salt']]);
    }

    public function test_only_its_author_changes_or_deletes_an_article(): void
    {
        $slug = $this->write($this->register('jane'));
        $john = $this->register('john');
        $forbidden = ['errors' => ['article' => ['forbidden']]];
        $this->api('PUT', "/articles/{$slug}", ['article' => ['body' => 'x']], $john)->assertForbidden()->assertExactJson($forbidden);
        $this->api('DELETE', "/articles/{$slug}", token: $john)->assertForbidden()->assertExactJson($forbidden);
        $this->api('GET', "/articles/{$slug}")->assertOk()->assertJsonPath('article.body', 'The text.');
    }

    public function test_an_article_goes_with_all_that_belongs_to_it(): void
    {
        $jane = $this->register('jane');
        $slug = $this->write($jane, tags: ['salt']);
        $kept = $this->write($jane, tags: ['salt']);
        foreach ([$slug, $kept] as $one) {
            $this->api('POST', "/articles/{$one}/favorite", token: $jane)->assertOk();
            $this->api('POST', "/articles/{$one}/comments", ['comment' => ['body' => 'Well.']], $jane)->assertCreated();
        }
        $this->api('DELETE', "/articles/{$slug}", token: $jane)->assertNoContent();
        $this->api('GET', "/articles/{$slug}")->assertNotFound()->assertExactJson(self::NOT_FOUND);
        foreach (['articles', 'comments', 'favorites', 'article_tag'] as $table) {
            $this->assertSame(1, DB::table($table)->count(), $table);
        }
        $this->api('GET', "/articles/{$kept}/comments")->assertJsonCount(1, 'comments');
    }

    public function test_what_is_not_there_is_not_found(): void
    {
        $token = $this->register('jane');
        foreach (['GET', 'PUT', 'DELETE'] as $method) {
            $this->api($method, '/articles/none', token: $token)->assertNotFound()->assertExactJson(self::NOT_FOUND);
        }
        $this->api('GET', '/nothing')->assertNotFound()->assertExactJson(['errors' => ['path' => ['not found']]]);
        $this->api('POST', '/tags')->assertMethodNotAllowed()->assertJsonStructure(['errors' => ['request']]);
    }

    public function test_favourites_are_counted_and_seen_by_who_has_them(): void
    {
        $slug = $this->write($this->register('jane'));
        $john = $this->register('john');
        $ann = $this->register('ann');
        // Twice is as good as once.
        foreach ([1, 2] as $time) {
            $this->api('POST', "/articles/{$slug}/favorite", token: $john)
                ->assertOk()->assertJsonPath('article.favorited', true)->assertJsonPath('article.favoritesCount', 1)
                ->assertJsonPath('article.body', 'The text.');
        }
        $this->api('POST', "/articles/{$slug}/favorite", token: $ann)->assertJsonPath('article.favoritesCount', 2);
        $this->api('GET', "/articles/{$slug}", token: $john)->assertJsonPath('article.favorited', true);
        $this->api('GET', "/articles/{$slug}")
            ->assertJsonPath('article.favorited', false)->assertJsonPath('article.favoritesCount', 2);
        foreach ([1, 2] as $time) {
            $this->api('DELETE', "/articles/{$slug}/favorite", token: $john)
                ->assertOk()->assertJsonPath('article.favorited', false)->assertJsonPath('article.favoritesCount', 1);
        }
        $this->api('GET', "/articles/{$slug}", token: $john)->assertJsonPath('article.favorited', false);
        $this->api('POST', '/articles/none/favorite', token: $john)->assertNotFound()->assertExactJson(self::NOT_FOUND);
        $this->api('DELETE', '/articles/none/favorite', token: $john)->assertNotFound()->assertExactJson(self::NOT_FOUND);
    }
}
