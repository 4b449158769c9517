"""What a full backup costs who writes: the pure parts of bench-backup-cost."""

from __future__ import annotations

import pytest

import bench.__main__ as bench
from bench import backup_cost
from bench.points import Change


def change(begun: float, milliseconds: float) -> Change:
    return Change("", begun, begun + milliseconds / 1000, ())


def test_a_window_has_the_commits_that_began_in_it():
    changes = [change(10 + n, n) for n in range(-5, 200)]
    found = backup_cost.window(changes, 11, 111)
    assert found == {"commits": 100, "median": 50.5, "p99": 99.01, "most": 100.0}


def test_a_window_without_commits_measured_nothing():
    with pytest.raises(AssertionError, match="1 commits in 5 s"):
        backup_cost.window([change(10, 1), change(17, 1)], 10, 15)


def result(number, *p99):
    windows = zip(backup_cost.WINDOWS, p99, strict=True)
    return {
        "number": number,
        "began": "2026-11-29T12:00:00+00:00",
        "versions": {"mysqld": "9.7.4"},
        "load": [1.0],
        "seconds": 10.0 + number,
        "windows": {
            name: {"commits": 100, "median": value / 2, "p99": value, "most": 2 * value}
            for name, value in windows
        },
        "problems": [],
    }


def test_a_backup_is_compared_with_the_time_before_it():
    results = [result(1, 10.0, 20.0, 10.0), result(2, 20.0, 20.0, 30.0)]
    text = backup_cost.table(results)
    assert "2 full backups, 2026-11-29; mysqld 9.7.4" in text
    assert "| before | 200 | 7.5 | 15.0 | 40.0 | - | - |" in text
    assert "| backup | 200 | 10.0 | 20.0 | 40.0 | 1.00 / 1.50 / 1.95 / 2.00 |" in text
    assert "Seconds of a backup with its drill (least / median / p95 / most): 11.00 /" in text
    shown = "  1   11.0 s  before 5.0 / 10.0 ms  backup 10.0 / 20.0 ms  after 5.0 / 10.0 ms"
    assert backup_cost.show(results[0]) == shown


def test_the_table_has_its_place():
    assert "<!-- bench-backup-cost -->" in bench.TABLES.read_text()
