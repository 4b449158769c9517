"""Composer installs the dependencies of a release, as a user that owns nothing else."""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from salt.exceptions import CommandExecutionError

from laravel_deploy.accounts import unprivileged_ids
from laravel_deploy.beneath import folder, names, read_file, write_file
from laravel_deploy.confinement import confined
from laravel_deploy.env_file import redact
from laravel_deploy.files import write_text
from laravel_deploy.layout import SHARED
from laravel_deploy.programs import run_program

# What was left of dependencies that no lock came with.
LOCKS = (".composer.json", "composer.lock")
# Of the minion's own variables: by which way packages are reached.
PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
PROGRAMS = "/usr/local/bin:/usr/bin:/bin"
# What Composer says of packages that are well.
PROGRESS = re.compile(r"- (?:Downloading|Installing|Locking|Syncing) ")
# What programs say that find no network.
OFFLINE = re.compile(
    r"could not resolve|getaddrinfo|EAI_AGAIN|ENOTFOUND|ENOTCACHED|network is unreachable|"
    r"name resolution|failed to connect",
    re.IGNORECASE,
)


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
    # Who runs it and, by it, what the code and its dependencies have to run at a build.
    user: str
    # Whether what they run reaches the network.
    network: bool = False

    def ids(self) -> tuple[int, int]:
        """Return the numbers of the user and its group; raises if it is root or not known."""
        return unprivileged_ids(self.user, "builds")

    def prepare(self, root: Path, path: Path) -> bool:
        """
        Have the lock of the release before stand in where none came with the code.

        A lock that came with the code is obeyed. Without one, that of the release before stands in
        as long as composer.json is the same: a release has the packages that were tried before it.

        root, path
            The folder of the releases, and the one where it is built, still the caller's.

        Returns whether a lock came with the code.
        """
        with folder(path) as at:
            there = names(at)
            if "composer.json" not in there:
                raise CommandExecutionError(f"{path.name} has no composer.json.")
            if "composer.lock" in there:
                return True
            kept_for, kept = (root / SHARED / name for name in LOCKS)
            if kept.is_file() and kept_for.is_file():
                manifest = read_file(at, "composer.json", path.stat().st_uid)
                if kept_for.read_bytes() == manifest:
                    write_file(at, "composer.lock", kept.read_bytes(), 0o644, None)
            return False

    def install(self, root: Path, path: Path, dev: bool, shipped: bool) -> None:
        """
        Run ``composer install``, and keep the lock that it made.

        The packages come first, while no code of theirs runs; their code has no network.

        root, path
            The folder of the releases, and the one where it is built, which is the user's.

        dev
            With the dependencies for development.

        shipped
            A lock came with the code: it is not kept for others.
        """
        command = ["composer", "install", "--no-interaction", "--no-progress", "--no-ansi"]
        command += ["--classmap-authoritative", *([] if dev else ["--no-dev"])]
        download = [*command, "--download-only", "--no-plugins", "--no-scripts"]
        self.must(download, path, root, "composer install", fetches=True)
        self.must(command, path, root, "composer install")
        if shipped:
            return
        with folder(path) as at:
            uid = self.ids()[0]
            lock = read_file(at, "composer.lock", uid)
            manifest = read_file(at, "composer.json", uid)
        owner = {"user": "root", "group": "root", "mode": "0644"}
        for name, content in zip(LOCKS, (manifest, lock), strict=True):
            write_text(root / SHARED / name, content.decode("utf-8", "surrogateescape"), owner)

    def must(
        self,
        command: list[str],
        path: Path,
        root: Path,
        what: str,
        *,
        env: Mapping[str, str] | None = None,
        timeout: int | None = None,
        fetches: bool = False,
    ) -> None:
        """
        Run a command of a build, as the user that builds and without any secret.

        command, path
            The command, and where it runs.

        root, what
            The folder of the releases, and the command's name in the words of an error.

        env, timeout
            Further variables, and the seconds after which it is ended, unless Composer's.

        fetches
            It runs no code of a package, and needs the network.

        Raises CommandExecutionError with the command's own words if it fails.
        """
        online = fetches or self.network
        account = pwd.getpwuid(self.ids()[0])
        done = run_program(
            self.run_all,
            confined(command, account.pw_uid, account.pw_gid, network=online),
            cwd=str(path),
            # What the minion's own surroundings hold is not for the code of packages.
            clean_env=True,
            env={
                **{name: os.environ[name] for name in PROXIES if online and name in os.environ},
                "HOME": account.pw_dir,
                "PATH": PROGRAMS,
                "COMPOSER_HOME": self.home,
                "COMPOSER_CACHE_DIR": self.cache,
                "COLUMNS": "4096",
                **(env or {}),
            },
            timeout=self.timeout if timeout is None else timeout,
            umask="022",
        )
        if done["retcode"]:
            raise CommandExecutionError(_failed(what, done, str(root), online))


def _failed(what: str, done: Mapping[str, Any], directory: str, online: bool) -> str:
    """Return the sentence for a command that failed: its own problem report, shortened."""
    text = redact(f"{done['stdout']}\n{done['stderr']}", directory)
    # Salt's own words for that begin with the whole command.
    text = re.sub(r"\[.*\] : (Timed out after)", r"\1", text)
    lines = [" ".join(line.split()) for line in text.splitlines()]
    lines = [line for line in lines if line and not PROGRESS.match(line)]
    problems = [
        line for line in lines if re.match(r"- |Problem \d|.*(Error|failed|could not)", line)
    ]
    told = " ".join((problems or lines)[-6:])
    why = ""
    if not online and OFFLINE.search(text):
        why = " It has no network, unless laravel:build_network is true."
    return f"{what} failed (exit code {done['retcode']}): {told[:800]}{why}"
