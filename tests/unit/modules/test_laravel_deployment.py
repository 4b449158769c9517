"""Deployments as the master's minion offers them: whom it asks, as whom, and one at a time."""

from __future__ import annotations

import pytest
from group_replication import lock
from salt.exceptions import CommandExecutionError

import _modules.laravel_deployment as module
from tests.unit.laravel_deploy.test_fleet_run import Machines


@pytest.fixture
def machines(monkeypatch, tmp_path):
    nodes = {
        "master": {"ip": "10.0.0.1", "role": "master"},
        "web": {"ip": "10.0.0.2", "role": "web"},
        "db1": {"ip": "10.0.0.3", "role": "db"},
        "web2": {"ip": "10.0.0.4", "role": "web"},
    }
    pillar = {"cluster": {"subnet": "10.0.0.0/24", "nodes": nodes}}
    monkeypatch.setattr(module, "__pillar__", pillar, raising=False)
    opts = {"id": "master", "conf_file": "/etc/salt/minion", "cachedir": str(tmp_path)}
    monkeypatch.setattr(module, "__opts__", opts, raising=False)
    monkeypatch.setattr(module, "FLEET_LOCK", tmp_path / "run/lock")
    monkeypatch.setattr(module, "caller", lambda cachedir: "sudo_jane")
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    one = Machines("web", "web2")
    monkeypatch.setattr(module, "_call", one)
    return one


def test_web_servers_are_those_of_the_table_of_nodes(machines):
    assert module.plan()["machines"] == ["web", "web2"]
    assert module.deploy({"build": "b2"})["switched"] == ["web", "web2"]
    assert module.rollback_plan("a")["machines"] == ["web", "web2"]
    assert module.rollback("a")["switched"] == ["web", "web2"]
    assert module.rotation_plan()["accept"] == ["web", "web2"]


def test_one_is_at_work_at_a_time(machines):
    with lock.held(0, module.FLEET_LOCK):
        for run in (module.deploy, module.rollback, module.rotate_key):
            with pytest.raises(CommandExecutionError, match="is under way"):
                run()
        # To look is free.
        assert module.plan()["refused"] == ""
    assert machines.calls == []
