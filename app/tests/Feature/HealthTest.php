<?php

namespace Tests\Feature;

use PHPUnit\Framework\Attributes\DataProvider;
use Tests\TestCase;

class HealthTest extends TestCase
{
    /**
     * @param  array<string, string>  $headers
     */
    #[DataProvider('strangers')]
    public function test_a_stranger_hears_whether_it_is_well(string $address, array $headers): void
    {
        $this->withServerVariables(['REMOTE_ADDR' => $address]);
        $this->getJson('/api/health', $headers)->assertOk()->assertExactJson(['status' => 'ok']);
        config(['database.connections.mysql.write.port' => 1, 'database.connections.mysql.read.port' => 1]);
        $this->getJson('/api/health', $headers)->assertServiceUnavailable()->assertExactJson(['status' => 'unavailable']);
    }

    /**
     * @return array<string, array{string, array<string, string>}>
     */
    public static function strangers(): array
    {
        return [
            'from elsewhere' => ['192.0.2.1', []],
            'says to be of the machine' => ['192.0.2.1', ['X-Forwarded-For' => '127.0.0.1']],
            'by a proxy of the machine' => ['127.0.0.1', ['X-Forwarded-For' => '192.0.2.1']],
        ];
    }

    public function test_on_the_machine_it_says_who_answered(): void
    {
        $this->withServerVariables(['REMOTE_ADDR' => '127.0.0.1']);
        $this->getJson('/api/health')->assertOk()->assertJsonPath('status', 'ok')->assertJsonPath('web', gethostname())
            ->assertJsonPath('php', PHP_VERSION)->assertJsonStructure(['release', 'laravel', 'database' => ['read', 'write']]);
    }
}
