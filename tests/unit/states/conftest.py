"""What the tests of states have in common."""

from __future__ import annotations

from unittest.mock import Mock

import pytest

import _modules.laravel
import _modules.laravel_machine
import _modules.laravel_release
import _states.laravel
import _states.laravel_release
import _states.mysql_authority
import _states.mysql_gr
import _states.mysql_maintenance
import _states.mysql_rolling
import _states.mysql_rotation
import _states.mysql_server
from tests.unit.states.deployment import READY

MODULES = (_modules.laravel, _modules.laravel_release, _modules.laravel_machine)
STATES = (_states.laravel, _states.laravel_release)


def offers(module, name):
    """Whether a function is a module's own, and not imported there."""
    return getattr(getattr(module, name, None), "__module__", "") == module.__name__


@pytest.fixture
def salted(monkeypatch):
    """Give the state modules their dunders; returns a function that sets what Salt answers."""

    def give(test=False, converge="", **functions):
        defaults = {
            "config.get": Mock(return_value=converge),
            "mysql_gr.status": Mock(return_value={"member": {"state": "OFFLINE"}}),
        }
        functions = {name.replace("__", "."): mock for name, mock in functions.items()}
        for states in (
            _states.mysql_authority,
            _states.mysql_gr,
            _states.mysql_maintenance,
            _states.mysql_rolling,
            _states.mysql_rotation,
            _states.mysql_server,
        ):
            monkeypatch.setattr(states, "__salt__", {**defaults, **functions}, raising=False)
            monkeypatch.setattr(states, "__opts__", {"test": test, "id": "db2"}, raising=False)
        return functions

    return give


@pytest.fixture
def run(monkeypatch):
    """Call a state of an application with execution modules that answer what the test says."""

    def call(function, *args, test=False, pillar=None, returns=None, **kwargs):
        functions = {}
        for name, value in ({"next_release": READY} | (returns or {})).items():
            (module,) = (one for one in MODULES if offers(one, name))
            double = Mock(spec=getattr(module, name))
            if isinstance(value, Exception):
                double.side_effect = value
            else:
                double.return_value = value
            functions[f"{module.__virtualname__}.{name}"] = double
        (state,) = (one for one in STATES if offers(one, function))
        monkeypatch.setattr(state, "__opts__", {"test": test}, raising=False)
        monkeypatch.setattr(state, "__grains__", {"id": "web"}, raising=False)
        monkeypatch.setattr(state, "__pillar__", pillar or {}, raising=False)
        monkeypatch.setattr(state, "__salt__", functions, raising=False)
        call.functions = functions
        if function == "built":
            kwargs["source"] = "salt://app"
        return getattr(state, function)(*args, **kwargs)

    return call
