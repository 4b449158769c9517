<?php

use App\Jobs\Note;
use Illuminate\Http\Request;
use Illuminate\Support\Facades\DB;
use Illuminate\Support\Facades\Route;

Route::get('/alive', fn () => ['release' => basename(base_path())]);
Route::get('/', fn (Request $request) => [
    'framework' => app()->version(),
    'seen' => tap($request->session()->get('seen', 0) + 1, fn ($seen) => $request->session()->put('seen', $seen)),
    'notes' => DB::table('notes')->orderBy('id')->pluck('text'),
]);
Route::get('/put/{text}', fn (string $text) => tap(['put' => $text], fn () => Note::dispatch($text)));
