<?php

namespace App\Providers;

use App\Database\CommitWatch;
use App\Database\ConflictDetector;
use App\Services\Tokens;
use Illuminate\Contracts\Database\ConcurrencyErrorDetector;
use Illuminate\Support\Facades\Event;
use Illuminate\Support\ServiceProvider;

class AppServiceProvider extends ServiceProvider
{
    public function register(): void
    {
        $this->app->singleton(ConcurrencyErrorDetector::class, ConflictDetector::class);
        $this->app->singleton(CommitWatch::class);
        $this->app->singleton(Tokens::class, fn (): Tokens => new Tokens(
            config('conduit.jwt.secret'),
            config('conduit.jwt.ttl_minutes'),
        ));
    }

    public function boot(): void
    {
        Event::subscribe(CommitWatch::class);
    }
}
