<?php

namespace Tests\Unit;

use App\Services\WaitingRoom;
use PHPUnit\Framework\TestCase;

class WaitingRoomTest extends TestCase
{
    private string $folder;

    protected function setUp(): void
    {
        $this->folder = sys_get_temp_dir().'/waiting-'.getmypid();
        mkdir($this->folder);
    }

    protected function tearDown(): void
    {
        array_map(unlink(...), glob("{$this->folder}/*") ?: []);
        rmdir($this->folder);
    }

    public function test_there_are_so_many_places_and_each_is_given_back(): void
    {
        [$first, $second, $third] = $this->rooms(2);
        $this->assertTrue($first->enter());
        // Who has one keeps it.
        $this->assertTrue($first->enter());
        $this->assertTrue($second->enter());
        $begin = microtime(true);
        $this->assertFalse($third->enter(0.1));
        $this->assertGreaterThan(0.1, microtime(true) - $begin);
        $first->leave();
        $this->assertTrue($third->enter());
        $this->assertFalse($first->enter());
    }

    public function test_places_of_another_room_are_none_of_this_one(): void
    {
        $this->assertTrue((new WaitingRoom($this->folder, 1, 'one'))->enter());
        $this->assertTrue((new WaitingRoom($this->folder, 1, 'two'))->enter());
    }

    public function test_any_number_may_be_let_in(): void
    {
        foreach ($this->rooms(0) as $room) {
            $this->assertTrue($room->enter());
        }
    }

    public function test_a_folder_that_cannot_be_written_keeps_nobody_out(): void
    {
        $room = new WaitingRoom("{$this->folder}/nothing", 1);
        $this->assertTrue($room->enter());
        $room->leave();
    }

    /**
     * @return list<WaitingRoom>
     */
    private function rooms(int $places): array
    {
        return array_map(fn (): WaitingRoom => new WaitingRoom($this->folder, $places), range(1, 3));
    }
}
