<?php

namespace Tests\Feature;

use Illuminate\Testing\TestResponse;
use PHPUnit\Framework\Attributes\DataProvider;
use Tests\TestCase;

class ListsTest extends TestCase
{
    public function test_the_newest_comes_first_and_without_its_body(): void
    {
        $token = $this->register('jane');
        $slugs = [$this->write($token, 'One'), $this->write($token, 'Two', ['salt', 'mysql']), $this->write($token, 'Three')];
        $list = $this->api('GET', '/articles')->assertOk()->assertJsonPath('articlesCount', 3);
        $this->assertSame(array_reverse($slugs), $this->slugs($list));
        $two = $list->json('articles.1');
        $whole = $this->api('GET', '/articles/two')->json('article');
        $this->assertArrayNotHasKey('body', $two);
        $this->assertSame($whole, [...$two, 'body' => $whole['body']]);
    }

    public function test_pages_follow_one_another(): void
    {
        $token = $this->register('jane');
        for ($number = 1; $number <= 23; $number++) {
            $this->write($token, "Number {$number}");
        }
        $all = array_map(fn (int $number): string => "number-{$number}", range(23, 1));
        $pages = ['' => [0, 20], '?offset=20' => [20, 3], '?limit=2' => [0, 2], '?limit=2&offset=2' => [2, 2], '?offset=23' => [23, 0]];
        foreach ($pages as $query => [$from, $length]) {
            $page = $this->api('GET', "/articles{$query}")->assertOk()->assertJsonPath('articlesCount', 23);
            $this->assertSame(array_slice($all, $from, $length), $this->slugs($page), $query);
        }
    }

    #[DataProvider('pagesThatAreNone')]
    public function test_a_page_that_is_none_is_refused(string $query, string $field): void
    {
        $token = $this->register('jane');
        foreach (['/articles', '/articles/feed'] as $path) {
            $this->api('GET', "{$path}?{$query}", token: $token)->assertUnprocessable()->assertJsonStructure(['errors' => [$field]]);
        }
    }

    /**
     * @return list<array{string, string}>
     */
    public static function pagesThatAreNone(): array
    {
        return [
            ['limit=0', 'limit'], ['limit=101', 'limit'], ['limit=many', 'limit'], ['limit[]=1', 'limit'],
            ['offset=-1', 'offset'], ['offset=x', 'offset'],
        ];
    }

    public function test_articles_are_found_by_tag_author_and_who_favourited_them(): void
    {
        $jane = $this->register('jane');
        $john = $this->register('john');
        $this->write($jane, 'One', ['salt']);
        $this->write($john, 'Two', ['salt', 'mysql']);
        $this->write($john, 'Three');
        $this->api('POST', '/articles/two/favorite', token: $jane)->assertOk();
        foreach ([
            'tag=salt' => ['two', 'one'],
            'tag=mysql' => ['two'],
            'tag=nothing' => [],
            'author=john' => ['three', 'two'],
            'author=nobody' => [],
            'favorited=jane' => ['two'],
            'favorited=john' => [],
            'author=john&tag=salt&favorited=jane' => ['two'],
            'author=jane&tag=mysql' => [],
            'tag=&author=' => ['three', 'two', 'one'],
        ] as $query => $slugs) {
            $list = $this->api('GET', "/articles?{$query}")->assertOk()->assertJsonPath('articlesCount', count($slugs));
            $this->assertSame($slugs, $this->slugs($list), $query);
        }
        $this->api('GET', '/articles?tag[]=salt')->assertUnprocessable()->assertExactJson(['errors' => ['tag' => ['must be text']]]);
    }

    public function test_the_feed_is_of_those_who_are_followed(): void
    {
        $jane = $this->register('jane');
        $john = $this->register('john');
        $ann = $this->register('ann');
        $this->write($john, 'By John');
        $this->write($ann, 'By Ann');
        $this->write($jane, 'By Jane');
        $this->api('GET', '/articles/feed', token: $jane)->assertOk()->assertExactJson(['articles' => [], 'articlesCount' => 0]);
        $this->api('POST', '/profiles/john/follow', token: $jane)->assertOk();
        $this->api('POST', '/profiles/ann/follow', token: $jane)->assertOk();
        $feed = $this->api('GET', '/articles/feed', token: $jane)->assertJsonPath('articlesCount', 2)
            ->assertJsonPath('articles.0.author.following', true)->assertJsonMissingPath('articles.0.body');
        $this->assertSame(['by-ann', 'by-john'], $this->slugs($feed));
        $page = $this->api('GET', '/articles/feed?limit=1&offset=1', token: $jane)->assertJsonPath('articlesCount', 2);
        $this->assertSame(['by-john'], $this->slugs($page));
        $this->api('DELETE', '/profiles/ann/follow', token: $jane)->assertOk();
        $this->assertSame(['by-john'], $this->slugs($this->api('GET', '/articles/feed', token: $jane)));
    }

    public function test_a_list_shows_what_its_reader_sees(): void
    {
        $jane = $this->register('jane');
        $john = $this->register('john');
        $this->write($jane);
        $this->api('POST', '/articles/a-title/favorite', token: $john)->assertOk();
        $this->api('POST', '/profiles/jane/follow', token: $john)->assertOk();
        foreach ([[$john, true], [$jane, false], [null, false]] as [$reader, $seen]) {
            $this->api('GET', '/articles', token: $reader)
                ->assertJsonPath('articles.0.favorited', $seen)
                ->assertJsonPath('articles.0.favoritesCount', 1)
                ->assertJsonPath('articles.0.author.following', $seen);
        }
    }

    public function test_a_longer_list_takes_no_more_queries(): void
    {
        $token = $this->register('jane');
        $authors = array_map(fn (int $number): string => $this->register("author{$number}"), range(1, 6));
        $asked = [];
        foreach ($authors as $number => $author) {
            $this->write($author, "Title {$number}", ['salt', "tag {$number}"]);
            $this->api('POST', "/articles/title-{$number}/favorite", token: $token)->assertOk();
            $this->api('POST', "/profiles/author".($number + 1).'/follow', token: $token)->assertOk();
            $this->api('POST', '/articles/title-0/comments', ['comment' => ['body' => 'Well.']], $author)->assertCreated();
            foreach (['/articles', '/articles/feed', '/articles/title-0/comments'] as $path) {
                $this->api('GET', $path, token: $token)->assertOk();
                $asked[$path][] = count($this->log);
            }
        }
        // Who asks; how many, the articles, their tags, their authors.
        $this->assertSame(array_fill(0, 6, 5), $asked['/articles']);
        $this->assertSame(array_fill(0, 6, 5), $asked['/articles/feed']);
        // Who asks; the article, its comments, their authors.
        $this->assertSame(array_fill(0, 6, 4), $asked['/articles/title-0/comments']);
    }

    /**
     * @return list<string>
     */
    private function slugs(TestResponse $list): array
    {
        return array_column($list->json('articles'), 'slug');
    }
}
