<?php

use App\Http\Controllers\ArticleController;
use App\Http\Controllers\CommentController;
use App\Http\Controllers\FavoriteController;
use App\Http\Controllers\HealthController;
use App\Http\Controllers\ProfileController;
use App\Http\Controllers\TagController;
use App\Http\Controllers\UserController;
use Illuminate\Support\Facades\Route;

Route::get('/health', HealthController::class);
Route::get('/tags', TagController::class);

Route::post('/users', [UserController::class, 'register']);
Route::post('/users/login', [UserController::class, 'login']);

Route::middleware('token')->group(function (): void {
    Route::get('/user', [UserController::class, 'show']);
    Route::match(['put', 'patch'], '/user', [UserController::class, 'update']);

    Route::post('/profiles/{username}/follow', [ProfileController::class, 'follow']);
    Route::delete('/profiles/{username}/follow', [ProfileController::class, 'unfollow']);

    Route::get('/articles/feed', [ArticleController::class, 'feed']);
    Route::post('/articles', [ArticleController::class, 'store']);
    Route::match(['put', 'patch'], '/articles/{slug}', [ArticleController::class, 'update']);
    Route::delete('/articles/{slug}', [ArticleController::class, 'destroy']);

    Route::post('/articles/{slug}/favorite', [FavoriteController::class, 'store']);
    Route::delete('/articles/{slug}/favorite', [FavoriteController::class, 'destroy']);

    Route::post('/articles/{slug}/comments', [CommentController::class, 'store']);
    Route::delete('/articles/{slug}/comments/{id}', [CommentController::class, 'destroy'])->whereNumber('id');
});

Route::middleware('token:optional')->group(function (): void {
    Route::get('/profiles/{username}', [ProfileController::class, 'show']);
    Route::get('/articles', [ArticleController::class, 'index']);
    Route::get('/articles/{slug}', [ArticleController::class, 'show']);
    Route::get('/articles/{slug}/comments', [CommentController::class, 'index']);
});
