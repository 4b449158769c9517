"""Virtual machines in place of containers: which provider, and the box that it needs."""

from __future__ import annotations

import os
import sys

from vagrant.lab.checkout import cluster
from vagrant.lab.commands import run
from vagrant.lab.disk import build_disk
from vagrant.lab.host import install, lacking
from vagrant.lab.programs import ALWAYS, DISK
from vagrant.lab.virtualbox import virtualbox_usable


def virtual_provider() -> str | None:
    """Return the provider of virtual machines that is asked for or usable here, if any."""
    if virtualbox_usable():
        return "virtualbox"
    return "libvirt" if os.environ.get("VAGRANT_DEFAULT_PROVIDER") == "libvirt" else None


def make_box(provider: str) -> None:
    """Make a provider's box, unless another one is named."""
    if "MYSQL_GR_BOX" in os.environ:
        return
    run([sys.executable, "vagrant/prepare.py", *cluster()["nodes"]], capture=True)
    build_disk(provider)


def make_asked_box() -> None:
    """Make the box of the provider that PROVIDER names, with what that needs from this host."""
    install(lacking((*ALWAYS, *DISK)))
    make_box(os.environ.get("PROVIDER") or "libvirt")
