<?php

namespace App\Console\Commands;

use Dotenv\Dotenv;
use Illuminate\Console\Command;

class JwtSecret extends Command
{
    protected $signature = 'jwt:secret
        {--show : Print a new secret, write nothing}
        {--force : Replace a secret that is there; every token issued so far becomes invalid}';

    protected $description = 'Write a new JWT_SECRET to .env unless it has one';

    public function handle(): int
    {
        $secret = bin2hex(random_bytes(32));
        if ($this->option('show')) {
            $this->line($secret);

            return self::SUCCESS;
        }

        $path = $this->laravel->environmentFilePath();
        $text = is_file($path) ? file_get_contents($path) : '';
        $current = Dotenv::parse($text)['JWT_SECRET'] ?? '';
        if ($current !== '' && ! $this->option('force')) {
            $this->info('JWT_SECRET is there already; it was kept.');

            return self::SUCCESS;
        }

        $line = "JWT_SECRET={$secret}";
        $text = preg_replace('/^JWT_SECRET=.*$/m', $line, $text, -1, $replaced);
        if ($replaced === 0) {
            $text .= ($text === '' || str_ends_with($text, "\n") ? '' : "\n").$line."\n";
        }
        if (file_put_contents($path, $text, LOCK_EX) === false) {
            $this->error("{$path} could not be written.");

            return self::FAILURE;
        }
        $this->info('JWT_SECRET has been written to '.basename($path).'.');

        return self::SUCCESS;
    }
}
