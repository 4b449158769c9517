<?php

return [
    // Shown by /api/health on the machine itself, so that a deployment can be told from the one before.
    'release' => env('APP_RELEASE') ?: basename((string) realpath(dirname(__DIR__))),

    'jwt' => [
        'secret' => env('JWT_SECRET'),
        'ttl_minutes' => (int) (env('JWT_TTL') ?: 7 * 24 * 60),
        // By how much the clocks of two web servers may differ.
        'leeway_seconds' => is_numeric(env('JWT_LEEWAY')) ? (int) env('JWT_LEEWAY') : 30,
        // Signs nothing; its tokens are good until that time. A time that cannot be read is a past one.
        'accepted_secret' => env('JWT_ACCEPTED_SECRET'),
        'accepted_until' => (int) strtotime((string) env('JWT_ACCEPTED_UNTIL')),
    ],

    // How many logins may fail within a window of seconds, on each web server. 0: any number.
    'login_failures' => [
        'account' => is_numeric(env('LOGIN_FAILURES_PER_ACCOUNT')) ? (int) env('LOGIN_FAILURES_PER_ACCOUNT') : 10,
        'address' => is_numeric(env('LOGIN_FAILURES_PER_ADDRESS')) ? (int) env('LOGIN_FAILURES_PER_ADDRESS') : 300,
        'window' => (int) (env('LOGIN_FAILURES_WINDOW') ?: 300),
    ],

    // How often a unit of work is tried when it conflicts with another one.
    'attempts' => (int) (env('DB_ATTEMPTS') ?: 5),

    // Seconds after which a request that waits for the database is answered with 503. 0: it never waits.
    'patience' => is_numeric(env('DB_PATIENCE')) ? (float) env('DB_PATIENCE') : 15.0,

    // How many requests of this machine may be on their way to the database, of all that php-fpm has
    // processes for (php:fpm:max_children). The others are answered with 503. 0: any number.
    'waiting' => is_numeric(env('DB_WAITING')) ? (int) env('DB_WAITING') : 30,

    // How many passwords this machine hashes or checks at once, and how many requests may be at that or
    // wait for it; the others are answered with 503. 0: any number.
    'passwords' => [
        'at_once' => is_numeric(env('PASSWORDS_AT_ONCE')) ? (int) env('PASSWORDS_AT_ONCE') : 4,
        'waiting' => is_numeric(env('PASSWORDS_WAITING')) ? (int) env('PASSWORDS_WAITING') : 20,
    ],

    'seed_password' => env('SEED_PASSWORD'),
];
