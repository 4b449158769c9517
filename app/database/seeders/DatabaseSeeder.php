<?php

namespace Database\Seeders;

use App\Models\Tag;
use App\Models\User;
use Faker\Factory;
use Illuminate\Database\Seeder;
use Illuminate\Support\Facades\Hash;
use RuntimeException;

/**
 * The same few users and tags every time; the first user is jane@conduit.example.
 */
class DatabaseSeeder extends Seeder
{
    private const TAGS = [
        'architecture', 'backups', 'databases', 'deployment', 'high-availability',
        'laravel', 'mysql', 'operations', 'replication', 'salt',
    ];

    private const OTHER_USERS = 4;

    public function run(): void
    {
        $password = (string) config('conduit.seed_password');
        if ($password === '') {
            throw new RuntimeException(
                'SEED_PASSWORD is not set: it becomes the password of the seeded users, and there is no default.'
            );
        }
        // One hash for all of them: hashing is what takes the time.
        $hash = Hash::make($password);

        $faker = Factory::create();
        $faker->seed(1);
        User::create([
            'username' => 'jane',
            'email' => 'jane@conduit.example',
            'password' => $hash,
            'bio' => 'The first user.',
        ]);
        for ($number = 1; $number <= self::OTHER_USERS; $number++) {
            $name = strtolower($faker->unique()->firstName());
            User::create([
                'username' => $name,
                'email' => "{$name}@conduit.example",
                'password' => $hash,
                'bio' => $faker->sentence(),
            ]);
        }
        foreach (self::TAGS as $name) {
            Tag::create(['name' => $name]);
        }
    }
}
