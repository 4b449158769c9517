<?php

namespace App\Jobs;

use App\Events\PaperDone;
use Illuminate\Contracts\Queue\ShouldQueue;
use Illuminate\Foundation\Queue\Queueable;
use Illuminate\Support\Facades\DB;

/** Notes that it has begun, takes its time, and tells by an event that it has ended. */
class Paper implements ShouldQueue
{
    use Queueable;

    public function __construct(public string $paper, public int $seconds) {}

    public function handle(): void
    {
        $row = ['job' => $this->paper, 'release' => basename(base_path())];
        DB::table('done')->insert([...$row, 'whole' => false]);
        // A signal ends a sleep.
        for ($end = microtime(true) + $this->seconds; microtime(true) < $end;) {
            usleep(50_000);
        }
        event(new PaperDone($row));
    }
}
