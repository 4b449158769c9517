<?php

namespace App\Models;

use Illuminate\Database\Eloquent\Builder;
use Illuminate\Database\Eloquent\Relations\BelongsTo;

class Comment extends Record
{
    protected $fillable = ['body'];

    public function author(): BelongsTo
    {
        return $this->belongsTo(User::class);
    }

    /**
     * With what summary() shows to somebody, or to nobody in particular.
     *
     * @param  Builder<Comment>  $query
     */
    public function scopeSeenBy(Builder $query, ?User $viewer): void
    {
        $query->with(['author' => fn (BelongsTo $author) => $author->seenBy($viewer)]);
    }

    /**
     * @return array<string, mixed>
     */
    public function summary(): array
    {
        return [
            'id' => $this->id,
            ...$this->times(),
            'body' => $this->body,
            'author' => $this->author->profile(),
        ];
    }
}
