"""Which boot a machine runs from, whether it waits for another one, and its reboot."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from salt.exceptions import CommandExecutionError

# Salt's cmd.run_all.
Run = Callable[..., Any]
# Compares two versions as the package manager does: -1, 0 or 1.
Compare = Callable[[str, str], Any]

PROC, RUN, BOOT = Path("/proc"), Path("/run"), Path("/boot")
# Of a process, the place of its start after its name, in ticks since the kernel's own (proc(5)).
START_FIELD = 19
# By then the minion has given its answer.
DELAY_SECONDS = 2
UNIT = "mysql-gr-reboot"


def boot_of(proc: Path = PROC) -> str:
    """
    Return what is another one after each boot of this machine, and the same in between.

    The kernel's own id is the host's in a container, where the start of the first process tells.
    """
    kernel = (proc / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    # Its name may have blanks and brackets in it.
    rest = (proc / "1/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2]
    return f"{kernel}/{rest.split()[START_FIELD]}"


def _parts(release: str) -> tuple[str, str]:
    """Return a kernel's version and flavour: 6.12.48+deb13 and cloud-amd64."""
    found = re.fullmatch(r"(.*?[0-9])-([a-z].*)", release)
    return (found[1], found[2]) if found else (release, "")


def newer_kernel(running: str, installed: Iterable[str], compare: Compare) -> str:
    """
    Return the newest kernel that is installed and newer than the running one, or the empty text.

    running, installed
        Releases as ``uname -r`` and /boot have them. Other flavours than the running one do not
        count.

    compare
        Compares two versions as the package manager does.
    """
    version, flavour = _parts(running)
    newest = ""
    for release in installed:
        other, its = _parts(release)
        if its == flavour and compare(other, _parts(newest)[0] if newest else version) == 1:
            newest = release
    return newest


def installed_kernels(boot: Path = BOOT) -> list[str]:
    """Return the releases of the kernels that a boot could start."""
    return sorted(path.name.removeprefix("vmlinuz-") for path in boot.glob("vmlinuz-*"))


def waiting(running: str, compare: Compare, run: Path = RUN, boot: Path = BOOT) -> str:
    """
    Return why this machine waits for a reboot, or the empty text.

    running
        The running kernel's release.

    compare
        Compares two versions as the package manager does.

    In a container the kernel is the host's, and a boot of it brings no other one.
    """
    if (run / "reboot-required").exists():
        try:
            text = (run / "reboot-required.pkgs").read_text(encoding="utf-8", errors="replace")
        except OSError:
            text = ""
        names = ", ".join(dict.fromkeys(text.split())) or "no package is named"
        return f"{run}/reboot-required is there ({names})"
    if (run / "systemd/container").exists():
        return ""
    newer = newer_kernel(running, installed_kernels(boot), compare)
    return f"kernel {running} runs, and {newer} is installed" if newer else ""


def reboot(run: Run) -> None:
    """
    Have systemd reboot this machine in a moment, so that whoever asked gets an answer first.

    run
        Salt's cmd.run_all.

    Raises CommandExecutionError when systemd refuses, as where a reboot is under way already.
    """
    command = (
        *("systemd-run", "--quiet", "--collect", f"--unit={UNIT}"),
        *(f"--on-active={DELAY_SECONDS}s", "--timer-property=AccuracySec=100ms"),
        *("systemctl", "reboot"),
    )
    done = run(list(command), python_shell=False, ignore_retcode=True)
    if done["retcode"]:
        said = done["stderr"] or done["stdout"]
        raise CommandExecutionError(f"systemd does not reboot this machine: {said}")
