"""The keeper looks, and acts only on a server that is outside the group."""

from __future__ import annotations

import contextlib

import pytest
from salt.exceptions import CommandExecutionError

import _modules.mysql_gr as mysql_gr
from tests.unit.group import pillar
from tests.unit.programs import loaded

keeper = loaded("keeper")


@pytest.fixture
def seeing(monkeypatch, tmp_path):
    """Let the keeper see a state, or an error; returns what it asked mysql_gr to do."""
    acted = []

    def see(state: str | Exception, outcome: dict | Exception | None = None) -> list:
        @contextlib.contextmanager
        def local(settings):
            if isinstance(state, Exception):
                raise state
            yield settings

        def converge_by(settings, timeout, patience):
            acted.append((settings.me, timeout))
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        file = tmp_path / "settings.json"
        file.write_text(mysql_gr.settings_as_json(mysql_gr.settings_from(pillar(), "db2")))
        monkeypatch.setattr(mysql_gr, "SETTINGS_FILE", file)
        monkeypatch.setattr(mysql_gr, "local", local)
        monkeypatch.setattr(mysql_gr, "observe", lambda connection: {"state": state})
        monkeypatch.setattr(mysql_gr, "converge_by", converge_by)
        return acted

    return see


@pytest.mark.parametrize("state", ["ONLINE", "RECOVERING"])
def test_a_member_is_left_alone(seeing, state):
    acted = seeing(state)
    assert keeper.look() == (f"db2 is {state}", keeper.LOOK_SECONDS)
    assert acted == []


@pytest.mark.parametrize("state", ["OFFLINE", "ERROR"])
def test_a_server_outside_is_brought_back(seeing, state):
    acted = seeing(state, {"verdict": "member", "why": "db2 is ONLINE again", "acted": ["x"]})
    assert keeper.look() == ("db2 is ONLINE again", keeper.LOOK_SECONDS)
    assert acted == [("db2", 0)]


def test_a_refusal_is_said_and_asked_less_often(seeing):
    seeing("OFFLINE", CommandExecutionError("errant transactions"))
    assert keeper.look() == ("errant transactions", keeper.REFUSED_SECONDS)


def test_a_server_that_is_down_is_waited_for(seeing):
    acted = seeing(CommandExecutionError("cannot connect"))
    assert keeper.look() == ("cannot connect", keeper.LOOK_SECONDS)
    assert acted == []


def test_settings_that_are_not_there_are_said(seeing, monkeypatch, tmp_path):
    seeing("OFFLINE")
    monkeypatch.setattr(mysql_gr, "SETTINGS_FILE", tmp_path / "none")
    sentence, pause = keeper.look()
    assert "No such file" in sentence
    assert pause == keeper.REFUSED_SECONDS
