<?php

namespace App\Models;

use Illuminate\Database\Eloquent\Builder;
use Illuminate\Database\Eloquent\Relations\BelongsToMany;

class User extends Record
{
    protected $fillable = ['username', 'email', 'password', 'bio', 'image'];

    protected $hidden = ['password'];

    protected $casts = ['password' => 'hashed'];

    /**
     * Those whose articles are this user's feed.
     */
    public function followed(): BelongsToMany
    {
        return $this->belongsToMany(self::class, 'follows', 'follower_id', 'followed_id');
    }

    public function followers(): BelongsToMany
    {
        return $this->belongsToMany(self::class, 'follows', 'followed_id', 'follower_id');
    }

    /**
     * With what profile() shows to somebody, or to nobody in particular.
     *
     * @param  Builder<User>  $query
     */
    public function scopeSeenBy(Builder $query, ?User $viewer): void
    {
        $query->withExists([
            'followers as following' => fn (Builder $them) => $them->where('follows.follower_id', $viewer?->id),
        ]);
    }

    /**
     * @return array{username: string, bio: ?string, image: ?string, following: bool}
     */
    public function profile(): array
    {
        return [
            'username' => $this->username,
            'bio' => $this->bio,
            'image' => $this->image,
            'following' => $this->following,
        ];
    }

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
