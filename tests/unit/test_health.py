"""The health agent fails closed: what it does not know is a no."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from http.server import ThreadingHTTPServer

import pytest

import _modules.mysql_gr as mysql_gr
from tests.unit.programs import loaded

health = loaded("health")

GOOD = {
    "state": "ONLINE",
    "role": "PRIMARY",
    "quorum": True,
    "super_read_only": False,
    "offline_mode": False,
}


def watching(seen: dict | None, age: float = 0.0, error: str = ""):
    watch = health.Watch("/nonexistent", "nobody")
    if seen is not None:
        watch._seen, watch._error, watch._at = seen, error, time.monotonic() - age
    return watch


@pytest.mark.parametrize(
    ("change", "writable", "readable"),
    [
        ({}, True, True),
        ({"role": "SECONDARY", "super_read_only": True}, False, True),
        ({"role": "SECONDARY"}, False, True),
        ({"super_read_only": True}, False, True),
        ({"offline_mode": True}, False, False),
        ({"quorum": False}, False, False),
        ({"state": "RECOVERING", "role": None}, False, False),
        ({"state": "OFFLINE", "role": None, "quorum": False}, False, False),
        ({"state": "ERROR", "role": None}, False, False),
    ],
)
def test_verdicts(change, writable, readable):
    answer = watching({**GOOD, **change}).answer()
    assert (answer["writable"], answer["readable"]) == (writable, readable)
    assert answer["reason"].startswith(change.get("state", "ONLINE"))


def test_a_full_disk_takes_no_writes_until_mysqld_has_looked_again(monkeypatch, tmp_path):
    watch = watching(GOOD)
    watch._look_for_room([str(tmp_path), "/nonexistent"])
    assert watch.answer()["writable"] is True
    monkeypatch.setattr(health, "FREE_BYTES", 2**63)
    watch._look_for_room([str(tmp_path)])
    answer = watch.answer()
    assert (answer["writable"], answer["readable"]) == (False, True)
    assert answer["reason"].endswith("disk full")
    monkeypatch.setattr(health, "FREE_BYTES", 0)
    watch._look_for_room([str(tmp_path)])
    assert watch.answer()["writable"] is False
    watch._full_at -= health.FULL_SECONDS
    assert watch.answer()["writable"] is True


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        ({"seen": None}, "not asked yet"),
        ({"seen": GOOD, "age": 1.5}, "last answered 1.5 s ago"),
        ({"seen": GOOD, "error": "cannot connect"}, "cannot connect"),
    ],
)
def test_what_is_not_known_is_a_no(known, reason):
    answer = watching(**known).answer()
    assert (answer["writable"], answer["readable"]) == (False, False)
    assert reason in answer["reason"]


@pytest.fixture
def ask():
    """The agent's pages, really served; returns a function of path to (code, text)."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), health.Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def get(path: str, watch=None) -> tuple[int, str]:
        health.Handler.watch = watch or watching(GOOD)
        url = f"http://127.0.0.1:{server.server_port}{path}"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as err:
            return err.code, err.read().decode()

    yield get
    server.shutdown()
    server.server_close()


def test_pages(ask):
    assert ask("/writable") == (200, "ONLINE, with a majority, role PRIMARY\n")
    assert ask("/readable?lag=5")[0] == 200
    secondary = watching({**GOOD, "role": "SECONDARY", "super_read_only": True})
    assert ask("/writable", secondary)[0] == 503
    assert ask("/readable", secondary)[0] == 200
    code, text = ask("/", watching(GOOD, error="cannot connect"))
    assert (code, json.loads(text)["reason"]) == (200, "cannot connect")
    assert ask("/metrics")[0] == 404


def test_a_member_that_is_leaving_takes_nobody_new(ask, monkeypatch):
    """404 where it was 200; what was a no stays one, so that its sessions are closed."""
    monkeypatch.setattr(mysql_gr, "draining", lambda: True)
    assert ask("/writable") == (404, "ONLINE, with a majority, role PRIMARY, leaving\n")
    assert ask("/readable")[0] == 404
    secondary = watching({**GOOD, "role": "SECONDARY", "super_read_only": True})
    assert (ask("/writable", secondary)[0], ask("/readable", secondary)[0]) == (503, 404)
    assert ask("/readable", watching({**GOOD, "state": "OFFLINE", "quorum": False}))[0] == 503
    assert ask("/readable", watching(GOOD, error="cannot connect"))[0] == 503
    assert json.loads(ask("/")[1])["draining"] is True
