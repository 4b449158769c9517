"""Which full backup a point is reached from, and what is asked of saved logs."""

from __future__ import annotations

import pytest
from group_backup.restic import Snapshot, gtid_tags
from group_backup.restore import choose_full, give_logs

A = "aaaaaaaa-0000-0000-0000-000000000001"
B = "bbbbbbbb-0000-0000-0000-000000000002"
FULLS = [
    Snapshot("first", "", ("full", "at=100", *gtid_tags(f"{A}:1-5"))),
    Snapshot("second", "", ("full", "at=200", *gtid_tags(f"{A}:1-9:20,\n{B}:1"))),
]


def test_a_set_is_a_tag_for_each_source():
    # restic divides a tag at a comma.
    assert not any("," in tag for tag in FULLS[1].tags)
    assert FULLS[1].gtids == f"{A}:1-9:20,{B}:1"
    assert FULLS[1].said("at") == "200"
    assert FULLS[1].said("server") == ""


@pytest.mark.parametrize(
    ("point", "ids"),
    [
        ("1970-01-01 00:01:00", []),
        ("1970-01-01 00:02:00", ["first"]),
        ("1970-01-01 00:05:00", ["second", "first"]),
        (f"{A}:3", []),
        (f"{A}:8", ["first"]),
        (f"{A}:30", ["second", "first"]),
    ],
)
def test_full_backups_before_a_point_the_newest_first(point, ids):
    assert [one.id for one in choose_full(FULLS, point)] == ids


def test_logs_become_relay_logs_in_their_order(tmp_path):
    folder = tmp_path / "logs"
    folder.mkdir()
    for name in ("binlog.000009", "binlog.000010"):
        (folder / name).write_text(name)
    give_logs(tmp_path, ["binlog.000009", "binlog.000010"])
    index = (folder / "relay-replay.index").read_text().splitlines()
    assert [(folder / one.rpartition("/")[2]).read_text() for one in index] == [
        "binlog.000009",
        "binlog.000010",
    ]
