"""What the library is given of Salt, and a file of its own."""

from __future__ import annotations

import pytest

from tests.unit.haproxy import Machine


@pytest.fixture
def machine(monkeypatch):
    monkeypatch.setattr("salt.utils.path.which", lambda name: "/usr/sbin/haproxy")
    return Machine()


@pytest.fixture
def name(tmp_path):
    return str(tmp_path / "haproxy.cfg")
