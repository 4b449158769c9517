<?php

namespace App\Console\Commands;

use App\Database\Work;
use Illuminate\Console\Command;
use Illuminate\Database\UniqueConstraintViolationException;
use Illuminate\Support\Facades\DB;
use RuntimeException;

/**
 * Runs a seeder unless the database says that it has run.
 *
 * The row that says so and the seed are one transaction: two servers that try at the same moment
 * seed once, and a seeder that fails leaves nothing behind.
 */
class SeedOnce extends Command
{
    protected $signature = 'app:seed-once
        {class=DatabaseSeeder : The seeder}
        {--check : Only tell: exit code 0 when it has run, 3 when it has not}';

    protected $description = 'Run a seeder exactly once in the life of the database';

    public const NOT_YET = 3;

    public function handle(): int
    {
        $class = $this->argument('class');
        if ($this->option('check')) {
            $done = DB::table('seed_runs')->useWritePdo()->where('seeder', $class)->exists();
            $this->info($done ? "{$class} has run." : "{$class} has not run yet.");

            return $done ? self::SUCCESS : self::NOT_YET;
        }

        $seeded = Work::run(function () use ($class): bool {
            try {
                DB::table('seed_runs')->insert(['seeder' => $class, 'seeded_at' => now()->format('Y-m-d H:i:s.v')]);
            } catch (UniqueConstraintViolationException) {
                return false;
            }
            if ($this->call('db:seed', ['--class' => $class, '--force' => true]) !== self::SUCCESS) {
                throw new RuntimeException("{$class} failed; nothing was seeded.");
            }

            return true;
        });
        $this->info($seeded ? "{$class} has been run." : "{$class} has run already; nothing was done.");

        return self::SUCCESS;
    }
}
