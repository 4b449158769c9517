<?php

use Illuminate\Http\Request;
use Illuminate\Support\Facades\DB;
use Illuminate\Support\Facades\Route;

Route::get('/', fn (Request $request) => view('form', [
    'seen' => tap($request->session()->get('seen', 0) + 1, fn ($seen) => $request->session()->put('seen', $seen)),
    'notes' => DB::table('notes')->orderBy('id')->get(),
]));

Route::post('/notes', function (Request $request) {
    $given = $request->validate(['text' => 'required|max:100', 'picture' => 'nullable|file|max:512']);
    $picture = $request->file('picture')?->store('pictures', 'public');
    DB::table('notes')->insert(['text' => $given['text'], 'picture' => $picture]);

    return redirect('/')->with('said', 'Thank you');
});
