"""What a minion's own process loads, and keeps, is nothing that an update of the tree changes."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest
import yaml

from _modules import scheduled

ROOT = Path(__file__).resolve().parents[3]
SCHEDULES = [
    entry
    for path in sorted((ROOT / "pillar").glob("*.sls"))
    if path.read_text().startswith(("schedule:", "#")) and "\nschedule:" in "\n" + path.read_text()
    for entry in yaml.safe_load(path.read_text())["schedule"].values()
]


def test_what_is_scheduled_is_here():
    assert SCHEDULES
    for entry in SCHEDULES:
        module, _, function = entry["function"].partition(".")
        assert module == "scheduled"
        assert callable(getattr(scheduled, function))


def test_it_imports_nothing_of_the_library():
    tree = ast.parse((ROOT / "_modules/scheduled.py").read_text())
    found = [one.module or "" for one in ast.walk(tree) if isinstance(one, ast.ImportFrom)]
    found += [
        name.name for one in ast.walk(tree) if isinstance(one, ast.Import) for name in one.names
    ]
    assert {name.partition(".")[0] for name in found} <= sys.stdlib_module_names


def test_it_renews_the_certificate(monkeypatch: pytest.MonkeyPatch):
    said = {"why": "its days are over", "serial": "01"}
    monkeypatch.setattr(scheduled, "__salt__", {"mysql_tls.renew": lambda: said}, raising=False)
    assert scheduled.renew_certificate() == said
