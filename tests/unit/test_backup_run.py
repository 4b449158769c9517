"""The program that the backup machine's timers start: what it drills, watches and says."""

from __future__ import annotations

import logging

import pytest
from group_backup.model import FULL, LOGS, Settings
from group_backup.restic import Snapshot, gtid_tags
from group_replication.model import Account
from salt.exceptions import CommandExecutionError

from tests.unit.programs import loaded

program = loaded("backup_run", "backup")
A = "aaaaaaaa-0000-0000-0000-000000000001"
SETTINGS = Settings("b", "10.0.0.9", "g", {}, Account("a"))
SAID = {"tables": 2, "rows": 9, "transactions": 3, "seconds": 1.5}
TAKEN = {"snapshot": "new", "gtids": f"{A}:1-30", "bytes": 1, "seconds": 2.0, "added": 1}


@pytest.fixture
def drilled(monkeypatch):
    """Full backups in the repository, by id and GTIDs; which of them a run drills."""

    def run(before: dict[str, str], noted: list[str], begins_after: str) -> list[str]:
        done: list[str] = []
        fulls = [
            Snapshot(name, "", ("full", "at=100", *gtid_tags(f"{A}:{spans}")))
            for name, spans in {**before, "new": "1-30"}.items()
        ]
        logs = [Snapshot("logs", "", ("logs", "at=200"))]
        index = {"gtids": f"{A}:1-30", "at": 200, "logs": [{"previous": f"{A}:{begins_after}"}]}
        monkeypatch.setattr(program.full, "clean", lambda settings: None)
        monkeypatch.setattr(program.full, "run_full", lambda settings: TAKEN)
        monkeypatch.setattr(
            program.record, "read", lambda settings: {"drills": dict.fromkeys(noted)}
        )
        monkeypatch.setattr(
            program.restic, "snapshots", lambda _, kind: {FULL: fulls, LOGS: logs}[kind]
        )
        monkeypatch.setattr(program.drill.restore, "read_index", lambda *_: index)
        monkeypatch.setattr(
            program.drill,
            "run",
            lambda _, one: [done.append(one.id), {"snapshot": one.id, **SAID}][1],
        )
        program.take_full(SETTINGS)
        return done

    return run


@pytest.mark.parametrize(
    ("before", "noted", "begins_after", "expected"),
    [
        ({}, [], "1-5", ["new"]),
        ({"old": "1-20"}, ["old"], "1-5", ["new"]),
        # A run that was killed left it.
        ({"old": "1-20"}, [], "1-5", ["new", "old"]),
        # Of a machine whose place this one took.
        ({"old": "1-20"}, [], "1-25", ["new"]),
        # The new one is drilled in any case: a gap in front of it is a failure.
        ({}, [], "1-31", ["new"]),
    ],
)
def test_what_can_be_drilled_and_was_not_is(drilled, before, noted, begins_after, expected):
    assert drilled(before, noted, begins_after) == expected


def test_what_cannot_be_drilled_is_named(drilled, caplog):
    with caplog.at_level(logging.INFO):
        drilled({"oldoldoldold": "1-20"}, [], "1-25")
    assert f"full backup oldoldol is not drilled: it lacks {A}:21-25" in caplog.text


@pytest.mark.parametrize(
    ("found", "code", "words"),
    [
        ({"receiver": "ON", "applier": "ON", "error": ""}, 0, ""),
        ({"receiver": "OFF", "applier": "ON", "error": ""}, 1, "the channel is OFF: no error"),
        ({"receiver": "ON", "applier": "ON", "error": "1062"}, 1, "the channel is ON: 1062"),
        ("mysqld does not answer", 1, "the channel is OFF: mysqld does not answer"),
    ],
)
def test_a_broken_channel_is_said_in_the_journal_and_remembered(
    monkeypatch, caplog, found, code, words
):
    noted = {}

    def behind(settings):
        if isinstance(found, str):
            raise CommandExecutionError(found)
        return dict(found)

    monkeypatch.setattr(program.channel, "behind", behind)
    monkeypatch.setattr(program.space, "problem", lambda settings: "")
    monkeypatch.setattr(program.space, "free", lambda place: 7)
    monkeypatch.setattr(program.record, "note", lambda _, what, said: noted.update({what: said}))
    resumed = []
    monkeypatch.setattr(program, "resume", lambda settings: resumed.append(1))
    with caplog.at_level(logging.INFO):
        assert program.watch(SETTINGS) == code
    assert words in caplog.text
    assert noted["behind"]["free"] == 7
    assert bool(resumed) is isinstance(found, str)
