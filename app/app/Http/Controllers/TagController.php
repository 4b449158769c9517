<?php

namespace App\Http\Controllers;

use App\Models\Tag;
use Illuminate\Http\JsonResponse;

class TagController
{
    public function __invoke(): JsonResponse
    {
        return new JsonResponse(['tags' => Tag::query()->has('articles')->orderBy('name')->pluck('name')]);
    }
}
