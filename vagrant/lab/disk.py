"""The guest as a virtual machine's disk, and that as Vagrant's boxes for libvirt and VirtualBox.

No part of it is mounted or attached: the file system is made of a folder, and the boot loader lies
in the gap before it, so that nothing of this host's disks is ever touched.
"""

from __future__ import annotations

import json
import platform
import shutil
import tarfile
import tempfile
from pathlib import Path

from vagrant.lab.box import BOX, GUEST_PACKAGES, WHY_ROOT, guest_hooks, make_system, recipe
from vagrant.lab.checkout import CERTIFICATES, LAB, ROOT
from vagrant.lab.commands import run, step
from vagrant.lab.errors import LabError

BOXES = LAB / "boxes"
PARTS = ROOT / "vagrant/box"
PROVIDERS = ("libvirt", "virtualbox")
GIB = 2**30
# It grows as the machine writes; less than a gigabyte is used at first.
SIZE = 20 * GIB
SECTOR = 512
GAP = 2048 * SECTOR
DISK_PACKAGES = (
    *GUEST_PACKAGES,
    # The cloud kernel is smaller, and lacks the network card that VirtualBox has.
    "linux-image-amd64",
    "initramfs-tools",
    "udev",
    "grub-pc-bin",
    "grub-common",
    # The master's folders come by it: VirtualBox's own way needs a module that Debian has not.
    "rsync",
)
GRUB_MODULES = ("biosdisk", "part_msdos", "ext2", "normal", "linux")


def disk_hooks() -> list[str]:
    """Return what is done inside the disk."""
    inside = 'chroot "$1"'
    ssh = "/home/vagrant/.ssh"
    return [
        *guest_hooks(),
        # Vagrant enters by a key that everybody has, and first of all puts one of its own there.
        f'install -d -m 0700 "$1{ssh}"',
        f"upload {PARTS}/vagrant.pub {ssh}/authorized_keys",
        f"{inside} chmod 0600 {ssh}/authorized_keys",
        f"{inside} chown -R vagrant:vagrant {ssh}",
        "printf '%s\\n' 'UseDNS no' 'PasswordAuthentication no'"
        ' > "$1/etc/ssh/sshd_config.d/lab.conf"',
        f"upload {PARTS}/dhcp.network /etc/systemd/network/80-dhcp.network",
        # One network is enough to go on: the other has no DHCP before Vagrant has set it up.
        'mkdir -p "$1/etc/systemd/system/systemd-networkd-wait-online.service.d"',
        "printf '%s\\n' '[Service]' 'ExecStart='"
        " 'ExecStart=/usr/lib/systemd/systemd-networkd-wait-online --any --timeout=60'"
        ' > "$1/etc/systemd/system/systemd-networkd-wait-online.service.d/any.conf"',
        f"{inside} systemctl enable --quiet systemd-networkd.service",
        'echo "LABEL=root / ext4 errors=remount-ro 0 1" > "$1/etc/fstab"',
        'echo guest > "$1/etc/hostname"; echo \'127.0.0.1 localhost\' > "$1/etc/hosts"',
        f"{inside} mkdir -p /boot/grub",
        f"upload {PARTS}/grub.cfg /boot/grub/grub.cfg",
        f"{inside} cp /usr/lib/grub/i386-pc/boot.img /boot/grub/boot.img",
        f"{inside} grub-mkimage -O i386-pc -p '(hd0,msdos1)/boot/grub' -o /boot/grub/core.img "
        + " ".join(GRUB_MODULES),
        # Last, since it takes the way to name servers by which the build goes.
        f"{inside} apt-get install -qq -y --no-install-recommends systemd-resolved",
        f"{inside} apt-get clean",
    ]


def disk_recipe() -> str:
    """Return the recipe's hash for the disk."""
    names = ("vagrant.pub", "dhcp.network", "grub.cfg", "box.ovf")
    files = (ROOT / "vagrant/bootstrap.sh", CERTIFICATES, *(PARTS / name for name in names))
    return recipe(DISK_PACKAGES, disk_hooks(), files)


def version_of(recipe_hash: str) -> str:
    """Return a recipe's hash as Vagrant's versions are written, in numbers."""
    return f"1.0.{int(recipe_hash, 16)}"


def ovf(disk: str, capacity: int) -> str:
    """Return the description of the machine that VirtualBox imports."""
    template = (PARTS / "box.ovf").read_text()
    values = {"disk": disk, "capacity": str(capacity), "name": BOX.replace("/", "-")}
    for name, value in values.items():
        template = template.replace("{" + name + "}", value)
    return template


def metadata(provider: str) -> dict[str, object]:
    """Return what a box says of itself, in the words of its provider."""
    if provider == "libvirt":
        return {"provider": "libvirt", "format": "qcow2", "virtual_size": SIZE // GIB}
    return {"provider": provider}


def catalogue(provider: str, version: str) -> dict[str, object]:
    """Return where Vagrant finds which version of the box: what the Vagrantfile points it to."""
    box = {"name": provider, "url": (BOXES / f"{provider}.box").as_uri()}
    return {"name": BOX, "versions": [{"version": version, "providers": [box]}]}


def make_image(system: Path, image: Path) -> None:
    """Make a disk that starts by itself of a folder with the system."""
    with image.open("wb") as disk:
        disk.truncate(SIZE)
    table = image.with_suffix(".table")
    table.write_text(f"label: dos\nstart={GAP // SECTOR}, type=83, bootable\n")
    run(["sh", "-c", 'sfdisk --quiet "$1" < "$2"', "sh", str(image), str(table)])
    run(
        [
            *("mke2fs", "-q", "-t", "ext4", "-L", "root", "-d", str(system)),
            *("-E", f"offset={GAP}", str(image), f"{(SIZE - GAP) // 1024}k"),
        ],
        root=True,
    )
    boot, core = (system / "boot/grub" / name for name in ("boot.img", "core.img"))
    if core.stat().st_size > GAP - SECTOR:
        raise LabError(f"the boot loader has {core.stat().st_size} bytes, too many for {GAP}")
    with image.open("r+b") as disk:
        # The first sector's end is the table of partitions.
        disk.write(boot.read_bytes()[:440])
        disk.seek(SECTOR)
        disk.write(core.read_bytes())


def pack(image: Path, provider: str, target: Path) -> None:
    """Pack a disk as a box of one provider."""
    parts = target.with_suffix(".parts")
    parts.mkdir()
    convert = ["qemu-img", "convert", "-f", "raw"]
    if provider == "libvirt":
        run([*convert, "-c", "-O", "qcow2", str(image), str(parts / "box.img")])
    else:
        disk = parts / "box-disk001.vmdk"
        run([*convert, "-O", "vmdk", "-o", "subformat=streamOptimized", str(image), str(disk)])
        (parts / "box.ovf").write_text(ovf(disk.name, SIZE))
    (parts / "metadata.json").write_text(json.dumps(metadata(provider)))
    with tarfile.open(target, "w") as box:
        for part in sorted(parts.iterdir()):
            box.add(part, part.name)
    shutil.rmtree(parts)


def disk_is_there(provider: str) -> bool:
    """Tell whether a provider's box of this recipe is there, and its catalogue."""
    listing, box = BOXES / f"{provider}.json", BOXES / f"{provider}.box"
    if not (CERTIFICATES.exists() and listing.exists() and box.exists()):
        return False
    described: dict[str, object] = json.loads(listing.read_text())
    return described == catalogue(provider, version_of(disk_recipe()))


def build_disk(provider: str) -> None:
    """Build a provider's box and its catalogue, if this recipe's are not there."""
    if provider not in PROVIDERS:
        raise LabError(f"PROVIDER={provider} has no box made here; {' and '.join(PROVIDERS)} have")
    if platform.machine() != "x86_64":
        raise LabError(f"this host is {platform.machine()}; the box is made for x86_64 alone")
    if disk_is_there(provider):
        return
    described = catalogue(provider, version_of(disk_recipe()))
    listing, box = BOXES / f"{provider}.json", BOXES / f"{provider}.box"
    BOXES.mkdir(parents=True, exist_ok=True)
    # Not /tmp, which may be memory.
    with (
        step(f"building the box for {provider}", root=WHY_ROOT),
        tempfile.TemporaryDirectory(dir=BOXES) as scratch,
    ):
        system, image = Path(scratch, "system"), Path(scratch, "image")
        make_system(system, DISK_PACKAGES, disk_hooks())
        make_image(system, image)
        # Root's files, which only root can remove.
        run(["rm", "-rf", str(system)], root=True)
        packed = Path(scratch, "packed.box")
        pack(image, provider, packed)
        packed.rename(box)
        listing.write_text(json.dumps(described))
