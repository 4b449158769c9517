<?php

use App\Jobs\Paper;
use Illuminate\Support\Facades\Artisan;
use Illuminate\Support\Facades\DB;
use Illuminate\Support\Facades\Schedule;

Artisan::command('paper:put {job} {seconds=0}', function (): void {
    Paper::dispatch($this->argument('job'), (int) $this->argument('seconds'));
});
Artisan::command('paper:tick', function (): void {
    DB::table('ticks')->insert(['release' => basename(base_path())]);
});
Artisan::command('paper:refuse', fn () => 1);

Schedule::command('paper:tick')->everyMinute();
