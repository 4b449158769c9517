<?php

namespace App\Http\Controllers;

use App\Database\Work;
use App\Http\Answers;
use App\Http\Input;
use App\Models\Article;
use App\Models\User;
use Illuminate\Database\Eloquent\Builder;
use Illuminate\Http\JsonResponse;
use Illuminate\Http\Request;
use Illuminate\Http\Response;

class ArticleController
{
    private const RULES = [
        'title' => ['bail', 'required', 'string', 'max:255', Input::LINE],
        'description' => ['bail', 'required', 'string', 'max:1024', Input::TEXT],
        'body' => ['bail', 'required', 'string', Input::TEXT],
        'tagList' => ['sometimes', 'list', 'max:20'],
        'tagList.*' => ['bail', 'required', 'string', 'max:64', Input::LINE],
    ];

    private const PAGE = [
        'limit' => ['nullable', 'integer', 'min:1', 'max:100'],
        'offset' => ['nullable', 'integer', 'min:0'],
    ];

    private const FILTERS = [
        'tag' => ['bail', 'nullable', 'string', Input::LINE],
        'author' => ['bail', 'nullable', 'string', Input::LINE],
        'favorited' => ['bail', 'nullable', 'string', Input::LINE],
    ];

    public function index(Request $request): JsonResponse
    {
        $asked = Input::query($request, self::FILTERS + self::PAGE);

        return $this->page($request, $asked, Article::query()
            ->when($asked['tag'] ?? null, fn (Builder $articles, string $name) => $articles
                ->whereRelation('tags', 'name', $name))
            ->when($asked['author'] ?? null, fn (Builder $articles, string $name) => $articles
                ->whereRelation('author', 'username', $name))
            ->when($asked['favorited'] ?? null, fn (Builder $articles, string $name) => $articles
                ->whereRelation('fans', 'username', $name)));
    }

    public function feed(Request $request): JsonResponse
    {
        $asked = Input::query($request, self::PAGE);

        return $this->page($request, $asked, Article::query()
            ->whereIn('author_id', $request->user()->followed()->select('users.id')));
    }

    public function show(Request $request, string $slug): JsonResponse
    {
        $article = Article::query()->where('slug', $slug)->seenBy($request->user())->firstOrFail();

        return new JsonResponse($article->answer());
    }

    public function store(Request $request): JsonResponse
    {
        $data = Input::body($request, 'article', self::RULES);

        return Work::run(function () use ($request, $data): JsonResponse {
            $article = new Article($data);
            $article->nameBy($data['title']);
            $article->author()->associate($request->user());
            $article->save();
            $article->tagWith($data['tagList'] ?? []);

            return new JsonResponse($this->reread($article, $request->user())->answer(), 201);
        });
    }

    public function update(Request $request, string $slug): JsonResponse
    {
        $data = Input::body($request, 'article', [
            ...self::RULES,
            'title' => ['sometimes', ...self::RULES['title']],
            'description' => ['sometimes', ...self::RULES['description']],
            'body' => ['sometimes', ...self::RULES['body']],
        ]);

        return Work::run(function () use ($request, $slug, $data): JsonResponse {
            $article = $this->own($request, $slug);
            $article->fill($data);
            if (($data['title'] ?? $article->title) !== $article->title) {
                $article->nameBy($data['title']);
            }
            if (isset($data['tagList'])) {
                $article->tagWith($data['tagList']);
            }
            // Saves, and moves the time of the last change even if only the tags are others.
            $article->touch();

            return new JsonResponse($this->reread($article, $request->user())->answer());
        });
    }

    public function destroy(Request $request, string $slug): Response
    {
        Work::run(function () use ($request, $slug): void {
            $article = $this->own($request, $slug);
            // No key cascades: a group whose members all take writes refuses such tables.
            $article->comments()->delete();
            $article->fans()->detach();
            $article->tags()->detach();
            $article->delete();
        });

        return new Response(status: 204);
    }

    private function own(Request $request, string $slug): Article
    {
        $article = Article::query()->where('slug', $slug)->firstOrFail();
        if ($article->author_id !== $request->user()->id) {
            Answers::refuse(['article' => ['forbidden']], 403);
        }

        return $article;
    }

    private function reread(Article $article, User $viewer): Article
    {
        return Article::query()->seenBy($viewer)->findOrFail($article->id);
    }

    /**
     * @param  array<string, mixed>  $asked
     * @param  Builder<Article>  $articles
     */
    private function page(Request $request, array $asked, Builder $articles): JsonResponse
    {
        $count = $articles->count();
        $page = $articles->listed()->seenBy($request->user())
            ->offset((int) ($asked['offset'] ?? 0))
            ->limit((int) ($asked['limit'] ?? 20))
            ->get();

        return new JsonResponse([
            'articles' => $page->map(fn (Article $article): array => $article->summary()),
            'articlesCount' => $count,
        ]);
    }
}
