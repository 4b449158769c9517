"""Composer installs the dependencies of a release."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from salt.exceptions import CommandExecutionError

from laravel_deploy.env_file import redact
from laravel_deploy.layout import SHARED

# What was left of dependencies that no lock came with.
LOCKS = (".composer.json", "composer.lock")


@dataclass(frozen=True)
class Composer:
    """How Composer is run."""

    # Directory of its config.json and auth.json, and that of downloaded packages.
    home: str
    cache: str
    # Seconds after which it is ended.
    timeout: int
    # Salt's cmd.run_all.
    run_all: Callable[..., dict[str, Any]]

    def install(self, root: Path, path: Path, dev: bool) -> None:
        """
        Run ``composer install`` in a release.

        A lock that came with the code is obeyed. Without one, the lock of the release before stands
        in as long as composer.json is the same: a release has the packages that were tried before
        it.

        root, path
            The folder of the releases, and the release.

        dev
            With the dependencies for development.
        """
        manifest, lock = path / "composer.json", path / "composer.lock"
        if not manifest.is_file():
            raise CommandExecutionError(f"{manifest} does not exist.")
        shipped = lock.exists()
        kept_for, kept = (root / SHARED / name for name in LOCKS)
        stands_in = kept.is_file() and kept_for.is_file()
        if not shipped and stands_in and kept_for.read_bytes() == manifest.read_bytes():
            shutil.copyfile(kept, lock)
        done = self._run(path, dev)
        if done["retcode"]:
            raise CommandExecutionError(_failed(done, str(path)))
        if not shipped:
            shutil.copyfile(lock, kept)
            shutil.copyfile(manifest, kept_for)

    def _run(self, path: Path, dev: bool) -> dict[str, Any]:
        return self.run_all(
            ["composer", "install", "--no-interaction", "--no-progress", "--no-ansi"]
            + ["--classmap-authoritative"]
            + ([] if dev else ["--no-dev"]),
            cwd=str(path),
            env={
                "COMPOSER_HOME": self.home,
                "COMPOSER_CACHE_DIR": self.cache,
                "COMPOSER_ALLOW_SUPERUSER": "1",
                "COLUMNS": "4096",
            },
            python_shell=False,
            output_loglevel="quiet",
            ignore_retcode=True,
            timeout=self.timeout,
            umask="022",
        )


def _failed(done: Mapping[str, Any], directory: str) -> str:
    """Return the sentence for a failed composer install: its own problem report, shortened."""
    text = redact(f"{done['stdout']}\n{done['stderr']}", directory)
    lines = [" ".join(line.split()) for line in text.splitlines()]
    problems = [
        line for line in lines if re.match(r"- |Problem \d|.*(Error|failed|could not)", line)
    ]
    told = " ".join((problems or [line for line in lines if line])[-6:])
    return f"composer install failed (exit code {done['retcode']}): {told[:800]}"
