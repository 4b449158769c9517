<?php

namespace Tests\Feature;

use Illuminate\Database\Events\QueryExecuted;
use Illuminate\Support\Facades\DB;
use Illuminate\Support\Facades\Event;
use Tests\TestCase;

class CommentsTest extends TestCase
{
    public function test_comments_are_there_at_once_and_in_order(): void
    {
        $jane = $this->register('jane');
        $john = $this->register('john');
        $slug = $this->write($jane);
        $first = $this->api('POST', "/articles/{$slug}/comments", ['comment' => ['body' => 'First']], $john)->assertCreated()->json('comment');
        $this->assertSame(['id', 'createdAt', 'updatedAt', 'body', 'author'], array_keys($first));
        $this->assertSame(['username' => 'john', 'bio' => null, 'image' => null, 'following' => false], $first['author']);
        $this->api('GET', "/articles/{$slug}/comments")->assertOk()->assertExactJson(['comments' => [$first]]);
        $this->api('POST', "/articles/{$slug}/comments", ['comment' => ['body' => 'Second']], $jane)->assertCreated();
        $this->api('POST', '/profiles/john/follow', token: $jane)->assertOk();
        $this->api('GET', "/articles/{$slug}/comments", token: $jane)->assertJsonCount(2, 'comments')
            ->assertJsonPath('comments.0.body', 'First')->assertJsonPath('comments.0.author.following', true)
            ->assertJsonPath('comments.1.body', 'Second')->assertJsonPath('comments.1.author.following', false);
    }

    public function test_only_its_author_deletes_a_comment(): void
    {
        $jane = $this->register('jane');
        $john = $this->register('john');
        $slug = $this->write($jane);
        $id = $this->api('POST', "/articles/{$slug}/comments", ['comment' => ['body' => 'Well.']], $john)->json('comment.id');
        $this->api('DELETE', "/articles/{$slug}/comments/{$id}", token: $jane)
            ->assertForbidden()->assertExactJson(['errors' => ['comment' => ['forbidden']]]);
        $this->api('GET', "/articles/{$slug}/comments")->assertJsonCount(1, 'comments');
        $this->api('DELETE', "/articles/{$slug}/comments/{$id}", token: $john)->assertNoContent();
        $this->api('GET', "/articles/{$slug}/comments")->assertExactJson(['comments' => []]);
    }

    public function test_what_is_not_there_is_not_found(): void
    {
        $token = $this->register('jane');
        $slug = $this->write($token);
        $other = $this->write($token);
        $id = $this->api('POST', "/articles/{$other}/comments", ['comment' => ['body' => 'Well.']], $token)->json('comment.id');
        $article = ['errors' => ['article' => ['not found']]];
        $this->api('GET', '/articles/none/comments')->assertNotFound()->assertExactJson($article);
        $this->api('POST', '/articles/none/comments', ['comment' => ['body' => 'Well.']], $token)->assertNotFound()->assertExactJson($article);
        $this->api('DELETE', "/articles/none/comments/{$id}", token: $token)->assertNotFound()->assertExactJson($article);
        // It is another article's.
        $this->api('DELETE', "/articles/{$slug}/comments/{$id}", token: $token)
            ->assertNotFound()->assertExactJson(['errors' => ['comment' => ['not found']]]);
        $this->api('DELETE', "/articles/{$slug}/comments/1abc", token: $token)->assertNotFound();
    }

    public function test_an_article_that_is_deleted_after_it_was_looked_for_is_not_found(): void
    {
        $token = $this->register('jane');
        $slug = $this->write($token);
        config(['database.connections.other' => config('database.connections.mysql')]);
        $deleted = false;
        Event::listen(function (QueryExecuted $query) use ($slug, &$deleted): void {
            if (! $deleted && str_starts_with($query->sql, 'select * from `articles` where `slug` = ?')) {
                $deleted = true;
                DB::connection('other')->table('articles')->where('slug', $slug)->delete();
            }
        });
        $this->api('POST', "/articles/{$slug}/comments", ['comment' => ['body' => 'Well.']], $token)
            ->assertNotFound()->assertExactJson(['errors' => ['article' => ['not found']]]);
        $this->assertTrue($deleted);
        $this->assertContains('delete from `articles` where `slug` = ?', $this->log);
    }

    public function test_a_comment_says_something(): void
    {
        $token = $this->register('jane');
        $slug = $this->write($token);
        foreach ([['comment' => ['body' => ' ']], ['comment' => []], []] as $body) {
            $this->api('POST', "/articles/{$slug}/comments", $body, $token)
                ->assertUnprocessable()->assertExactJson(['errors' => ['body' => ["can't be blank"]]]);
        }
    }
}
