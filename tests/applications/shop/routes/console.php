<?php

use Illuminate\Support\Facades\Artisan;

// For a hook: it says when it ran, and where.
Artisan::command('shop:mark {moment}', function (): void {
    file_put_contents(storage_path('app/public/'.$this->argument('moment')), basename(base_path())."\n", FILE_APPEND);
});
