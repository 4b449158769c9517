"""What comes last on the processors, and what does not."""

from __future__ import annotations

import os
import subprocess
import threading

import pytest
from group_backup import priority


def nice_of_a_program() -> int:
    done = subprocess.run(["nice"], capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_a_program_that_is_started_inside_comes_last_and_no_other_thread():
    found: dict[str, int] = {}
    reached, go_on = threading.Event(), threading.Event()

    def work() -> None:
        with priority.lowered():
            found["inside"] = nice_of_a_program()
            reached.set()
            go_on.wait(10)
        found["after"] = nice_of_a_program()

    before = nice_of_a_program()
    worker = threading.Thread(target=work)
    worker.start()
    assert reached.wait(10)
    assert found["inside"] == priority.NICE
    # Meanwhile, in another thread of the same process.
    assert nice_of_a_program() == before
    go_on.set()
    worker.join()
    if os.geteuid() == 0:
        assert found["after"] == before


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone may take it back")
def test_it_ends_with_an_error():
    before = nice_of_a_program()
    with pytest.raises(OSError, match="no space"), priority.lowered():
        raise OSError("no space")
    assert nice_of_a_program() == before
