"""A new data directory: made whole or not at all, and never in place of another."""

from __future__ import annotations

import getpass
from pathlib import Path

import pytest
from salt.exceptions import CommandExecutionError

import _modules.mysql_gr as mysql_gr

OPTION_FILE = "/etc/mysql/mysql.conf.d/zz-group-replication.cnf"


class Machine:
    """A machine whose mysqld makes two files, or fails, or is killed in the middle."""

    def __init__(self, monkeypatch) -> None:
        self.running = False
        self.errors = ""
        self.killed = False
        self.calls: list[list[str]] = []
        functions = {"cmd.retcode": self._pgrep, "cmd.run_all": self._mysqld}
        monkeypatch.setattr(mysql_gr, "__salt__", functions, raising=False)
        monkeypatch.setattr(mysql_gr.shutil, "chown", lambda *_: None)

    def _pgrep(self, command, **_):
        return 0 if self.running else 1

    def _mysqld(self, command, **_):
        self.calls.append(command)
        told = dict(word[2:].split("=", 1) for word in command if "=" in word)
        assert "debian-sys-maint" in Path(told["init-file"]).read_text()
        data = Path(told["datadir"])
        data.mkdir()
        for name in ("auto.cnf", "mysql.ibd"):
            data.joinpath(name).write_text(name)
        Path(told["log-error"]).write_text(self.errors)
        if self.killed:
            raise KeyboardInterrupt
        return {"retcode": 0, "stdout": "", "stderr": ""}


@pytest.fixture
def machine(monkeypatch) -> Machine:
    return Machine(monkeypatch)


def initialize(directory: Path) -> None:
    mysql_gr.initialize(str(directory), OPTION_FILE, getpass.getuser())


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_a_directory_that_is_not_there_is_made(machine, tmp_path):
    place = tmp_path / "mysql"
    assert not mysql_gr.initialized(str(place))
    initialize(place)
    assert mysql_gr.initialized(str(place))
    assert names(place) == ["auto.cnf", "mysql.ibd"]
    assert f"--defaults-extra-file={OPTION_FILE}" in machine.calls[0]


def test_a_new_file_system_is_empty(machine, tmp_path):
    (tmp_path / "lost+found").mkdir()
    assert not mysql_gr.initialized(str(tmp_path))
    initialize(tmp_path)
    assert names(tmp_path) == ["auto.cnf", "lost+found", "mysql.ibd"]


def test_a_directory_that_holds_anything_is_left_as_it_is(machine, tmp_path):
    tmp_path.joinpath("mysql.ibd").write_text("precious")
    assert mysql_gr.initialized(str(tmp_path))
    with pytest.raises(CommandExecutionError, match=r"holds mysql\.ibd; .* only in an empty one"):
        initialize(tmp_path)
    assert tmp_path.joinpath("mysql.ibd").read_text() == "precious"
    assert machine.calls == []


def test_it_is_not_made_below_a_running_server(machine, tmp_path):
    machine.running = True
    with pytest.raises(CommandExecutionError, match=r"a mysqld runs .* is empty; stop it first"):
        initialize(tmp_path)
    assert machine.calls == []


def test_a_run_that_was_broken_off_is_done_again(machine, tmp_path):
    machine.killed = True
    with pytest.raises(KeyboardInterrupt):
        initialize(tmp_path)
    assert names(tmp_path) == [mysql_gr.ASIDE]
    assert not mysql_gr.initialized(str(tmp_path))
    machine.killed = False
    initialize(tmp_path)
    assert names(tmp_path) == ["auto.cnf", "mysql.ibd"]


def test_a_move_that_was_broken_off_is_gone_on_with(machine, tmp_path):
    whole = tmp_path / mysql_gr.ASIDE / "whole"
    whole.mkdir(parents=True)
    whole.joinpath("mysql.ibd").write_text("new")
    tmp_path.joinpath("auto.cnf").write_text("moved")
    assert not mysql_gr.initialized(str(tmp_path))
    initialize(tmp_path)
    assert names(tmp_path) == ["auto.cnf", "mysql.ibd"]
    assert machine.calls == []


def test_what_mysqld_says_of_its_failure_is_told(machine, tmp_path):
    machine.errors = "… [Note] fine\n… [ERROR] [MY-010943] System views initialization failed.\n"
    with pytest.raises(CommandExecutionError, match=r"System views initialization failed"):
        initialize(tmp_path)
    assert not mysql_gr.initialized(str(tmp_path))
