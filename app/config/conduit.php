<?php

return [
    // Shown by /api/health, so that a deployment can be told from the one before.
    'release' => env('APP_RELEASE') ?: basename((string) realpath(dirname(__DIR__))),

    'jwt' => [
        'secret' => env('JWT_SECRET'),
        'ttl_minutes' => (int) (env('JWT_TTL') ?: 7 * 24 * 60),
    ],

    // How often a unit of work is tried when it conflicts with another one.
    'attempts' => (int) (env('DB_ATTEMPTS') ?: 5),

    // Seconds after which a request that waits for the database is answered with 503. 0: it never waits.
    'patience' => is_numeric(env('DB_PATIENCE')) ? (float) env('DB_PATIENCE') : 15.0,

    'seed_password' => env('SEED_PASSWORD'),
];
