"""Who runs in which release, by a folder of processes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from laravel_deploy import processes
from laravel_deploy.processes import HIDDEN, occupied, releases_of
from salt.exceptions import CommandExecutionError

RELEASES = "/srv/shop/releases"
READLINK = os.readlink
WORKER = b"/usr/bin/php\0artisan\0queue:work\0"


class Proc:
    """A folder of processes; some of them are not for root to look into."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.hidden: dict[str, str] = {}
        self.asked: list[list[str]] = []

    def start(self, pid: str, where: str, command: bytes = WORKER, hidden: bool = False) -> None:
        (self.folder / pid).mkdir()
        (self.folder / pid / "cmdline").write_bytes(command)
        if hidden:
            self.hidden[pid] = where
        else:
            (self.folder / pid / "cwd").symlink_to(where)

    def readlink(self, path: Path) -> str:
        if path.parent.name in self.hidden:
            raise PermissionError(13, "Permission denied")
        return READLINK(path)

    def run_all(self, command: list[str], **_options) -> dict:
        """What the user of a process sees of it."""
        self.asked.append(command)
        pids = command[command.index("sh", command.index("-c")) + 1 :]
        lines = [f"{pid} {self.hidden[pid]}" for pid in pids]
        return {"retcode": 0, "stdout": "\n".join(lines), "stderr": ""}


@pytest.fixture
def proc(tmp_path, monkeypatch) -> Proc:
    one = Proc(tmp_path)
    monkeypatch.setattr(processes, "PROC", tmp_path)
    monkeypatch.setattr(processes.os, "readlink", one.readlink)
    return one


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize(
    ("where", "found"),
    [
        (f"{RELEASES}/abc", {"abc"}),
        # php-fpm stands where its last request was.
        (f"{RELEASES}/abc/public", set()),
        ("/srv/other/releases/abc", set()),
        ("/", set()),
    ],
)
def test_a_release_is_occupied_by_who_runs_in_it(proc, where, found, hidden):
    proc.start("7", where, hidden=hidden)
    (proc.folder / "self").symlink_to("7")
    assert occupied(RELEASES, proc.run_all) == found
    assert bool(proc.asked) is hidden


def test_a_process_that_root_may_not_look_into_is_asked_for_as_its_user(proc):
    proc.start("7", f"{RELEASES}/abc", hidden=True)
    proc.start("8", f"{RELEASES}/def", hidden=True)
    # What is not artisan's may stay hidden: php-fpm, say.
    proc.start("9", f"{RELEASES}/ghi", b"php-fpm: pool www\0", hidden=True)
    assert releases_of(["7", "8", "9", "0", ""], RELEASES, proc.run_all) == {"7": "abc", "8": "def"}
    (command,) = proc.asked
    info = (proc.folder / "7").stat()
    assert command[:5] == ["setpriv", "--reuid", str(info.st_uid), "--regid", str(info.st_gid)]
    assert "--no-new-privs" in command


def test_what_stays_hidden_is_told(proc):
    proc.start("12", f"{RELEASES}/abc")
    proc.start("7", "", hidden=True)
    assert releases_of(["7", "12"], RELEASES, proc.run_all) == {"7": HIDDEN, "12": "abc"}
    with pytest.raises(CommandExecutionError, match=r"\(process 7\); expected root .* SYS_PTRACE"):
        occupied(RELEASES, proc.run_all)


def test_a_process_that_is_gone_occupies_nothing(proc):
    proc.start("7", f"{RELEASES}/abc", hidden=True)

    def gone(_command, **_options):
        (proc.folder / "7/cmdline").unlink()
        (proc.folder / "7").rmdir()
        return {"retcode": 0, "stdout": "7 ", "stderr": ""}

    assert releases_of(["7"], RELEASES, gone) == {}
    assert occupied(RELEASES, gone) == set()
