"""What a backup machine lacks when all members die: the pure parts of bench-recovery."""

from __future__ import annotations

import pytest

from bench import recovery
from bench.points import Change, Gtids

A = "aaaaaaaa-0000-0000-0000-000000000001"
CHANGES = [Change(f"{A}:{number}", number, number + 0.5, ()) for number in (1, 3, 2, 4)]


@pytest.mark.parametrize(
    ("has", "missing", "seconds"),
    [("1-4", 0, 0), ("1-3", 1, 0), ("1-2", 2, 1), ("1:3-4", 1, 2), ("9", 4, 3)],
)
def test_what_is_missing_is_as_old_as_its_first_acknowledgement(has, missing, seconds):
    assert recovery.behind(CHANGES, Gtids(f"{A}:{has}")) == (missing, seconds)


def test_rounds_are_one_row():
    rounds = [
        {
            "number": number,
            "began": "2026-11-29T12:00:00+00:00",
            "versions": {"mysqld": "9.7.4"},
            "load": [1.0],
            "acknowledged": 100,
            "missing": number,
            "seconds": number / 10,
        }
        for number in (1, 2, 3)
    ]
    text = recovery.table(rounds)
    assert "3 rounds, 2026-11-29; mysqld 9.7.4" in text
    assert "| 3 | 300 | 2 |" in text
    shown = "  2  100 acknowledged, 2 of them not received, of the last 0.200 s"
    assert recovery.show(rounds[1]) == shown
