"""A machine says which boot it runs from, and reboots from that one alone."""

from __future__ import annotations

import boots
import pytest
from salt.exceptions import CommandExecutionError

import _modules.machine as module


@pytest.fixture
def told(monkeypatch) -> list[list[str]]:
    """The commands that are run."""
    found: list[list[str]] = []

    def run(command, **options):
        found.append(command)
        return {"retcode": 0, "stdout": "", "stderr": ""}

    functions = {
        "cmd.run_all": run,
        "network.ip_addrs": lambda: ["172.28.17.53"],
        "pkg.version_cmp": lambda one, other: 1,
    }
    monkeypatch.setattr(module, "__salt__", functions, raising=False)
    monkeypatch.setattr(module, "__grains__", {"kernelrelease": "6.1.0-18-amd64"}, raising=False)
    monkeypatch.setattr(boots, "boot_of", lambda: "x/1")
    return found


def test_a_machine_says_what_it_is_told_by(told, monkeypatch):
    asked = []
    waiting = lambda running, compare: asked.append(running) or "a kernel"  # noqa: E731
    monkeypatch.setattr(boots, "waiting", waiting)
    assert module.look() == {"boot": "x/1", "waits": "a kernel", "addresses": ["172.28.17.53"]}
    assert (asked, told) == (["6.1.0-18-amd64"], [])


def test_it_reboots_once(told, monkeypatch):
    assert module.reboot("x/1") is True
    assert len(told) == 1
    monkeypatch.setattr(boots, "boot_of", lambda: "x/2")
    assert module.reboot("x/1") is False
    assert len(told) == 1


@pytest.mark.parametrize("boot", ["", None, True, "now"])
def test_a_boot_is_named(told, boot):
    with pytest.raises(CommandExecutionError, match=r"expected what machine\.look returns"):
        module.reboot(boot)
    assert told == []
