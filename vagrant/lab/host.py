"""What this host has and lacks: gathered, judged in one message, and installed."""

from __future__ import annotations

import os
import pwd
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vagrant.lab import docker, findings
from vagrant.lab.box import box_is_there
from vagrant.lab.checkout import ROOT
from vagrant.lab.commands import run, say, step
from vagrant.lab.disk import disk_is_there
from vagrant.lab.errors import LabError
from vagrant.lab.programs import (
    Need,
    candidates,
    missing,
    needs,
    packages_of,
    program_faults,
    release,
    there,
    vagrant_fault,
    which,
)
from vagrant.lab.virtualbox import check_virtualbox_network

# What `make up` and `make test` make in a checkout.
MADE = (".lab", ".lab/log", ".lab/keys", ".vagrant", "pillar/secrets", ".venv", ".pytest_cache")


def text_of(path: str) -> str:
    """Return a file's text, or none where there is no such file."""
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def running(order: Sequence[str]) -> set[str]:
    """Return the machines of this checkout that run: they hold their ports and memory already."""
    found = set()
    for name in order:
        path = ROOT / ".vagrant/machines" / name / "docker/id"
        if path.exists():
            asked = ["docker", "inspect", "--format", "{{.State.Running}}", path.read_text()]
            if run(asked, capture=True, check=False, timeout=30).stdout.strip() == "true":
                found.add(name)
    return found


def free(path: str) -> tuple[str, int, int]:
    """Return a path, the device it is on, and the megabytes free there; of a parent if need be."""
    here = Path(path)
    while not here.exists():
        here = here.parent
    room = os.statvfs(here)
    return path, here.stat().st_dev, room.f_bavail * room.f_frsize // 2**20


def resource_findings(
    table: Mapping[str, Any], engine: docker.Engine, box: bool, containers: bool
) -> tuple[list[str], list[str]]:
    """Judge networks, ports, memory and disks."""
    subnet = table["subnet"]
    order = findings.in_order(table)
    up = running(order) if engine.answers else set()
    coming = [name for name in order if name not in up]
    roles = [table["nodes"][name]["role"] for name in coming]
    taken = findings.listening(text_of("/proc/net/tcp")) | findings.listening(
        text_of("/proc/net/tcp6")
    )
    wanted = [one for one in findings.published(table, order) if one[0] in coming]
    faults, notes = findings.port_findings(wanted, taken)
    faults += findings.memory_faults(
        roles, findings.available_memory(text_of("/proc/meminfo")), not containers
    )
    if not containers:
        return faults, notes
    if engine.answers:
        faults += findings.network_faults(subnet, docker.networks())
    refused, known = findings.route_findings(subnet, findings.routes(text_of("/proc/net/route")))
    places = {"docker": engine.root, "tmp": tempfile.gettempdir(), "checkout": str(ROOT)}
    faults += refused + findings.disk_faults(
        findings.disk_wanted(roles, box), {name: free(path) for name, path in places.items()}
    )
    return faults, notes + known


def owners() -> dict[str, int]:
    """Return whose the things are that earlier runs made here."""
    return {name: (ROOT / name).stat().st_uid for name in MADE if (ROOT / name).exists()}


def vagrant_faults() -> list[str]:
    """Say whether the Vagrant that is there is too old."""
    if not which("vagrant"):
        return []
    shown = run(["vagrant", "--version"], capture=True, check=False, timeout=60)
    fault = vagrant_fault(shown.stdout or shown.stderr)
    return [fault] if fault else []


def faults_of(absent: Sequence[Need]) -> list[str]:
    """Say what of the missing has to be installed by hand."""
    return program_faults(absent, bool(which("apt-get")), release(text_of("/etc/os-release")))


def refuse(faults: Sequence[str]) -> None:
    """Say all that is in the way, if anything is."""
    if faults:
        raise LabError("\n".join(["this host is not ready:", *[f"  - {one}" for one in faults]]))


def lacking(wanted: Sequence[Need]) -> list[Need]:
    """Return what is missing of what is wanted; refuse if it cannot be installed."""
    absent = missing(wanted, there(wanted))
    refuse(faults_of(absent))
    return absent


def judge(table: Mapping[str, Any], provider: str) -> list[Need]:
    """Refuse, in one message, all that would stop the machines; return what is to be installed."""
    containers = provider == "docker"
    engine = docker.engine() if containers else docker.Engine(False)
    if containers:
        box = engine.answers and box_is_there()
    else:
        box = "MYSQL_GR_BOX" in os.environ or disk_is_there(provider)
    wanted = needs(provider, engine.answers, box)
    absent = missing(wanted, there(wanted))
    faults = faults_of(absent)
    if containers:
        faults += docker.can_there_be_an_engine(engine)
    faults += vagrant_faults() + findings.table_faults(table)
    notes: list[str] = []
    if not findings.table_faults(table):
        more, notes = resource_findings(table, engine, box, containers)
        faults += more
    name = pwd.getpwuid(os.geteuid()).pw_name
    faults += findings.owner_faults(owners(), os.geteuid(), name)
    if provider == "virtualbox" and not findings.table_faults(table):
        try:
            check_virtualbox_network(table["subnet"])
        except LabError as err:
            faults.append(str(err))
    refuse(faults)
    for note in notes:
        say(note)
    return absent


def install(absent: Sequence[Need]) -> None:
    """Install what is missing from the distribution, as root."""
    if not absent:
        return
    names = " ".join(need.what for need in absent)
    environment = ["env", "DEBIAN_FRONTEND=noninteractive"]
    with step(f"installing {names}", root=f"installing {names}"):
        run([*environment, "apt-get", "update", "-q"], root=True)
        asked = [name for need in absent for name in need.package.split("|")]
        policy = run(["env", "LC_ALL=C", "apt-cache", "policy", *asked], capture=True).stdout
        packages, without = packages_of(absent, candidates(policy))
        if without:
            raise LabError(f"no package can be had of {', '.join(without)}; install by hand")
        run(
            [*environment, "apt-get", "install", "-q", "-y", "--no-install-recommends", *packages],
            root=True,
        )
