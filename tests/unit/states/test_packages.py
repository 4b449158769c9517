"""What the state of held packages reports, and what it has dpkg told."""

from __future__ import annotations

from unittest.mock import Mock

import pytest
from salt.exceptions import CommandExecutionError

import _states.packages as states

HELD = {"version": "9.7.4-2", "whole": True, "held": True}
FREE = {**HELD, "held": False}
WORD = {"result": True, "comment": "Package is now being held."}


@pytest.fixture
def salted(monkeypatch):
    def give(test=False, **functions):
        functions = {name.replace("__", "."): mock for name, mock in functions.items()}
        monkeypatch.setattr(states, "__salt__", functions, raising=False)
        monkeypatch.setattr(states, "__opts__", {"test": test}, raising=False)

    return give


@pytest.mark.parametrize(
    ("hold", "found", "function", "changes"),
    [
        (True, {"a": FREE, "b": HELD}, "pkg__hold", {"a": {"old": "install", "new": "hold"}}),
        (False, {"a": FREE, "b": HELD}, "pkg__unhold", {"b": {"old": "hold", "new": "install"}}),
    ],
)
def test_what_a_run_does_is_predicted(salted, hold, found, function, changes):
    called = Mock(return_value=dict.fromkeys(changes, WORD))
    functions = {"packages__of": Mock(return_value=found), function: called}
    salted(True, **functions)
    predicted = states.held("a", hold)
    called.assert_not_called()
    salted(False, **functions)
    ret = states.held("a", hold)
    called.assert_called_once_with(pkgs=list(changes))
    assert (predicted["result"], ret["result"]) == (None, True)
    assert predicted["changes"] == ret["changes"] == changes


@pytest.mark.parametrize("test", [True, False])
@pytest.mark.parametrize(("hold", "found"), [(True, {"a": HELD}), (False, {"a": FREE})])
def test_a_second_run_does_nothing(salted, test, hold, found):
    salted(test, packages__of=Mock(return_value=found))
    ret = states.held("a", hold)
    assert (ret["result"], ret["changes"]) == (True, {})


def test_a_package_that_is_to_come(salted):
    salted(True, packages__of=Mock(return_value={}))
    assert states.held("a")["changes"] == {"a": {"old": "", "new": "hold"}}
    assert states.held("a", False)["changes"] == {}
    salted(False, packages__of=Mock(return_value={}))
    assert states.held("a")["comment"] == "a is not installed"


def test_what_cannot_be_is_told(salted):
    salted(packages__of=Mock(side_effect=CommandExecutionError("dpkg-query: locked")))
    assert states.held("a")["comment"] == "dpkg-query: locked"
    ret = states.held("a", "no")
    assert (ret["result"], ret["comment"]) == (False, "hold is 'no'; expected true or false")
    word = {"result": False, "comment": "Package a not currently held."}
    salted(packages__of=Mock(return_value={"a": FREE}), pkg__hold=Mock(return_value={"a": word}))
    ret = states.held("a")
    assert (ret["result"], ret["changes"]) == (False, {})
    assert ret["comment"] == "Package a not currently held."
