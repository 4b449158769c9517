"""salt_python.packages_installed: predicted, done, and then nothing is left to do."""

from __future__ import annotations

import pytest
from salt.exceptions import CommandExecutionError

import _states.salt_python as state

FILE = "salt://mysql/files/requirements.txt"


@pytest.fixture
def lacking(monkeypatch) -> list[str]:
    """What Salt's Python lacks."""
    names = ["PyMySQL>=1.2,<2"]

    def install(requirements):
        assert requirements == FILE
        return [names.pop()]

    functions = {"salt_python.missing": lambda _: [*names], "salt_python.install": install}
    monkeypatch.setattr(state, "__salt__", functions, raising=False)
    monkeypatch.setattr(state, "__opts__", {"test": False}, raising=False)
    return names


def test_it_is_predicted_and_done_once(lacking, monkeypatch):
    monkeypatch.setitem(state.__opts__, "test", True)
    predicted = state.packages_installed(FILE)
    assert (predicted["result"], lacking) == (None, ["PyMySQL>=1.2,<2"])
    monkeypatch.setitem(state.__opts__, "test", False)
    done = state.packages_installed(FILE)
    assert (done["result"], done["changes"]) == (True, {"installed": ["PyMySQL>=1.2,<2"]})
    assert predicted["changes"] == done["changes"]
    assert state.packages_installed(FILE)["changes"] == {}


def test_what_pip_says_is_the_comment(lacking, monkeypatch):
    def refused(requirements):
        raise CommandExecutionError("pip did not install it: no way")

    monkeypatch.setitem(state.__salt__, "salt_python.install", refused)
    failed = state.packages_installed(FILE)
    assert (failed["result"], failed["changes"]) == (False, {})
    assert "no way" in failed["comment"]
