"""A file is written whole or not at all, on a real file system."""

from __future__ import annotations

import ast
import grp
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from whole_file import write_whole

LIBRARY = Path(__file__).parents[2] / "_utils"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "file"
    write_whole(path, "old\n", 0o640)
    return path


@pytest.mark.parametrize(
    "mode",
    [
        *(0o600, 0o640, 0o644),
        pytest.param(
            0o4755,
            marks=pytest.mark.skipif(os.getuid() != 0, reason="writing takes it from others"),
        ),
    ],
)
def test_a_file_has_its_mode_whatever_the_umask_is(tmp_path, mode):
    before = os.umask(0o077)
    try:
        write_whole(tmp_path / "file", "text\n", mode)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == mode
    assert (tmp_path / "file").read_text() == "text\n"
    assert names(tmp_path) == ["file"]


def test_a_file_that_is_there_gets_the_mode_that_is_asked_for(file):
    write_whole(file, "new\n", 0o600)
    assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == ("new\n", 0o600)


def test_bytes_that_are_no_text_are_written_as_they_were_read(file):
    file.write_bytes(b"caf\xe9 \xff\n")
    write_whole(file, file.read_bytes().decode("utf-8", "surrogateescape"), 0o600)
    assert file.read_bytes() == b"caf\xe9 \xff\n"


@pytest.mark.parametrize("mode", [0o600, 0o640])
def test_mode_and_owner_are_right_before_there_is_anything_to_read(file, mode, monkeypatch):
    """Each step looks at what lies in the folder: nothing is ever open wider than it should be."""
    seen = []

    def watched(name):
        real = getattr(os, name)

        def step(*arguments):
            answer = real(*arguments)
            (aside,) = [path for path in file.parent.iterdir() if path != file]
            found = aside.stat()
            seen.append((name, found.st_size, stat.S_IMODE(found.st_mode), found.st_gid))
            return answer

        monkeypatch.setattr(os, name, step)

    for name in ("fchown", "fchmod"):
        watched(name)
    # Another group, where there is one to give it to: root may use any, others their own.
    group = 1 if os.getuid() == 0 else max(os.getgroups(), default=os.getgid())
    write_whole(file, "new\n", mode, (os.getuid(), group))
    assert seen == [("fchown", 0, 0o600, group), ("fchmod", 0, mode, group)]
    assert (file.stat().st_gid, stat.S_IMODE(file.stat().st_mode)) == (group, mode)
    assert grp.getgrgid(group)


def test_a_link_in_its_place_is_replaced_and_not_followed(tmp_path):
    other = tmp_path / "other"
    other.write_text("another's\n")
    other.chmod(0o600)
    link = tmp_path / "link"
    link.symlink_to(other)
    write_whole(link, "new\n", 0o644)
    assert not link.is_symlink()
    assert link.read_text() == "new\n"
    assert other.read_text() == "another's\n"
    assert stat.S_IMODE(other.stat().st_mode) == 0o600


def test_a_link_to_nowhere_makes_no_file_elsewhere(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    write_whole(tmp_path / "link", "new\n", 0o644)
    assert names(tmp_path) == ["link"]
    assert not (tmp_path / "link").is_symlink()


def test_the_file_and_its_entry_in_the_folder_reach_the_disk_in_this_order(file, monkeypatch):
    synced = []
    real = os.fsync

    def fsync(descriptor):
        # At the first one the new file is not in place yet, at the second it is.
        synced.append((stat.S_ISDIR(os.fstat(descriptor).st_mode), file.read_text()))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    write_whole(file, "new\n", 0o644)
    assert synced == [(False, "old\n"), (True, "new\n")]


@pytest.mark.parametrize("step", ["fchown", "fchmod", "fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_what_fails_in_between_leaves_the_old_file_and_nothing_beside_it(
    file, step, error, monkeypatch
):
    def fail(*arguments, **more):
        raise error

    monkeypatch.setattr(Path if step == "replace" else os, step, fail)
    with pytest.raises(type(error)):
        write_whole(file, "new\n", 0o600, (os.getuid(), os.getgid()))
    assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == ("old\n", 0o640)
    assert names(file.parent) == ["file"]


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "nowhere" / "file", "text\n", 0o644)


@pytest.mark.parametrize(("when", "expected"), [(1, "old\n"), (2, "new\n" * 100_000)])
def test_a_process_that_is_killed_leaves_the_old_file_or_the_new_one(file, when, expected):
    """Killed when the content is there and not in place, and when it has just been put in place."""
    program = (
        "import os, signal\n"
        "from pathlib import Path\n"
        "from whole_file import write_whole\n"
        "calls = []\n"
        "def fsync(descriptor):\n"
        "    calls.append(descriptor)\n"
        f"    if len(calls) == {when}:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "os.fsync = fsync\n"
        f"write_whole(Path({str(file)!r}), 'new\\n' * 100_000, 0o600)\n"
    )
    done = subprocess.run(
        [sys.executable, "-B", "-c", program], env={"PYTHONPATH": str(LIBRARY)}, check=False
    )
    assert done.returncode == -signal.SIGKILL
    assert file.read_text() == expected


def test_it_stands_on_the_standard_library_alone():
    """Two libraries stand on it, and the services bring it along."""
    nodes = list(ast.walk(ast.parse((LIBRARY / "whole_file.py").read_text())))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    named = {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}
    assert plain
    assert plain | named <= sys.stdlib_module_names | {"__future__"}
