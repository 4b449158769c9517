"""The caches of a release, and whether they are made from the .env file as it is."""

from __future__ import annotations

import hashlib
from pathlib import Path

# Each of artisan's caches: the command, the file below bootstrap/cache, the variable that moves it.
CACHES = (
    ("config:cache", "config.php", "APP_CONFIG_CACHE"),
    ("event:cache", "events.php", "APP_EVENTS_CACHE"),
    ("route:cache", "routes-v7.php", "APP_ROUTES_CACHE"),
)
# Which .env the caches were made from.
CACHED_ENV = ".env.sha256"


def is_cached(home: Path) -> bool:
    """Tell whether all caches are there and made from the .env file as it is."""
    folder = cache_folder(home)
    stamp = folder / CACHED_ENV
    whole = all((folder / file).is_file() for _, file, _ in CACHES)
    return whole and stamp.is_file() and stamp.read_text(encoding="ascii") == env_hash(home)


def has_caches(home: Path) -> bool:
    """Tell whether any cache is there, of whatever .env file."""
    return any((cache_folder(home) / file).exists() for _, file, _ in CACHES)


def cache_folder(home: Path) -> Path:
    """Return where an application has its caches."""
    return home / "bootstrap" / "cache"


def env_hash(home: Path) -> str:
    """Return what tells one .env file from another."""
    path = home / ".env"
    return hashlib.sha256(path.read_bytes() if path.is_file() else b"").hexdigest()
