"""The steps of an upgrade and a restart as a machine's minion offers them: what apt is told."""

from __future__ import annotations

from unittest.mock import Mock

import pytest
from salt.exceptions import CommandExecutionError

import _modules.packages as module
from tests.unit.group import Clock

OLD, NEW = "2.4.66-1", "2.4.68-1"
# Version, state and selection by package, with its source.
ROWS = {
    "apache2": (OLD, "installed", "hold", "apache2"),
    "apache2-bin": (f"{OLD}+b1", "installed", "hold", "apache2"),
    "php8.4-fpm": ("8.4.1-1", "installed", "hold", "php8.4"),
    "php8.4-gd": ("8.4.1-1", "config-files", "deinstall", "php8.4"),
    "curl": ("8-1", "installed", "install", "curl"),
}


class Web:
    """dpkg, apt and systemd of a web server."""

    def __init__(self) -> None:
        self.rows = dict(ROWS)
        self.candidates = {"apache2": NEW, "apache2-bin": f"{NEW}+b2", "php8.4-fpm": "8.4.1-1"}
        self.told: list = []
        self.running = {"apache2": 11, "php8.4-fpm": 12}
        self.starts = {"apache2": 1, "php8.4-fpm": 1}
        self.old: set[str] = set()
        self.refuses: dict[str, str] = {}
        self.comes_in = True
        self.disabled: set[str] = set()

    def run(self, command, **_):
        done = {"retcode": 0, "stdout": "", "stderr": ""}
        if command[0] == "dpkg-query":
            short = command[-1].startswith("--showformat=${Package}\t${db:Status-Status}\n")
            done["stdout"] = "".join(
                f"{name}\t{state}\n" if short else f"{name}\t{version}\t{source}\t{state}\t{want}\n"
                for name, (version, state, want, source) in self.rows.items()
            )
        elif command[:2] == ["apt-cache", "policy"]:
            done["stdout"] = "".join(
                f"{name}:\n  Installed: x\n  Candidate: {self.candidates[name]}\n"
                for name in command[2:]
            )
        elif command[:2] == ["apt-cache", "show"]:
            version = command[-1].partition("=")[2]
            done["stdout"] = f"Version: {version}\nInstalled-Size: 100\nSize: 50\n"
        elif command[0] == "dpkg":
            self.told.append("configure")
            self.rows = {name: (one[0], "installed", *one[2:]) for name, one in self.rows.items()}
        elif command[0] == "apt-get":
            self.told.append(("fetch", *command[-2:]))
        return done

    def install(self, pkgs, refresh, install_recommends):
        assert (refresh, install_recommends) == (False, False)
        self.told.append(("install", *sorted(name for one in pkgs for name in one)))
        for one in pkgs if self.comes_in else ():
            ((name, version),) = one.items()
            self.rows[name] = (version, "installed", "install", self.rows[name][3])

    def show(self, unit):
        pid = self.running.get(unit, 0)
        return {"MainPID": str(pid), "ExecMainStartTimestamp": str(self.starts[unit])}

    def restart(self, unit):
        self.told.append(f"restart {unit}")
        self.starts[unit] += 1
        self.old.discard(unit)

    def start(self, unit):
        self.told.append(f"start {unit}")
        self.running[unit] = 13


@pytest.fixture
def web(monkeypatch, tmp_path) -> Web:
    web = Web()
    functions = {
        "cmd.run_all": web.run,
        "pkg.install": web.install,
        "pkg.hold": Mock(),
        "pkg.refresh_db": Mock(),
        "pkg.version_cmp": lambda one, other: (one > other) - (one < other),
        "service.show": web.show,
        "service.enabled": lambda unit: unit not in web.disabled,
        "service.status": lambda unit: unit in web.running,
        "service.restart": web.restart,
        "service.start": web.start,
    }
    pillar = {"cluster": {"nodes": {"web": {"ip": "192.0.2.1", "role": "web"}}}}
    monkeypatch.setattr(module, "__salt__", functions, raising=False)
    monkeypatch.setattr(module, "__pillar__", pillar, raising=False)
    monkeypatch.setattr(module, "__opts__", {"id": "web"}, raising=False)
    monkeypatch.setattr(module, "LOCK_FILE", tmp_path / "packages")
    units = {11: "apache2", 12: "php8.4-fpm"}
    monkeypatch.setattr(
        module.role_packages, "runs_old_files",
        lambda pid, libraries: units.get(pid) in web.old
        or (libraries and f"{units.get(pid)} libraries" in web.old),
    )  # fmt: skip
    monkeypatch.setattr(
        module.role_packages, "refused", lambda service, *_: web.refuses.get(service.unit, "")
    )
    free = {"/var/cache": (1, 1 << 40), "/usr": (1, 1 << 40), "/var/cache/apt/archives": (2, 0)}
    monkeypatch.setattr(module.server_packages, "free_of", lambda needs: free)
    Clock(monkeypatch)
    return web


def test_a_look_tells_what_is_there(web):
    web.old = {"apache2", "php8.4-fpm libraries"}
    assert module.readiness() == {
        "versions": {"php8.4-fpm": "8.4.1-1", "apache2": OLD, "apache2-bin": f"{OLD}+b1"},
        "whole": True,
        "old": ["apache2"],
        "waits": ["php8.4-fpm", "apache2"],
        "started": {"php8.4-fpm": "1 12", "apache2": "1 11"},
    }
    module.__salt__["pkg.refresh_db"].assert_not_called()


def test_each_package_has_a_target_of_its_own(web):
    found = module.readiness(validate=True)
    assert found["target"] == web.candidates
    assert found["older"] == []
    assert found["problem"] == "/var/cache/apt/archives: 0 MiB are free, 256 MiB are wanted"


@pytest.mark.parametrize(
    ("candidates", "older", "target"),
    [({"apache2": "2.4.1-1"}, ["apache2"], "2.4.1-1"), ({"apache2": "(none)"}, [], OLD)],
)
def test_what_apt_has_not_stays_and_what_is_older_is_said(web, candidates, older, target):
    web.candidates.update({"apache2-bin": f"{OLD}+b1", **candidates})
    found = module.readiness(validate=True)
    assert (found["older"], found["target"]["apache2"], found["problem"]) == (older, target, "")


def test_another_machine_has_none(web, monkeypatch):
    monkeypatch.setattr(module, "__opts__", {"id": "db1"}, raising=False)
    found = module.readiness(validate=True)
    assert (found["versions"], found["target"], found["started"]) == ({}, {}, {})


def test_packages_are_fetched_and_the_new_program_is_asked(web, monkeypatch, tmp_path):
    asked = {}
    monkeypatch.setattr(
        module.server_packages, "archive", lambda name, version: tmp_path / f"{name}_{version}"
    )
    monkeypatch.setattr(
        module.role_packages, "refused_by_new",
        lambda services, archives, run, check: asked.update(archives) or "unknown word",
    )  # fmt: skip
    versions = {"apache2": NEW, "apache2-bin": f"{NEW}+b2"}
    assert module.fetch(versions) == "unknown word"
    assert web.told == [("fetch", f"apache2={NEW}", f"apache2-bin={NEW}+b2")]
    assert [path.name for path in asked["apache2"]] == [
        f"apache2_{NEW}",
        f"apache2-bin_{NEW}+b2",
    ]
    assert asked["php8.4-fpm"] == []


def test_what_is_to_come_comes_and_is_held_again(web):
    done = module.upgrade(web.candidates)
    assert done["upgraded"] is True
    assert web.told == [("install", "apache2", "apache2-bin")]
    module.__salt__["pkg.hold"].assert_called_once_with(pkgs=["apache2", "apache2-bin"])
    assert module.upgrade(web.candidates)["upgraded"] is False
    assert len(web.told) == 1


def test_what_dpkg_was_interrupted_at_is_ended_first(web):
    web.rows["apache2-bin"] = (f"{NEW}+b2", "unpacked", "hold", "apache2")
    assert module.upgrade(web.candidates)["upgraded"] is True
    assert web.told == ["configure", ("install", "apache2")]


def test_a_program_of_before_is_replaced_and_what_is_down_starts(web):
    web.old = {"php8.4-fpm"}
    del web.running["apache2"]
    assert module.upgrade({})["upgraded"] is False
    assert web.told == ["restart php8.4-fpm", "start apache2"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda web: setattr(web, "comes_in", False),
            f"apt did not bring in what .* apache2 {OLD}",
        ),
        (lambda web: web.refuses.update(apache2="Syntax error"), "apache2 refuses its .*Syntax"),
        (lambda web: (web.running.pop("apache2"), setattr(web, "start", None)), "does not run"),
        (lambda web: setattr(web, "old", {"php8.4-fpm stays", "php8.4-fpm"}), "still runs the pro"),
    ],
)
def test_what_did_not_come_to_its_end_is_told(web, change, sentence):
    change(web)
    module.__salt__["service.start"] = lambda unit: None
    if "php8.4-fpm stays" in web.old:
        module.__salt__["service.restart"] = lambda unit: None
    with pytest.raises(CommandExecutionError, match=sentence):
        module.upgrade(web.candidates)


def test_services_are_restarted_once(web):
    started = module.readiness()["started"]
    assert module.restart(started)["restarted"] == ["php8.4-fpm", "apache2"]
    assert web.told == ["restart php8.4-fpm", "restart apache2"]
    assert module.restart(started)["restarted"] == []
    assert len(web.told) == 2


def test_one_that_refuses_its_configuration_keeps_all_from_a_restart(web):
    web.refuses = {"apache2": "Syntax error"}
    with pytest.raises(CommandExecutionError, match="apache2 refuses its configuration: Syntax"):
        module.restart(module.readiness()["started"])
    assert web.told == []


def test_what_is_installed_and_not_used_is_left_alone(web):
    web.disabled, web.refuses = {"apache2"}, {"apache2": "there is no file"}
    del web.running["apache2"]
    assert module.upgrade(web.candidates)["upgraded"] is True
    assert module.restart(module.readiness()["started"])["restarted"] == ["php8.4-fpm"]
    assert [one for one in web.told if "apache2" in one and "install" not in one] == []
