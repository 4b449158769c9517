"""Caches follow the .env file."""

from __future__ import annotations

from pathlib import Path

import pytest
from laravel_deploy.artisan import Application
from laravel_deploy.cache_build import refresh_caches, use_env
from laravel_deploy.caches import is_cached
from salt.exceptions import CommandExecutionError


def test_caches_follow_the_env_file(machine):
    name = machine.deploy()
    (machine.root / "shared/.env").write_text("A=2\n")
    assert is_cached(machine.root / "current") is False
    assert refresh_caches(machine.app, machine.group) is True
    assert refresh_caches(machine.app, machine.group) is False
    cache = machine.root / "releases" / name / "bootstrap/cache"
    assert (cache / "config.php").read_text() == "config.php of A=2\n"
    assert not [*cache.glob(".aside-*")]


def test_an_env_file_counts_at_once_and_without_caches_by_itself(machine):
    use_env(machine.app, machine.group)
    machine.deploy()
    (machine.root / "shared/.env").write_text("A=2\n")
    use_env(machine.app, machine.group)
    assert is_cached(machine.root / "current") is True


def test_new_caches_with_which_the_release_does_not_answer_are_not_taken(machine):
    machine.deploy()
    (machine.root / "shared/.env").write_text("A=2\n")
    machine.rehearsed = 500
    with pytest.raises(CommandExecutionError, match="500"):
        refresh_caches(machine.app, machine.group)
    cache = machine.root / "current/bootstrap/cache"
    assert (cache / "config.php").read_text() == "config.php of A=1\n"


def test_a_link_in_the_place_of_a_cache_is_not_followed(machine, tmp_path):
    """The web server's user may put one there while its caches are made."""
    machine.deploy()
    (tmp_path / "secret").write_text("of root")
    (machine.root / "shared/.env").write_text("A=2\n")
    honest = machine.run_all

    def run_all(command, **options):
        done = honest(command, **options)
        if "config:cache" in command:
            made = Path(options["env"]["APP_CONFIG_CACHE"])
            made.unlink()
            made.symlink_to(tmp_path / "secret")
        return done

    app = Application(str(machine.root), machine.user, run_all)
    with pytest.raises(CommandExecutionError, match=r"config\.php cannot be read"):
        refresh_caches(app, machine.group)
    cache = machine.root / "current/bootstrap/cache"
    assert (cache / "config.php").read_text() == "config.php of A=1\n"
    assert not [*cache.glob(".aside-*")]


def test_the_folder_of_caches_is_reached_by_no_link(machine, tmp_path):
    machine.deploy()
    (machine.root / "shared/.env").write_text("A=2\n")
    cache = machine.root / "current/bootstrap/cache"
    cache.rename(tmp_path / "real")
    cache.symlink_to(tmp_path / "real")
    with pytest.raises(CommandExecutionError, match="bootstrap/cache is a link or no folder"):
        refresh_caches(machine.app, machine.group)
    assert "A=1" in (tmp_path / "real/config.php").read_text()
