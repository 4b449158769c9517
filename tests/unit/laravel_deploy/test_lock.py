"""One deployment at a time."""

from __future__ import annotations

import pytest
from laravel_deploy import lock
from laravel_deploy.lock import locked
from salt.exceptions import CommandExecutionError


def test_two_deployments_do_not_meet(machine, monkeypatch):
    monkeypatch.setattr(lock, "LOCK_SECONDS", 0.05)
    another = pytest.raises(CommandExecutionError, match="Another deployment")
    with locked(str(machine.root)), another:
        machine.build()
    machine.build()
