"""The programs that this host must have, from its distribution."""

from __future__ import annotations

import os
from collections.abc import Sequence

from vagrant.lab.commands import run, step
from vagrant.lab.errors import LabError

PACKAGES_ALWAYS = ("vagrant", "openssl", "openssh-client")
PACKAGES_DOCKER = (
    "docker.io",
    "iptables",
    "mmdebstrap",
    "debian-archive-keyring",
    "ca-certificates",
    "iproute2",
    "procps",
)


def missing_packages(wanted: Sequence[str]) -> list[str]:
    """Return those of the distribution's packages that are not installed."""
    shown = run(
        ["dpkg-query", "-W", "-f", "${Package}\t${db:Status-Abbrev}\n", *wanted],
        capture=True,
        check=False,
    ).stdout
    installed = {
        line.split("\t")[0] for line in shown.splitlines() if line.split("\t")[1].startswith("ii")
    }
    return [package for package in wanted if package not in installed]


def install_packages(wanted: Sequence[str]) -> None:
    """Install what is missing from the distribution, as root."""
    missing = missing_packages(wanted)
    if not missing:
        return
    if os.geteuid() != 0:
        raise LabError(
            f"missing on this host: {' '.join(missing)}; run `sudo make up`, or install them first"
        )
    with step(f"installing {' '.join(missing)}"):
        environment = ["env", "DEBIAN_FRONTEND=noninteractive"]
        run([*environment, "apt-get", "update", "-qq"])
        run([*environment, "apt-get", "install", "-qq", "-y", "--no-install-recommends", *missing])
