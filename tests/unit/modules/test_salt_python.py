"""What Salt's own Python lacks is told, and installed by pip; what pip refuses is said."""

from __future__ import annotations

import pytest
from salt.exceptions import CommandExecutionError

import _modules.salt_python as module

FILE = "salt://mysql/files/requirements.txt"
# The second one is none that anybody has.
TEXT = "# a comment\npytest>=1\nno-such-thing-of-ours>=1.2,<2\n"


@pytest.fixture
def pip(monkeypatch) -> list[list[str]]:
    """What pip is asked for; it fails where that is told."""
    asked: list[list[str]] = []

    def install(pkgs):
        asked.append(pkgs)
        return {"retcode": len(asked) - 1, "stdout": "", "stderr": "no way to it"}

    files = {FILE: TEXT}
    functions = {"cp.get_file_str": lambda name: files.get(name, ""), "pip.install": install}
    monkeypatch.setattr(module, "__salt__", functions, raising=False)
    return asked


def test_what_is_missing_alone_is_installed(pip):
    lacking = ["no-such-thing-of-ours>=1.2,<2"]
    assert module.missing(FILE) == module.install(FILE) == lacking
    assert pip == [lacking]
    with pytest.raises(CommandExecutionError, match=r"not install no-such-.*<2: no way to it"):
        module.install(FILE)


def test_a_file_that_is_not_there_is_named(pip):
    with pytest.raises(CommandExecutionError, match=r"requirements is 'salt://other.txt', which"):
        module.missing("salt://other.txt")


def test_nothing_is_asked_of_pip_where_nothing_is_missing(pip, monkeypatch):
    monkeypatch.setitem(module.__salt__, "cp.get_file_str", lambda name: "pytest>=1\n")
    assert module.install(FILE) == []
    assert pip == []
