<?php

namespace App\Services;

/**
 * Bounds how many requests of this machine do at once what takes long: each occupies one of php-fpm's
 * processes, and some have to be left for the others.
 *
 * A place is a lock on a file, which ends with its process, however that ends.
 */
class WaitingRoom
{
    // Microseconds between two looks for a place.
    private const LOOK = 20_000;

    /** @var resource|null */
    private mixed $place = null;

    /**
     * @param  int  $places  how many may be there; 0: any number
     * @param  string  $name  that of the files, which no other room of the folder has
     */
    public function __construct(private string $folder, private int $places, private string $name = 'waiting') {}

    /**
     * Take a place, or keep the one that was taken; false when there is none for so many seconds.
     */
    public function enter(float $seconds = 0): bool
    {
        $end = microtime(true) + $seconds;
        while (! $this->hasPlace()) {
            if (microtime(true) >= $end) {
                return false;
            }
            usleep(self::LOOK);
        }

        return true;
    }

    public function leave(): void
    {
        $this->place && fclose($this->place);
        $this->place = null;
    }

    private function hasPlace(): bool
    {
        for ($number = 1; $number <= $this->places && $this->place === null; $number++) {
            $file = @fopen("{$this->folder}/{$this->name}-{$number}", 'c');
            if ($file === false) {
                // A folder that cannot be written keeps nobody out.
                return true;
            }
            if (flock($file, LOCK_EX | LOCK_NB)) {
                $this->place = $file;
            } else {
                fclose($file);
            }
        }

        return $this->places === 0 || $this->place !== null;
    }
}
