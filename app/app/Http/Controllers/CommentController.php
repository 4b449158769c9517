<?php

namespace App\Http\Controllers;

use App\Database\Work;
use App\Http\Answers;
use App\Http\Input;
use App\Models\Article;
use App\Models\Comment;
use Illuminate\Http\JsonResponse;
use Illuminate\Http\Request;
use Illuminate\Http\Response;

class CommentController
{
    public function index(Request $request, string $slug): JsonResponse
    {
        $comments = $this->article($slug)->comments()->seenBy($request->user())->oldest()->oldest('id')->get();

        return new JsonResponse(['comments' => $comments->map(fn (Comment $comment): array => $comment->summary())]);
    }

    public function store(Request $request, string $slug): JsonResponse
    {
        $data = Input::body($request, 'comment', ['body' => ['bail', 'required', 'string', 'max:10000', Input::TEXT]]);

        return Work::run(function () use ($request, $slug, $data): JsonResponse {
            $comment = $this->article($slug)->comments()->make($data);
            $comment->author()->associate($request->user());
            $comment->save();
            $seen = Comment::query()->seenBy($request->user())->findOrFail($comment->id);

            return new JsonResponse(['comment' => $seen->summary()], 201);
        });
    }

    public function destroy(Request $request, string $slug, string $id): Response
    {
        Work::run(function () use ($request, $slug, $id): void {
            $comment = $this->article($slug)->comments()->findOrFail($id);
            if ($comment->author_id !== $request->user()->id) {
                Answers::refuse(['comment' => ['forbidden']], 403);
            }
            $comment->delete();
        });

        return new Response(status: 204);
    }

    private function article(string $slug): Article
    {
        return Article::query()->where('slug', $slug)->firstOrFail();
    }
}
