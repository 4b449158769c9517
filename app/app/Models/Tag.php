<?php

namespace App\Models;

use Illuminate\Database\Eloquent\Model;

class Tag extends Model
{
    protected $dateFormat = 'Y-m-d H:i:s.v';

    protected $fillable = ['name'];
}
