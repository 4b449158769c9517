"""One deployment at a time."""

from __future__ import annotations

import pytest
from laravel_deploy import lock
from laravel_deploy.lock import locked
from salt.exceptions import CommandExecutionError


def test_two_deployments_do_not_meet(machine, monkeypatch):
    monkeypatch.setattr(lock, "LOCK_SECONDS", 0.05)
    another = pytest.raises(CommandExecutionError, match="Another call has held")
    with locked(str(machine.root)), another:
        machine.build()
    machine.build()


def test_a_build_keeps_nobody_from_going_back(machine, monkeypatch):
    monkeypatch.setattr(lock, "LOCK_SECONDS", 0.05)
    first = machine.deploy()
    machine.change("<?php // 2")
    machine.deploy()
    with locked(str(machine.root), lock.BUILD_LOCK):
        assert machine.rollback()["new"] == first
        with pytest.raises(CommandExecutionError, match="Another call has held"):
            machine.build()
