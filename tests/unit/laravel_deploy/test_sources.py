"""Which release a source makes."""

from __future__ import annotations

import pytest
from salt.exceptions import CommandExecutionError, SaltInvocationError


def test_a_folder_is_named_by_its_contents(machine):
    first = machine.plan().told()
    assert first["migrations"] == ["2026_01_01_000001_create_a"]
    assert first["complete"] is False
    for name in ("vendor/autoload.php", "README.md"):
        (machine.source / name).write_text("changed, and not deployed")
    assert machine.plan().told() == first
    machine.change("<?php // changed")
    assert machine.plan().release != first["release"]


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"rev": "main"}, SaltInvocationError, "is no git repository"),
        ({"exclude": "artisan"}, CommandExecutionError, "has no artisan"),
    ],
)
def test_a_folder_that_cannot_be_deployed_is_refused(machine, options, error, words):
    with pytest.raises(error, match=words):
        machine.plan(**options)
