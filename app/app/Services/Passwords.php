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
    // Seconds for a place to be free, of the few that wait: some logins come together.
    private const PATIENCE = 10;

    /**
     * @param  WaitingRoom  $door  those who wait for a place, and who have one
     */
    public function __construct(private WaitingRoom $door, private WaitingRoom $room) {}

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
        try {
            if (! $this->door->enter() || ! $this->room->enter(self::PATIENCE)) {
                Answers::refuse(['server' => ['is busy with passwords']], 503, ['Retry-After' => '1']);
            }

            return $work();
        } finally {
            $this->room->leave();
            $this->door->leave();
        }
    }
}
