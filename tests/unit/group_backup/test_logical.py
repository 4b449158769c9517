"""Dumps of schemas that pillar names: whole or not at all, each for itself."""

from __future__ import annotations

import stat
import subprocess
from contextlib import nullcontext
from pathlib import Path

import pytest
from group_backup import logical
from group_backup.model import DUMP, Settings
from group_backup.restic import Snapshot
from group_replication.model import Account
from salt.exceptions import CommandExecutionError, SaltInvocationError

A = "aaaaaaaa-0000-0000-0000-000000000001"


@pytest.fixture
def settings(tmp_path, monkeypatch) -> Settings:
    """A machine whose instance has the schemas shop and stock; a mysqldump of stock fails."""

    def rows(connection, sql, values):
        return [{"bytes": 1000}] if values[0] in ("shop", "stock") else []

    def run(words, stdout, **_):
        stdout.write(b"CREATE TABLE")
        fails = words[-1] == "stock"
        return subprocess.CompletedProcess(words, int(fails), None, b"Got error: 1356")

    monkeypatch.setattr(logical.aside, "session", lambda place: nullcontext())
    monkeypatch.setattr(logical, "rows", rows)
    monkeypatch.setattr(logical.subprocess, "run", run)
    monkeypatch.setattr(logical.space, "check", lambda *_: None)
    return Settings(
        "b", "10.0.0.9", "g", {}, Account("a"), directory=str(tmp_path), dumps=("shop",)
    )


def test_a_schema_is_written_for_root_alone(settings):
    # What a run that was killed left.
    logical.folder_of(settings).mkdir()
    (logical.folder_of(settings) / "old.sql").touch()
    assert logical.write(settings, Path("/aside")) == ""
    (file,) = logical.folder_of(settings).iterdir()
    assert (file.name, file.read_text()) == ("shop.sql", "CREATE TABLE")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_what_fails_is_said_and_keeps_no_other_from_it(settings):
    wrong = logical.write(settings._replace(dumps=("stock", "none", "shop")), Path("/aside"))
    assert wrong == (
        "stock: mysqldump failed: Got error: 1356; "
        "none: the group has no such schema (pillar backup:dumps)"
    )
    assert [file.name for file in logical.folder_of(settings).iterdir()] == ["shop.sql"]


def test_a_schema_for_which_there_is_no_space_is_not_begun(settings, monkeypatch):
    def check(folder, needed, what):
        raise CommandExecutionError(f"{what} needs {needed}")

    monkeypatch.setattr(logical.space, "check", check)
    assert logical.write(settings, Path("/aside")) == "shop: the dump of shop needs 1000"
    assert list(logical.folder_of(settings).iterdir()) == []


@pytest.mark.parametrize("fails", [False, True])
def test_what_was_written_is_saved_with_its_gtids_and_taken_away(settings, monkeypatch, fails):
    saved = []

    def save(settings, paths, tags):
        if fails:
            raise CommandExecutionError("away")
        saved.append((paths, tags))

    monkeypatch.setattr(logical.restic, "save", save)
    logical.write(settings, Path("/aside"))
    if fails:
        with pytest.raises(CommandExecutionError, match="away"):
            logical.save(settings, f"{A}:1-9", 5)
    else:
        assert logical.save(settings, f"{A}:1-9", 5) == ["shop"]
        folder = logical.folder_of(settings)
        assert saved == [([folder], [DUMP, "at=5", "schema=shop", f"gtid={A}:1-9"])]
    assert not logical.folder_of(settings).exists()


def test_nothing_is_saved_where_pillar_names_nothing(settings, monkeypatch):
    monkeypatch.setattr(logical.restic, "save", None)
    assert logical.write(settings._replace(dumps=()), Path("/aside")) == ""
    assert logical.save(settings, f"{A}:1-9", 5) == []


KNOWN = [
    Snapshot("aa11", "", (DUMP, "at=0", "schema=shop", f"gtid={A}:1-7")),
    Snapshot("bb22", "", (DUMP, "at=9", "schema=shop", "schema=stock", f"gtid={A}:1-9")),
    Snapshot("cc33", "", (DUMP, "at=10", "schema=stock")),
]


@pytest.mark.parametrize(("snapshot", "taken"), [(None, "bb22"), ("aa", "aa11")])
def test_the_newest_of_a_schema_is_given_back(settings, monkeypatch, snapshot, taken):
    restored = []
    monkeypatch.setattr(logical.restic, "snapshots", lambda settings, kind: KNOWN)
    monkeypatch.setattr(logical.restic, "restore", lambda _, *given: restored.append(given))
    monkeypatch.setattr(logical.aside, "make_folders", lambda _: None)
    found = logical.fetch(settings, "shop", snapshot)
    folder = settings.place / "output"
    assert restored == [(taken, str(logical.folder_of(settings)), folder, ["shop.sql"])]
    assert (found["snapshot"], found["file"]) == (taken, str(folder / "shop.sql"))
    assert found["at"].startswith("1970-01-01 00:00:0")
    assert found["gtids"].startswith(f"{A}:1-")


@pytest.mark.parametrize(
    ("known", "schema", "snapshot", "words"),
    [
        (
            KNOWN,
            "none",
            None,
            "schema is 'none'; expected one of .*: aa11 of shop, bb22",
        ),
        (KNOWN, "shop", "cc", "schema is 'shop' and snapshot is 'cc'; expected"),
        ([], "shop", None, "there is none"),
    ],
)
def test_a_dump_that_is_not_there(settings, monkeypatch, known, schema, snapshot, words):
    monkeypatch.setattr(logical.restic, "snapshots", lambda settings, kind: known)
    monkeypatch.setattr(logical.restic, "restore", None)
    with pytest.raises(SaltInvocationError, match=words):
        logical.fetch(settings, schema, snapshot)
