"""Which boot a machine runs from, why it waits for another one, and how it is told to reboot."""

from __future__ import annotations

from pathlib import Path

import boots
import pytest
from salt.exceptions import CommandExecutionError


def machine(place: Path, boot_id: str = "b1", start: int = 7, name: str = "systemd") -> Path:
    proc = place / "proc"
    (proc / "sys/kernel/random").mkdir(parents=True, exist_ok=True)
    (proc / "1").mkdir(exist_ok=True)
    (proc / "sys/kernel/random/boot_id").write_text(f"{boot_id}\n")
    rest = ["S", *map(str, range(4, 22)), str(start), "100"]
    (proc / "1/stat").write_text(f"1 ({name}) {' '.join(rest)}\n")
    return proc


def test_a_boot_is_told_by_the_kernel_and_in_a_container_by_the_first_process(tmp_path):
    first = boots.boot_of(machine(tmp_path))
    assert first == boots.boot_of(machine(tmp_path)) == "b1/7"
    assert boots.boot_of(machine(tmp_path, boot_id="b2")) != first
    assert boots.boot_of(machine(tmp_path, start=8)) != first
    # Its name is its own to choose.
    assert boots.boot_of(machine(tmp_path, name="a) 1 (b")) == first


def test_the_boot_of_this_machine_is_known():
    assert boots.boot_of() == boots.boot_of()


def compare(one: str, other: str) -> int:
    """As dpkg does for the versions of these tests."""
    keys = [[int(part) for part in text.replace("+deb13", "").replace("-", ".").split(".")]
            for text in (one, other)]  # fmt: skip
    return (keys[0] > keys[1]) - (keys[0] < keys[1])


@pytest.mark.parametrize(
    ("running", "installed", "newer"),
    [
        ("6.12.48+deb13-amd64", [], ""),
        ("6.12.48+deb13-amd64", ["6.12.48+deb13-amd64"], ""),
        ("6.12.48+deb13-amd64", ["6.12.43+deb13-amd64"], ""),
        (
            "6.12.48+deb13-amd64",
            ["6.12.9+deb13-amd64", "6.12.63+deb13-amd64", "6.12.57+deb13-amd64"],
            "6.12.63+deb13-amd64",
        ),
        # The newest of another flavour is not what a boot starts.
        ("6.1.0-18-amd64", ["6.1.0-41-cloud-amd64", "6.1.0-18-amd64"], ""),
        ("6.1.0-18-cloud-amd64", ["6.1.0-41-cloud-amd64"], "6.1.0-41-cloud-amd64"),
        ("6.8.0-45-generic", ["6.8.0-100-generic", "6.8.0-45-generic"], "6.8.0-100-generic"),
    ],
)
def test_a_newer_kernel_of_the_same_flavour_is_found(running, installed, newer):
    assert boots.newer_kernel(running, installed, compare) == newer


@pytest.fixture
def folders(tmp_path) -> dict[str, Path]:
    found = {"run": tmp_path / "run", "boot": tmp_path / "boot"}
    for folder in found.values():
        folder.mkdir()
    (found["boot"] / "vmlinuz-6.1.0-18-amd64").touch()
    (found["boot"] / "initrd.img-6.1.0-41-amd64").touch()
    return found


def waits(folders: dict[str, Path]) -> str:
    return boots.waiting("6.1.0-18-amd64", compare, **folders)


def test_a_machine_waits_where_something_says_so(folders):
    assert waits(folders) == ""
    (folders["boot"] / "vmlinuz-6.1.0-41-amd64").touch()
    assert waits(folders) == "kernel 6.1.0-18-amd64 runs, and 6.1.0-41-amd64 is installed"
    # In a container it is the host's that runs.
    (folders["run"] / "systemd").mkdir()
    (folders["run"] / "systemd/container").write_text("docker\n")
    assert waits(folders) == ""
    (folders["run"] / "reboot-required").touch()
    assert "reboot-required is there (no package is named)" in waits(folders)
    (folders["run"] / "reboot-required.pkgs").write_text("libc6\ndbus\nlibc6\n")
    assert waits(folders).endswith("reboot-required is there (libc6, dbus)")


def test_a_reboot_is_systemds_and_comes_after_the_answer():
    told = []

    def run(command, **options):
        told.append((command, options["python_shell"]))
        return {"retcode": 0, "stdout": "", "stderr": ""}

    boots.reboot(run)
    ((command, shell),) = told
    assert (command[0], command[-2:], shell) == ("systemd-run", ["systemctl", "reboot"], False)
    assert f"--on-active={boots.DELAY_SECONDS}s" in command


def test_a_reboot_that_systemd_refuses_is_said():
    def run(command, **options):
        return {"retcode": 1, "stdout": "", "stderr": "Unit mysql-gr-reboot.timer was already lo"}

    with pytest.raises(CommandExecutionError, match="does not reboot this machine: Unit mysql-gr"):
        boots.reboot(run)
