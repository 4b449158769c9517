"""The guest: Debian sid with systemd, ssh and Salt, from Debian's own packages and PyPI."""

from __future__ import annotations

import hashlib
import shlex
import tempfile
from collections.abc import Sequence
from pathlib import Path

from vagrant.lab.checkout import CERTIFICATES, ROOT, packages, salt_version
from vagrant.lab.commands import run, step

BOX = "mysql-gr-salt/sid"
INIT = "/usr/local/sbin/init"
WHY_ROOT = "building the box by mmdebstrap"
# What every machine has, be it a container or a virtual machine.
GUEST_PACKAGES = (
    "systemd",
    "systemd-sysv",
    "dbus",
    "openssh-server",
    # Vagrant uploads files by scp.
    "openssh-client",
    "sudo",
    "ca-certificates",
    "iproute2",
    "procps",
)

# How every system is made.
OPTIONS = (
    "--variant=minbase",
    # An archive snapshot or a slow mirror is still good enough for a lab.
    '--aptopt=Acquire::Check-Valid-Until "false"',
    # Translations are half of what apt downloads and reads, each time on each machine.
    '--aptopt=Acquire::Languages "none"',
    "--dpkgopt=force-unsafe-io",
)


def recipe(included: Sequence[str], hooks: Sequence[str], files: Sequence[Path]) -> str:
    """Return a short hash of all that goes into a box."""
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.read_bytes())
    # The checkout's own path is no part of the box: checkouts of one version share it.
    digest.update("\n".join([*OPTIONS, *included, *hooks]).replace(str(ROOT), "").encode())
    return digest.hexdigest()[:12]


def box_recipe() -> str:
    """Return the recipe's hash for the docker provider's box."""
    files = (ROOT / "vagrant/bootstrap.sh", ROOT / "vagrant/box/init", CERTIFICATES)
    return recipe(GUEST_PACKAGES, box_hooks(), files)


def mirror() -> list[str]:
    """Return the Debian mirror this host uses, or nothing: mmdebstrap has its own default."""
    targets = run(
        ["apt-get", "indextargets", "--format", "$(ORIGIN) $(REPO_URI)", "Created-By: Packages"],
        capture=True,
        check=False,
    ).stdout
    for line in targets.splitlines():
        origin, _, address = line.partition(" ")
        if origin == "Debian" and "security" not in address:
            return [address.rstrip("/")]
    return []


def proxy_options() -> list[str]:
    """Return the host's apt proxies as options for the box's apt."""
    shown = run(["apt-config", "dump"], capture=True, check=False).stdout
    return [
        f"--aptopt={line.rstrip(';')}"
        for line in shown.splitlines()
        if line.startswith(("Acquire::http::Proxy ", "Acquire::https::Proxy "))
    ]


def make_system(
    target: Path, included: Sequence[str], hooks: Sequence[str], suite: str = "sid"
) -> None:
    """Make a Debian system: an archive where the target is named .tar, else a folder."""
    run(
        [
            "mmdebstrap",
            "--quiet",
            f"--include={','.join(included)}",
            *OPTIONS,
            *proxy_options(),
            *[f"--customize-hook={hook}" for hook in hooks],
            suite,
            str(target),
            *mirror(),
        ],
        root=True,
    )


def guest_hooks() -> list[str]:
    """Return what is done inside every box, in order, once its packages are in."""
    inside = 'chroot "$1"'
    beside = " ".join(f"-p {shlex.quote(package)}" for package in packages())
    return [
        f"upload {ROOT}/vagrant/bootstrap.sh /root/bootstrap.sh",
        f"upload {CERTIFICATES} /tmp/site.crt",
        # Packages for Salt alone, then out with the compiler that one of its dependencies needed.
        f"{inside} bash /root/bootstrap.sh -N {beside} pip {salt_version()}",
        f"{inside} rm /root/bootstrap.sh",
        f"{inside} apt-get purge -qq -y --autoremove gcc libc6-dev python3-dev",
        f"{inside} useradd --create-home --shell /bin/bash vagrant",
        'echo "vagrant ALL=(ALL) NOPASSWD: ALL" > "$1/etc/sudoers.d/vagrant"',
        # Every machine its own host keys, made when it first starts.
        'rm -f "$1"/etc/ssh/ssh_host_*',
        'mkdir -p "$1/etc/systemd/system/ssh.service.d"',
        "printf '%s\\n' '[Service]' 'ExecStartPre=' 'ExecStartPre=/usr/bin/ssh-keygen -A'"
        " 'ExecStartPre=/usr/sbin/sshd -t' > \"$1/etc/systemd/system/ssh.service.d/keys.conf\"",
        f"{inside} systemctl disable --quiet ssh.socket",
        f"{inside} systemctl enable --quiet ssh.service",
        'rm -f "$1/etc/machine-id" && touch "$1/etc/machine-id"',
    ]


def box_is_there() -> bool:
    """Tell whether the box of this recipe is there; part of the recipe is made by prepare.py."""
    if not CERTIFICATES.exists():
        return False
    tag = f"{BOX}:{box_recipe()}"
    return run(["docker", "image", "inspect", tag], capture=True, check=False).returncode == 0


def box_hooks() -> list[str]:
    """Return what is done inside the docker provider's box."""
    return [
        f"copy-in {ROOT}/vagrant/box/init {Path(INIT).parent}",
        *guest_hooks(),
        # The key comes from the checkout that runs the machine, not from the box.
        "printf '%s\\n' 'AuthorizedKeysFile /etc/ssh/authorized_keys.d/%u' 'StrictModes no'"
        " 'UseDNS no' 'PasswordAuthentication no' > \"$1/etc/ssh/sshd_config.d/lab.conf\"",
        'chroot "$1" systemctl mask --quiet systemd-udevd.service systemd-modules-load.service'
        " sys-kernel-debug.mount sys-kernel-config.mount getty.target console-getty.service",
    ]


def build_archive(archive: Path) -> None:
    """Build the docker provider's box as the archive that `docker import` takes."""
    make_system(archive, GUEST_PACKAGES, box_hooks())


def import_options() -> list[str]:
    """Return what `docker import` is told beside the archive and its name."""
    return ["--change", f'CMD ["{INIT}"]']


def docker_options() -> list[str]:
    """Return what `docker create` is told for every machine; the Vagrantfile reads the same."""
    lines = (ROOT / "vagrant/box/docker.options").read_text().splitlines()
    return [word for line in lines if not line.startswith("#") for word in line.split()]


def build_box() -> None:
    """Build the docker provider's box, if this recipe's is not there."""
    tag = f"{BOX}:{box_recipe()}"
    if not box_is_there():
        with step("building the box", root=WHY_ROOT), tempfile.TemporaryDirectory() as scratch:
            archive = Path(scratch, "box.tar")
            build_archive(archive)
            run(["docker", "import", *import_options(), str(archive), tag], capture=True)
    run(["docker", "tag", tag, f"{BOX}:latest"])
