"""A host of another release with Docker, as a virtual machine: built, started, asked."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from vagrant.lab.box import make_system
from vagrant.lab.checkout import LAB, ROOT

HOSTS = LAB / "hosts"
# What a release has beside the packages below.
RELEASES: dict[str, tuple[str, ...]] = {
    "bookworm": (),
    "trixie": ("docker-cli",),
    "sid": ("docker-cli",),
}
PACKAGES = (
    "systemd-sysv",
    "dbus",
    "docker.io",
    "iptables",
    "iproute2",
    "procps",
    "kmod",
    "udev",
    "openssh-server",
    "linux-image-cloud-amd64",
    "initramfs-tools",
)
HOOKS = (
    f"upload {ROOT}/vagrant/box/dhcp.network /etc/systemd/network/80-dhcp.network",
    'chroot "$1" systemctl enable --quiet systemd-networkd.service ssh.service',
    'echo host > "$1/etc/hostname"; echo \'127.0.0.1 localhost host\' > "$1/etc/hosts"',
    'echo "/dev/vda / ext4 defaults 0 1" > "$1/etc/fstab"',
)
SIZE = "8G"
QEMU = "qemu-system-x86_64"


def build(release: str) -> Path:
    """Build a release's disk, kernel and key, if these are not there, and return their folder."""
    packages = (*PACKAGES, *RELEASES[release])
    recipe = hashlib.sha256("\n".join([*packages, *HOOKS]).encode()).hexdigest()[:12]
    target = HOSTS / f"{release}-{recipe}"
    if target.exists():
        return target
    scratch = HOSTS / f".{release}"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    key, system = scratch / "key", scratch / "system"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    enter = [
        'install -d -m 0700 "$1/root/.ssh"',
        f"upload {key}.pub /root/.ssh/authorized_keys",
    ]
    make_system(system, packages, [*HOOKS, *enter], release)
    for name in ("vmlinuz", "initrd.img"):
        shutil.copy(system / (system / name).readlink(), scratch / name)
    disk = ["mke2fs", "-q", "-t", "ext4", "-d", str(system), str(scratch / "disk"), SIZE]
    subprocess.run(disk, check=True)
    shutil.rmtree(system)
    scratch.rename(target)
    return target


def kvm_works(files: Path) -> bool:
    """Tell whether a kernel starts by KVM; the device may be there and a guest hang at once."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    command = [QEMU, "-accel", "kvm", "-cpu", "max", "-m", "512", "-nodefaults", "-no-reboot"]
    command += ["-display", "none", "-serial", "stdio", "-kernel", str(files / "vmlinuz")]
    command += ["-append", "console=ttyS0 panic=-1"]
    try:
        shown = subprocess.run(command, capture_output=True, timeout=20).stdout
    except subprocess.TimeoutExpired as err:
        shown = err.stdout or b""
    return b"Linux version" in shown


def free_port() -> int:
    """Return a port of this host that nobody has."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port


class Machine:
    """A running virtual machine; what it writes to its disk is gone with it."""

    def __init__(self, files: Path, extra_disk: Path) -> None:
        self.files = files
        self.port = free_port()
        self.kvm = kvm_works(files)
        accelerator = "kvm" if self.kvm else "tcg,thread=multi"
        command = [QEMU, "-M", "q35", "-accel", accelerator, "-cpu", "max", "-smp", "2"]
        command += ["-m", "4096", "-nodefaults", "-display", "none", "-no-reboot", "-snapshot"]
        command += ["-serial", f"file:{files / 'console'}"]
        command += ["-drive", f"file={files / 'disk'},format=raw,if=virtio"]
        command += ["-drive", f"file={extra_disk},format=raw,if=virtio"]
        command += ["-nic", f"user,model=virtio,hostfwd=tcp:127.0.0.1:{self.port}-:22"]
        command += ["-kernel", str(files / "vmlinuz"), "-initrd", str(files / "initrd.img")]
        command += ["-append", "root=/dev/vda rw console=ttyS0"]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, env={**os.environ, "TMPDIR": str(files)}
        )

    def run(self, command: str, *, timeout: float) -> subprocess.CompletedProcess[str]:
        """Run a command on the machine as root, whatever it exits with."""
        known = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
        quiet = ["-o", "LogLevel=ERROR", "-o", "ConnectTimeout=30", "-o", "BatchMode=yes"]
        ssh = ["ssh", *known, *quiet, "-i", str(self.files / "key"), "-p", str(self.port)]
        return subprocess.run(
            [*ssh, "root@127.0.0.1", command], capture_output=True, text=True, timeout=timeout
        )

    def ask(self, command: str, *, timeout: float = 300) -> str:
        """Run a command on the machine that must succeed, and return what it prints."""
        answer = self.run(command, timeout=timeout)
        assert answer.returncode == 0, f"`{command}`: {answer.stdout}{answer.stderr}"
        return answer.stdout.strip()

    def wait(self, timeout: float) -> None:
        """Wait until the machine answers by ssh."""
        deadline = time.monotonic() + timeout
        while self.run("true", timeout=60).returncode != 0:
            assert self.process.poll() is None, "the virtual machine has ended"
            assert time.monotonic() < deadline, f"no ssh; see {self.files / 'console'}"
            time.sleep(2)

    def stop(self) -> None:
        """End the machine."""
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(20)


def docker_run(name: str, options: Sequence[str], image: str) -> str:
    """Return the command that makes and starts one machine in a container."""
    return " ".join(["docker run --detach --name", name, "--hostname", name, *options, image])
