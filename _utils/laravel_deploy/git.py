"""A git repository as a source: its commit, its migrations, and the files of a release."""

from __future__ import annotations

import contextlib
import hashlib
import re
import shlex
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from salt.exceptions import CommandExecutionError

from laravel_deploy.naming import named_commit
from laravel_deploy.programs import run_program

COMMIT = re.compile(r"[0-9a-f]{40}")
# A commit of another repository, in git's list of a commit's files.
SUBMODULE = re.compile(r"^160000 commit [0-9a-f]+\t(.+)$", re.M)
# What git has in the place of a large file that Git LFS keeps elsewhere.
POINTER = b"version https://git-lfs.github.com/spec/v1\n"
POINTER_BYTES = 1024
# So many of a kind are named.
NAMED = 3

# Both are root's; salt/laravel/known_hosts.sls writes the second.
KNOWN_HOSTS = "/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts_laravel"


def ssh_command(identity: str | None) -> str:
    """Return what git runs for ssh: it refuses a host whose key is not known, and asks nobody."""
    options = ["BatchMode=yes", "StrictHostKeyChecking=yes", f"GlobalKnownHostsFile={KNOWN_HOSTS}"]
    key = ["-i", identity, "-o", "IdentitiesOnly=yes"] if identity else []
    return shlex.join(["ssh", *(part for one in options for part in ("-o", one)), *key])


@dataclass(frozen=True)
class Git:
    """Git, as Salt offers it on this machine."""

    # Below it is a copy of each repository.
    folder: Path
    # Salt's functions: cmd.run_all, those of its module git that ask no other machine (there it
    # would take any ssh host for the right one), and archive.tar.
    run_all: Callable[..., dict[str, Any]]
    init: Callable[..., Any]
    archive: Callable[..., Any]
    tar: Callable[..., Any]

    @classmethod
    def of_minion(cls, cachedir: str, later: Callable[[str], Callable[..., Any]]) -> Git:
        """Return it with the minion's cache, and Salt's functions, each looked up when called."""
        functions = ("cmd.run_all", "git.init", "git.archive", "archive.tar")
        return cls(Path(cachedir) / "laravel", *(later(name) for name in functions))

    def commit(self, url: str, rev: str, identity: str | None) -> str:
        """Return the commit that a branch, a tag or a commit names in a repository."""
        if COMMIT.fullmatch(rev):
            return rev
        # A tag with a message is an object of its own; its commit has a name beside it.
        wanted = [rev, f"{rev}^{{}}"] if rev else ["HEAD"]
        listed = self._ask(["ls-remote", "--", url, *wanted], url, identity)
        lines = (line.split("\t", 1) for line in listed.splitlines() if "\t" in line)
        return named_commit({name: commit for commit, name in lines}, rev or "HEAD")

    def migrations(self, url: str, commit: str, identity: str | None) -> list[str]:
        """Return the names of a commit's migrations."""
        mirror = self._mirror(url, commit, identity)
        folder = "database/migrations/"
        listed = self._git(mirror, ["ls-tree", "--name-only", commit, folder])["stdout"]
        return sorted(Path(name).stem for name in listed.splitlines() if name.endswith(".php"))

    def check(self, url: str, commit: str, identity: str | None) -> None:
        """
        Refuse a commit whose files the repository does not hold all of.

        What the repository leaves out of an archive (export-ignore) is not missed. Raises
        CommandExecutionError that names what a release would lack.
        """
        mirror = self._mirror(url, commit, identity)
        told = self._git(mirror, ["-c", "core.quotePath=false", "ls-tree", "-r", commit])["stdout"]
        with self._archived(mirror, commit) as archive, tarfile.open(archive) as tar:
            members = tar.getmembers()
            there = {member.name for member in members}
            lacking = [
                ("submodules", [name for name in SUBMODULE.findall(told) if name in there]),
                ("files of Git LFS", [one.name for one in members if _is_pointer(tar, one)]),
            ]
        for kind, names in lacking:
            if names:
                more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
                raise CommandExecutionError(
                    f"The source is {url}, whose commit {commit[:12]} has {kind}, which a "
                    f"release would lack: {', '.join(names[:NAMED])}{more}; expected a repository "
                    "that holds all files itself, or leaves these out by export-ignore in its "
                    ".gitattributes."
                )

    def unpack(self, url: str, commit: str, path: Path, identity: str | None) -> None:
        """Put a commit's files into a folder."""
        mirror = self._mirror(url, commit, identity)
        with self._archived(mirror, commit) as archive:
            self.tar("xf", archive, dest=str(path))
        if not (path / "artisan").is_file():
            raise CommandExecutionError(f"{url} holds no Laravel application: it has no artisan.")

    @contextlib.contextmanager
    def _archived(self, mirror: str, commit: str) -> Iterator[str]:
        """Return a context with the path of a commit's files as one archive."""
        with tempfile.TemporaryDirectory(prefix="laravel-") as aside:
            archive = str(Path(aside) / "release.tar")
            self.archive(mirror, archive, rev=commit, format="tar", prefix="")
            yield archive

    def _mirror(self, url: str, commit: str, identity: str | None) -> str:
        """Return the copy that is kept of a repository, with this commit in it."""
        name = hashlib.sha256(url.encode()).hexdigest()[:16]
        mirror = self.folder / f"{name}.git"
        if not (mirror / "HEAD").exists():
            mirror.parent.mkdir(parents=True, exist_ok=True)
            self.init(str(mirror), bare=True)
        there = ["cat-file", "-e", f"{commit}^{{commit}}"]
        if self._git(mirror, there)["retcode"]:
            # What is gone goes here, too: a branch `feature` is in the way of `feature/x`. What a
            # forge keeps beside branches and tags, of others' proposals, is not fetched.
            wanted = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"]
            told = ["fetch", "--force", "--prune", "--no-tags", "--", url, *wanted]
            self._ask(told, url, identity, str(mirror))
            if self._git(mirror, there)["retcode"]:
                # A commit that no branch and no tag leads to any more.
                self._ask(
                    ["fetch", "--no-tags", "--", url, commit], url, identity, str(mirror), True
                )
            if self._git(mirror, there)["retcode"]:
                raise CommandExecutionError(f"{url} has no commit {commit}.")
        return str(mirror)

    def _ask(
        self,
        arguments: list[str],
        url: str,
        identity: str | None,
        cwd: str = "/",
        may_fail: bool = False,
    ) -> str:
        """Ask another machine, which has to be the one whose key is known here."""
        done = run_program(
            self.run_all,
            ["git", *arguments],
            cwd=cwd,
            env={"GIT_SSH_COMMAND": ssh_command(identity), "GIT_TERMINAL_PROMPT": "0"},
        )
        if done["retcode"] and not may_fail:
            hint = ""
            if "Host key verification failed" in done["stderr"]:
                hint = " Expected its key in laravel:known_hosts, as ssh-keyscan shows it."
            told = " ".join(str(done["stderr"]).split())[-400:]
            raise CommandExecutionError(f"{url} cannot be asked: {told}{hint}")
        return str(done["stdout"])

    def _git(self, mirror: Path | str, arguments: list[str]) -> dict[str, Any]:
        """Ask a repository what Salt's git module cannot ask."""
        return run_program(self.run_all, ["git", *arguments], cwd=str(mirror))


def _is_pointer(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bool:
    """Tell whether a file of an archive stands for one that Git LFS keeps elsewhere."""
    if not member.isfile() or member.size > POINTER_BYTES:
        return False
    content = archive.extractfile(member)
    return content is not None and content.read(len(POINTER)) == POINTER
