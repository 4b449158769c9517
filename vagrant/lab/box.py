"""The guest: Debian sid with systemd, ssh and Salt, from Debian's own packages and PyPI."""

from __future__ import annotations

import hashlib
import shlex
import tempfile
from pathlib import Path

from vagrant.lab.checkout import CERTIFICATES, ROOT, packages, salt_version
from vagrant.lab.commands import run, step

BOX = "mysql-gr-salt/sid"
BOX_PACKAGES = (
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


def box_recipe() -> str:
    """Return a short hash of all that goes into the box."""
    digest = hashlib.sha256()
    for path in (ROOT / "vagrant/bootstrap.sh", ROOT / "vagrant/box/init", CERTIFICATES):
        digest.update(path.read_bytes())
    # The checkout's own path is no part of the box: checkouts of one version share it.
    digest.update("\n".join([*BOX_PACKAGES, *box_hooks()]).replace(str(ROOT), "").encode())
    return digest.hexdigest()[:12]


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


def box_hooks() -> list[str]:
    """Return what is done inside the box, in order, once its packages are in."""
    inside = 'chroot "$1"'
    beside = " ".join(f"-p {shlex.quote(package)}" for package in packages())
    return [
        f"copy-in {ROOT}/vagrant/box/init /usr/local/sbin",
        f"upload {ROOT}/vagrant/bootstrap.sh /root/bootstrap.sh",
        f"upload {CERTIFICATES} /tmp/site.crt",
        # Packages for Salt alone, then out with the compiler that one of its dependencies needed.
        f"{inside} bash /root/bootstrap.sh -N {beside} pip {salt_version()}",
        f"{inside} rm /root/bootstrap.sh",
        f"{inside} apt-get purge -qq -y --autoremove gcc libc6-dev python3-dev",
        f"{inside} useradd --create-home --shell /bin/bash vagrant",
        'echo "vagrant ALL=(ALL) NOPASSWD: ALL" > "$1/etc/sudoers.d/vagrant"',
        # The key comes from the checkout that runs the machine, not from the box.
        "printf '%s\\n' 'AuthorizedKeysFile /etc/ssh/authorized_keys.d/%u' 'StrictModes no'"
        " 'UseDNS no' 'PasswordAuthentication no' > \"$1/etc/ssh/sshd_config.d/lab.conf\"",
        # Every machine its own host keys, made when it first starts.
        'rm -f "$1"/etc/ssh/ssh_host_*',
        'mkdir -p "$1/etc/systemd/system/ssh.service.d"',
        "printf '%s\\n' '[Service]' 'ExecStartPre=' 'ExecStartPre=/usr/bin/ssh-keygen -A'"
        " 'ExecStartPre=/usr/sbin/sshd -t' > \"$1/etc/systemd/system/ssh.service.d/keys.conf\"",
        f"{inside} systemctl disable --quiet ssh.socket",
        f"{inside} systemctl enable --quiet ssh.service",
        f"{inside} systemctl mask --quiet systemd-udevd.service systemd-modules-load.service"
        " sys-kernel-debug.mount sys-kernel-config.mount getty.target console-getty.service",
        'rm -f "$1/etc/machine-id" && touch "$1/etc/machine-id"',
    ]


def box_is_there() -> bool:
    """Tell whether the box of this recipe is there; part of the recipe is made by prepare.py."""
    if not CERTIFICATES.exists():
        return False
    tag = f"{BOX}:{box_recipe()}"
    return run(["docker", "image", "inspect", tag], capture=True, check=False).returncode == 0


def build_box() -> None:
    """Build the box: Debian sid with systemd, ssh and Salt, from Debian's own packages and PyPI."""
    tag = f"{BOX}:{box_recipe()}"
    if not box_is_there():
        why = "building the box by mmdebstrap"
        with step("building the box", root=why), tempfile.TemporaryDirectory() as scratch:
            archive = str(Path(scratch, "box.tar"))
            run(
                [
                    "mmdebstrap",
                    "--quiet",
                    "--variant=minbase",
                    f"--include={','.join(BOX_PACKAGES)}",
                    # An archive snapshot or a slow mirror is still good enough for a lab.
                    '--aptopt=Acquire::Check-Valid-Until "false"',
                    *proxy_options(),
                    "--dpkgopt=force-unsafe-io",
                    *[f"--customize-hook={hook}" for hook in box_hooks()],
                    "sid",
                    archive,
                    *mirror(),
                ],
                root=True,
            )
            change = ["--change", 'CMD ["/usr/local/sbin/init"]']
            run(["docker", "import", *change, archive, tag], capture=True)
    run(["docker", "tag", tag, f"{BOX}:latest"])
