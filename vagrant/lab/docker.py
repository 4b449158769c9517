"""What the docker engine says of itself, in plain data."""

from __future__ import annotations

import getpass
import json
import os
import socket
from dataclasses import dataclass
from pathlib import Path

from vagrant.lab.commands import run
from vagrant.lab.person import SOCKET
from vagrant.lab.programs import which


@dataclass(frozen=True)
class Engine:
    """Whether an engine answers, where it has its data, and what it said if it does not."""

    answers: bool
    root: str = "/var/lib/docker"
    said: str = ""


def engine() -> Engine:
    """Ask the engine that the docker program reaches, whosever it is."""
    shown = run(["docker", "info", "--format", "{{json .}}"], capture=True, check=False, timeout=30)
    try:
        told = json.loads(shown.stdout or "{}")
    except ValueError:
        told = {}
    # Docker exits 0 with ServerErrors where the engine does not answer; podman knows no such key.
    if shown.returncode != 0 or told.get("ServerErrors"):
        said = "; ".join(told.get("ServerErrors") or []) or shown.stderr.strip()
        return Engine(False, said=said)
    return Engine(True, told.get("DockerRootDir") or "/var/lib/docker")


def networks() -> list[tuple[str, list[str]]]:
    """Return name and subnets of each of docker's networks."""
    known = run(["docker", "network", "ls", "--quiet"], capture=True, timeout=30).stdout.split()
    if not known:
        return []
    shown = run(["docker", "network", "inspect", *known], capture=True, timeout=30).stdout
    return network_list(shown)


def network_list(shown: str) -> list[tuple[str, list[str]]]:
    """Return name and subnets of the networks that `docker network inspect` prints."""
    return [
        (one["Name"], [row["Subnet"] for row in (one.get("IPAM") or {}).get("Config") or []])
        for one in json.loads(shown)
    ]


def engine_faults(
    known: Engine, *, program: bool, listens: bool, host: str, user: str
) -> list[str]:
    """Say why no engine can be had, if none can.

    program
        Whether the program docker is there.

    listens
        Whether something listens at docker's socket.

    host
        DOCKER_HOST, empty if it is not set.
    """
    if known.answers:
        return []
    if program and "permission denied" in known.said.lower():
        return [
            f"{user} may not use docker's socket: `sudo usermod -aG docker {user}`, then log in "
            "again; or run this command by sudo"
        ]
    if host:
        return [f"DOCKER_HOST is {host}, and no engine answers there: {known.said}"]
    if not program and listens:
        return [
            f"{SOCKET} is there, but no program docker to use it; install the engine's client "
            "(docker-ce-cli, docker-cli or podman-docker)"
        ]
    # A client without an engine, as a site's own tools bring one, is no fault: dockerd is installed
    # beside it, or named among the programs that are missing.
    return []


def connects(path: Path) -> bool:
    """Tell whether something listens at a socket; one that was left behind is none."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(5)
        try:
            probe.connect(str(path))
        except OSError as err:
            return isinstance(err, PermissionError)
    return True


def can_there_be_an_engine(known: Engine) -> list[str]:
    """Say why this host can have no engine, if it cannot."""
    return engine_faults(
        known,
        program=bool(which("docker")),
        listens=connects(SOCKET),
        host=os.environ.get("DOCKER_HOST", ""),
        user=getpass.getuser(),
    )
