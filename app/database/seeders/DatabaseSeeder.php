<?php

namespace Database\Seeders;

use Faker\Factory;
use Faker\Generator;
use Illuminate\Database\Seeder;
use Illuminate\Support\Carbon;
use Illuminate\Support\Facades\DB;
use Illuminate\Support\Facades\Hash;
use Illuminate\Support\Str;
use RuntimeException;

/**
 * The same few rows every time, with the same numbers and times, so that two installations can be
 * compared; only the password is each one's own. The first user is jane@conduit.example.
 */
class DatabaseSeeder extends Seeder
{
    private const TAGS = [
        'architecture', 'backups', 'databases', 'deployment', 'high-availability',
        'laravel', 'mysql', 'operations', 'replication', 'salt',
    ];

    private const USERS = 5;

    private const ARTICLES = 12;

    private const COMMENTS = 3;

    private Generator $faker;

    private Carbon $now;

    public function run(): void
    {
        $password = (string) config('conduit.seed_password');
        if ($password === '') {
            throw new RuntimeException(
                'SEED_PASSWORD is not set: it becomes the password of the seeded users, and there is no default.'
            );
        }
        $this->faker = Factory::create();
        $this->faker->seed(1);
        $this->now = Carbon::parse('2026-01-01 09:00', 'UTC');

        $this->users($password);
        $this->articles();
    }

    private function users(string $password): void
    {
        // One hash for all of them: hashing is what takes the time.
        $hash = Hash::make($password);
        $users = $follows = [];
        for ($id = 1; $id <= self::USERS; $id++) {
            $name = $id === 1 ? 'jane' : strtolower($this->faker->unique()->firstName());
            $users[] = [
                'id' => $id,
                'username' => $name,
                'email' => "{$name}@conduit.example",
                'password' => $hash,
                'bio' => $id === 1 ? 'The first user.' : $this->faker->sentence(),
                ...$this->times(),
            ];
            if ($id > 1) {
                $follows[] = ['follower_id' => $id, 'followed_id' => 1];
                $follows[] = ['follower_id' => 1, 'followed_id' => $id];
            }
        }
        DB::table('users')->insert($users);
        DB::table('follows')->insert($follows);
    }

    private function articles(): void
    {
        $tags = $articles = $tagged = $favorites = $comments = [];
        foreach (self::TAGS as $at => $name) {
            $tags[] = ['id' => $at + 1, 'name' => $name, ...$this->times()];
        }
        for ($id = 1; $id <= self::ARTICLES; $id++) {
            $title = Str::headline(rtrim($this->faker->unique()->sentence(4), '.'));
            $articles[] = [
                'id' => $id,
                'author_id' => $id % self::USERS + 1,
                'slug' => Str::slug($title),
                'title' => $title,
                'description' => $this->faker->sentence(),
                'body' => implode("\n\n", $this->faker->paragraphs(3)),
                ...$this->times(),
            ];
            // Every tag has an article, and every article two tags.
            foreach ([0, 3] as $step) {
                $tagged[] = ['article_id' => $id, 'tag_id' => ($id + $step) % count(self::TAGS) + 1];
            }
            for ($fan = 1; $fan <= $id % self::USERS; $fan++) {
                $favorites[] = ['article_id' => $id, 'user_id' => $fan];
            }
            for ($nth = 0; $nth < $id % self::COMMENTS; $nth++) {
                $comments[] = [
                    'id' => count($comments) + 1,
                    'article_id' => $id,
                    'author_id' => ($id + $nth) % self::USERS + 1,
                    'body' => $this->faker->sentence(),
                    ...$this->times(),
                ];
            }
        }
        foreach ([
            'tags' => $tags, 'articles' => $articles, 'article_tag' => $tagged,
            'favorites' => $favorites, 'comments' => $comments,
        ] as $table => $rows) {
            DB::table($table)->insert($rows);
        }
    }

    /**
     * @return array{created_at: string, updated_at: string}
     */
    private function times(): array
    {
        $time = $this->now->addHour()->format('Y-m-d H:i:s.v');

        return ['created_at' => $time, 'updated_at' => $time];
    }
}
