"""How restic is called: secrets in files and in its own environment, never in words."""

from __future__ import annotations

import json

import pytest
from group_backup import restic
from group_backup.model import LOCATION_FILE, PASSWORD_FILE, Settings
from group_replication.model import Account
from salt.exceptions import CommandExecutionError

PROGRAM = """#!/usr/bin/env python3
import json, os, sys
with open({said!r}, "a") as file:
    file.write(json.dumps([sys.argv[1:], dict(os.environ)]) + "\\n")
print({out!r})
print({err!r}, file=sys.stderr)
sys.exit({code})
"""


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """Put a restic in the way that answers so; returns a function that returns its calls."""

    def make(out="", err="", code=0):
        program, said = tmp_path / "restic", tmp_path / "said"
        program.write_text(PROGRAM.format(said=str(said), out=out, err=err, code=code))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        monkeypatch.setenv("SALT_SECRET", "of another")
        return lambda: [json.loads(line) for line in said.read_text().splitlines()]

    return make


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(
        *("b", "10.0.0.9", "g", {}, Account("a", "account's")),
        directory=str(tmp_path),
        location="rest:https://location's/",
        environment={"AWS_SECRET_ACCESS_KEY": "variable's"},
    )


def test_no_secret_is_a_word_and_nothing_of_others_is_passed_on(fake, settings, tmp_path):
    calls = fake(json.dumps({"message_type": "summary", "snapshot_id": "abc"}))
    assert restic.save(settings, [tmp_path], ["full", "at=1"])["snapshot_id"] == "abc"
    ((words, environment),) = calls()
    assert not any("'s" in word for word in words)
    assert words[-5:] == ["--tag", "full", "--tag", "at=1", str(tmp_path)]
    assert environment["RESTIC_PASSWORD_FILE"] == str(PASSWORD_FILE)
    assert environment["RESTIC_REPOSITORY_FILE"] == str(LOCATION_FILE)
    assert environment["AWS_SECRET_ACCESS_KEY"] == "variable's"
    assert "SALT_SECRET" not in environment
    assert not any("account's" in one or "location's" in one for one in environment.values())


@pytest.mark.parametrize(("code", "there"), [(0, True), (10, False)])
def test_whether_there_is_a_repository(fake, settings, code, there):
    fake(code=code)
    assert restic.is_there(settings) is there


def test_a_repository_that_does_not_open_is_no_absent_one(fake, settings):
    fake(err="wrong password or no key found", code=12)
    with pytest.raises(CommandExecutionError, match="cannot be opened: wrong password"):
        restic.is_there(settings)


def test_what_fails_is_an_error_with_restic_s_words(fake, settings):
    fake(err="no space left on device", code=1)
    with pytest.raises(CommandExecutionError, match=r"restic prune .*code 1.*no space left"):
        restic.prune(settings)


def test_backups_in_the_order_in_which_they_were_taken(fake, settings):
    listed = [
        {"id": "b", "time": "2026-01-01T00:00:00Z", "tags": ["full", "at=1700000200"]},
        {"id": "a", "time": "2026-01-02T00:00:00Z", "tags": ["full", "at=1700000100"]},
        {"id": "c", "time": "2026-01-03T00:00:00Z", "tags": ["full", "at=1700000300"]},
    ]
    fake(json.dumps(listed))
    assert [one.id for one in restic.snapshots(settings, "full")] == ["a", "b", "c"]


def test_the_newest_is_kept_whatever_its_age(fake, settings):
    calls = fake()
    restic.forget(settings, "logs", "host,paths")
    ((words, _),) = calls()
    assert words[:5] == ["forget", "--tag", "logs", "--group-by", "host,paths"]
    assert words[6:12] == ["--keep-last", "1", "--keep-within", "2d", "--keep-daily", "7"]
