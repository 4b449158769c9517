"""One run at a time, in whatever process, and none that ended holds the lock."""

from __future__ import annotations

import os
import signal
import stat
import time

import pytest
from group_replication import lock
from salt.exceptions import CommandExecutionError


def test_one_at_a_time_and_for_root_alone(tmp_path):
    file = tmp_path / "run" / "lock"
    with lock.held(0, file) as first:
        assert first is True
        begin = time.monotonic()
        with lock.held(0.3, file) as second:
            assert second is False
        assert time.monotonic() - begin >= 0.3
        # Who did not have it has not let go of it.
        with lock.held(0, file) as third:
            assert third is False
    with lock.held(0, file) as again:
        assert again is True
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_who_wants_it_alone_is_refused(tmp_path):
    file = tmp_path / "lock"
    expected = pytest.raises(CommandExecutionError, match="held by a test")
    with lock.alone(0, file), expected, lock.alone(0, file, "held by a test"):
        pytest.fail("two hold the lock")
    with lock.held(0, file) as taken:
        assert taken is True


def test_it_is_let_go_by_who_fails(tmp_path):
    with pytest.raises(RuntimeError), lock.held(0, tmp_path / "lock"):
        raise RuntimeError
    with lock.held(0, tmp_path / "lock") as taken:
        assert taken is True


def test_it_is_let_go_by_who_forked(tmp_path):
    file = tmp_path / "lock"
    with lock.held(0, file):
        child = os.fork()
        if child == 0:
            signal.pause()
    try:
        with lock.held(0, file) as taken:
            assert taken is True
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_who_is_killed_holds_nothing(tmp_path):
    file = tmp_path / "lock"
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        with lock.held(0, file):
            os.write(writing, b".")
            signal.pause()
    assert os.read(reading, 1) == b"."
    with lock.held(0, file) as taken:
        assert taken is False
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with lock.held(0, file) as taken:
        assert taken is True
    os.close(reading)
    os.close(writing)


def test_a_link_is_not_followed(tmp_path):
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"), lock.held(0, tmp_path / "lock"):
        pass
    assert not (tmp_path / "elsewhere").exists()
