"""Whatever goes wrong before a stop, the stop goes on."""

from __future__ import annotations

import pytest
from group_replication.settings import settings_as_json, settings_from
from salt.exceptions import CommandExecutionError

from tests.unit.group import pillar
from tests.unit.programs import loaded

drain = loaded("drain")


@pytest.fixture
def settings(monkeypatch, tmp_path):
    file = tmp_path / "settings.json"
    file.write_text(settings_as_json(settings_from(pillar(), "db2")))
    monkeypatch.setattr(drain, "SETTINGS_FILE", file)
    return file


def test_it_says_what_became_of_the_member(settings, monkeypatch, capsys):
    monkeypatch.setattr(
        drain, "leave_before_stop", lambda settings: {"old": "ONLINE", "new": "OFFLINE"}
    )
    assert drain.main() == 0
    assert capsys.readouterr().out == "db2 was ONLINE and is OFFLINE\n"


def test_a_failure_is_said(settings, monkeypatch, capsys):
    def fail(settings):
        raise CommandExecutionError("cannot connect")

    monkeypatch.setattr(drain, "leave_before_stop", fail)
    assert drain.main() == 1
    assert "without leaving its group first: cannot connect" in capsys.readouterr().err
    settings.unlink()
    assert drain.main() == 1
    assert "No such file" in capsys.readouterr().err
