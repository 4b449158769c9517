"""What is remembered of a full backup and of saved logs, also where they fail."""

from __future__ import annotations

import re
from contextlib import nullcontext

import pytest
from group_backup import full, record, restic
from group_backup.model import Settings
from group_backup.restic import Snapshot
from group_replication.model import Account
from salt.exceptions import CommandExecutionError

SETTINGS = Settings("b", "10.0.0.9", "g", {}, Account("a"))
A = "aaaaaaaa-0000-0000-0000-000000000001"
LOGS = {"snapshot": "logs", "gtids": f"{A}:1-9", "at": 5, "files": 1, "added": 1}
LOGS |= {"begins_after": f"{A}:1-5"}


@pytest.fixture
def notes(monkeypatch) -> dict[str, dict]:
    """What is remembered, and a repository that takes all."""
    found: dict[str, dict] = {}
    monkeypatch.setattr(record, "read", lambda _settings: found)
    monkeypatch.setattr(record, "note", lambda _settings, what, value: found.update({what: value}))
    for name in ("unlock", "forget", "prune"):
        monkeypatch.setattr(restic, name, lambda *_: None)
    monkeypatch.setattr(full, "take", lambda _settings: {"snapshot": "full"})
    monkeypatch.setattr(full, "save_logs", lambda _settings: dict(LOGS))
    monkeypatch.setattr(restic, "snapshots", lambda *_: [Snapshot("f", "", (f"gtid={A}:1-7",))])
    return found


def test_both_are_remembered(notes):
    assert full.run_full(SETTINGS) == {"snapshot": "full", "logs": "logs"}
    assert notes["full"]["snapshot"] == "full"
    assert notes["logs"]["snapshot"] == "logs"
    assert notes["full"]["well"]
    assert notes["logs"]["well"]


@pytest.mark.parametrize(("append_only", "given_up"), [(False, 4), (True, 0)])
def test_nothing_is_given_up_of_a_repository_that_only_grows(
    notes, monkeypatch, append_only, given_up
):
    """There a run would be refused that, and count as failed."""
    called = []
    for name in ("forget", "prune"):
        monkeypatch.setattr(restic, name, lambda *given: called.append(given))
    assert full.run_full(SETTINGS._replace(append_only=append_only))["snapshot"] == "full"
    assert len(called) == given_up


def test_a_repository_that_is_away_leaves_what_was_well(notes, monkeypatch):
    notes["logs"] = {"snapshot": "old", "well": 3}

    def away(*_):
        raise CommandExecutionError("no repository")

    monkeypatch.setattr(restic, "unlock", away)
    with pytest.raises(CommandExecutionError, match="were not saved: no repository"):
        full.run_logs(SETTINGS)
    with pytest.raises(CommandExecutionError, match="no full backup was taken: no repository"):
        full.run_full(SETTINGS)
    assert notes["logs"]["well"] == 3
    assert notes["logs"]["error"] == notes["full"]["error"] == "no repository"


def test_what_is_well_again_has_no_error(notes):
    notes["logs"] = {"snapshot": "old", "well": 3, "error": "x"}
    full.run_logs(SETTINGS)
    assert "error" not in notes["logs"]


@pytest.mark.parametrize("save", [full._clone, full.save_logs])
def test_nothing_is_saved_of_a_server_that_holds_nothing(monkeypatch, save, tmp_path):
    monkeypatch.setattr(full, "local", lambda *_: nullcontext())
    own = {"gtids": "", "server": "s", "version": "9.7.4"}
    monkeypatch.setattr(full, "rows", lambda *_: [own])
    monkeypatch.setattr(full, "execute", None)
    with pytest.raises(CommandExecutionError, match="holds no transaction yet"):
        save(*([SETTINGS, tmp_path] if save is full._clone else [SETTINGS]))


@pytest.mark.parametrize(
    ("begins_after", "gap"),
    [("", ""), (f"{A}:1-7", ""), (f"{A}:1-9", f"2 transactions are neither .*{A}:8-9")],
)
def test_a_gap_between_the_full_backup_and_the_logs_is_told(notes, monkeypatch, begins_after, gap):
    logs = {**LOGS, "begins_after": begins_after}
    monkeypatch.setattr(full, "save_logs", lambda _settings: logs)
    found = full.run_logs(SETTINGS)
    assert re.match(gap, found["gap"])
    assert bool(found["gap"]) == bool(gap)
    assert notes["logs"]["gap"] == found["gap"]
    # The next full backup ends it.
    monkeypatch.setattr(full, "save_logs", lambda _settings: dict(LOGS))
    full.run_full(SETTINGS)
    assert not notes["logs"].get("gap")


def test_a_new_machine_has_failed_at_nothing(notes, monkeypatch):
    def new(_settings):
        raise full.NothingHeldError("it holds no transaction yet")

    monkeypatch.setattr(full, "take", new)
    monkeypatch.setattr(full, "save_logs", new)
    for run in (full.run_full, full.run_logs):
        with pytest.raises(full.NothingHeldError):
            run(SETTINGS)
    assert notes == {}
