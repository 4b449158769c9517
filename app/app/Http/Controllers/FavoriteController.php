<?php

namespace App\Http\Controllers;

use App\Database\Work;
use App\Models\Article;
use Illuminate\Http\JsonResponse;
use Illuminate\Http\Request;

class FavoriteController
{
    public function store(Request $request, string $slug): JsonResponse
    {
        return $this->change($request, $slug, fn (Article $article) => $article->fans()
            ->syncWithoutDetaching([$request->user()->id]));
    }

    public function destroy(Request $request, string $slug): JsonResponse
    {
        return $this->change($request, $slug, fn (Article $article) => $article->fans()
            ->detach($request->user()->id));
    }

    /**
     * @param  callable(Article): mixed  $change  done twice it has to be as good as once
     */
    private function change(Request $request, string $slug, callable $change): JsonResponse
    {
        return Work::run(function () use ($request, $slug, $change): JsonResponse {
            $article = Article::query()->where('slug', $slug)->firstOrFail();
            $change($article);
            $seen = Article::query()->seenBy($request->user())->findOrFail($article->id);

            return new JsonResponse($seen->answer());
        });
    }
}
