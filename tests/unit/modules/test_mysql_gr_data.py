"""A new data directory: made whole or not at all, and never in place of another."""

from __future__ import annotations

import contextlib
import getpass
import shutil
from pathlib import Path

import pymysql
import pytest
from group_replication import memory
from group_replication.settings import settings_from
from salt.exceptions import CommandExecutionError, SaltInvocationError

import _modules.mysql_gr as mysql_gr
from tests.unit.group import GROUP, HOSTS, one, online, pillar

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
        monkeypatch.setattr(shutil, "chown", lambda *_: None)

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
    monkeypatch.setattr(mysql_gr, "__opts__", {"id": "db1"}, raising=False)
    monkeypatch.setattr(mysql_gr, "__pillar__", pillar(), raising=False)
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


def test_on_a_machine_that_was_a_member_an_empty_directory_is_a_missing_disk(machine, tmp_path):
    memory.remember(online("db1", gtids=f"{GROUP}:1-5"), memory.MEMBER_FILE)
    for more in ({}, {"dry_run": True}):
        with pytest.raises(CommandExecutionError) as err:
            mysql_gr.initialize(str(tmp_path / "mysql"), OPTION_FILE, getpass.getuser(), **more)
        assert "db1 was a member of group" in str(err.value)
        assert "mysql_gr.forget member=db1" in str(err.value)
    assert not (tmp_path / "mysql").exists()
    assert machine.calls == []
    with pytest.raises(SaltInvocationError, match="member is 'db2', but this is db1"):
        mysql_gr.forget("db2")
    assert mysql_gr.forget("db1", dry_run=True)["members"] == [HOSTS["db1"]]
    assert memory.MEMBER_FILE.exists()
    assert mysql_gr.forget("db1")["group"] == GROUP
    assert mysql_gr.forget("db1") == {}
    initialize(tmp_path / "mysql")
    assert names(tmp_path / "mysql") == ["auto.cnf", "mysql.ibd"]


def test_a_dry_run_makes_nothing(machine, tmp_path):
    mysql_gr.initialize(str(tmp_path / "mysql"), OPTION_FILE, dry_run=True)
    assert not (tmp_path / "mysql").exists()


def test_who_has_its_data_is_not_forgotten(machine, monkeypatch):
    memory.remember(online("db1", gtids=f"{GROUP}:1-5"), memory.MEMBER_FILE)
    monkeypatch.setattr(mysql_gr, "local", lambda settings: contextlib.nullcontext())
    monkeypatch.setattr(mysql_gr, "observe", lambda connection: one("db1", gtids=f"{GROUP}:1-5"))
    with pytest.raises(CommandExecutionError, match="db1 has its data"):
        mysql_gr.forget("db1")
    assert memory.MEMBER_FILE.exists()


class Emptied:
    """A server that keeps what it was told, and fails where it is told to."""

    def __init__(self, fails_at: str) -> None:
        self.said: list[str] = []
        self._fails_at = fails_at
        self._rows: list[dict[str, str]] = []

    def __enter__(self):
        return self

    def __exit__(self, *args):
        return None

    def cursor(self):
        return self

    def execute(self, statement, values=None):
        if self._fails_at and statement.startswith(self._fails_at):
            raise pymysql.OperationalError(3730, "Cannot drop table 'parent'")
        self.said.append(statement)
        names = {"SELECT schema_name": {"name": "shop"}, "SELECT user": {"name": "a", "host": "h"}}
        self._rows = [row for begin, row in names.items() if statement.startswith(begin)]

    def fetchall(self):
        return self._rows


@pytest.mark.parametrize("fails_at", ["", "DROP DATABASE", "DROP USER"])
def test_transactions_are_forgotten_before_their_data_goes(fails_at):
    server, settings = Emptied(fails_at), settings_from(pillar(), "db1")
    with contextlib.suppress(pymysql.OperationalError):
        mysql_gr._empty(server, settings, "9.7.4")
    said = [s for s in server.said if not s.startswith("SELECT")]
    begin = [
        "SET SESSION sql_log_bin = OFF",
        "SET SESSION foreign_key_checks = OFF",
        "SET GLOBAL super_read_only = OFF",
        "RESET REPLICA ALL FOR CHANNEL 'group_replication_applier'",
        "RESET BINARY LOGS AND GTIDS",
    ]
    drops = ["DROP USER %s@%s", "DROP DATABASE `shop`"]
    left = next((n for n, s in enumerate(drops) if fails_at and s.startswith(fails_at)), 2)
    assert said[:5] == begin
    assert said[5 : 5 + left] == drops[:left]
    assert "SET GLOBAL super_read_only = ON" in said
