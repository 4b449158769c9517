"""The docker engine: started where none answers, and what a killed one left behind."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable
from pathlib import Path

from vagrant.lab import docker
from vagrant.lab.checkout import LAB
from vagrant.lab.commands import run, say, step
from vagrant.lab.errors import LabError
from vagrant.lab.person import ask_for_root, become_worker
from vagrant.lab.programs import which

IP = which("ip") or "ip"


def ensure_docker() -> None:
    """Start dockerd, by systemd where it runs and else ourselves, and wait until it answers."""
    if docker.engine().answers:
        return
    with step("starting dockerd", root="starting dockerd"):
        if Path("/run/systemd/system").is_dir():
            run(["systemctl", "start", "docker"], root=True)
        else:
            # A host that went down with dockerd running leaves its pid files; they name nobody now.
            for path in ("/var/run/docker.pid", "/run/docker/containerd/containerd.pid"):
                if is_stale(Path(path)):
                    run(["rm", "-f", path], root=True)
            remove_stale_namespaces()
            start_dockerd()
        deadline = time.monotonic() + 60
        while True:
            # Its group may be as new as the engine.
            become_worker()
            known = docker.engine()
            if known.answers:
                return
            if time.monotonic() > deadline or "permission denied" in known.said.lower():
                break
            time.sleep(0.5)
        faults = docker.can_there_be_an_engine(known)
        raise LabError("; ".join(faults) or "dockerd did not answer within 60 s: .lab/dockerd.log")


def start_dockerd() -> None:
    """Start dockerd in a session of its own, and note its process."""
    LAB.mkdir(exist_ok=True)
    noted, log = LAB / "dockerd.pid", LAB / "dockerd.log"
    # Made here, they stay the checkout's owner's when root writes them.
    noted.write_text("")
    log.touch()
    script = 'echo "$$" > "$0"; exec dockerd >> "$1" 2>&1 < /dev/null'
    run(["setsid", "--fork", "sh", "-c", script, str(noted), str(log)], capture=True, root=True)


def is_stale(path: Path) -> bool:
    """Tell whether a pid file's process is gone or is another program by now."""
    if not path.exists():
        return False
    program = Path("/proc", path.read_text().strip(), "comm")
    return not program.exists() or program.read_text().strip() not in path.name


def remove_stale_namespaces() -> None:
    """Remove the network namespaces of containers whose docker was killed.

    They would answer on with the addresses that new containers get. Without a shim no container is
    alive; a dockerd that still knows them would do the same.
    """
    names = (path.read_text(errors="replace") for path in Path("/proc").glob("[0-9]*/comm"))
    if any(name.startswith("containerd-shim") for name in names):
        return
    # Only root can look there.
    script = 'for one in /run/docker/netns/*; do umount "$one"; rm -f "$one"; done'
    run(["sh", "-c", script], capture=True, check=False, root=True)


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
    routes = run([IP, "route", "show", subnet], capture=True).stdout
    networks = run(["docker", "network", "ls", "--quiet"], capture=True).stdout
    for bridge in stale_bridges(routes, networks):
        say(f"removing {bridge}, a bridge in {subnet} that docker does not know any more")
        ask_for_root(f"removing {bridge}")
        run([IP, "link", "delete", bridge], capture=True, root=True)


def stop_docker() -> None:
    """Stop the dockerd that `up` started here, and no other."""
    pid_file = LAB / "dockerd.pid"
    if not pid_file.exists():
        return
    pid = pid_file.read_text().strip()
    pid_file.unlink()
    comm = Path(f"/proc/{pid}/comm")
    if not comm.exists() or comm.read_text().strip() != "dockerd":
        return
    say("stopping the dockerd that was started here")
    ask_for_root("stopping dockerd")
    run(["kill", str(pid)], capture=True, root=True)
    for _ in range(300):
        # Where nothing reaps orphans a stopped one stays a zombie: that is stopped too.
        if not comm.exists() or "Z (zombie)" in Path(f"/proc/{pid}/status").read_text():
            return
        time.sleep(0.1)
    raise LabError(f"dockerd (process {pid}) is still stopping after 30 s; see .lab/dockerd.log")


def remove_empty_cgroups(names: Iterable[str]) -> None:
    """Remove the cgroups that machines of a host with the hybrid layout leave behind."""
    below = [
        path
        for name in names
        for path, _, _ in os.walk(f"/sys/fs/cgroup/unified/{name}", topdown=False)
    ]
    if below:
        ask_for_root("removing the machines' cgroups")
        # One that is in use is a machine's of another checkout.
        run(["rmdir", *below], capture=True, check=False, root=True)
