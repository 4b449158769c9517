<?php

namespace App\Listeners;

use App\Events\PaperDone;
use Illuminate\Support\Facades\DB;

class NotePaper
{
    public function handle(PaperDone $event): void
    {
        DB::table('done')->insert([...$event->row, 'whole' => true]);
    }
}
