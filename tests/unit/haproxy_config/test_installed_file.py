"""Whose the file in place is."""

from __future__ import annotations

from pathlib import Path

import pytest
from salt.exceptions import CommandExecutionError, SaltInvocationError

from tests.unit.haproxy import left_over


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"mode": "rw"}, SaltInvocationError, "mode 'rw' is no file mode"),
        ({"mode": "0980"}, SaltInvocationError, "mode '0980' is no file mode"),
        ({"user": "nosuchuser"}, CommandExecutionError, "nosuchuser"),
        ({"group": "nosuchgroup"}, CommandExecutionError, "nosuchgroup"),
    ],
)
def test_an_owner_that_cannot_be_is_refused(machine, name, arguments, error, words):
    with pytest.raises(error, match=words):
        machine.write(name, **arguments)
    assert left_over(name) == []


@pytest.mark.parametrize("mode", ["0640", "640", 640])
def test_a_mode_may_be_written_in_each_usual_way(machine, name, mode):
    machine.write(name, mode=mode)
    assert Path(name).stat().st_mode & 0o7777 == 0o640
    assert machine.plan(name)["changes"] == {}
