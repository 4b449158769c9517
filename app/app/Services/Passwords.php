<?php

namespace App\Services;

use App\Http\Answers;
use Illuminate\Support\Facades\Hash;
use SensitiveParameter;

/**
 * Hashes passwords and checks them, only so many of this machine at once: each takes a processor for a
 * quarter of a second, and whoever sends many would leave the others neither processors nor processes.
 */
class Passwords
{
    /**
     * @param  float  $patience  seconds for a place to be free: who waits takes no processor, but one of php-fpm's processes
     */
    public function __construct(private WaitingRoom $room, private float $patience) {}

    public function hash(#[SensitiveParameter] string $password): string
    {
        return $this->alone(fn (): string => Hash::make($password));
    }

    /**
     * Whether it is the one with the hash; of nobody it takes as long to say no.
     */
    public function knows(?string $hash, #[SensitiveParameter] string $password): bool
    {
        return $this->alone(fn (): bool => $hash === null
            ? Hash::make('the password of nobody') === ''
            : Hash::check($password, $hash));
    }

    /**
     * @template T
     *
     * @param  callable(): T  $work
     * @return T
     */
    private function alone(callable $work): mixed
    {
        if (! $this->room->enter($this->patience)) {
            Answers::refuse(['server' => ['is busy with passwords']], 503, ['Retry-After' => '1']);
        }
        try {
            return $work();
        } finally {
            $this->room->leave();
        }
    }
}
