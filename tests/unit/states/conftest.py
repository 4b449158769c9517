"""What the tests of the mysql_gr states have in common."""

from __future__ import annotations

from unittest.mock import Mock

import pytest

import _states.mysql_gr as states


@pytest.fixture
def salted(monkeypatch):
    """Give the state module its dunders; returns a function that sets what Salt answers."""

    def give(test=False, converge="", **functions):
        defaults = {
            "config.get": Mock(return_value=converge),
            "mysql_gr.status": Mock(return_value={"member": {"state": "OFFLINE"}}),
        }
        functions = {name.replace("__", "."): mock for name, mock in functions.items()}
        monkeypatch.setattr(states, "__salt__", {**defaults, **functions}, raising=False)
        monkeypatch.setattr(states, "__opts__", {"test": test, "id": "db2"}, raising=False)
        return functions

    return give
