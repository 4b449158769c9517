"""What the backup machine offers: whom a call names, one run at a time, and what is listed."""

from __future__ import annotations

import json

import pytest
from group_backup import channel, full, record, restic
from group_backup.following import Decision
from group_backup.restic import Snapshot, gtid_tags
from group_replication import lock
from group_replication.model import Account
from salt.exceptions import CommandExecutionError, SaltInvocationError

import _modules.backup as module
import _modules.backup_restore as restores
from tests.unit.group_backup.test_settings import PILLAR, SECRET

A = "aaaaaaaa-0000-0000-0000-000000000001"


@pytest.fixture(autouse=True)
def minion(monkeypatch, tmp_path):
    """A minion of role backup, with a lock of its own."""
    for one in (module, restores):
        monkeypatch.setattr(one, "__pillar__", PILLAR, raising=False)
        monkeypatch.setattr(one, "__opts__", {"id": "backup1"}, raising=False)
        monkeypatch.setattr(one, "LOCK_FILE", tmp_path / "run" / "lock")
        monkeypatch.setattr(one, "LOCK_SECONDS", 0)


@pytest.fixture
def done(monkeypatch) -> list[str]:
    """What was done, in order; nothing is."""
    calls: list[str] = []

    def follow(_settings, overwrite=False):
        calls.append(f"follow {overwrite}")
        return Decision("connect", "why")

    monkeypatch.setattr(channel, "follow", follow)
    monkeypatch.setattr(full, "run_logs", lambda _settings: calls.append("logs") or {})
    return calls


def test_data_is_replaced_only_where_the_call_names_the_machine(done):
    for wrong in ("backup2", "", True):
        with pytest.raises(SaltInvocationError, match="expected 'backup1'"):
            module.follow(overwrite=wrong)
    assert done == []
    assert module.follow() == {"verdict": "connect", "why": "why"}
    assert done == ["follow False"]


def test_logs_are_saved_before_data_is_replaced(done, monkeypatch):
    module.follow(overwrite="backup1")
    assert done == ["logs", "follow True"]

    def away(_settings):
        raise CommandExecutionError("the repository is away")

    monkeypatch.setattr(full, "run_logs", away)
    with pytest.raises(CommandExecutionError, match="away"):
        module.follow(overwrite="backup1")
    assert done == ["logs", "follow True"]


def test_one_run_at_a_time(done):
    with lock.held(0, module.LOCK_FILE):
        for call in (
            module.follow,
            module.take,
            module.drill,
            module.save_logs,
            module.verify,
            lambda: restores.restore_point("noon", "2026-11-28 12:00:00"),
            lambda: restores.restore_table("a.b", "c", "2026-11-28 12:00:00"),
            lambda: restores.drop_instance("noon"),
        ):
            with pytest.raises(CommandExecutionError, match="another run is at it"):
                call()
    assert done == []


def test_what_is_listed(monkeypatch):
    found = [
        Snapshot(name, "", ("full", f"at={n}", *gtid_tags(f"{A}:1-{n}")))
        for n, name in enumerate(("equal", "unlike", "new"), 1)
    ]
    monkeypatch.setattr(restic, "snapshots", lambda _settings, _kind: found)
    drills = {"equal": {"at": 1}, "unlike": {"at": 1, "error": "x has 1 rows"}}
    monkeypatch.setattr(record, "read", lambda _settings: {"drills": drills})
    listed = module.list_()
    assert [one["drill"] for one in listed] == ["equal", "x has 1 rows", "not drilled"]
    assert listed[0]["gtids"] == f"{A}:1-1"
    assert listed[0]["at"] == "1970-01-01 00:00:01.000000"
    with pytest.raises(SaltInvocationError, match="kind is 'all'"):
        module.list_("all")


def test_no_answer_has_a_secret():
    said = json.dumps([module.server_options(), module.layout()])
    assert SECRET not in said
    assert module.server_options()["log_bin"] == "/var/lib/mysql-backup/archive/binlog"


@pytest.mark.parametrize("around", [0, 101, True, "5"])
def test_how_many_are_shown_is_a_number(around):
    with pytest.raises(SaltInvocationError, match="around is"):
        restores.restore_point("noon", "2026-11-28 12:00:00", around=around)


@pytest.mark.parametrize(("test", "written"), [(True, 0), (False, 1)])
def test_settings_are_written_once_the_group_has_the_password(monkeypatch, test, written):
    before, asked, files = Account("mysql_gr_backup", "old"), [], []
    monkeypatch.setattr(module.of_pillar, "account_before", lambda: before)
    monkeypatch.setattr(module.channel, "refuse_unrotated", lambda *words: asked.append(words))
    monkeypatch.setattr(module.of_pillar, "write_files", files.append)
    module.store_settings(test=test)
    assert [words[1] for words in asked] == [before]
    assert len(files) == written


def test_a_run_that_is_under_way_is_seen_and_not_disturbed():
    assert module.running() is False
    with lock.held(0, module.LOCK_FILE) as taken:
        assert taken
        assert module.running() is True
    assert module.running() is False
