<?php

use App\Http\Controllers\HealthController;
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
});
