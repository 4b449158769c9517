"""Whatever goes wrong before a stop, the stop goes on."""

from __future__ import annotations

from types import SimpleNamespace

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


@pytest.mark.parametrize("unit", ["mysql.service", "mysqld.service"])
@pytest.mark.parametrize(
    ("jobs", "expected"),
    [
        ("4711 {unit} restart running\n", True),
        ("4711 {unit} stop running\n", False),
        ("4712 other.service restart waiting\n4711 {unit} stop running\n", False),
        ("", False),
    ],
)
def test_only_a_restart_has_a_turn(settings, monkeypatch, capsys, jobs, expected, unit):
    taken, asked = [], []

    def run(command, **_):
        asked.append(command[-1])
        return SimpleNamespace(stdout=jobs.format(unit=unit))

    monkeypatch.setattr(drain.subprocess, "run", run)
    monkeypatch.setattr(drain.turns, "take", lambda *a: taken.append(a) or "db1 is away")
    monkeypatch.setattr(drain, "leave_before_stop", lambda settings: {"old": "A", "new": "B"})
    assert drain.main(unit) == 0
    assert (bool(taken), asked) == (expected, [unit])
    assert ("db2 restarts out of turn: db1 is away" in capsys.readouterr().err) == expected
