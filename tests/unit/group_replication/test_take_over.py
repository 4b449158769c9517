"""A new process takes a place when it is as good as the one that has it, and else never."""

from __future__ import annotations

import itertools
import os
import socket
import threading

import pytest
from group_replication import take_over
from group_replication.take_over import DESCRIPTOR, RUNS, SEES


@pytest.mark.parametrize(
    ("said", "sees", "why"),
    [
        (SEES, True, ""),
        (SEES, False, ""),
        (RUNS * 3 + SEES, True, ""),
        # Neither of them sees anything: nothing is lost.
        (RUNS, False, ""),
        (RUNS, True, "it does not see what this one sees"),
        (b"", True, "not ready in 0 s"),
        (b"", False, "not ready in 0 s"),
        (None, False, "it ended"),
    ],
)
def test_the_new_one_has_to_see_what_the_old_one_sees(monkeypatch, said, sees, why):
    monkeypatch.setattr(take_over, "READY_SECONDS", 0.4)
    monkeypatch.setattr(take_over, "BLIND_SECONDS", 0.2)
    reader, writer = os.pipe()
    try:
        os.write(writer, said or b"")
        if said is None:
            os.close(writer)
        assert take_over._awaited(reader, lambda: sees) == why
    finally:
        os.close(reader)
        if said is not None:
            os.close(writer)


def test_the_old_one_that_sees_nothing_for_a_moment_stays(monkeypatch):
    """As on a host that is too busy to look."""
    monkeypatch.setattr(take_over, "READY_SECONDS", 2)
    monkeypatch.setattr(take_over, "BLIND_SECONDS", 1)
    monkeypatch.setattr(take_over, "STEP_SECONDS", 0.001)
    # A clock that goes by steps: so long is one look.
    monkeypatch.setattr(take_over.time, "monotonic", itertools.count(step=0.05).__next__)
    looks = itertools.cycle([False, False, True])
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb"), os.fdopen(writer, "wb", buffering=0) as new:
        new.write(RUNS)
        assert take_over._awaited(reader, lambda: next(looks)).startswith("it does not see")
        new.write(RUNS)
        assert take_over._awaited(reader, lambda: False) == ""


def test_a_program_that_is_not_there_takes_nothing_over(monkeypatch):
    monkeypatch.setattr("sys.orig_argv", ["/nonexistent/python"])
    assert take_over.replace(lambda: True, []).startswith("it cannot be started: [Errno 2]")


def test_a_first_process_begins_at_once_and_says_so(monkeypatch, tmp_path):
    monkeypatch.delenv(DESCRIPTOR, raising=False)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        take_over.begin(lambda: False)
        assert manager.recv(100) == b"READY=1"
    # Where nobody listens nobody is told.
    monkeypatch.delenv("NOTIFY_SOCKET")
    take_over.begin(lambda: False)


def test_a_manager_may_have_an_abstract_address(monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        # The kernel chooses a free one.
        manager.bind("")
        address = manager.getsockname().decode()
        monkeypatch.setenv("NOTIFY_SOCKET", address.replace("\0", "@"))
        take_over.notify("STATUS=a word")
        assert manager.recv(100) == b"STATUS=a word"


def test_a_later_process_says_how_far_it_is_and_begins_when_it_sees(monkeypatch):
    reader, writer = os.pipe()
    monkeypatch.setenv(DESCRIPTOR, str(writer))
    seen = iter([False, False, True])
    with os.fdopen(reader, "rb") as said:
        take_over.begin(lambda: next(seen))
        assert said.read() == RUNS + RUNS + SEES
    # The process after it has a descriptor of its own.
    assert DESCRIPTOR not in os.environ


def test_a_later_process_that_sees_nothing_begins_when_it_is_alone(monkeypatch):
    reader, writer = os.pipe()
    monkeypatch.setenv(DESCRIPTOR, str(writer))
    begun = threading.Thread(target=take_over.begin, args=[lambda: False], daemon=True)
    begun.start()
    with os.fdopen(reader, "rb", buffering=0) as old:
        assert old.read(1) == RUNS
        assert begun.is_alive()
    begun.join(30)
    assert not begun.is_alive()


def test_why_nothing_was_replaced_is_told_where_a_reload_looks(monkeypatch, tmp_path):
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    take_over.refuse("it ended with status 7")
    take_over.refuse("it ended with status 8")
    assert {one.name: one.read_text() for one in tmp_path.iterdir()} == {
        "refused": "it ended with status 8\n"
    }
    # By hand, without a unit, nobody waits for it.
    monkeypatch.delenv("RUNTIME_DIRECTORY")
    take_over.refuse("it ended with status 9")
    assert "8" in (tmp_path / "refused").read_text()
