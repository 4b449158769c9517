"""unit.stopped: a service that is not installed is not said to be stopped."""

from __future__ import annotations

from unittest.mock import Mock

import pytest

import _states.unit as state


@pytest.mark.parametrize("available", [True, False])
def test_only_what_is_installed_is_stopped(monkeypatch, available):
    stopped = {"name": "it", "result": None, "comment": "would be", "changes": {"it": "dead"}}
    dead = Mock(return_value=stopped)
    monkeypatch.setattr(
        state, "__salt__", {"service.available": lambda name: available}, raising=False
    )
    monkeypatch.setattr(state, "__states__", {"service.dead": dead}, raising=False)
    ret = state.stopped("it")
    if available:
        assert ret == stopped
        dead.assert_called_once_with("it", enable=False)
    else:
        assert (ret["result"], ret["changes"]) == (True, {})
        assert ret["comment"] == "The service it is not installed"
        dead.assert_not_called()
