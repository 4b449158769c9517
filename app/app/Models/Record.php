<?php

namespace App\Models;

use Illuminate\Database\Eloquent\Model;

/**
 * A row with times of millisecond precision: two changes within a second can be told apart.
 */
abstract class Record extends Model
{
    protected $dateFormat = 'Y-m-d H:i:s.v';

    /**
     * @return array{createdAt: string, updatedAt: string}
     */
    protected function times(): array
    {
        return [
            'createdAt' => $this->created_at->format('Y-m-d\TH:i:s.v\Z'),
            'updatedAt' => $this->updated_at->format('Y-m-d\TH:i:s.v\Z'),
        ];
    }
}
