"""What is refused where there is no space for it, and what is told of it."""

from __future__ import annotations

import re

import pytest
from group_backup import archive, full, record, restic, restore, space
from group_backup.model import Settings
from group_backup.restic import Snapshot
from group_backup.restore import Source
from group_backup.space import LEAST, MIB, RESERVE
from group_replication.model import Account
from salt.exceptions import CommandExecutionError


@pytest.fixture
def settings(tmp_path) -> Settings:
    for name in ("data", "backup", "repository"):
        (tmp_path / name).mkdir()
    return Settings(
        *("b", "10.0.0.9", "g", {}, Account("a")),
        data_directory=str(tmp_path / "data"),
        directory=str(tmp_path / "backup"),
        location=str(tmp_path / "repository"),
    )


@pytest.fixture
def left(monkeypatch):
    """Say how much is free."""

    def give(count):
        monkeypatch.setattr(space, "free", lambda _folder: count)

    return give


@pytest.mark.parametrize(
    ("there", "enough"), [(RESERVE + 10, True), (RESERVE + 9, False), (0, False)]
)
def test_what_has_no_room_is_not_begun(tmp_path, left, there, enough):
    left(there)
    if enough:
        space.check(tmp_path, 10, "it")
        return
    with pytest.raises(space.SpaceError, match=r"it needs 257 MiB in /.* MiB are free"):
        space.check(tmp_path, 10, "it")


@pytest.mark.parametrize(("there", "enough"), [(LEAST, True), (LEAST - 1, False)])
def test_what_goes_on_gives_way(tmp_path, left, there, enough):
    left(there)
    if enough:
        space.check_left(tmp_path, "it")
        return
    with pytest.raises(space.SpaceError, match="it was given up: 64 MiB are free"):
        space.check_left(tmp_path, "it")


def test_a_folder_takes_what_its_files_take(tmp_path):
    (tmp_path / "a").write_bytes(b"x" * MIB)
    (tmp_path / "b").mkdir()
    (tmp_path / "b/c").write_bytes(b"x" * MIB)
    assert 2 * MIB <= space.size(tmp_path) < 3 * MIB


@pytest.mark.parametrize("full_one", ["data", "backup", "repository", ""])
def test_the_place_that_is_full_is_named(settings, monkeypatch, full_one):
    monkeypatch.setattr(
        space, "free", lambda folder: RESERVE - 1 if folder.name == full_one else RESERVE
    )
    found = space.problem(settings)
    assert bool(found) == bool(full_one)
    assert full_one in found
    elsewhere = settings._replace(location="rest:https://h/")
    assert bool(space.problem(elsewhere)) == (full_one in ("data", "backup"))


def test_a_disk_that_takes_no_record_hides_no_failure(settings, monkeypatch, left):
    left(RESERVE - 1)

    def no_space(*_):
        raise OSError(28, "No space left on device")

    def fails(*_):
        raise CommandExecutionError("no space left on device")

    monkeypatch.setattr(record, "note", no_space)
    monkeypatch.setattr(restic, "unlock", fails)
    for run in (full.run_full, full.run_logs):
        with pytest.raises(CommandExecutionError, match=r"no space left.*255|256 MiB are free"):
            run(settings)


def test_logs_and_full_backups_are_asked_how_large_they_are(settings, monkeypatch, left, tmp_path):
    logs = [{"name": "binlog.1", "previous": "", "bytes": str(5 * MIB)}]
    source = Source(Snapshot("f", "", ()), Snapshot("l", "", ()), {"logs": logs})
    monkeypatch.setattr(restic, "restore", None)
    monkeypatch.setattr(restic, "size", lambda *_: 7 * MIB)
    monkeypatch.setattr(restore.aside, "make_folders", lambda _settings: None)
    left(RESERVE)
    for call, needed in (
        (lambda: restore.fetch_logs(settings, source, tmp_path), 5),
        (lambda: restore.restore_full(settings, source.full, tmp_path / "one"), 7),
    ):
        with pytest.raises(space.SpaceError, match=re.escape(f"needs {256 + needed} MiB")):
            call()
    assert not (tmp_path / "one").exists()


def test_closed_logs_say_how_large_they_are(monkeypatch):
    shown = [
        {"Log_name": "binlog.1", "File_size": 77},
        {"Log_name": "binlog.2", "File_size": 9},
    ]
    events = [{"Event_type": "Previous_gtids", "Info": ""}]
    monkeypatch.setattr(archive, "execute", lambda *_: None)
    monkeypatch.setattr(
        archive, "rows", lambda _, sql, *__: shown if "BINARY LOGS" in sql else events
    )
    assert archive.closed_logs(None) == [{"name": "binlog.1", "bytes": "77", "previous": ""}]
