"""A machine of the group, with files of its own."""

from __future__ import annotations

import pytest
from group_replication import maintenance, settings
from group_replication.model import Settings
from group_replication.settings import current_settings, write_settings

from tests.unit.group import pillar


class Minion:
    """A minion db4; its settings are those of the pillar that it was given last."""

    def __init__(self) -> None:
        self._pillar = pillar(4)

    def __call__(self, declared: dict) -> None:
        self._pillar = declared

    @property
    def settings(self) -> Settings:
        return current_settings(self._pillar, "db4")


@pytest.fixture
def minion(monkeypatch, tmp_path) -> Minion:
    """A minion db4 with its keeper's file, to which a pillar may be given."""
    monkeypatch.setattr(settings, "SETTINGS_FILE", tmp_path / "settings.json")
    monkeypatch.setattr(maintenance, "PAUSE_FILE", tmp_path / "paused")
    monkeypatch.setattr(maintenance, "LEAVING_FILE", tmp_path / "run" / "leaving")
    monkeypatch.setattr(maintenance, "DRAINED_FILE", tmp_path / "run" / "drained")
    found = Minion()
    write_settings(found.settings)
    return found
