<?php

namespace App\Events;

class PaperDone
{
    /** @param array<string, string> $row */
    public function __construct(public array $row) {}
}
