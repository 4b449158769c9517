"""Where VirtualBox is used, which networks it allows, and what Vagrant's provider tells it."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from tests.functional.conftest import ROOT
from vagrant.lab import virtualbox
from vagrant.lab.errors import LabError

RUBY = "/usr/bin/ruby"
FAKE = ROOT / "tests/functional/virtualbox"


@pytest.mark.parametrize(
    ("subnet", "networks", "allowed"),
    [
        ("172.28.17.0/24", None, False),
        ("192.168.56.0/24", None, True),
        ("192.168.63.0/24", None, True),
        ("192.168.64.0/24", None, False),
        ("172.28.17.0/24", "* 172.28.17.0/24\n", True),
        ("172.28.17.0/24", "# * 172.28.17.0/24\n* 10.0.0.0/8 172.16.0.0/12\n", True),
        ("172.28.17.0/24", "* 10.0.0.0/8\n", False),
        ("172.28.17.0/24", "* fd00::/8\n", False),
        ("192.168.56.0/24", "", False),
    ],
)
def test_which_networks_virtualbox_allows(subnet, networks, allowed):
    assert virtualbox.allowed_by_virtualbox(subnet, networks) is allowed


def test_a_refused_network_names_the_line_to_add(tmp_path, monkeypatch):
    monkeypatch.setattr(virtualbox, "VBOX_NETWORKS", tmp_path / "networks.conf")
    with pytest.raises(LabError, match=r"add this line to .*networks\.conf:\n\* 172\.28\.17"):
        virtualbox.check_virtualbox_network("172.28.17.0/24")


@pytest.fixture
def fake_virtualbox(tmp_path, monkeypatch):
    """A VBoxManage that answers like the real one; the real one needs its kernel driver."""

    def answer(text: str) -> None:
        program = tmp_path / "bin" / "VBoxManage"
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\necho '{text}'\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")

    return answer


def test_virtualbox_is_used_where_it_is_usable(fake_virtualbox, monkeypatch):
    fake_virtualbox("7.1.4r165100")
    assert virtualbox.virtualbox_usable()
    fake_virtualbox("WARNING: The vboxdrv kernel module is not loaded.")
    assert not virtualbox.virtualbox_usable()
    fake_virtualbox("7.1.4r165100")
    monkeypatch.setenv("VAGRANT_DEFAULT_PROVIDER", "docker")
    assert not virtualbox.virtualbox_usable()


def test_make_up_says_which_network_to_allow_before_anything_starts(fake_virtualbox, checkout):
    fake_virtualbox("7.1.4r165100")
    answer = subprocess.run(
        ["/usr/bin/python3", "-m", "vagrant.lab", "up"],
        cwd=checkout,
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 1
    assert answer.stderr.endswith("networks.conf:\n* 172.28.17.0/24\n")
    assert not (checkout / ".lab").exists()


@pytest.fixture
def in_checkout(checkout, tmp_path):
    """A program is run in a checkout with a network that VirtualBox allows, and a VirtualBox."""
    mine = tmp_path / "checkout"
    shutil.copytree(checkout, mine)
    table = mine / "pillar/cluster.sls"
    table.write_text(table.read_text().replace("172.28.17.", "192.168.56."))
    told = tmp_path / "told"

    def run(*command: str) -> tuple[int, list[str], str]:
        environment = {
            **os.environ,
            "PATH": f"{FAKE}:{os.environ['PATH']}",
            "VAGRANT_HOME": str(tmp_path / "home"),
            "VBOXMANAGE_TOLD": str(told),
        }
        told.unlink(missing_ok=True)
        answer = subprocess.run(
            command, cwd=mine, env=environment, capture_output=True, text=True, timeout=900
        )
        return answer.returncode, told.read_text().splitlines(), answer.stderr

    return run


def test_virtualbox_gets_a_netmask_that_vagrant_can_hand_on(in_checkout):
    if subprocess.run([RUBY, "-e", 'require "vagrant"'], capture_output=True).returncode != 0:
        pytest.skip("the Vagrant of this host is none of the distribution's Ruby")
    make = (RUBY, str(FAKE / "network.rb"), "db1")
    code, told, complaint = in_checkout(*make)
    assert code == 0, complaint
    made = "hostonlyif ipconfig vboxnet0 --ip 192.168.56.1 --netmask 255.255.255.0"
    assert told[told.index("hostonlyif create") + 1] == made
    assert any("--hostonlyadapter2 vboxnet0" in line for line in told)
    # The length of a prefix, which is what docker takes.
    code, told, complaint = in_checkout(*make, "24")
    assert code == 1
    assert "all arguments must be String" in complaint
    assert told[-1] == "hostonlyif create"


def test_without_the_box_vagrant_says_which_command_makes_it(in_checkout):
    code, told, complaint = in_checkout("vagrant", "up", "--provider=virtualbox", "master")
    assert code == 1
    assert "run `make box PROVIDER=virtualbox` as root" in complaint
    assert not any(line.startswith(("import", "hostonlyif")) for line in told)
