<?php

use App\Http\Answers;
use App\Http\Middleware\RequireToken;
use Illuminate\Foundation\Application;
use Illuminate\Foundation\Configuration\Exceptions;
use Illuminate\Foundation\Configuration\Middleware;

return Application::configure(basePath: dirname(__DIR__))
    ->withRouting(
        api: __DIR__.'/../routes/api.php',
        health: '/up',
    )
    ->withMiddleware(function (Middleware $middleware): void {
        $middleware->alias(['token' => RequireToken::class]);
        $middleware->trimStrings(except: ['user.password']);
    })
    ->withExceptions(function (Exceptions $exceptions): void {
        Answers::register($exceptions);
    })
    ->create();
