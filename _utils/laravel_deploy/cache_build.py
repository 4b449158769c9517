"""The caches of a release are made aside, tried, and put in the place of those in use."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from laravel_deploy.artisan import Application
from laravel_deploy.beneath import folder, read_file, write_file
from laravel_deploy.caches import (
    CACHED_ENV,
    CACHES,
    cache_folder,
    env_hash,
    has_caches,
    is_cached,
)
from laravel_deploy.code_cache import forget_files
from laravel_deploy.files import trusted, user_and_group
from laravel_deploy.layout import home, root_of
from laravel_deploy.rehearsal import rehearse
from laravel_deploy.unit_update import restart_workers
from laravel_deploy.web_server import health_page, told_server

CACHE_SECONDS = 120


def build_caches(
    app: Application, group: str, pages: Sequence[str], server: Mapping[str, str]
) -> None:
    """
    Make the caches of a release, try them, and put them in their place.

    app
        The release.

    group
        Who may read the caches.

    pages
        The pages that the release has to answer with them.

    server
        The web server, whose php-fpm is to read them anew; nothing where there is none.

    Raises CommandExecutionError if they cannot be made, or the release does not answer with them.
    """
    place, owner = trusted(Path(app.directory)), app.ids()
    readers = user_and_group({"user": "root", "group": group}, cache_folder(place))
    with folder(place, "bootstrap/cache") as caches:
        digest = env_hash(place)
        aside = Path(tempfile.mkdtemp(dir=cache_folder(place), prefix=".aside-"))
        try:
            with folder(place, f"bootstrap/cache/{aside.name}") as made:
                os.fchown(made, *owner)
                _make(app, aside, pages)
                contents = {file: read_file(made, file, owner[0]) for _, file, _ in CACHES}
            for file, content in contents.items():
                write_file(caches, file, content, 0o640, readers)
            # Before they count as made: php-fpm may be told not to look at the times of files.
            files = [cache_folder(place) / file for file in contents]
            forget_files(root_of(place), files, server.get("socket", ""), app.run_all)
            write_file(caches, CACHED_ENV, digest.encode(), 0o640, (readers[0], 0))
        finally:
            # A process of the application's may be in the way of this, and of nothing else.
            shutil.rmtree(aside, ignore_errors=True)


def _make(app: Application, aside: Path, pages: Sequence[str]) -> None:
    """Make the caches in a folder, and have the release answer pages with them."""
    moved = {variable: f"{aside}/{file}" for _, file, variable in CACHES}
    for command, _, _ in CACHES:
        done = app.artisan(command, env=moved, umask="027", timeout=CACHE_SECONDS)
        if done["retcode"]:
            raise app.failure(f"artisan {command}", done)
    for page in pages:
        rehearse(app, page, moved)


def remake_caches(app: Application, group: str) -> None:
    """Make the caches of the release that serves, for workers too, and try them by its page."""
    server = told_server(Path(app.directory), None)
    pages = [health_page(server)] if server else []
    build_caches(replace(app, directory=str(home(app.directory))), group, pages, server)
    restart_workers(app.run_all, root_of(Path(app.directory)))


def refresh_caches(app: Application, group: str) -> bool:
    """
    Make the caches of the release that serves, unless they are current.

    app, group
        As for :py:func:`build_caches`, but the folder of the releases will do.

    Returns whether they were made now.
    """
    if is_cached(home(app.directory)):
        return False
    remake_caches(app, group)
    return True


def use_env(app: Application, group: str) -> None:
    """Have an application go by its .env, also where a call that was killed had written it."""
    if has_caches(home(app.directory)):
        refresh_caches(app, group)
