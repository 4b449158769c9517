"""The caches of a release are made aside, tried, and put in the place of those in use."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from laravel_deploy.artisan import Application
from laravel_deploy.caches import CACHED_ENV, CACHES, cache_folder, env_hash, is_cached
from laravel_deploy.files import read_text, write_text
from laravel_deploy.layout import home
from laravel_deploy.rehearsal import rehearse
from laravel_deploy.releases import record
from laravel_deploy.web_server import health_page

CACHE_SECONDS = 120


def build_caches(app: Application, group: str, page: str) -> None:
    """
    Make the caches of a release, try them, and put them in their place.

    app
        The release.

    group
        Who may read the caches.

    page
        The page that the release has to answer with them; the empty text for none.

    Raises CommandExecutionError if they cannot be made, or the release does not answer with them.
    """
    place = Path(app.directory)
    folder, digest = cache_folder(place), env_hash(place)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".aside-") as aside:
        if app.user:
            shutil.chown(aside, app.user)
        moved = {variable: f"{aside}/{file}" for _, file, variable in CACHES}
        for command, _, _ in CACHES:
            done = app.artisan(command, env=moved, umask="027", timeout=CACHE_SECONDS)
            if done["retcode"]:
                raise app.failure(f"artisan {command}", done)
        if page:
            rehearse(app, page, moved)
        for _, file, _ in CACHES:
            made = Path(aside) / file
            owner = {"user": "root", "group": group, "mode": "0640"}
            write_text(folder / file, read_text(made), owner)
        stamp = {"user": "root", "group": "root", "mode": "0640"}
        write_text(folder / CACHED_ENV, digest, stamp)


def remake_caches(app: Application, group: str) -> None:
    """Make the caches of the release that serves, and try them by the web server's page."""
    page = health_page(record(Path(app.directory))["server"])
    build_caches(replace(app, directory=str(home(app.directory))), group, page)


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
