"""Virtual machines in place of containers: which provider, and what it needs from this host."""

from __future__ import annotations

import os
import sys

from vagrant.lab.checkout import cluster
from vagrant.lab.commands import run
from vagrant.lab.disk import build_disk
from vagrant.lab.host import PACKAGES_ALWAYS, install_packages
from vagrant.lab.virtualbox import check_virtualbox, virtualbox_usable

# What makes the disk of the box, and carries the master's folders into the machine.
PACKAGES_DISK = (
    "mmdebstrap",
    "debian-archive-keyring",
    "ca-certificates",
    "e2fsprogs",
    "fdisk",
    "qemu-utils",
    "rsync",
)
PACKAGES_LIBVIRT = (
    "vagrant-libvirt",
    "libvirt-daemon-system",
    "libvirt-clients",
    "dnsmasq-base",
    "qemu-system-x86",
)


def virtual_provider() -> str | None:
    """Return the provider of virtual machines that is asked for or usable here, if any."""
    if virtualbox_usable():
        return "virtualbox"
    return "libvirt" if os.environ.get("VAGRANT_DEFAULT_PROVIDER") == "libvirt" else None


def prepare_virtual(provider: str) -> None:
    """Install what a provider needs, and make its box unless another one is named."""
    if provider == "virtualbox":
        check_virtualbox()
    install_packages((*PACKAGES_ALWAYS, *(PACKAGES_LIBVIRT if provider == "libvirt" else ())))
    if "MYSQL_GR_BOX" in os.environ:
        install_packages(("rsync",))
    else:
        make_box(provider)


def make_box(provider: str) -> None:
    """Make a provider's box with what it needs from this host."""
    install_packages((*PACKAGES_ALWAYS, *PACKAGES_DISK))
    run([sys.executable, "vagrant/prepare.py", *cluster()["nodes"]])
    build_disk(provider)


def make_asked_box() -> None:
    """Make the box of the provider that PROVIDER names."""
    make_box(os.environ.get("PROVIDER") or "libvirt")
