"""A repository as a source: a real one, by git itself."""

from __future__ import annotations

import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from laravel_deploy.git import Git, ssh_command
from laravel_deploy.releases import MARKER
from laravel_deploy.sources import Source, plan
from salt.exceptions import CommandExecutionError

MIGRATION = "database/migrations/2026_01_01_000001_create_a.php"


def run(command, cwd, **_options):
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    return {"retcode": done.returncode, "stdout": done.stdout, "stderr": done.stderr}


def git(*arguments, cwd="."):
    done = run(["git", *arguments], cwd)
    assert done["retcode"] == 0, done
    return done["stdout"].strip()


@pytest.fixture
def asked() -> list[tuple[list[str], dict[str, str]]]:
    """The commands that asked another machine, with their variables."""
    return []


@pytest.fixture
def client(tmp_path, asked):
    def run_all(command, cwd, **options):
        if "env" in options:
            asked.append((command, options["env"]))
        return run(command, cwd)

    def archive(mirror, output, rev, format, prefix):  # noqa: A002
        git("archive", f"--format={format}", f"--output={output}", rev, cwd=mirror)

    return Git(
        tmp_path / "cache",
        run_all=run_all,
        init=lambda path, bare: git("init", "--bare", path),
        archive=archive,
        tar=lambda options, file, dest: run(["tar", options, file, "-C", dest], dest),
    )


@pytest.fixture
def repository(tmp_path) -> Path:
    folder = tmp_path / "shop"
    for name in ("artisan", MIGRATION, "database/migrations/README"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("<?php")
    git("init", "--initial-branch=main", str(folder))
    git("add", ".", cwd=folder)
    who = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    git(*who, "commit", "--message=one", cwd=folder)
    git("tag", "v1", cwd=folder)
    git(*who, "tag", "--annotate", "--message=two", "v2", cwd=folder)
    return folder


def test_a_repository_is_named_by_its_commit_and_unpacked(tmp_path, client, asked, repository):
    url, commit = f"file://{repository}", git("rev-parse", "HEAD", cwd=repository)
    for rev in ("", "main", "v1", "v2", commit):
        found = plan(tmp_path, Source(url, rev), None, client)
        assert (found.fingerprint, found.release) == (commit, commit[:12])
        assert found.migrations == ["2026_01_01_000001_create_a"]
    path = tmp_path / "release"
    path.mkdir()
    client.unpack(url, commit, path, None)
    assert (path / MIGRATION).read_text() == "<?php"
    # A commit that is here is not asked for again.
    assert [command[1] for command, _ in asked].count("fetch") == 1
    (ssh,) = {env["GIT_SSH_COMMAND"] for _, env in asked}
    assert "StrictHostKeyChecking=yes" in ssh


def test_an_identity_is_the_only_one_that_is_offered():
    told = shlex.split(ssh_command("/root/a key"))
    assert told[told.index("-i") + 1] == "/root/a key"
    assert {"StrictHostKeyChecking=yes", "BatchMode=yes", "IdentitiesOnly=yes"} <= set(told)
    assert "-i" not in shlex.split(ssh_command(None))


@pytest.mark.parametrize(
    ("stderr", "words"),
    [
        ("Host key verification failed.", "Expected its key in laravel:known_hosts"),
        ("fatal: repository not found", "cannot be asked: fatal: repository not found"),
    ],
)
def test_a_host_that_is_not_known_is_told_with_its_remedy(client, stderr, words):
    refusing = replace(
        client, run_all=lambda *_a, **_k: {"retcode": 128, "stdout": "", "stderr": stderr}
    )
    with pytest.raises(CommandExecutionError, match=words):
        refusing.commit("git@git.example.com:shop.git", "main", None)


def test_a_commit_that_the_repository_does_not_have_is_named(tmp_path, client, repository):
    with pytest.raises(CommandExecutionError, match=f"has no commit {'a' * 40}"):
        plan(tmp_path, Source(f"file://{repository}", "a" * 40), None, client)


def commit(repository, text):
    (repository / "artisan").write_text(text)
    who = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    git(*who, "commit", "--all", "--message=more", cwd=repository)
    return git("rev-parse", "HEAD", cwd=repository)


def test_a_branch_that_is_gone_is_not_in_the_way_of_another(tmp_path, client, repository):
    url = f"file://{repository}"
    git("checkout", "-q", "-b", "feature", cwd=repository)
    first = commit(repository, "1")
    assert plan(tmp_path, Source(url, "feature"), None, client).fingerprint == first
    git("checkout", "-q", "main", cwd=repository)
    git("branch", "-q", "-D", "feature", cwd=repository)
    git("checkout", "-q", "-b", "feature/x", cwd=repository)
    second = commit(repository, "2")
    assert plan(tmp_path, Source(url, "feature/x"), None, client).fingerprint == second
    # The commit by itself, though no branch leads to it any more.
    assert plan(tmp_path, Source(url, first), None, client).fingerprint == first


def test_proposals_of_others_are_not_fetched(tmp_path, client, repository):
    git("checkout", "-q", "--detach", cwd=repository)
    git("update-ref", "refs/pull/1/head", commit(repository, "3"), cwd=repository)
    git("checkout", "-q", "main", cwd=repository)
    plan(tmp_path, Source(f"file://{repository}", "main"), None, client)
    (mirror,) = (tmp_path / "cache").glob("*.git")
    assert "pull" not in git("for-each-ref", cwd=mirror)


LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n"


def with_submodule(repository, path):
    head = git("rev-parse", "HEAD", cwd=repository)
    git("update-index", "--add", "--cacheinfo", f"160000,{head},{path}", cwd=repository)


@pytest.mark.parametrize(
    ("submodules", "files", "refused"),
    [
        ([], {}, None),
        (["lib/shared code"], {}, "has submodules, which a release would lack: lib/shared code;"),
        ([], {"public/logo.png": LFS}, "has files of Git LFS, .* lack: public/logo.png;"),
        ([], {f"{n}.bin": LFS for n in "abcde"}, "lack: a.bin, b.bin, c.bin and 2 more; expected"),
        # What only speaks of it.
        ([], {"README": f"A pointer is:\n{LFS}", "long": LFS + "x" * 2000}, None),
        # What no release has does not lack.
        (["spec"], {".gitattributes": "spec export-ignore\nbig export-ignore", "big": LFS}, None),
    ],
)
def test_what_a_repository_does_not_hold_itself_is_refused(
    tmp_path, client, repository, submodules, files, refused
):
    for name, text in files.items():
        (repository / name).parent.mkdir(exist_ok=True)
        (repository / name).write_text(text)
    git("add", ".", cwd=repository)
    for path in submodules:
        with_submodule(repository, path)
    who = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    git(*who, "commit", "--allow-empty", "--message=more", cwd=repository)
    source = Source(f"file://{repository}", "main")
    if refused is None:
        assert plan(tmp_path, source, None, client).complete is False
        return
    with pytest.raises(CommandExecutionError, match=f"The source is file://.*{refused}"):
        plan(tmp_path, source, None, client)


def test_a_release_that_is_there_is_not_looked_at_again(tmp_path, client, repository):
    with_submodule(repository, "lib")
    head = commit(repository, "4")
    path = tmp_path / "releases" / head[:12]
    path.mkdir(parents=True)
    (path / MARKER).write_text('{"built": "1"}')
    assert plan(tmp_path, Source(f"file://{repository}", "main"), None, client).complete is True
