<?php

namespace App\Providers;

use App\Database\CommitWatch;
use App\Database\ConflictDetector;
use App\Services\WaitingRoom;
use App\Services\LoginLimits;
use App\Services\Passwords;
use App\Services\Tokens;
use Illuminate\Cache\RateLimiter;
use Illuminate\Contracts\Database\ConcurrencyErrorDetector;
use Illuminate\Database\Events\QueryExecuted;
use Illuminate\Database\Events\TransactionBeginning;
use Illuminate\Http\Request;
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
            config('conduit.jwt.leeway_seconds'),
            config('conduit.jwt.accepted_secret'),
            config('conduit.jwt.accepted_until'),
        ));
        $this->app->singleton(WaitingRoom::class, fn (): WaitingRoom => new WaitingRoom(
            storage_path('framework/cache'),
            config('conduit.waiting'),
        ));
        $this->app->bind(Passwords::class, fn (): Passwords => new Passwords(...array_map(
            fn (string $name): WaitingRoom => new WaitingRoom(
                storage_path('framework/cache'),
                config("conduit.passwords.{$name}"),
                "passwords-{$name}",
            ),
            ['waiting', 'at_once'],
        )));
        $this->app->bind(LoginLimits::class, fn (): LoginLimits => new LoginLimits(
            app(RateLimiter::class),
            config('conduit.login_failures'),
            (string) config('conduit.jwt.secret'),
        ));
    }

    public function boot(): void
    {
        Event::subscribe(CommitWatch::class);
        // The database has answered: whoever comes next finds the place free.
        Event::listen([QueryExecuted::class, TransactionBeginning::class], fn () => app(WaitingRoom::class)->leave());
        // A request is of the method that the web server saw: none is made another by a header or a field.
        Request::setAllowedHttpMethodOverride([]);
    }
}
