"""A release is made aside from the one that serves, with all its dependencies."""

from __future__ import annotations

import contextlib
import datetime
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from laravel_deploy.composer import Composer
from laravel_deploy.file_server import copy_files
from laravel_deploy.git import Git
from laravel_deploy.layout import NEXT, RELEASES, SHARED, linked, set_link
from laravel_deploy.lock import locked
from laravel_deploy.naming import is_git
from laravel_deploy.releases import mark
from laravel_deploy.sources import Plan

STORAGE = ("framework/cache/data", "framework/sessions", "framework/views", "logs")


def build_release(
    root: Path, plan: Callable[[], Plan], git: Git, composer: Composer, test: bool
) -> dict[str, Any]:
    """
    Make a release, unless it is complete, and have it be the next one.

    root
        The folder of the releases.

    plan
        Reads the source and returns the release to make; asked once nobody else deploys.

    git, composer
        What unpacks a repository, and what installs the dependencies.

    test
        Only tell what would be made.

    Returns what ``laravel_release.build`` does.
    """
    with contextlib.nullcontext() if test else locked(str(root)):
        coming, before = plan(), linked(root / NEXT)
        made = {"release": coming.release, "before": before, "built": not coming.complete}
        if test:
            return made
        if made["built"]:
            _make(root, coming, git, composer)
        if before != coming.release:
            set_link(root / NEXT, f"{RELEASES}/{coming.release}")
    return made


def _make(root: Path, plan: Plan, git: Git, composer: Composer) -> None:
    """Make a release; the mark that it is complete comes last."""
    path, source = root / RELEASES / plan.release, plan.source
    if path.exists():
        shutil.rmtree(path)
    path.mkdir(mode=0o755, parents=True)
    (root / SHARED).mkdir(exist_ok=True)
    if is_git(source.url):
        git.unpack(source.url, plan.fingerprint, path, source.identity)
    else:
        copy_files(plan.files, path)
    _furnish(path)
    composer.install(root, path, source.dev)
    shutil.rmtree(path / "storage")
    (path / "storage").symlink_to(f"../../{SHARED}/storage")
    now = datetime.datetime.now(datetime.timezone.utc)
    whole = {"source": source.url, "rev": source.rev, "fingerprint": plan.fingerprint}
    mark(path, {**whole, "built": now.isoformat(timespec="milliseconds")})


def _furnish(path: Path) -> None:
    """Give a release the shared .env, the folder of its caches, and a storage while it is built.

    Composer's scripts run the application as root. What they leave behind must not lie where the
    web server has to write.
    """
    (path / ".env").unlink(missing_ok=True)
    (path / ".env").symlink_to(f"../../{SHARED}/.env")
    for folder in ("bootstrap/cache", *(f"storage/{name}" for name in STORAGE)):
        (path / folder).mkdir(mode=0o755, parents=True, exist_ok=True)
