"""The steps of an upgrade as a member's minion offers them: what is read, and what apt is told."""

from __future__ import annotations

from unittest.mock import Mock

import pytest
from salt.exceptions import CommandExecutionError

import _modules.mysql_upgrade as module
from tests.unit.group import pillar

OLD, NEW = "9.7.4-2", "9.7.5-1"
ROW = "{}\t{}\tmysql-9.7\t{}\t{}\n"
POLICY = "mysql-server:\n  Installed: {}\n  Candidate: {}\n  Version table:\n"


class Apt:
    """dpkg and apt of a machine, as cmd.run_all runs them."""

    def __init__(self) -> None:
        self.states = dict.fromkeys(
            ("mysql-server", "mysql-server-core"), (OLD, "installed", "hold")
        )
        self.candidate, self.available, self.told = NEW, {OLD, NEW}, []

    def __call__(self, command, **_):
        done = {"retcode": 0, "stdout": "", "stderr": ""}
        self.told.append(command)
        if command[0] == "dpkg-query":
            done["stdout"] = "".join(ROW.format(name, *one) for name, one in self.states.items())
        elif command[:2] == ["apt-cache", "policy"]:
            done["stdout"] = POLICY.format(OLD, self.candidate)
        elif command[:2] == ["apt-cache", "show"]:
            version = command[-1].partition("=")[2]
            if version not in self.available:
                return {"retcode": 100, "stdout": "", "stderr": f"E: Version '{version}' for"}
            done["stdout"] = f"Version: {version}\nInstalled-Size: 100\nSize: 50\n"
        return done

    def install(self, pkgs, **_):
        self.told.append("install")
        for one in pkgs:
            ((name, version),) = one.items()
            self.states[name] = (version, "installed", "install")


@pytest.fixture
def apt(monkeypatch) -> Apt:
    apt = Apt()
    functions = {
        "cmd.run_all": apt,
        "pkg.install": apt.install,
        "pkg.hold": Mock(),
        "pkg.refresh_db": Mock(),
        "pkg.version_cmp": lambda one, other: (one > other) - (one < other),
        "service.mask": lambda name, runtime: apt.told.append(f"mask {name} {runtime}"),
        "service.unmask": lambda name, runtime: apt.told.append(f"unmask {name} {runtime}"),
        "service.show": Mock(return_value={"MainPID": "0", "ActiveState": "inactive"}),
        "mysql_operation.readiness": Mock(return_value={"answers": True}),
    }
    monkeypatch.setattr(module, "__salt__", functions, raising=False)
    monkeypatch.setattr(module, "__pillar__", pillar(), raising=False)
    monkeypatch.setattr(module, "__opts__", {"id": "db1"}, raising=False)
    accounts = {"native_accounts": [], "script_account": True}
    monkeypatch.setattr(module.member_upgrade, "accounts_of", lambda settings: accounts)
    free = {"/var/cache": (1, 1 << 40), "/usr": (1, 1 << 40), "/var/cache/apt/archives": (2, 0)}
    monkeypatch.setattr(module.server_packages, "free_of", lambda needs: free)
    return apt


def test_a_look_asks_dpkg_alone(apt):
    found = module.readiness()
    assert found == {
        "answers": True, "half_way": False, "stale": False,
        "packages": {"mysql-server": OLD, "mysql-server-core": OLD},
    }  # fmt: skip
    assert [command[0] for command in apt.told] == ["dpkg-query"]


@pytest.mark.parametrize(
    ("version", "order", "problem"),
    [
        ("", "newer", "/var/cache/apt/archives: 0 MiB are free, 256 MiB are wanted"),
        (OLD, "same", ""),
        ("9.7.4-1", "older", ""),
        ("9.9.0-1", "newer", "apt-cache: E: Version '9.9.0-1' for"),
    ],
)
def test_a_target_is_judged(apt, version, order, problem):
    target = module.readiness(validate=True, version=version)["target"]
    assert (target["version"], target["installed"]) == (version or NEW, OLD)
    assert (target["order"], target["problem"]) == (order, problem)


def test_nothing_starts_the_server_while_packages_come_in(apt):
    module._change(NEW)
    told = [one for one in apt.told if isinstance(one, str)]
    assert told == ["mask mysql True", "install", "unmask mysql True"]
    # A run that was killed had let go of them.
    module.__salt__["pkg.hold"].assert_called_once_with(pkgs=["mysql-server", "mysql-server-core"])


def test_what_dpkg_was_interrupted_at_is_ended_first(apt):
    apt.states["mysql-server-core"] = (NEW, "unpacked", "install")
    module._change(NEW)
    commands = [one if isinstance(one, str) else one[0] for one in apt.told]
    assert commands[1:4] == ["mask mysql True", "dpkg", "install"]


def test_the_mask_is_taken_away_whatever_happens(apt):
    module.__salt__["pkg.install"] = Mock(side_effect=CommandExecutionError("no lock"))
    with pytest.raises(CommandExecutionError, match="no lock"):
        module._change(NEW)
    assert apt.told[-1] == "unmask mysql True"


def test_a_server_that_did_not_end_by_itself_is_told(apt):
    assert module._unclean() == ""
    module.__salt__["service.show"] = Mock(return_value={"ActiveState": "failed", "Result": "x"})
    assert module._unclean() == "mysql is failed (x) after it was stopped"


def test_packages_are_fetched_and_the_new_program_is_asked(apt, monkeypatch, tmp_path):
    archive = tmp_path / f"mysql-server-core_{NEW}_amd64.deb"
    monkeypatch.setattr(module.server_packages, "archive", lambda name, version: archive)
    monkeypatch.setattr(module.member_upgrade, "refused_by", lambda path, run: "unknown variable")
    assert module.fetch(NEW) == (
        f"mysqld {NEW} refuses the options that are in place: unknown variable"
    )
    (command,) = [one for one in apt.told if one[0] == "apt-get"]
    assert {"--download-only", "--allow-change-held-packages"} <= set(command)
    assert command[-2:] == [f"mysql-server={NEW}", f"mysql-server-core={NEW}"]
