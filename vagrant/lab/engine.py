"""The docker engine: started where none answers, and what a killed one left behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

from vagrant.lab.checkout import LAB
from vagrant.lab.commands import run, say, step
from vagrant.lab.errors import LabError


def docker_answers() -> bool:
    """Tell whether a docker engine answers."""
    return run(["docker", "info"], capture=True, check=False, timeout=30).returncode == 0


def ensure_docker() -> None:
    """Start dockerd, by systemd where it runs and else ourselves, and wait until it answers."""
    if docker_answers():
        return
    if os.geteuid() != 0:
        raise LabError("no docker engine answers and only root can start one: run `sudo make up`")
    with step("starting dockerd"):
        if Path("/run/systemd/system").is_dir():
            run(["systemctl", "start", "docker"])
        else:
            LAB.mkdir(exist_ok=True)
            # A host that went down with dockerd running leaves its pid files; they name nobody now.
            for stale in ("/var/run/docker.pid", "/run/docker/containerd/containerd.pid"):
                remove_stale_pid(Path(stale))
            remove_stale_namespaces()
            with (LAB / "dockerd.log").open("a") as log:
                daemon = subprocess.Popen(
                    ["dockerd"],
                    stdout=log,
                    stderr=log,
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,
                )
            (LAB / "dockerd.pid").write_text(str(daemon.pid))
        deadline = time.monotonic() + 60
        while not docker_answers():
            if time.monotonic() > deadline:
                raise LabError("dockerd did not answer within 60 s; see .lab/dockerd.log")
            time.sleep(0.5)


def remove_stale_pid(path: Path) -> None:
    """Remove a pid file whose process is gone or is another program by now."""
    if not path.exists():
        return
    program = Path("/proc", path.read_text().strip(), "comm")
    if not program.exists() or program.read_text().strip() not in path.name:
        path.unlink()


def remove_stale_namespaces() -> None:
    """Remove the network namespaces of containers whose docker was killed.

    They would answer on with the addresses that new containers get. Without a shim no container is
    alive; a dockerd that still knows them would do the same.
    """
    if run(["pgrep", "-f", "containerd-shim"], capture=True, check=False).returncode == 0:
        return
    for namespace in Path("/run/docker/netns").glob("*"):
        run(["umount", str(namespace)], capture=True, check=False)
        namespace.unlink(missing_ok=True)


def stale_bridges(routes: str, networks: str) -> list[str]:
    """Return the bridges on a subnet that docker made once and knows no more.

    routes
        What `ip route show` prints for the subnet.

    networks
        The ids of docker's networks, a line each, twelve characters.
    """
    bridges = re.findall(r"\bdev br-([0-9a-f]{12})\b", routes)
    return [f"br-{name}" for name in bridges if name not in networks.split()]


def remove_stale_bridges(subnet: str) -> None:
    """Remove bridges that hold the machines' network and lead nowhere."""
    routes = run(["ip", "route", "show", subnet], capture=True).stdout
    networks = run(["docker", "network", "ls", "--quiet"], capture=True).stdout
    for bridge in stale_bridges(routes, networks):
        say(f"removing {bridge}, a bridge in {subnet} that docker does not know any more")
        run(["ip", "link", "delete", bridge], capture=True)


def stop_docker() -> None:
    """Stop the dockerd that `up` started here, and no other."""
    pid_file = LAB / "dockerd.pid"
    if not pid_file.exists():
        return
    pid = int(pid_file.read_text())
    pid_file.unlink()
    comm = Path(f"/proc/{pid}/comm")
    if not comm.exists() or comm.read_text().strip() != "dockerd":
        return
    say("stopping the dockerd that was started here")
    os.kill(pid, signal.SIGTERM)
    for _ in range(300):
        # Where nothing reaps orphans a stopped one stays a zombie: that is stopped too.
        if not comm.exists() or "Z (zombie)" in Path(f"/proc/{pid}/status").read_text():
            return
        time.sleep(0.1)
    raise LabError(f"dockerd (process {pid}) is still stopping after 30 s; see .lab/dockerd.log")


def remove_empty_cgroups(names: Iterable[str]) -> None:
    """Remove the cgroups that machines of a host with the hybrid layout leave behind."""
    for name in names:
        for below, _, _ in os.walk(f"/sys/fs/cgroup/unified/{name}", topdown=False):
            Path(below).rmdir()
