"""What somebody else put into a folder leads root nowhere else."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from laravel_deploy.beneath import (
    LIMIT,
    copy_tree,
    folder,
    give,
    make_folders,
    read_file,
    remove_files,
    write_file,
)
from salt.exceptions import CommandExecutionError

UID = os.geteuid()


@pytest.fixture
def victim(tmp_path) -> Path:
    """A folder of root's with a secret in it, beside the one that others may change."""
    path = tmp_path / "victim"
    (path / "cache").mkdir(parents=True)
    (path / "secret").write_text("of root")
    return path


@pytest.fixture
def theirs(tmp_path) -> Path:
    path = tmp_path / "theirs"
    path.mkdir()
    return path


@pytest.mark.parametrize("at", ["link", "link/cache", "a/link", "file"])
def test_no_part_of_a_path_may_be_a_link(theirs, victim, at):
    (theirs / "a").mkdir()
    (theirs / "link").symlink_to(victim)
    (theirs / "a/link").symlink_to(victim)
    (theirs / "file").write_text("")
    with pytest.raises(CommandExecutionError, match="is a link or no folder"), folder(theirs, at):
        pass
    with folder(theirs) as here, pytest.raises(CommandExecutionError, match="is a link or no"):
        make_folders(here, f"{at}/made", 0o755)
    assert sorted(path.name for path in victim.iterdir()) == ["cache", "secret"]


def test_folders_have_the_mode_that_is_wanted_whatever_the_umask(theirs):
    before = os.umask(0o077)
    try:
        with folder(theirs) as here:
            make_folders(here, "a/b", 0o755)
    finally:
        os.umask(before)
    assert [stat.S_IMODE((theirs / name).stat().st_mode) for name in ("a", "a/b")] == [0o755] * 2


def put_link(path: Path, victim: Path) -> None:
    path.symlink_to(victim / "secret")


def put_pipe(path: Path, _victim: Path) -> None:
    os.mkfifo(path)


def put_folder(path: Path, _victim: Path) -> None:
    path.mkdir()


def put_large(path: Path, _victim: Path) -> None:
    with path.open("wb") as file:
        file.truncate(LIMIT + 1)


@pytest.mark.parametrize("put", [put_link, put_pipe, put_folder, put_large])
def test_only_a_plain_file_is_read(theirs, victim, put):
    put(theirs / "config.php", victim)
    with folder(theirs) as here, pytest.raises(CommandExecutionError, match=r"config\.php"):
        read_file(here, "config.php", UID)


def test_a_file_of_another_user_is_not_read(theirs):
    """By a hard link, somebody may give a name here to what only root can read."""
    (theirs / "config.php").write_text("<?php")
    with folder(theirs) as here:
        assert read_file(here, "config.php", UID) == b"<?php"
        with pytest.raises(CommandExecutionError, match="no plain file of user"):
            read_file(here, "config.php", UID + 1)


def test_a_link_in_the_place_of_a_file_is_replaced(theirs, victim):
    (theirs / "config.php").symlink_to(victim / "secret")
    with folder(theirs) as here:
        write_file(here, "config.php", b"new", 0o640, None)
    assert (victim / "secret").read_text() == "of root"
    assert (theirs / "config.php").read_bytes() == b"new"
    assert stat.S_IMODE((theirs / "config.php").lstat().st_mode) == 0o640
    assert [path.name for path in theirs.iterdir()] == ["config.php"]


def test_links_are_given_away_and_not_what_they_lead_to(theirs, victim, monkeypatch):
    (theirs / "a").mkdir()
    (theirs / "a/link").symlink_to(victim)
    given = []

    def chown(name, uid, gid, dir_fd, follow_symlinks):
        given.append((name, follow_symlinks))

    monkeypatch.setattr(os, "chown", chown)
    monkeypatch.setattr(os, "fchown", lambda *_args: given.append("top"))
    with folder(theirs) as here:
        give(here, (1, 1))
    assert given == [("link", False), ("a", False), "top"]


def test_files_and_links_go_by_their_names(theirs, victim):
    (theirs / ".env.production").symlink_to(victim / "secret")
    (theirs / ".env.d").mkdir()
    (theirs / "artisan").write_text("")
    with folder(theirs) as here:
        remove_files(here, lambda name: name.startswith(".env"))
    assert sorted(path.name for path in theirs.iterdir()) == [".env.d", "artisan"]
    assert (victim / "secret").exists()


def test_a_copy_is_the_callers_own(theirs, victim, tmp_path):
    (theirs / "bin").mkdir(mode=0o777)
    (theirs / "bin/tool").write_text("#!/bin/sh")
    (theirs / "bin/tool").chmod(0o6777)
    (theirs / "code.php").write_text("<?php")
    (theirs / "code.php").chmod(0o666)
    (theirs / "storage").mkdir()
    (theirs / "link").symlink_to(victim / "secret")
    (tmp_path / "release").mkdir()
    writer = (theirs / "code.php").open("a")
    with folder(theirs) as source, folder(tmp_path / "release") as target:
        copy_tree(source, target, UID, lambda name: name == "storage")
    # Who still has the file open writes to nothing that is served.
    with writer:
        writer.write("system($_GET['x']);")
    modes = {
        str(path.relative_to(tmp_path / "release")): oct(path.lstat().st_mode)[2:]
        for path in (tmp_path / "release").rglob("*")
    }
    assert modes == {"bin": "40755", "bin/tool": "100755", "code.php": "100644", "link": "120777"}
    assert (tmp_path / "release/code.php").read_text() == "<?php"


@pytest.mark.parametrize("uid", [UID, UID + 1])
def test_nothing_but_plain_files_of_the_builder_is_copied(theirs, tmp_path, uid):
    if uid == UID:
        os.mkfifo(theirs / "odd")
    else:
        (theirs / "odd").write_text("of somebody else")
    (tmp_path / "release").mkdir()
    with (
        folder(theirs) as source,
        folder(tmp_path / "release") as target,
        pytest.raises(CommandExecutionError, match="odd is no plain file"),
    ):
        copy_tree(source, target, uid, lambda _name: False)
