"""Folders of restored instances: named within one folder, and known by what runs on their data."""

from __future__ import annotations

import subprocess
import sys

import pytest
from group_backup import aside
from group_backup.model import Settings
from group_replication.model import Account
from salt.exceptions import CommandExecutionError, SaltInvocationError

SETTINGS = Settings("b", "10.0.0.9", "g", {}, Account("a"))


def test_a_name_is_a_folder_below():
    found = aside.place_of(SETTINGS, "before-noon")
    assert str(found) == "/var/lib/mysql-backup/aside/before-noon"


@pytest.mark.parametrize("name", ["", "..", "a/b", "A", "-a", "a" * 33, "a b", None])
def test_a_name_that_is_none(name):
    with pytest.raises(SaltInvocationError, match="name is"):
        aside.place_of(SETTINGS, name)


def test_what_runs_on_its_data_is_stopped_and_nothing_else(tmp_path):
    place, other = tmp_path / "one", tmp_path / "one2"
    for folder in (place, other):
        aside.make_place(folder)
    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    mine = subprocess.Popen([*sleep, f"--datadir={place / 'data'}"])
    others = subprocess.Popen([*sleep, f"--datadir={other / 'data'}"])
    try:
        assert aside.processes(place) == [mine.pid]
        # A child of this test is there until it is waited for.
        mine.terminate()
        mine.wait(60)
        aside.remove(place)
        assert not place.exists()
        assert others.poll() is None
    finally:
        others.kill()
        others.wait(60)


def test_a_server_tells_systemd_nothing_of_the_minion(tmp_path, monkeypatch):
    aside.make_place(tmp_path / "one")
    seen = tmp_path / "seen"
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/systemd/notify")
    monkeypatch.setenv("KEPT", "1")
    program = "import os, sys; open(sys.argv[1], 'w').write(' '.join(os.environ)); sys.exit(1)"
    command = [sys.executable, "-c", program, str(seen)]
    monkeypatch.setattr(aside, "aside_options", lambda *_: command)
    with pytest.raises(CommandExecutionError, match="did not start"):
        aside.start(tmp_path / "one", {})
    assert "KEPT" in seen.read_text().split()
    assert "NOTIFY_SOCKET" not in seen.read_text().split()


def test_nobody_else_comes_in_before_it_is_whole(tmp_path):
    aside.make_place(tmp_path / "one")
    for name in (".", "data", "run", "logs"):
        assert (tmp_path / "one" / name).stat().st_mode & 0o777 == 0o700
