<?php

namespace Tests\Feature;

use Illuminate\Support\Facades\DB;
use Tests\TestCase;

class ProfilesTest extends TestCase
{
    private const NOT_FOUND = ['errors' => ['profile' => ['not found']]];

    public function test_everybody_sees_a_profile(): void
    {
        $this->register('jane');
        $profile = ['profile' => ['username' => 'jane', 'bio' => null, 'image' => null, 'following' => false]];
        $this->api('GET', '/profiles/jane')->assertOk()->assertExactJson($profile);
        $this->api('GET', '/profiles/jane', token: $this->register('john'))->assertOk()->assertExactJson($profile);
    }

    public function test_following_is_seen_by_who_follows_and_lasts(): void
    {
        $jane = $this->register('jane');
        $john = $this->register('john');
        // Twice is as good as once.
        foreach ([1, 2] as $time) {
            $this->api('POST', '/profiles/jane/follow', token: $john)->assertOk()->assertJsonPath('profile.following', true);
            $this->assertSame(1, DB::table('follows')->count());
        }
        $this->api('GET', '/profiles/jane', token: $john)->assertJsonPath('profile.following', true);
        $this->api('GET', '/profiles/john', token: $jane)->assertJsonPath('profile.following', false);
        $this->api('GET', '/profiles/jane')->assertJsonPath('profile.following', false);
        foreach ([1, 2] as $time) {
            $this->api('DELETE', '/profiles/jane/follow', token: $john)->assertOk()->assertJsonPath('profile.following', false);
        }
        $this->api('GET', '/profiles/jane', token: $john)->assertJsonPath('profile.following', false);
    }

    public function test_nobody_is_not_found(): void
    {
        $token = $this->register('jane');
        $this->api('GET', '/profiles/nobody')->assertNotFound()->assertExactJson(self::NOT_FOUND);
        $this->api('POST', '/profiles/nobody/follow', token: $token)->assertNotFound()->assertExactJson(self::NOT_FOUND);
        $this->api('DELETE', '/profiles/nobody/follow', token: $token)->assertNotFound()->assertExactJson(self::NOT_FOUND);
    }
}
