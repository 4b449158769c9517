<?php

use App\Jobs\Paper;
use Illuminate\Http\Request;
use Illuminate\Support\Facades\DB;
use Illuminate\Support\Facades\Route;

// What was done of a job, begun and ended, in order.
Route::get('/done/{job}', fn (string $job) => DB::table('done')->where('job', $job)->orderBy('id')
    ->get(['release', 'whole']));
Route::get('/ticks', fn () => DB::table('ticks')->orderBy('id')->get(['release', 'at']));
Route::get('/put/{job}/{seconds}', function (string $job, int $seconds) {
    Paper::dispatch($job, $seconds);

    return ['put' => $job];
});
// A request that takes its time, as a report or an upload does.
Route::get('/slow/{seconds}', function (int $seconds) {
    sleep($seconds);

    return ['release' => basename(base_path())];
});
