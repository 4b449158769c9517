"""Caches follow the .env file."""

from __future__ import annotations

from laravel_deploy.cache_build import refresh_caches
from laravel_deploy.caches import is_cached


def test_caches_follow_the_env_file(machine):
    name = machine.deploy()
    (machine.root / "shared/.env").write_text("A=2\n")
    assert is_cached(machine.root / "current") is False
    assert refresh_caches(machine.app, machine.group) is True
    assert refresh_caches(machine.app, machine.group) is False
    cache = machine.root / "releases" / name / "bootstrap/cache"
    assert (cache / "config.php").read_text() == "config.php of A=2\n"
    assert not [*cache.glob(".aside-*")]
