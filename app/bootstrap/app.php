<?php

use App\Http\Answers;
use App\Http\Middleware\Authenticate;
use App\Http\Middleware\AwaitDatabase;
use App\Http\Middleware\ReadBody;
use Illuminate\Foundation\Application;
use Illuminate\Foundation\Configuration\Exceptions;
use Illuminate\Foundation\Configuration\Middleware;
use Illuminate\Http\Request;

return Application::configure(basePath: dirname(__DIR__))
    ->withRouting(
        api: __DIR__.'/../routes/api.php',
        health: '/up',
    )
    ->withMiddleware(function (Middleware $middleware): void {
        $middleware->alias(['token' => Authenticate::class]);
        $middleware->append([ReadBody::class, AwaitDatabase::class]);
        // What a trusted proxy (config/trustedproxy.php) says of a client, and no more.
        $middleware->trustProxies(headers: Request::HEADER_X_FORWARDED_FOR | Request::HEADER_X_FORWARDED_PROTO);
        // Passwords are taken as they are, and in Markdown white space has a meaning.
        $middleware->trimStrings(except: ['user.password', 'article.body', 'comment.body']);
    })
    ->withExceptions(function (Exceptions $exceptions): void {
        Answers::register($exceptions);
    })
    ->create();
