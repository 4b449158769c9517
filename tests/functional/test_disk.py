"""The guest as a disk: the image that starts by itself, and what the boxes say of it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tarfile
import xml.etree.ElementTree as ElementTree

import pytest

from tests.functional.conftest import ROOT
from vagrant.lab import box, disk, virtual
from vagrant.lab.errors import LabError

OVF = "{http://schemas.dmtf.org/ovf/envelope/1}"
RASD = "{http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData}"


def test_the_machine_that_virtualbox_imports_has_the_boxs_disk():
    text = disk.ovf("box-disk001.vmdk", 4096)
    assert not re.search(r"{\w+}", text)
    tree = ElementTree.fromstring(text)
    (file,) = tree.iter(f"{OVF}File")
    (one,) = tree.iter(f"{OVF}Disk")
    assert file.get(f"{OVF}href") == "box-disk001.vmdk"
    assert one.get(f"{OVF}fileRef") == file.get(f"{OVF}id")
    assert one.get(f"{OVF}capacity") == "4096"
    items = {item.findtext(f"{RASD}ResourceType"): item for item in tree.iter(f"{OVF}Item")}
    assert set(items) == {"3", "4", "10", "17", "20"}
    assert items["17"].findtext(f"{RASD}HostResource") == f"/disk/{one.get(f'{OVF}diskId')}"
    controller = items["20"].findtext(f"{RASD}InstanceID")
    assert items["17"].findtext(f"{RASD}Parent") == controller


@pytest.mark.parametrize(
    ("provider", "said"),
    [
        ("libvirt", {"provider": "libvirt", "format": "qcow2", "virtual_size": 20}),
        ("virtualbox", {"provider": "virtualbox"}),
    ],
)
def test_a_box_says_what_its_provider_wants_to_know(provider, said):
    assert disk.metadata(provider) == said


def test_every_recipe_has_a_version_that_vagrant_can_read():
    one, other = disk.version_of("0" * 11 + "f"), disk.version_of("f" * 12)
    assert one == "1.0.15"
    assert re.fullmatch(r"1\.0\.\d+", other)
    assert disk.catalogue("libvirt", one)["versions"] == [
        {
            "version": "1.0.15",
            "providers": [
                {"name": "libvirt", "url": f"file://{disk.BOXES}/libvirt.box"},
            ],
        }
    ]


def test_the_disk_and_the_container_are_one_guest():
    assert set(box.GUEST_PACKAGES) < set(disk.DISK_PACKAGES)
    shared = box.guest_hooks()
    for hooks in (box.box_hooks(), disk.disk_hooks()):
        assert [hook for hook in hooks if hook in shared] == shared
    # A virtual machine has devices and kernel modules of its own.
    assert any("mask" in hook and "udevd" in hook for hook in box.box_hooks())
    assert not any("mask" in hook for hook in disk.disk_hooks())


def test_an_unknown_provider_is_named():
    with pytest.raises(LabError, match="PROVIDER=hyperv has no box made here; libvirt and virtu"):
        disk.build_disk("hyperv")


@pytest.mark.parametrize(
    ("asked", "provider"), [(None, None), ("docker", None), ("libvirt", "libvirt")]
)
def test_virtual_machines_are_made_where_they_are_asked_for(monkeypatch, asked, provider):
    monkeypatch.setattr(virtual, "virtualbox_usable", lambda: False)
    monkeypatch.delenv("VAGRANT_DEFAULT_PROVIDER", raising=False)
    if asked:
        monkeypatch.setenv("VAGRANT_DEFAULT_PROVIDER", asked)
    assert virtual.virtual_provider() == provider


def test_docker_is_told_pairs_of_options_from_the_file_that_the_vagrantfile_reads():
    options = box.docker_options()
    assert options[:2] == ["--cap-add", "SYS_ADMIN"]
    assert "label=disable" in options
    assert not any("#" in word for word in options)
    assert options[-1] == "--tty"
    assert "docker.options" in (ROOT / "Vagrantfile").read_text()


@pytest.mark.skipif(not shutil.which("qemu-img"), reason="qemu-utils is not installed")
def test_an_image_has_a_table_a_file_system_and_a_boot_loader_and_vagrant_takes_it(
    tmp_path, monkeypatch
):
    """Of a small folder in place of a system; the programs are the real ones."""
    monkeypatch.setattr(disk, "SIZE", 64 * 2**20)
    monkeypatch.setattr(disk, "BOXES", tmp_path)

    def vagrant(*arguments: str) -> str:
        return subprocess.run(
            ["vagrant", *arguments],
            cwd=tmp_path,
            env={**os.environ, "VAGRANT_HOME": str(tmp_path / "home")},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout

    system, image = tmp_path / "system", tmp_path / "image"
    (system / "boot/grub").mkdir(parents=True)
    (system / "boot/grub/boot.img").write_bytes(b"B" * 512)
    (system / "boot/grub/core.img").write_bytes(b"C" * 30000)
    disk.make_image(system, image)
    table = json.loads(subprocess.check_output(["sfdisk", "--json", str(image)], text=True))
    (part,) = table["partitiontable"]["partitions"]
    assert (part["start"], part["type"], part["bootable"]) == (2048, "83", True)
    assert part["start"] + part["size"] == 64 * 2**20 // 512
    content = image.read_bytes()
    assert content[:440] == b"B" * 440
    assert content[510:512] == b"\x55\xaa"
    assert content[512:30512] == b"C" * 30000
    inside = f"{image}?offset={disk.GAP}"
    listed = subprocess.run(
        ["debugfs", "-R", "ls -p /boot/grub", inside], capture_output=True, text=True
    ).stdout
    assert "/core.img/" in listed
    for provider, parts in (
        ("libvirt", ["box.img", "metadata.json"]),
        ("virtualbox", ["box-disk001.vmdk", "box.ovf", "metadata.json"]),
    ):
        target = tmp_path / f"{provider}.box"
        disk.pack(image, provider, target)
        with tarfile.open(target) as packed:
            assert packed.getnames() == parts

    for provider in disk.PROVIDERS:
        listing = tmp_path / f"{provider}.json"
        listing.write_text(json.dumps(disk.catalogue(provider, "1.0.15")))
        vagrant("box", "add", f"--provider={provider}", str(listing))
    listed = vagrant("box", "list")
    for provider in disk.PROVIDERS:
        assert f"mysql-gr-salt/sid ({provider}, 1.0.15" in listed

    (system / "boot/grub/core.img").write_bytes(b"C" * 2**20)
    with pytest.raises(LabError, match="too many"):
        disk.make_image(system, image)
