"""The web server is told, and told anew."""

from __future__ import annotations

import pytest
from laravel_deploy.web_server import served
from salt.exceptions import SaltInvocationError


def test_another_web_server_is_told_anew(machine):
    name = machine.deploy()
    other = {**machine.server, "health": "https://127.0.0.1/up"}
    assert served(machine.root, machine.server) == name
    assert served(machine.root, other) == ""
    machine.switch(name, other)
    assert served(machine.root, other) == name


def test_a_web_server_that_is_not_described_whole_is_refused(machine):
    machine.build()
    with pytest.raises(SaltInvocationError, match="expected health, host, map, socket"):
        machine.switch(server={"map": "x"})
    assert not (machine.root / "current").is_symlink()
