"""Workers come, go and start anew; what is compared is what a run then changes."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path

import pytest
import whole_file
from laravel_deploy import unit_update
from laravel_deploy.unit_update import (
    differences,
    restart_workers,
    unit_status,
    update_units,
)
from laravel_deploy.workers import Site, names_of, wanted_units
from salt.exceptions import CommandExecutionError

SITE = Site("/srv/shop", "www-data", "www-data", "web", ["web"])
ONE, TWO = "laravel-worker-mail@1.service", "laravel-worker-mail@2.service"
FILE, TIMER = "laravel-worker-mail@.service", "laravel-schedule.timer"
SERVICE = "laravel-schedule.service"


class Systemd:
    """What systemctl does to units, as far as it is asked here."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.states: dict[str, str] = {}
        self.ran: list[str] = []
        # What a unit is after it was started.
        self.started = "active running"
        self.refuses = ""
        # The files as they were read, and when the process of a unit began.
        self.loaded: dict[str, str] = {}
        self.began: dict[str, float] = {}

    def run_all(self, command: list[str], **_options) -> dict:
        _, verb, *rest = command
        units = [one for one in rest if not one.startswith("-")]
        if verb not in ("list-units", "show"):
            self.ran.append(" ".join(command[1:]))
        if verb == self.refuses:
            return {"retcode": 1, "stdout": "", "stderr": f"Failed to {verb} unit"}
        return {"retcode": 0, "stdout": getattr(self, verb.replace("-", "_"))(units), "stderr": ""}

    def list_units(self, patterns: list[str]) -> str:
        shown = {n: s for n, s in self.states.items() if any(fnmatch(n, one) for one in patterns)}
        return "\n".join(f"{name} loaded {state} Some words" for name, state in shown.items())

    def enable(self, units: list[str]) -> str:
        for unit in units:
            kind = "timers" if unit.endswith("timer") else "multi-user"
            wants = self.folder / f"{kind}.target.wants"
            wants.mkdir(exist_ok=True)
            (wants / unit).unlink(missing_ok=True)
            (wants / unit).symlink_to("/nothing")
            self.states[unit] = self.started
            self.began[unit] = time.time()
        return self.daemon_reload([])

    def disable(self, units: list[str]) -> str:
        for unit in units:
            for link in self.folder.glob("*.wants/*"):
                if link.name == unit:
                    link.unlink()
        return ""

    def stop(self, units: list[str]) -> str:
        for unit in units:
            # Its file has to be there, or systemd would not know how long its job may take.
            head, at, _ = unit.partition("@")
            assert (self.folder / (f"{head}@.service" if at else unit)).exists()
            self.states.pop(unit, None)
        return ""

    def nothing(self, _units: list[str]) -> str:
        return ""

    reset_failed = nothing

    def daemon_reload(self, _units: list[str]) -> str:
        self.loaded = self.files()
        return ""

    def files(self) -> dict[str, str]:
        return {path.name: path.read_text() for path in self.folder.iterdir() if path.is_file()}

    def try_restart(self, patterns: list[str]) -> str:
        for unit in self.states:
            if any(fnmatch(unit, one) for one in patterns):
                self.began[unit] = time.time()
        return ""

    def show(self, units: list[str]) -> str:
        files = self.files()
        unread = {one for one in files if files[one] != self.loaded.get(one)}
        return "\n\n".join(
            f"Id={unit}\nActiveState=active\nSubState=running\nMainPID=7\nNRestarts=2\n"
            f"UnitFileState=enabled\nExecMainStartTimestamp=@{int(self.began.get(unit, 0))}\n"
            f"NeedDaemonReload={'yes' if unit_update._file(unit) in unread else 'no'}"
            for unit in units
        )

    def grow_older(self, seconds: float) -> None:
        """Have all processes be so much older."""
        self.began = {unit: began - seconds for unit, began in self.began.items()}


@pytest.fixture
def systemd(tmp_path, monkeypatch) -> Systemd:
    monkeypatch.setattr(unit_update, "UNITS", tmp_path)
    monkeypatch.setattr(unit_update, "SETTLE_SECONDS", 0.05)
    monkeypatch.setattr(unit_update, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(whole_file.os, "fchown", lambda *_args: None)
    (tmp_path / "other.service").write_text("of somebody else")
    return Systemd(tmp_path)


def have(systemd, workers, schedule=False):
    """Make the units so, after a test that says the same; the next run changes nothing."""
    wanted = wanted_units(SITE, workers, schedule)
    before = sorted(systemd.folder.rglob("*"))
    predicted = update_units(wanted, systemd.run_all, test=True)
    assert sorted(systemd.folder.rglob("*")) == before
    systemd.ran.clear()
    assert update_units(wanted, systemd.run_all, test=False) == predicted
    done = list(systemd.ran)
    assert update_units(wanted, systemd.run_all, test=False) == {}
    assert systemd.ran == done
    systemd.ran.clear()
    return predicted, done


def in_short(systemd, changes):
    """Changes with a file's name behind a plus."""
    return {name.replace(f"{systemd.folder}/", "+"): change for name, change in changes.items()}


def test_workers_and_the_timer_come(systemd):
    changes, done = have(systemd, {"mail": {"processes": 2}}, schedule=True)
    changes = in_short(systemd, changes)
    new = {"old": "absent", "new": "present"}
    started = {"old": "stopped", "new": "running"}
    assert changes == {
        f"+{FILE}": new,
        f"+{SERVICE}": new,
        f"+{TIMER}": new,
        TIMER: started,
        ONE: started,
        TWO: started,
    }
    assert done == ["daemon-reload", f"enable --now {TIMER} {ONE} {TWO}"]


def test_other_settings_start_the_processes_anew(systemd):
    have(systemd, {"mail": {}}, schedule=True)
    changes, done = have(systemd, {"mail": {"timeout": 90}}, schedule=True)
    changes = in_short(systemd, changes)
    assert changes == {f"+{FILE}": {"old": "other settings", "new": "present"}}
    assert done == ["daemon-reload", "try-restart --no-block laravel-worker-mail@*.service"]


@pytest.mark.parametrize(
    ("killed_before", "left", "then"),
    [
        (
            "daemon-reload",
            {f"+{FILE}": {"old": "present, not loaded", "new": "present"}},
            ["daemon-reload", "try-restart --no-block laravel-worker-mail@*.service"],
        ),
        (
            "try-restart",
            {ONE: {"old": "running what was before", "new": "running"}},
            [f"try-restart --no-block {ONE}"],
        ),
    ],
)
def test_what_a_killed_run_did_not_tell_systemd_is_told_by_the_next(
    systemd, killed_before, left, then
):
    have(systemd, {"mail": {}})
    systemd.grow_older(60)
    systemd.refuses = killed_before
    with pytest.raises(CommandExecutionError):
        update_units(wanted_units(SITE, {"mail": {"timeout": 90}}, False), systemd.run_all, False)
    systemd.refuses = ""
    changes, done = have(systemd, {"mail": {"timeout": 90}})
    assert (in_short(systemd, changes), done) == (left, then)


@pytest.mark.parametrize(
    ("changed", "seconds", "state", "is_old"),
    [
        # A switch that was killed before the workers were told, and a configuration likewise.
        ("current", 10, "active running", True),
        ("current/bootstrap/cache/.env.sha256", 10, "active running", True),
        ("current", -10, "active running", False),
        # Told in whole seconds: it may have begun just after.
        ("current", 0.5, "active running", False),
        # It ends the job that it has, and is started anew then.
        ("current", 10, "deactivating stop-sigterm", False),
        # From the future: each run would find it so.
        ("current", 1000, "active running", False),
    ],
)
def test_a_worker_that_is_older_than_what_serves_is_started_anew(
    systemd, tmp_path, changed, seconds, state, is_old
):
    site = replace(SITE, directory=str(tmp_path / "shop"))
    release = tmp_path / "shop/releases/abc"
    (release / "bootstrap/cache").mkdir(parents=True)
    (release / "bootstrap/cache/.env.sha256").write_text("x")
    (tmp_path / "shop/current").symlink_to(release)
    wanted = wanted_units(site, {"mail": {}}, False)
    update_units(wanted, systemd.run_all, test=False)
    systemd.grow_older(100)
    systemd.states[ONE] = state
    began = int(systemd.began[ONE])
    for path in (systemd.folder / FILE, *map(Path, wanted.reads)):
        os.utime(path, (began - 50, began - 50), follow_symlinks=False)
    told = (began + seconds,) * 2
    os.utime(tmp_path / "shop" / changed, told, follow_symlinks=False)
    changes = differences(wanted, systemd.run_all)
    assert changes == (
        {ONE: {"old": "running what was before", "new": "running"}} if is_old else {}
    )
    assert update_units(wanted, systemd.run_all, test=False) == changes
    assert update_units(wanted, systemd.run_all, test=False) == {}


def test_a_process_less_is_not_waited_for(systemd):
    have(systemd, {"mail": {"processes": 2}})
    changes, done = have(systemd, {"mail": {}})
    assert changes == {TWO: {"old": "running", "new": "stopped"}}
    assert done == [f"disable --no-reload {TWO}", f"stop --no-block {TWO}"]


def test_what_the_pillar_loses_goes_after_its_job(systemd):
    have(systemd, {"mail": {}}, schedule=True)
    changes, done = have(systemd, {})
    gone, stopped = {"old": "present", "new": "absent"}, {"old": "running", "new": "stopped"}
    files = dict.fromkeys((f"+{FILE}", f"+{SERVICE}", f"+{TIMER}"), gone)
    assert in_short(systemd, changes) == {**files, TIMER: stopped, ONE: stopped}
    assert done == [
        f"disable --no-reload {TIMER} {ONE}",
        f"stop {TIMER} {ONE}",
        f"reset-failed {TIMER} {ONE}",
        "daemon-reload",
    ]
    assert [path.name for path in systemd.folder.iterdir() if path.is_file()] == ["other.service"]


@pytest.mark.parametrize(
    ("state", "enabled", "was"),
    [
        ("failed failed", True, "stopped until the next boot"),
        ("active running", False, "running until the next boot"),
        ("inactive dead", False, "stopped"),
    ],
)
def test_what_was_stopped_by_hand_runs_again(systemd, state, enabled, was):
    have(systemd, {"mail": {}})
    systemd.states[ONE] = state
    if not enabled:
        systemd.disable([ONE])
    changes, done = have(systemd, {"mail": {}})
    assert changes == {ONE: {"old": was, "new": "running"}}
    assert done == [f"enable --now {ONE}"]


def test_a_worker_that_ends_its_job_is_left_to_it(systemd):
    have(systemd, {"mail": {}})
    systemd.states[ONE] = "deactivating stop-sigterm"
    wanted = wanted_units(SITE, {"mail": {}}, False)
    assert update_units(wanted, systemd.run_all, test=False) == {}
    assert systemd.ran == []


def test_a_worker_that_does_not_stay_up_is_named(systemd):
    systemd.started = "activating auto-restart"
    wanted = wanted_units(SITE, {"mail": {}}, False)
    with pytest.raises(CommandExecutionError, match=f"{ONE} does not stay up") as failed:
        update_units(wanted, systemd.run_all, test=False)
    assert failed.value.info == {"awaited": "database"}
    # It is not taken for one that is as it should be, in the next run either.
    with pytest.raises(CommandExecutionError):
        update_units(wanted, systemd.run_all, test=False)


def test_what_systemd_refuses_is_said(systemd):
    systemd.refuses = "enable"
    with pytest.raises(CommandExecutionError, match=r"systemctl enable .*: Failed to enable unit"):
        update_units(wanted_units(SITE, {"mail": {}}, False), systemd.run_all, test=False)


def test_workers_start_anew_where_there_are_any(systemd):
    root = Path("/srv/shop")
    restart_workers(systemd.run_all, root)
    have(systemd, {}, schedule=True)
    restart_workers(systemd.run_all, root)
    assert systemd.ran == []
    have(systemd, {"mail": {}})
    restart_workers(systemd.run_all, root)
    assert systemd.ran == ["try-restart --no-block laravel-worker-mail@*.service"]


def test_another_application_s_workers_are_left_alone(systemd):
    shop = replace(SITE, directory="/srv/other", application="shop")
    have(systemd, {"mail": {}}, schedule=True)
    update_units(wanted_units(shop, {"mail": {}}, True), systemd.run_all, test=False)
    ours = "laravel-shop-worker-mail@1.service"
    assert {ONE, ours, TIMER, "laravel-shop-schedule.timer"} <= systemd.states.keys()
    systemd.ran.clear()
    restart_workers(systemd.run_all, Path("/srv/other"))
    assert systemd.ran == ["try-restart --no-block laravel-shop-worker-mail@*.service"]
    # What one application no longer asks for goes, and nothing of the other one.
    update_units(wanted_units(shop, {}, False), systemd.run_all, test=False)
    assert ours not in systemd.states
    assert {ONE, TIMER} <= systemd.states.keys()
    assert differences(wanted_units(SITE, {"mail": {}}, True), systemd.run_all) == {}


def test_the_status_names_the_release_that_a_worker_runs_in(systemd, monkeypatch):
    assert unit_status(systemd.run_all, "/srv/shop/releases", names_of("laravel")) == []
    have(systemd, {"mail": {}})
    monkeypatch.setattr(unit_update, "releases_of", lambda pids, *_more: dict.fromkeys(pids, "abc"))
    assert unit_status(systemd.run_all, "/srv/shop/releases", names_of("laravel")) == [
        {
            "unit": ONE,
            "state": "active (running)",
            "enabled": True,
            "restarts": 2,
            "pid": 7,
            "release": "abc",
        }
    ]


def test_no_units_folder_is_no_unit(systemd, tmp_path, monkeypatch):
    monkeypatch.setattr(unit_update, "UNITS", tmp_path / "none")
    assert differences(wanted_units(SITE, {}, False), systemd.run_all) == {}
