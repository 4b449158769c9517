"""A new data directory: made whole or not at all, and never in place of another."""

from __future__ import annotations

import getpass
import shutil
from pathlib import Path

import pytest
from group_replication import datadir, memory
from group_replication.datadir import ASIDE, initialized
from group_replication.membership import forget
from group_replication.settings import settings_from
from salt.exceptions import CommandExecutionError, SaltInvocationError

from tests.unit.group import GROUP, HOSTS, online, pillar

OPTION_FILE = "/etc/mysql/mysql.conf.d/zz-group-replication.cnf"


class Machine:
    """A machine whose mysqld makes two files, or fails, or is killed in the middle."""

    def __init__(self, monkeypatch) -> None:
        self.running = False
        self.errors = ""
        self.killed = False
        self.calls: list[list[str]] = []
        monkeypatch.setattr(shutil, "chown", lambda *_: None)

    def initialize(self, directory: Path, test: bool = False) -> None:
        datadir.initialize(
            str(directory),
            OPTION_FILE,
            getpass.getuser(),
            test,
            me="db1",
            retcode=self._pgrep,
            run_all=self._mysqld,
        )

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
def machine(monkeypatch, tmp_path_factory) -> Machine:
    file = tmp_path_factory.mktemp("root-disk") / "member.json"
    monkeypatch.setattr(memory, "MEMBER_FILE", file)
    return Machine(monkeypatch)


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_a_directory_that_is_not_there_is_made(machine, tmp_path):
    place = tmp_path / "mysql"
    assert not initialized(str(place))
    machine.initialize(place)
    assert initialized(str(place))
    assert names(place) == ["auto.cnf", "mysql.ibd"]
    assert f"--defaults-extra-file={OPTION_FILE}" in machine.calls[0]


def test_a_new_file_system_is_empty(machine, tmp_path):
    (tmp_path / "lost+found").mkdir()
    assert not initialized(str(tmp_path))
    machine.initialize(tmp_path)
    assert names(tmp_path) == ["auto.cnf", "lost+found", "mysql.ibd"]


def test_a_directory_that_holds_anything_is_left_as_it_is(machine, tmp_path):
    tmp_path.joinpath("mysql.ibd").write_text("precious")
    assert initialized(str(tmp_path))
    with pytest.raises(CommandExecutionError, match=r"holds mysql\.ibd; .* only in an empty one"):
        machine.initialize(tmp_path)
    assert tmp_path.joinpath("mysql.ibd").read_text() == "precious"
    assert machine.calls == []


def test_it_is_not_made_below_a_running_server(machine, tmp_path):
    machine.running = True
    with pytest.raises(CommandExecutionError, match=r"a mysqld runs .* is empty; stop it first"):
        machine.initialize(tmp_path)
    assert machine.calls == []


def test_a_run_that_was_broken_off_is_done_again(machine, tmp_path):
    machine.killed = True
    with pytest.raises(KeyboardInterrupt):
        machine.initialize(tmp_path)
    assert names(tmp_path) == [ASIDE]
    assert not initialized(str(tmp_path))
    machine.killed = False
    machine.initialize(tmp_path)
    assert names(tmp_path) == ["auto.cnf", "mysql.ibd"]


def test_a_move_that_was_broken_off_is_gone_on_with(machine, tmp_path):
    whole = tmp_path / ASIDE / "whole"
    whole.mkdir(parents=True)
    whole.joinpath("mysql.ibd").write_text("new")
    tmp_path.joinpath("auto.cnf").write_text("moved")
    assert not initialized(str(tmp_path))
    machine.initialize(tmp_path)
    assert names(tmp_path) == ["auto.cnf", "mysql.ibd"]
    assert machine.calls == []


def test_what_mysqld_says_of_its_failure_is_told(machine, tmp_path):
    machine.errors = "… [Note] fine\n… [ERROR] [MY-010943] System views initialization failed.\n"
    with pytest.raises(CommandExecutionError, match=r"System views initialization failed"):
        machine.initialize(tmp_path)
    assert not initialized(str(tmp_path))


def test_on_a_machine_that_was_a_member_an_empty_directory_is_a_missing_disk(machine, tmp_path):
    mine = settings_from(pillar(), "db1")
    memory.remember(online("db1", gtids=f"{GROUP}:1-5"), memory.MEMBER_FILE)
    for test in (False, True):
        with pytest.raises(CommandExecutionError) as err:
            machine.initialize(tmp_path / "mysql", test)
        assert "db1 was a member of group" in str(err.value)
        assert "mysql_maintenance.forget member=db1" in str(err.value)
    assert not (tmp_path / "mysql").exists()
    assert machine.calls == []
    with pytest.raises(SaltInvocationError, match="member is 'db2', but this is db1"):
        forget(mine, "db2")
    assert forget(mine, "db1", test=True)["members"] == [HOSTS["db1"]]
    assert memory.MEMBER_FILE.exists()
    assert forget(mine, "db1")["group"] == GROUP
    assert forget(mine, "db1") == {}
    machine.initialize(tmp_path / "mysql")
    assert names(tmp_path / "mysql") == ["auto.cnf", "mysql.ibd"]


def test_a_dry_run_makes_nothing(machine, tmp_path):
    machine.initialize(tmp_path / "mysql", test=True)
    assert not (tmp_path / "mysql").exists()
