"""What is remembered of backups and drills, when that is a problem, and the metric."""

from __future__ import annotations

import pytest
from group_backup import record
from group_backup.model import Settings
from group_replication.model import Account

HOUR = 3600
NOW = 1_000_000.0
EQUAL = {"snapshot": "abcdef0123", "at": NOW - HOUR}


@pytest.mark.parametrize(
    ("found", "problem"),
    [
        ({}, ""),
        ({"since": NOW - HOUR}, ""),
        ({"since": NOW - 49 * HOUR}, "no full backup was drilled in 49 hours; expected one in 48"),
        ({"since": 0, "drill": EQUAL}, ""),
        ({"drill": {**EQUAL, "at": NOW - 60 * HOUR}}, "the last drill is 60 hours old"),
        ({"drill": {**EQUAL, "error": "x"}}, "the drill of full backup abcdef01 failed: x"),
        ({"drill": EQUAL, "full": {"error": "no space"}}, "the last full backup failed: no space"),
        ({"logs": {"error": "no space"}}, "the archived logs were not saved: no space"),
        ({"logs": {"gap": "3 transactions"}}, "the archive has a gap until a full backup"),
        ({"drill": EQUAL, "logs": {"gap": ""}, "full": {"well": 1}}, ""),
        ({"drill": EQUAL, "full": {"well": 1, "location": "/here"}}, ""),
        (
            {"drill": EQUAL, "full": {"well": 1, "location": "/there"}},
            "no full backup is in /here yet: the last one is in /there (backup.take)",
        ),
    ],
)
def test_a_drill_that_failed_or_is_old_is_a_problem(found, problem):
    said = record.drill_problem(found, 48, NOW, "/here")
    assert problem in said
    assert bool(said) == bool(problem)


@pytest.fixture
def settings(tmp_path, monkeypatch) -> Settings:
    monkeypatch.setattr(record, "RECORD_LOCK_FILE", tmp_path / "run" / "lock")
    monkeypatch.setattr(record, "METRICS_FOLDER", tmp_path)
    return Settings("b", "10.0.0.9", "g", {}, Account("a"), directory=str(tmp_path))


def test_a_note_leaves_the_others(settings, tmp_path):
    record.note(settings, "full", {"snapshot": "a", "well": 5})
    record.note_drill(settings, "a", {"at": 6})
    record.note(settings, "behind", {"receiver": "ON", "applier": "ON", "seconds": 0.0})
    found = record.read(settings)
    assert found["full"] == {"snapshot": "a", "well": 5}
    assert found["drill"] == {"snapshot": "a", "at": 6}
    assert found["drills"] == {"a": {"at": 6}}
    lines = (tmp_path / record.METRICS).read_text().splitlines()
    assert "mysql_gr_backup_follows 1.000" in lines
    assert "mysql_gr_backup_drill_ok 1.000" in lines
    assert "mysql_gr_backup_full_time 5.000" in lines
    assert not any("logs" in line for line in lines)


def test_what_failed_is_0(settings):
    record.note_drill(settings, "a", {"at": 6, "error": "unlike"})
    record.note(settings, "behind", {"receiver": "CONNECTING", "applier": "ON", "seconds": None})
    lines = record.metrics(record.read(settings)).splitlines()
    assert "mysql_gr_backup_drill_ok 0.000" in lines
    assert "mysql_gr_backup_follows 0.000" in lines
    assert not any("behind_seconds" in line for line in lines)
