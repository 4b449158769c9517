"""Caches count while all are there and the .env file is the one that they were made from."""

from __future__ import annotations

from pathlib import Path

import pytest
from laravel_deploy.caches import (
    CACHED_ENV,
    CACHES,
    cache_folder,
    env_hash,
    has_caches,
    is_cached,
)


@pytest.fixture
def cached(tmp_path: Path) -> Path:
    """A release with all its caches."""
    (tmp_path / ".env").write_text("A=1\n")
    folder = cache_folder(tmp_path)
    folder.mkdir(parents=True)
    for _, file, _ in CACHES:
        (folder / file).write_text("<?php")
    (folder / CACHED_ENV).write_text(env_hash(tmp_path))
    return tmp_path


def test_whole_caches_of_this_env_file_count(cached):
    assert is_cached(cached)
    assert has_caches(cached)


def test_another_env_file_makes_them_old(cached):
    (cached / ".env").write_text("A=2\n")
    assert not is_cached(cached)
    assert has_caches(cached)
    (cached / ".env").unlink()
    assert not is_cached(cached)


@pytest.mark.parametrize("file", [CACHED_ENV, *(file for _, file, _ in CACHES)])
def test_a_missing_one_makes_them_none(cached, file):
    (cache_folder(cached) / file).unlink()
    assert not is_cached(cached)


def test_a_release_without_any_has_none(tmp_path):
    assert not is_cached(tmp_path)
    assert not has_caches(tmp_path)
    assert env_hash(tmp_path) == env_hash(tmp_path / "other")
