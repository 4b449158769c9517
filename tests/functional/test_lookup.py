"""Another service and another data directory of MySQL are meant in every unit and file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jinja2
import pytest

from tests.functional.test_render import highstate
from tests.support.lab import ROOT

OTHER = {"service": "mysqld", "data_directory": "/data/mysql"}


@pytest.fixture
def chunks(with_pillar) -> list[dict[str, Any]]:
    return highstate(with_pillar("db1", {"mysql": {"lookup": OTHER}}))[0]


def text_of(chunk: dict[str, Any]) -> str:
    """What a unit gets: from its template, or as the state has it."""
    source = str(chunk.get("source", ""))
    if not chunk["name"].startswith("/etc/systemd/") or chunk.get("template") != "jinja":
        return str(chunk.get("contents", ""))
    template = Path(ROOT, "salt", source.removeprefix("salt://")).read_text()
    return jinja2.Template(template).render(**chunk["context"])


def test_no_state_means_the_packaged_service_or_folder(chunks):
    for chunk in chunks:
        told = json.dumps(chunk) + text_of(chunk)
        # The package's user keeps its home.
        assert "/var/lib/mysql/" not in told, chunk
        assert not any(name in told for name in (" mysql.service", "/mysql.service")), chunk


def test_what_needs_the_data_waits_for_its_disk(chunks):
    texts = {chunk["name"]: text_of(chunk) for chunk in chunks}
    units = {name: text for name, text in texts.items() if name.startswith("/etc/systemd/")}
    waiting = [name for name, text in units.items() if "RequiresMountsFor=/data/mysql" in text]
    assert sorted(waiting) == [
        "/etc/systemd/system/mysql-gr-keeper.service",
        "/etc/systemd/system/mysqld.service.d/mysql-gr-binary-log.conf",
    ]
    drop_ins = "/etc/systemd/system/mysqld.service.d/"
    assert len([name for name in units if name.startswith(drop_ins)]) == 3
    for name in ("keeper", "compare"):
        text = units[f"/etc/systemd/system/mysql-gr-{name}.service"]
        assert "After=network-online.target mysqld.service" in text.splitlines()
    health = units["/etc/systemd/system/mysql-gr-health.service"]
    assert "Before=mysqld.service" in health.splitlines()


@pytest.mark.parametrize(("pillar", "seconds"), [({}, 300), ({"drain": 600}, 800)])
def test_systemd_waits_as_long_as_pillar_lets_a_member_drain(with_pillar, pillar, seconds):
    chunks = highstate(with_pillar("db1", {"mysql": pillar}))[0]
    (unit,) = (one for one in chunks if one["__id__"] == "mysql-drain-unit-managed")
    assert f"TimeoutStopSec={seconds}" in text_of(unit).splitlines()
