<?php

namespace App\Models;

use Illuminate\Database\Eloquent\Model;

class User extends Model
{
    protected $dateFormat = 'Y-m-d H:i:s.v';

    protected $fillable = ['username', 'email', 'password', 'bio', 'image'];

    protected $hidden = ['password'];

    protected $casts = ['password' => 'hashed'];

    /**
     * @return array{user: array<string, string|null>}
     */
    public function answer(string $token): array
    {
        return ['user' => [
            'email' => $this->email,
            'token' => $token,
            'username' => $this->username,
            'bio' => $this->bio,
            'image' => $this->image,
        ]];
    }
}
