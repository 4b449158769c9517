<?php

namespace App\Models;

use Illuminate\Database\Eloquent\Builder;
use Illuminate\Database\Eloquent\Relations\BelongsTo;
use Illuminate\Database\Eloquent\Relations\BelongsToMany;
use Illuminate\Database\Eloquent\Relations\HasMany;
use Illuminate\Support\Str;

class Article extends Record
{
    // What summary() needs: a list does not carry the bodies.
    private const IN_LISTS = ['id', 'author_id', 'slug', 'title', 'description', 'created_at', 'updated_at'];

    private const SLUG_LENGTH = 180;

    // /api/articles/feed is not an article.
    private const RESERVED = ['feed'];

    protected $fillable = ['description', 'body'];

    public function author(): BelongsTo
    {
        return $this->belongsTo(User::class);
    }

    public function tags(): BelongsToMany
    {
        return $this->belongsToMany(Tag::class)->orderBy('name');
    }

    /**
     * Those who favourited it. They are counted when it is asked for: a number kept in the article
     * would be written by everybody, and members that write one row conflict.
     */
    public function fans(): BelongsToMany
    {
        return $this->belongsToMany(User::class, 'favorites');
    }

    public function comments(): HasMany
    {
        return $this->hasMany(Comment::class);
    }

    /**
     * With what summary() shows to somebody, or to nobody in particular.
     *
     * @param  Builder<Article>  $query
     */
    public function scopeSeenBy(Builder $query, ?User $viewer): void
    {
        $query->with(['tags', 'author' => fn (BelongsTo $author) => $author->seenBy($viewer)])
            ->withCount('fans')
            ->withExists(['fans as favorited' => fn (Builder $them) => $them->where('favorites.user_id', $viewer?->id)]);
    }

    /**
     * @param  Builder<Article>  $query
     */
    public function scopeListed(Builder $query): void
    {
        // Numbers of several members are unique, but not in order.
        $query->select(self::IN_LISTS)->latest()->latest('id');
    }

    /**
     * Take a title, and a slug made of it that no other article has.
     */
    public function nameBy(string $title): void
    {
        $this->title = $title;
        $slug = rtrim(substr(Str::slug($title), 0, self::SLUG_LENGTH), '-') ?: 'article';
        $taken = in_array($slug, self::RESERVED, true)
            || self::query()->where('slug', $slug)->whereKeyNot($this->id ?? 0)->exists();
        $this->slug = $taken ? $slug.'-'.Str::lower(Str::random(8)) : $slug;
    }

    /**
     * @param  list<string>  $names
     */
    public function tagWith(array $names): void
    {
        // One by one: which names are the same is the database's word, whatever their case and accents.
        $this->tags()->sync(array_map(fn (string $name): int => Tag::firstOrCreate(['name' => $name])->id, $names));
    }

    /**
     * @return array<string, mixed>
     */
    public function summary(): array
    {
        return [
            'slug' => $this->slug,
            'title' => $this->title,
            'description' => $this->description,
            'tagList' => $this->tags->pluck('name'),
            ...$this->times(),
            'favorited' => $this->favorited,
            'favoritesCount' => $this->fans_count,
            'author' => $this->author->profile(),
        ];
    }

    /**
     * @return array{article: array<string, mixed>}
     */
    public function answer(): array
    {
        return ['article' => [...$this->summary(), 'body' => $this->body]];
    }
}
