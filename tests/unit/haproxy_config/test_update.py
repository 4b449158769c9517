"""The file is brought to what it is to hold, or left, or put back."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from haproxy_config import runtime
from salt.exceptions import CommandExecutionError

from tests.unit.haproxy import ALONE, SECRET, left_over


def test_a_second_run_changes_and_asks_nothing(machine, name):
    machine.write(name)
    machine.judged.clear()
    machine.reloads.clear()
    same = {"changes": {}, "content": False, "judged": True, "warnings": []}
    assert machine.plan(name) == same
    assert machine.write(name) == {**same, "backup": None, "reloaded": False}
    assert machine.judged == machine.reloads == []


def test_a_change_keeps_the_file_before(machine, name):
    machine.write(name)
    before = Path(name).read_text()
    machine.settings["haproxy:sections"] = {**ALONE, "defaults": ["retries 3"]}
    expected = machine.plan(name)
    result = machine.write(name)
    assert expected["changes"] == result["changes"]
    assert result["changes"] == {
        "sections": {
            "defaults": {"added": ["retries 3"], "removed": ["retries 2", "timeout connect 3000"]}
        }
    }
    assert result["backup"] == f"{name}.bak"
    assert Path(result["backup"]).read_text() == before
    assert Path(result["backup"]).stat().st_mode & 0o7777 == 0o640
    assert left_over(name) == ["haproxy.cfg", "haproxy.cfg.bak"]


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ("# by hand\n{}", "layout", "blanks, or text before the first section"),
        ("{}\nglobal\n", "replaced", "the section 'global' appears a second time"),
        ("password hidden\n", "replaced", "line 1 stands before the first section"),
    ],
)
def test_a_change_that_no_directive_shows_is_told_too(machine, name, text, key, words):
    machine.write(name)
    wanted = Path(name).read_text()
    Path(name).write_text(text.format(wanted))
    result = machine.write(name)
    assert words in result["changes"][key]
    assert "hidden" not in json.dumps(result)
    assert Path(name).read_text() == wanted


def test_bytes_that_are_no_text_are_kept_in_the_backup(machine, name):
    Path(name).write_bytes(b"global\n  # caf\xe9\n")
    assert machine.write(name)["backup"]
    assert Path(f"{name}.bak").read_bytes() == b"global\n  # caf\xe9\n"


def test_a_mode_that_drifted_is_set_again_without_a_reload(machine, name):
    machine.write(name)
    Path(name).chmod(0o644)
    machine.reloads.clear()
    changes = {"mode": {"old": "0644", "new": "0640"}}
    assert machine.plan(name)["changes"] == changes
    assert machine.write(name)["changes"] == changes
    assert Path(name).stat().st_mode & 0o7777 == 0o640
    assert machine.reloads == []
    assert not Path(f"{name}.bak").exists()


@pytest.mark.parametrize(
    ("running", "service", "reloads"),
    [(True, "haproxy", ["haproxy"]), (False, "haproxy", []), (True, None, [])],
)
def test_only_a_running_service_is_reloaded(machine, name, running, service, reloads):
    machine.running = running
    assert machine.write(name, service=service)["reloaded"] is bool(reloads)
    assert machine.reloads == reloads


@pytest.mark.parametrize("existed", [True, False])
def test_a_failed_reload_puts_the_file_back(machine, name, existed):
    if existed:
        machine.write(name)
    before = Path(name).read_text() if existed else None
    machine.settings["haproxy:sections"] = {**ALONE, "defaults": ["retries 3"]}
    machine.reload_error = CommandExecutionError(f"Job failed near {SECRET}")
    with pytest.raises(CommandExecutionError, match="did not take the reload") as caught:
        machine.write(name)
    assert SECRET not in str(caught.value)
    assert (Path(name).read_text() if Path(name).exists() else None) == before
    machine.reload_error = None
    assert machine.write(name)["reloaded"] is True


@pytest.mark.parametrize(
    ("pids", "taken"),
    [
        (["7", "8"], True),
        (["7", "7", None, "8"], True),
        ([None, None, "8"], True),
        (["7", "7"], False),
        (["7", None], False),
    ],
    ids=["at once", "after a pause", "no socket before", "the old one stays", "none answers"],
)
def test_a_reload_counts_once_a_new_process_answers(machine, name, monkeypatch, pids, taken):
    """The answers come in that order, the last one again and again."""
    left = list(pids)

    def ask(command, socket, timeout):
        assert (command, socket) == ("show info", "/run/a.sock")
        pid = left.pop(0) if len(left) > 1 else left[0]
        if pid is None:
            raise CommandExecutionError("no answer")
        return f"Name: HAProxy\nPid: {pid}\nUptime: 0d\n"

    monkeypatch.setattr(runtime, "ask", ask)
    monkeypatch.setattr(runtime, "RELOAD_TIMEOUT", 0.5)
    Path(name).write_text("global\n")
    sections = {**ALONE, "global": ["stats socket /run/a.sock"]}
    if taken:
        assert machine.write(name, sections=sections)["reloaded"] is True
    else:
        with pytest.raises(CommandExecutionError, match="no new process answered"):
            machine.write(name, sections=sections)
    assert (Path(name).read_text() == "global\n") is not taken


@pytest.fixture
def began(machine, monkeypatch):
    """HAProxy answers with a new process after each reload; began(ago) says since when it runs."""
    state = {"start": 0.0}

    def ask(command, socket, timeout):
        if machine.reloads[state["told"] :]:
            state.update(start=time.time(), told=len(machine.reloads))
        return f"Pid: {len(machine.reloads)}\nStart_time_sec: {int(state['start'])}\n"

    def since(ago):
        state.update(start=time.time() - ago, told=len(machine.reloads))

    since(0)
    monkeypatch.setattr(runtime, "ask", ask)
    return since


@pytest.fixture
def lua(tmp_path):
    path = tmp_path / "wait.lua"
    path.write_text("-- nothing")
    return path


@pytest.mark.parametrize("late", ["haproxy.cfg", "wait.lua"])
def test_a_process_that_has_not_loaded_its_file_is_reloaded_once(machine, name, began, lua, late):
    """A run that ended between the file and the reload leaves just this."""
    sections = {**ALONE, "global": ["stats socket /run/a.sock", f"lua-load {lua}"]}
    machine.write(name, sections=sections)
    assert machine.plan(name, sections=sections)["changes"] == {}
    machine.reloads.clear()
    hour = time.time() - 3600
    for path in (Path(name), lua):
        os.utime(path, (hour, hour))
    os.utime(lua.with_name(late), (time.time() - 10, time.time() - 10))
    began(20)
    before = Path(name).stat().st_ino
    changes = {
        "process": "HAProxy runs since before its files were written, and has not loaded them"
    }
    assert machine.plan(name, sections=sections)["changes"] == changes
    assert machine.plan(name, sections=sections, service=None)["changes"] == {}
    done = machine.write(name, sections=sections)
    assert (done["changes"], done["reloaded"], done["backup"]) == (changes, True, None)
    assert Path(name).stat().st_ino == before
    assert machine.write(name, sections=sections)["changes"] == {}
    assert machine.reloads == ["haproxy"]


def test_a_file_from_the_future_tells_nothing(machine, name, began):
    sections = {**ALONE, "global": ["stats socket /run/a.sock"]}
    machine.write(name, sections=sections)
    began(20)
    os.utime(name, (time.time() + 600, time.time() + 600))
    assert machine.plan(name, sections=sections)["changes"] == {}


def test_a_late_reload_that_fails_leaves_the_file(machine, name, began):
    sections = {**ALONE, "global": ["stats socket /run/a.sock"]}
    machine.write(name, sections=sections)
    began(20)
    machine.reload_error = CommandExecutionError(f"Job failed near {SECRET}")
    before = Path(name).read_text()
    with pytest.raises(CommandExecutionError, match="runs on without what") as caught:
        machine.write(name, sections=sections)
    assert SECRET not in str(caught.value)
    assert Path(name).read_text() == before
