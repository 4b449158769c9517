"""Which full backup a point is reached from, and what is asked of saved logs."""

from __future__ import annotations

import pytest
from group_backup import restic, restore
from group_backup.model import LOGS, Settings
from group_backup.restic import Snapshot, gtid_tags
from group_backup.restore import choose_full, give_logs, reaches
from group_replication.model import Account

A = "aaaaaaaa-0000-0000-0000-000000000001"
B = "bbbbbbbb-0000-0000-0000-000000000002"
SETTINGS = Settings("b", "10.0.0.9", "g", {}, Account("a"))
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
        ("latest", ["second", "first"]),
    ],
)
def test_full_backups_before_a_point_the_newest_first(point, ids):
    assert [one.id for one in choose_full(FULLS, point)] == ids


def test_a_full_backup_of_nothing_is_no_beginning():
    fulls = [*FULLS, Snapshot("empty", "", ("full", "at=300"))]
    assert [one.id for one in choose_full(fulls, "latest")] == ["second", "first"]
    assert [one.id for one in choose_full(fulls, f"{A}:30")] == ["second", "first"]


@pytest.mark.parametrize(
    ("point", "gtids", "goes_on"),
    [
        ("1970-01-01 00:05:00", f"{A}:1-9", True),
        ("1970-01-01 00:06:00", f"{A}:1-9", False),
        (f"{A}:9", f"{A}:1-9", True),
        (f"{A}:10", f"{A}:1-9", False),
        ("latest", f"{A}:1-9", True),
        # A new machine's, which holds nothing yet, or not all that the full backup has.
        ("1970-01-01 00:05:00", "", False),
        (f"{A}:3", f"{A}:1-4", False),
        ("latest", "", False),
    ],
)
def test_logs_go_on_from_a_full_backup_up_to_a_point(point, gtids, goes_on):
    index = {"gtids": gtids, "at": 300, "logs": [{"name": "binlog.1", "previous": f"{A}:1-4"}]}
    assert reaches(point, f"{A}:1-5", index) is goes_on
    # Those of a machine that took the old one's place begin later.
    later = {**index, "logs": [{"name": "binlog.1", "previous": f"{A}:1-6"}]}
    assert reaches(point, f"{A}:1-5", later) is False


@pytest.mark.parametrize(
    ("point", "saved", "found"),
    [
        # The last logs that go on from the newest full backup.
        ("latest", {"l1": ("250", "1-9:20"), "l2": ("260", "1-30"), "l3": ("270", "")}, "l2"),
        # None do: it is the latest alone, and not the older one with what was before.
        ("latest", {"l1": ("150", "1-8")}, "second"),
        # The first that reach it: fewer logs are read.
        ("1970-01-01 00:04:00", {"l1": ("250", "1-9:20"), "l2": ("260", "1-30")}, "l1"),
    ],
)
def test_the_logs_of_a_point(monkeypatch, point, saved, found):
    logs = [Snapshot(name, "", ("logs", f"at={at}")) for name, (at, _) in saved.items()]
    monkeypatch.setattr(restic, "snapshots", lambda _, kind: logs if kind == LOGS else FULLS)

    def index(_settings, one):
        at, spans = saved[one.id]
        return {
            "at": at,
            "gtids": f"{A}:{spans},{B}:1" if spans else "",
            "logs": [{"previous": f"{A}:1-4"}],
        }

    monkeypatch.setattr(restore, "read_index", index)
    source = next(restore.sources(SETTINGS, point))
    assert (source.full.id, source.logs.id) == ("second", found)
    assert bool(source.listing["logs"]) == (found != "second")


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
