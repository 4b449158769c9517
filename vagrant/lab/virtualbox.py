"""Whether VirtualBox can be used here, and whether it allows the machines' network."""

from __future__ import annotations

import ipaddress
import os
import shutil
from pathlib import Path

from vagrant.lab.checkout import cluster
from vagrant.lab.commands import run
from vagrant.lab.errors import LabError

# What VirtualBox 6.1.28 and later allow when /etc/vbox/networks.conf does not exist.
VBOX_DEFAULT = "192.168.56.0/21"
VBOX_NETWORKS = Path("/etc/vbox/networks.conf")


def virtualbox_usable() -> bool:
    """Tell whether VirtualBox can start machines here: it answers and its driver is loaded."""
    if os.environ.get("VAGRANT_DEFAULT_PROVIDER", "virtualbox") != "virtualbox":
        return False
    if not shutil.which("VBoxManage"):
        return False
    answer = run(["VBoxManage", "--version"], capture=True, check=False)
    # Without its kernel driver VBoxManage warns, exits 0 and can start nothing.
    return answer.returncode == 0 and "WARNING" not in answer.stdout + answer.stderr


def allowed_by_virtualbox(subnet: str, networks: str | None) -> bool:
    """Tell whether VirtualBox lets a host-only network have this subnet.

    subnet
        The machines' network, as in pillar/cluster.sls.

    networks
        The text of /etc/vbox/networks.conf, or None where there is no such file.
    """
    if networks is None:
        ranges = [VBOX_DEFAULT]
    else:
        ranges = [
            word
            for line in networks.splitlines()
            if line.strip().startswith("*")
            for word in line.strip().lstrip("*").split()
        ]
    wanted = ipaddress.ip_network(subnet)
    return any(
        wanted.version == allowed.version and wanted.subnet_of(allowed)  # type: ignore[arg-type]
        for allowed in (ipaddress.ip_network(word, strict=False) for word in ranges)
    )


def check_virtualbox_network(subnet: str) -> None:
    """Refuse, with the line to add, a subnet that VirtualBox would refuse half-way through."""
    text = VBOX_NETWORKS.read_text() if VBOX_NETWORKS.exists() else None
    if not allowed_by_virtualbox(subnet, text):
        raise LabError(
            f"VirtualBox does not allow host-only networks in {subnet} (cluster:subnet in "
            f"pillar/cluster.sls); add this line to {VBOX_NETWORKS}:\n* {subnet}"
        )


def check_virtualbox() -> None:
    """Refuse a cluster whose network VirtualBox would refuse."""
    check_virtualbox_network(cluster()["subnet"])
