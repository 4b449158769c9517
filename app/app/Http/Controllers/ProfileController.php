<?php

namespace App\Http\Controllers;

use App\Database\Work;
use App\Models\User;
use Illuminate\Http\JsonResponse;
use Illuminate\Http\Request;

class ProfileController
{
    public function show(Request $request, string $username): JsonResponse
    {
        return $this->answer($username, $request->user());
    }

    public function follow(Request $request, string $username): JsonResponse
    {
        return $this->change($request, $username, fn (User $user) => $user->followers()
            ->syncWithoutDetaching([$request->user()->id]));
    }

    public function unfollow(Request $request, string $username): JsonResponse
    {
        return $this->change($request, $username, fn (User $user) => $user->followers()
            ->detach($request->user()->id));
    }

    /**
     * @param  callable(User): mixed  $change  done twice it has to be as good as once
     */
    private function change(Request $request, string $username, callable $change): JsonResponse
    {
        return Work::run(function () use ($request, $username, $change): JsonResponse {
            $change(User::query()->where('username', $username)->firstOrFail());

            return $this->answer($username, $request->user());
        });
    }

    private function answer(string $username, ?User $viewer): JsonResponse
    {
        $user = User::query()->where('username', $username)->seenBy($viewer)->firstOrFail();

        return new JsonResponse(['profile' => $user->profile()]);
    }
}
