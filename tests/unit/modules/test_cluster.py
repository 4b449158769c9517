"""What the module does beside its library: what it answers, and what it does without."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import _modules.cluster as cluster
from tests.unit.group import pillar

ROOT = Path(__file__).parents[3]


def test_what_pillar_declares_is_answered(monkeypatch):
    declared = pillar()
    monkeypatch.setattr(cluster, "__pillar__", declared, raising=False)
    nodes = declared["cluster"]["nodes"]
    assert cluster.nodes() == {name: node["ip"] for name, node in nodes.items()}
    assert cluster.balancer()["address"] == next(iter(cluster.nodes("proxy").values()), "")
    assert set(cluster.balancer()) == {
        "address",
        "proxies",
        "virtual_address",
        "virtual_router_id",
    }


def test_web_servers_are_balanced_where_pillar_says_so(monkeypatch):
    declared = pillar()
    monkeypatch.setattr(cluster, "__pillar__", declared, raising=False)
    assert cluster.web()["balanced"] is False
    declared["cluster"]["nodes"]["web"] = {"ip": "172.28.17.51", "role": "web"}
    declared["cluster"]["web"] = {"balanced": True}
    assert cluster.web() == {
        "balanced": True,
        "tls": "none",
        "health": "/up",
        "host": "172.28.17.52",
        "url": "http://172.28.17.52",
        "trusted": ["172.28.17.52"],
    }


def test_a_machine_that_served_nowhere_has_no_traces(monkeypatch, tmp_path):
    group_of, servers_of = cluster.on_disk.group_of, cluster.on_disk.servers_of
    files = tmp_path / "one", tmp_path / "two"
    monkeypatch.setattr(cluster.on_disk, "group_of", lambda: group_of(*files))
    monkeypatch.setattr(cluster.on_disk, "servers_of", lambda: servers_of(*files))
    assert cluster.traces() == {"group": "", "servers": []}


def test_no_code_for_mysql_is_loaded():
    """Web servers and balancers ask it, too."""
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, _modules.cluster; print(*sys.modules)"],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / '_utils'}"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert "pymysql" not in loaded
    ours = {name for name in loaded if name.startswith("group_replication.")}
    assert {name.partition(".")[2] for name in ours} == {
        *("files", "memory", "model", "pillar", "traces")
    }
