"""The marks of an operator, and of a member that leaves."""

from __future__ import annotations

import os

import pytest
from group_replication import maintenance
from group_replication.maintenance import flag_leaving, kept_out, leaving
from group_replication.settings import REMOVED, settings_file_differs, write_settings
from salt.exceptions import SaltInvocationError

from tests.unit.group import (
    pillar,
)


def test_a_pause_needs_a_reason_and_ends(monkeypatch, tmp_path):
    monkeypatch.setattr(maintenance, "PAUSE_FILE", tmp_path / "state" / "paused")
    with pytest.raises(SaltInvocationError, match="reason is empty"):
        maintenance.pause("  ")
    assert maintenance.unpause() == {"old": "", "new": ""}
    assert maintenance.pause("work on it") == {"old": "", "new": "work on it"}
    assert maintenance.pause("more work") == {"old": "work on it", "new": "more work"}
    assert maintenance.unpause() == {"old": "more work", "new": ""}
    # What is left of a reason is a pause, too.
    maintenance.PAUSE_FILE.write_text("\n")
    assert "gives no reason" in maintenance.paused()
    maintenance.PAUSE_FILE.write_bytes(b"\xff")
    assert "cannot be read" in maintenance.paused()
    assert "cannot be read" in maintenance.unpause()["old"]
    assert maintenance.paused() == ""


def test_removal_ends_when_it_is_declared_again_and_an_operators_pause_does_not(minion):
    maintenance.pause("memory is replaced")
    minion(pillar(3))
    assert settings_file_differs(minion.settings)
    write_settings(minion.settings)
    maintenance.unpause()
    assert kept_out(minion.settings) == REMOVED
    maintenance.pause("memory is replaced")
    minion(pillar(4))
    assert settings_file_differs(minion.settings)
    write_settings(minion.settings)
    assert kept_out(minion.settings) == "memory is replaced"
    maintenance.unpause()
    assert kept_out(minion.settings) == ""


def test_a_drain_that_nobody_ended_is_over_some_time(minion):
    assert not leaving()
    flag_leaving(60)
    assert leaving()
    assert kept_out(minion.settings) == "it is leaving just now"
    assert maintenance.LEAVING_FILE.stat().st_mode & 0o777 == 0o644
    flag_leaving(-0.01)
    assert not leaving()
    maintenance.LEAVING_FILE.write_text("what is this\n")
    assert not leaving()


FORK = {
    "origin": "2",
    "others": ["1"],
    "apart": ["10.0.0.1"],
    "fenced": True,
    "why": "two groups with one name",
}


def test_another_group_is_kept_until_it_is_forgotten(monkeypatch, tmp_path):
    monkeypatch.setattr(maintenance, "FORK_FILE", tmp_path / "state" / "fork.json")
    assert (maintenance.fork(), maintenance.fenced()) == ({}, "")
    maintenance.keep_fork(FORK)
    assert (maintenance.fork(), maintenance.fenced()) == (FORK, FORK["why"])
    # The health agent is another user.
    assert maintenance.FORK_FILE.stat().st_mode & 0o777 == 0o644
    before = maintenance.FORK_FILE.stat().st_ino
    maintenance.keep_fork(FORK)
    assert maintenance.FORK_FILE.stat().st_ino == before
    maintenance.keep_fork({**FORK, "fenced": False})
    assert maintenance.fenced() == ""
    maintenance.forget_fork()
    maintenance.forget_fork()
    assert maintenance.fork() == {}


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"origin": "1"}'])
def test_a_mark_of_another_group_that_cannot_be_read_fences(monkeypatch, tmp_path, text):
    monkeypatch.setattr(maintenance, "FORK_FILE", tmp_path / "fork.json")
    maintenance.FORK_FILE.write_text(text)
    assert "cannot be read" in maintenance.fenced()
    assert (maintenance.fork()["origin"], maintenance.fork()["others"]) == ("", [])


@pytest.mark.parametrize(
    ("queued", "least", "limit", "expected"),
    [
        (0, 0, 0, False),
        (100, 0, 100, False),
        (101, 0, 100, True),
        (101, 100, 100, True),
        # All are behind: old rows are served rather than nobody.
        (101, 101, 100, False),
        (10**6, None, 100, False),
    ],
)
def test_readers_go_elsewhere_where_another_member_is_less_behind(queued, least, limit, expected):
    assert maintenance.is_far_behind({"queued": queued, "least_queued": least}, limit) is expected


def test_when_the_keeper_looked_is_seen(monkeypatch, tmp_path):
    monkeypatch.setattr(maintenance, "LOOKED_FILE", tmp_path / "looked")
    assert maintenance.last_look() == 0
    maintenance.note_look()
    first = maintenance.last_look()
    assert first > 0
    os.utime(maintenance.LOOKED_FILE, (5, 5))
    maintenance.note_look()
    assert maintenance.last_look() >= first
    # A folder that is gone, as a full disk, ends no look.
    monkeypatch.setattr(maintenance, "LOOKED_FILE", tmp_path / "gone" / "looked")
    maintenance.note_look()
    assert maintenance.last_look() == 0
