"""A release is made aside from the one that serves, with all its dependencies."""

from __future__ import annotations

import contextlib
import datetime
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from laravel_deploy.beneath import (
    copy_tree,
    folder,
    give,
    make_folders,
    names,
    remove_files,
    write_file,
)
from laravel_deploy.composer import Composer
from laravel_deploy.env_file import neutral_env
from laravel_deploy.file_server import copy_files
from laravel_deploy.files import trusted
from laravel_deploy.git import Git
from laravel_deploy.hooks import Hooks, run_build_hooks
from laravel_deploy.layout import NEXT, RELEASES, SHARED, linked, set_link
from laravel_deploy.lock import BUILD_LOCK, locked
from laravel_deploy.naming import is_git
from laravel_deploy.npm import MODULES, build_assets, wants_assets
from laravel_deploy.releases import MARKER, mark
from laravel_deploy.shared_folders import link_shared
from laravel_deploy.sources import Plan

STORAGE = ("framework/cache/data", "framework/sessions", "framework/views", "logs")
# Where a release is built, in the folder of the releases, until it is root's.
BUILD = ".build-"
# Of the folder where it was built: a developer's or the build's own, and what is a link instead.
SETTINGS = re.compile(r"[.]env(?![.]example$)[^/]*")
NOT_RELEASED = re.compile(
    rf"{SETTINGS.pattern}|auth[.]json|public/hot|storage|{MODULES}|{re.escape(MARKER)}"
)
NO_HOOKS = Hooks()


def build_release(
    root: Path,
    plan: Callable[[], Plan],
    git: Git,
    composer: Composer,
    test: bool,
    npm: bool | None = None,
    hooks: Hooks = NO_HOOKS,
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

    npm, hooks
        Whether npm builds assets (None: a lock file for it is refused), and what else is run.

    Returns what ``laravel_release.build`` does.
    """
    with contextlib.nullcontext() if test else locked(str(root), BUILD_LOCK):
        coming, before = plan(), linked(root / NEXT)
        made = {"release": coming.release, "before": before, "built": not coming.complete}
        if test:
            return made
        if made["built"]:
            _make(trusted(root), coming, git, composer, npm, hooks)
        if before != coming.release:
            with locked(str(root)):
                set_link(root / NEXT, f"{RELEASES}/{coming.release}")
    return made


def _make(
    root: Path, plan: Plan, git: Git, composer: Composer, npm: bool | None, hooks: Hooks
) -> None:
    """Make a release where its user may write, and take a copy of what came of it."""
    owner = composer.ids()
    for left in root.glob(f"{BUILD}*"):
        # Of a build that was broken off.
        shutil.rmtree(left, ignore_errors=True)
    stage = Path(tempfile.mkdtemp(prefix=BUILD, dir=root))
    try:
        if is_git(plan.source.url):
            git.unpack(plan.source.url, plan.fingerprint, stage, plan.source.identity)
        else:
            copy_files(plan.files, stage)
        (root / SHARED).mkdir(mode=0o755, exist_ok=True)
        _furnish(stage, neutral_env(root / SHARED / ".env"))
        shipped = composer.prepare(root, stage)
        with folder(stage) as at:
            # Before anything is made that takes long.
            assets = wants_assets(names(at), npm)
            give(at, owner)
        composer.install(root, stage, plan.source.dev, shipped)
        if assets:
            build_assets(composer, root, stage)
        run_build_hooks(composer, stage, root, hooks)
        # From here on it is among the others, where those that are not complete are taken away.
        with locked(str(root)):
            _release(root, stage, plan, owner[0])
    finally:
        # A process of the build that goes on may be in the way of this, and of nothing else.
        shutil.rmtree(stage, ignore_errors=True)


def _furnish(stage: Path, env: str) -> None:
    """Give a build an .env file without secrets, the folder of its caches, and a storage.

    Composer's scripts run the application. What they leave in storage is not kept.
    """
    with folder(stage) as at:
        remove_files(at, lambda name: bool(SETTINGS.fullmatch(name)))
        write_file(at, ".env", env.encode(), 0o600, None)
        for name in ("bootstrap/cache", *(f"storage/{name}" for name in STORAGE)):
            make_folders(at, name, 0o755)


def _is_left_out(name: str, shared_folders: Sequence[str]) -> bool:
    """Tell of a path in a build whether it is no part of the release."""
    return name in shared_folders or bool(NOT_RELEASED.fullmatch(name))


def _release(root: Path, stage: Path, plan: Plan, uid: int) -> None:
    """Make the release of what was built, which goes; the mark that it is complete comes last."""
    path, source = root / RELEASES / plan.release, plan.source
    if path.exists():
        shutil.rmtree(path)
    with folder(root) as at:
        make_folders(at, f"{RELEASES}/{plan.release}", 0o755)
    with folder(stage) as built, folder(path) as at:
        copy_tree(built, at, uid, lambda name: _is_left_out(name, source.shared_folders))
        for shared in (".env", "storage"):
            os.symlink(f"../../{SHARED}/{shared}", shared, dir_fd=at)
    link_shared(path, source.shared_folders)
    # What is thrown away need not reach the disk first.
    shutil.rmtree(stage, ignore_errors=True)
    # A mark that outlives a loss of power must not be of files that do not.
    os.sync()
    now = datetime.datetime.now(datetime.timezone.utc)
    whole = {"source": source.url, "rev": source.rev, "fingerprint": plan.fingerprint}
    mark(path, {**whole, "built": now.isoformat(timespec="milliseconds")})
