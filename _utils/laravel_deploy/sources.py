"""What a source holds when it is read, and which release it makes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from salt.exceptions import SaltInvocationError

from laravel_deploy.file_server import NOT_DEPLOYED, FileServer, fingerprint_of
from laravel_deploy.git import Git
from laravel_deploy.layout import RELEASES
from laravel_deploy.naming import is_git, release_name
from laravel_deploy.releases import marked
from laravel_deploy.shared_folders import parse_shared_folders, suffix


class Source(NamedTuple):
    """Where a release comes from, as the operator says it."""

    # A folder of the file server, or the URL of a git repository with a branch, tag or commit.
    url: str
    rev: str = ""
    # What of a folder is left out.
    exclude: str = NOT_DEPLOYED
    # With the dependencies for development.
    dev: bool = False
    # Text that makes another release of the same source.
    build: str = ""
    # The file of the SSH key with which a repository is asked.
    identity: str | None = None
    # Folders of the code that outlive a release.
    shared_folders: Sequence[str] = ()


class Plan(NamedTuple):
    """The release that a source makes now; what it is named by is what will be copied."""

    source: Source
    release: str
    fingerprint: str
    # It is made already.
    complete: bool
    migrations: list[str]
    # Of a folder of the file server: relative path to the copy here.
    files: dict[str, str]

    def told(self) -> dict[str, Any]:
        """Return what ``laravel_release.source_release`` does."""
        return {
            "release": self.release,
            "fingerprint": self.fingerprint,
            "complete": self.complete,
            "migrations": self.migrations,
        }


def plan(root: Path, source: Source, folders: FileServer, git: Git) -> Plan:
    """
    Read a source, once for all, and return the release that it makes now.

    root
        The folder of the releases.

    source
        Where the release comes from.

    folders, git
        What reads a folder, and a repository.

    Raises CommandExecutionError if the source cannot be read or does not hold all of the release's
    files, SaltInvocationError if it is malformed.
    """
    shared = suffix(parse_shared_folders([*source.shared_folders]))
    if is_git(source.url):
        files: dict[str, str] = {}
        fingerprint = git.commit(source.url, source.rev, source.identity)
        migrations = git.migrations(source.url, fingerprint, source.identity)
    elif source.rev:
        raise SaltInvocationError(
            f"rev is {source.rev!r}, and {source.url} is no git repository; leave rev out."
        )
    else:
        files = folders.files(source.url, source.exclude)
        migrations = _migrations_among(files)
        fingerprint = fingerprint_of(files)
    name = release_name(fingerprint, source.dev, source.build, shared)
    whole = bool(marked(root / RELEASES / name))
    if is_git(source.url) and not whole:
        git.check(source.url, fingerprint, source.identity)
    return Plan(source, name, fingerprint, whole, migrations, files)


def _migrations_among(files: dict[str, str]) -> list[str]:
    return sorted(
        Path(name).stem for name in files if re.fullmatch(r"database/migrations/\w+\.php", name)
    )
