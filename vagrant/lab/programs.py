"""The programs that bringing the machines up takes, and the packages that hold them."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

VAGRANT_OLDEST = (2, 3)
VAGRANT_FROM = "https://developer.hashicorp.com/vagrant/install"


@dataclass(frozen=True)
class Need:
    """Something that must be there: a program or, with a slash, a file; and Debian's package of it.

    Packages between bars are alternatives: the first that the distribution has.
    """

    what: str
    package: str


ALWAYS = (
    Need("vagrant", "vagrant"),
    Need("openssl", "openssl"),
    Need("ssh-keygen", "openssh-client"),
)
# Debian has the client in a package of its own since 13.
DOCKER = (Need("docker", "docker-cli|docker.io"), Need("ip", "iproute2"))
# dockerd is started by hand where there is no systemd, and looks for iptables.
ENGINE = (Need("dockerd", "docker.io"), Need("iptables", "iptables"))
BOX = (
    Need("mmdebstrap", "mmdebstrap"),
    Need("/usr/share/keyrings/debian-archive-keyring.gpg", "debian-archive-keyring"),
    Need("/etc/ssl/certs/ca-certificates.crt", "ca-certificates"),
)
# What makes the disk of a virtual machine, and carries the master's folders into it.
DISK = (
    *BOX,
    Need("mke2fs", "e2fsprogs"),
    Need("sfdisk", "fdisk"),
    Need("qemu-img", "qemu-utils"),
)
RSYNC = (Need("rsync", "rsync"),)
LIBVIRT = (
    Need("plugin:vagrant-libvirt", "vagrant-libvirt"),
    Need("libvirtd", "libvirt-daemon-system"),
    Need("virsh", "libvirt-clients"),
    Need("dnsmasq", "dnsmasq-base"),
    Need("qemu-system-x86_64", "qemu-system-x86"),
)
# Where Vagrant's plugins lie: those of Debian's packages, those that `vagrant plugin` installs.
PLUGINS = (
    ("/usr/share/rubygems-integration", "all/specifications/{}-*.gemspec"),
    ("~/.vagrant.d/gems", "*/specifications/{}-*.gemspec"),
)


def needs(provider: str, engine: bool, box: bool) -> list[Need]:
    """Return what must be there.

    provider
        Vagrant's: docker, libvirt or virtualbox.

    engine
        Whether a docker engine answers already: then none is installed or started.

    box
        Whether the box is there already.
    """
    if provider == "docker":
        return [*ALWAYS, *DOCKER, *(() if engine else ENGINE), *(() if box else BOX)]
    own = LIBVIRT if provider == "libvirt" else ()
    return [*ALWAYS, *RSYNC, *own, *(() if box else DISK)]


def missing(wanted: Sequence[Need], there: Collection[str]) -> list[Need]:
    """Return what is not there."""
    return [need for need in wanted if need.what not in there]


def which(program: str) -> str | None:
    """Return a program's path; Debian's users have no sbin in their own."""
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def is_there(what: str) -> bool:
    """Tell whether a program, a file or a plugin of Vagrant is on the host."""
    kind, _, plugin = what.partition(":")
    if kind == "plugin":
        return any(
            True
            for folder, pattern in PLUGINS
            for _ in Path(folder).expanduser().glob(pattern.format(plugin))
        )
    return Path(what).exists() if "/" in what else bool(which(what))


def there(wanted: Sequence[Need]) -> set[str]:
    """Return what of this is on the host."""
    return {need.what for need in wanted if is_there(need.what)}


def candidates(policy: str) -> set[str]:
    """Return the packages that can be installed, from `apt-cache policy`."""
    found = re.findall(r"^(\S+):\n  Installed: .*\n  Candidate: (\S+)$", policy, re.MULTILINE)
    return {name for name, version in found if version != "(none)"}


def packages_of(wanted: Sequence[Need], known: Collection[str]) -> tuple[list[str], list[str]]:
    """Return the packages to install, each once, and what no package can be had of."""
    packages: dict[str, None] = {}
    without = []
    for need in wanted:
        found = [name for name in need.package.split("|") if name in known]
        if found:
            packages[found[0]] = None
        else:
            without.append(need.what)
    return [*packages], without


def version_of(shown: str) -> tuple[int, ...]:
    """Return the version that a program prints.

    >>> version_of("Vagrant 2.3.8.dev"), version_of("?")
    ((2, 3, 8), ())
    """
    found = re.search(r"\b\d+(\.\d+)+", shown)
    return tuple(int(part) for part in found[0].split(".")) if found else ()


def vagrant_fault(shown: str) -> str | None:
    """Say what is wrong with a Vagrant that prints this as its version, if anything is."""
    if version_of(shown) >= VAGRANT_OLDEST:
        return None
    oldest = ".".join(map(str, VAGRANT_OLDEST))
    return (
        f"`vagrant --version` says {shown.strip() or 'nothing'!r}; {oldest} or later is needed\n"
        f"    install a later one: {VAGRANT_FROM}"
    )


def has_package(system: dict[str, str], package: str) -> bool:
    """Tell whether a distribution is not known to lack a package, by its /etc/os-release."""
    gone = system.get("ID") == "ubuntu" and version_of(system.get("VERSION_ID", "")) >= (24, 4)
    return not (package == "vagrant" and gone)


def release(text: str) -> dict[str, str]:
    """Return what /etc/os-release says."""
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {key: value.strip('"') for key, _, value in pairs}


def program_faults(lacking: Sequence[Need], apt: bool, system: dict[str, str]) -> list[str]:
    """Say what has to be installed by hand, if anything has.

    apt
        Whether this host has apt, which would install what is missing.
    """
    if not lacking:
        return []
    if not apt:
        names = ", ".join(need.what for need in lacking)
        told = f"missing on this host, which has no apt-get to install it: {names}"
        return [f"{told}\n    Vagrant is at {VAGRANT_FROM}" if "vagrant" in names else told]
    name = system.get("PRETTY_NAME", "this distribution")
    return [
        f"vagrant is missing, and {name} has no package of it\n"
        f"    install it from {VAGRANT_FROM}, then run this again"
        for need in lacking
        if not has_package(system, need.package)
    ]
