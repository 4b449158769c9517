"""The rules for Prometheus ask for what is exported, and a page says what to do at each alert."""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from group_backup import record

from tests.unit.programs import loaded

DOCS = Path(__file__).resolve().parents[2] / "docs"
RULES = [
    rule
    for group in yaml.safe_load((DOCS / "prometheus-alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]
# No sign of anything amiss by itself.
NO_ALERT = {"mysql_gr_member"}
SEEN = {
    **dict.fromkeys(("live", "writable", "readable", "draining", "quorum", "fenced"), True),
    **{"disk_full": False, "halted": False, "queued": 0, "state": "ONLINE", "role": "PRIMARY"},
}
REMEMBERED = {
    "behind": {
        "receiver": "ON",
        "applier": "ON",
        "seconds": 1,
        "not_received": 0,
        "at": 9,
        "free": 9,
    },
    "full": {"well": 9},
    "logs": {"well": 9},
    "drill": {"at": 9},
}


def exported(monkeypatch) -> set[str]:
    """The names of all metrics of this project's own."""
    health = loaded("health")
    for name in ("ends_in_file", "last_look"):
        monkeypatch.setattr(health, name, lambda: 9.0)
    numbers = {"differences": 0.0, "timestamp": 9.0, "success": 1.0}
    monkeypatch.setattr(health, "numbers", lambda: numbers)
    told = re.findall(r"^(\w+) ", record.metrics(REMEMBERED), re.MULTILINE)
    return {family.name for family in health.Gauges(SEEN).collect()} | set(told)


def test_each_rule_asks_for_what_is_exported_and_nothing_is_left_out(monkeypatch):
    asked = {name for rule in RULES for name in re.findall(r"\bmysql_gr_\w+", rule["expr"])}
    assert asked | NO_ALERT == exported(monkeypatch)


def test_each_alert_says_what_and_how_grave():
    assert len({rule["alert"] for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert rule["labels"]["severity"] in ("critical", "warning"), rule
        assert rule["annotations"]["summary"].endswith((".", "}}.")), rule


def test_the_page_says_what_to_do_at_each():
    page = (DOCS / "alerts.md").read_text()
    table = page[page.index("## What each alert wants") :]
    named = re.findall(r"`((?:MySQL|HAProxy)\w+)`", table)
    assert {rule["alert"] for rule in RULES} == set(named)
