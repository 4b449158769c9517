"""One member's upgrade: what is told to the machine in which order, and what was broken off."""

from __future__ import annotations

import contextlib
import json

import pytest
import server_packages
from group_replication import member_restart, member_upgrade
from group_replication.connection import UnreachableError
from group_replication.member_upgrade import Machine
from group_replication.operation import Operation
from salt.exceptions import CommandExecutionError, SaltInvocationError

from tests.unit.group import Clock, member, online

ROW = Operation(
    "token", "m1", "an upgrade", "upgrade db4", json.dumps({"db4": 1}), "10:00", "10:02", 5, 60
)
OTHERS = ("db1", "db2", "db3")
OLD, NEW = "9.7.4-2", "9.7.5-1"
WHOLE = {"version": OLD, "whole": True, "held": True}


class Server:
    """Machine db4: its packages and its server, and what they were told."""

    def __init__(self, monkeypatch):
        self.told: list[str] = []
        self.packages = {"core": WHOLE, "server": WHOLE}
        self.runs, self.state, self.row, self.is_stale = True, "ONLINE", ROW, False
        self.unclean, self.refused, self.fails, self.stays = "", "", "", False
        self.out_of_turn = ""
        Clock(monkeypatch)
        patches = {
            "local": self._local,
            "observe": lambda connection: {"state": self.state},
            "facts_of": self._facts,
            "turn_of": self._turn,
            "check_others": lambda *_: None,
            "come_back": lambda settings: self._come_back(),
        }
        for name, value in patches.items():
            monkeypatch.setattr(member_upgrade, name, value)
        monkeypatch.setattr(member_restart, "facts_of", self._facts)

    @contextlib.contextmanager
    def _local(self, settings):
        if not self.runs:
            raise UnreachableError("cannot connect")
        yield self

    @contextlib.contextmanager
    def cursor(self):
        yield self

    def execute(self, sql):
        self.told.append(sql)

    def _turn(self, settings, connection, token, work):
        if self.out_of_turn:
            raise CommandExecutionError(self.out_of_turn)

    def _facts(self, settings):
        seen = [member("db4")] if self.runs or self.stays else []
        facts = {name: online(name, *(set(OTHERS) - {name})) for name in OTHERS}
        for one in facts.values():
            one["members"] = [*one["members"], *seen]
            one["operation"] = self.row._asdict() if self.row else None
        return {**facts, "db4": {"members": []}}

    def _come_back(self):
        assert self.runs
        self.state = "ONLINE"
        self.told.append("back")

    def _change(self, version):
        assert not self.runs, "a package is unpacked under a server"
        self.told.append("change")
        if self.fails:
            raise CommandExecutionError(self.fails)
        self.packages = {name: {**WHOLE, "version": version} for name in self.packages}
        self.is_stale = False

    def _service(self, runs):
        self.told.append("start" if runs else "stop")
        self.runs = runs

    def machine(self) -> Machine:
        return Machine(
            installed=lambda: self.packages,
            stale=lambda: self.is_stale,
            stop=lambda: self._service(False),
            unclean=lambda: self.unclean,
            change=self._change,
            refused_options=lambda: self.refused,
            start=lambda: self._service(True),
        )


@pytest.fixture
def server(monkeypatch) -> Server:
    return Server(monkeypatch)


@pytest.fixture
def upgrade(minion, server):
    def call(name="db4", version=NEW):
        return member_upgrade.upgrade(minion.settings, name, version, "token", server.machine())

    return call


def test_it_stops_before_a_package_is_unpacked_and_once(upgrade, server):
    assert upgrade()["upgraded"] is True
    assert server.told == ["stop", "change", "start", "back"]
    server.told.clear()
    again = upgrade()
    assert (again["upgraded"], again["state"]) == (False, "ONLINE")
    assert "stop" not in server.told


def test_another_machine_is_not(upgrade, server):
    with pytest.raises(SaltInvocationError, match="member is 'db1', but this is db4"):
        upgrade(name="db1")
    assert server.told == []


def test_packages_that_came_in_under_the_server_need_its_restart(upgrade, server):
    server.is_stale = True
    assert upgrade(version=OLD)["upgraded"] is True
    assert server.told == ["stop", "change", "start", "back"]


def test_another_series_is_shut_down_slowly(upgrade, server):
    upgrade(version="26.7.0-1")
    assert server.told[:2] == ["SET GLOBAL innodb_fast_shutdown = 0", "stop"]


def test_out_of_turn_it_is_refused(upgrade, server):
    server.out_of_turn = "it is not db4's turn to be upgraded"
    with pytest.raises(CommandExecutionError, match="not db4's turn"):
        upgrade()
    assert server.told == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"unclean": "mysql is failed (timeout) after it was stopped"}, "mysql is failed .timeout"),
        ({"stays": True}, "db1, db2, db3 still has it in the group after 15 s"),
    ],
)
def test_who_did_not_leave_cleanly_is_not_upgraded(upgrade, server, change, sentence):
    for name, value in change.items():
        setattr(server, name, value)
    with pytest.raises(CommandExecutionError, match=f"starts again: {sentence}"):
        upgrade()
    assert server.told == ["stop", "start"]


def test_a_server_that_was_stopped_leaves_properly_first(upgrade, server):
    """A run was killed before the first package was unpacked."""
    server.runs = False
    assert upgrade()["upgraded"] is True
    assert server.told == ["start", "back", "stop", "change", "start", "back"]


def test_packages_that_are_half_way_are_brought_to_their_end(upgrade, server):
    server.runs = False
    server.packages = {"core": {**WHOLE, "version": NEW, "whole": False}, "server": WHOLE}
    assert upgrade()["upgraded"] is True
    assert server.told == ["change", "start", "back"]


def test_without_a_row_that_says_so_they_are_not(upgrade, server):
    server.runs, server.row = False, ROW._replace(step="upgrade db3")
    server.packages = {"core": {**WHOLE, "version": NEW}, "server": WHOLE}
    with pytest.raises(CommandExecutionError, match="no member says that it is db4's turn"):
        upgrade()
    assert server.told == []


def test_where_apt_did_nothing_the_old_server_serves_again(upgrade, server):
    server.fails = "Could not get lock"
    with pytest.raises(CommandExecutionError, match=r"serves again \(core 9.7.4-2.*not get lock"):
        upgrade()
    assert server.told == ["stop", "change", "start", "back"]


def test_where_apt_broke_off_mysqld_stays_stopped(upgrade, server, monkeypatch):
    def change(version):
        server.packages = {"core": {**WHOLE, "version": NEW}, "server": WHOLE}
        raise CommandExecutionError("no space left")

    machine = server.machine()._replace(change=change)
    monkeypatch.setattr(server, "machine", lambda: machine)
    with pytest.raises(CommandExecutionError, match=r"half way, and mysqld is stopped.*no space"):
        upgrade()
    assert server.told == ["stop"]


def test_options_that_the_new_one_refuses_are_told(upgrade, server):
    server.refused = "unknown variable 'x=1'"
    with pytest.raises(CommandExecutionError, match=r"9.7.5-1 on db4 refuses its options: unknown"):
        upgrade()
    assert server.told == ["stop", "change"]


def test_a_program_that_is_not_installed_is_asked(monkeypatch, tmp_path):
    monkeypatch.setattr(server_packages, "SCRATCH", str(tmp_path))
    asked = []

    def run(command, **_):
        asked.append(command)
        refuses = command[0].endswith("mysqld")
        return {"retcode": int(refuses), "stdout": "", "stderr": "unknown variable 'x=1'"}

    archive = tmp_path / "core.deb"
    assert member_upgrade.refused_by(archive, run) == "unknown variable 'x=1'"
    assert asked[0][:3] == ["dpkg-deb", "--extract", str(archive)]
    assert asked[1][1:4] == [
        "--defaults-group-suffix=-service", "--user=mysql", "--validate-config"
    ]  # fmt: skip
    assert list(tmp_path.iterdir()) == []
