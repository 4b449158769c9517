"""The states of commands: what is run, when, and what is said of it."""

from __future__ import annotations

import subprocess

import pytest
from salt.exceptions import CommandExecutionError

import _states.command as state


@pytest.fixture
def command(monkeypatch):
    """The state module over real commands: command(test=True)."""

    def run_all(name, python_shell, ignore_retcode, umask=None):
        assert not python_shell
        assert ignore_retcode
        try:
            done = subprocess.run(name.split(), capture_output=True, text=True, check=False)
        except FileNotFoundError as err:
            raise CommandExecutionError(str(err)) from err
        return {"retcode": done.returncode, "stdout": done.stdout, "stderr": done.stderr}

    def give(test=False):
        monkeypatch.setattr(state, "__salt__", {"cmd.run_all": run_all}, raising=False)
        monkeypatch.setattr(state, "__opts__", {"test": test}, raising=False)
        return state

    return give


@pytest.mark.parametrize("test", [True, False])
def test_a_command_whose_files_are_all_there_is_not_run(command, tmp_path, test):
    made = [tmp_path / "one", tmp_path / "two"]
    for path in made:
        path.touch()
    ret = command(test).run(f"touch {tmp_path}/ran", makes=[str(path) for path in made])
    assert (ret["result"], ret["changes"]) == (True, {})
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("by", ["makes", "check"])
def test_a_test_run_says_what_a_run_then_does(command, tmp_path, by):
    there, missing = tmp_path / "there", tmp_path / "missing"
    there.touch()
    asked = {"makes": [str(there), str(missing)], "check": f"test -e {missing}"}[by]
    ret = command(test=True).run(f"touch {missing}", **{by: asked})
    assert ret["result"] is None
    assert not missing.exists()
    done = command().run(f"touch {missing}", **{by: asked})
    assert done["result"] is True
    assert done["changes"] == ret["changes"] == {"cmd": f"touch {missing}"}
    assert missing.exists()
    again = command().run(f"touch {missing}", **{by: asked})
    assert (again["result"], again["changes"]) == (True, {})


@pytest.mark.parametrize("name", ["ls /no/such/folder", "/no/such/program"])
def test_a_command_that_fails_fails_with_its_words(command, name):
    ret = command().run(name, check="false")
    assert ret["result"] is False
    assert "No such file or directory" in ret["comment"]


def test_without_a_condition_nothing_is_run(command, tmp_path):
    ret = command().run(f"touch {tmp_path}/ran")
    assert ret["result"] is False
    assert "makes and check are both empty" in ret["comment"]
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("name", "test", "result", "words"),
    [
        ("/bin/true --test", False, True, "succeeds"),
        ("/bin/true --test", True, True, "succeeds"),
        ("/bin/ls /no/such/folder", False, False, "No such file or directory"),
        # What comes before it in a run may mend it.
        ("/bin/ls /no/such/folder", True, None, "No such file or directory"),
        ("/no/such/program --test", False, True, "/no/such/program is not installed"),
        ("/no/such/program --test", True, True, "/no/such/program is not installed"),
    ],
)
def test_a_check_is_made_in_each_run(command, name, test, result, words):
    ret = command(test).succeeds(name)
    assert ret["result"] is result
    assert words in ret["comment"]
    assert ret["changes"] == {}
