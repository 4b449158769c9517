"""The machines, brought up and taken away: what `make up` and `make down` run."""

from __future__ import annotations

import json
import os
import shutil
import sys
from typing import Any

from vagrant.lab.box import build_box
from vagrant.lab.checkout import ROOT, cluster
from vagrant.lab.commands import run, say, step
from vagrant.lab.containers import foreign_machines, remove_orphans
from vagrant.lab.converge import digest
from vagrant.lab.docker import networks
from vagrant.lab.engine import (
    ensure_docker,
    remove_empty_cgroups,
    remove_stale_bridges,
    stop_docker,
)
from vagrant.lab.errors import LabError
from vagrant.lab.findings import network_faults
from vagrant.lab.host import install, judge
from vagrant.lab.person import account, may_use_docker
from vagrant.lab.progress import Clock, Machines
from vagrant.lab.virtual import make_box, virtual_provider


def on(machine: str, command: str) -> str:
    """Run a command on a machine as root and return what it prints."""
    return run(["vagrant", "ssh", machine, "-c", f"sudo {command}"], capture=True).stdout


def show_group(master: str, databases: list[str]) -> None:
    """Print what each database machine knows of itself."""
    call = f"salt --out=json --static -L {','.join(databases)} mysql_gr.status 2>/dev/null"
    answers = json.loads(on(master, call))
    print(f"{'machine':<10}{'address':<18}{'state':<12}{'role':<11}{'writable':<10}{'version'}")
    for name in databases:
        status = answers.get(name)
        if isinstance(status, dict):
            member = status["member"]
            print(
                f"{name:<10}{member['host']:<18}{member['state']:<12}{member['role'] or '-':<11}"
                f"{'yes' if status['writable'] else 'no':<10}{member['version']}"
            )
        else:
            print(f"{name:<10}{status or 'does not answer'}")
    print()


def show(table: dict[str, Any]) -> None:
    """Print the group and where to look."""
    nodes = table["nodes"]
    master = next(name for name, node in nodes.items() if node["role"] == "master")
    databases = [name for name, node in nodes.items() if node["role"] == "db"]
    print()
    if databases:
        show_group(master, databases)
    for node in nodes.values():
        if node["role"] == "web":
            print(f"API               http://{node['ip']}/api/tags")
    balanced = (table.get("web") or {}).get("balanced")
    for node in nodes.values():
        if node["role"] == "proxy" and balanced:
            print(f"by the balancer   http://{node['ip']}/api/tags")
    for node in nodes.values():
        if node["role"] == "proxy":
            print(f"statistics page   http://{node['ip']}:9201/   (user admin)")
    print("passwords         pillar/secrets/*.sls")
    print(f"a look            vagrant ssh {master} -c \"sudo salt 'db*' mysql_gr.status\"")


def up() -> None:
    """Bring everything up, or find that it is."""
    clock = Clock()
    table = cluster()
    provider = virtual_provider() or "docker"
    install(judge(table, provider))
    if provider == "docker":
        ensure_docker()
        make_room(table)
        prepare(table)
        build_box()
    else:
        make_box(provider)
    machines = Machines()
    with step("vagrant up", read=machines.read, state=machines.__str__, digest=digest):
        run(["vagrant", "up", f"--provider={provider}"])
    show(table)
    if provider == "docker":
        tell_of_group()
    say(f"up after {clock}")


def make_room(table: dict[str, Any]) -> None:
    """Refuse what is in the way on the engine, and remove what earlier starts left there."""
    faults = network_faults(table["subnet"], networks())
    taken = foreign_machines(table)
    if taken:
        faults.append(
            f"machines of another checkout hold names or addresses of {table['subnet']}: "
            f"{', '.join(taken)}; run `make down` there first"
        )
    if faults:
        raise LabError("\n".join(faults))
    remove_orphans()
    remove_stale_bridges(table["subnet"])


def tell_of_group() -> None:
    """Say what the checkout's owner lacks to use the machines later, without root."""
    user = account(os.geteuid())
    if os.getuid() == 0 and os.geteuid() != 0 and not may_use_docker(user):
        say(
            f"for `vagrant ssh` as {user.pw_name}: `sudo usermod -aG docker {user.pw_name}`, "
            "and log in again"
        )


def down() -> None:
    """Take the machines away, and the dockerd that was started for them; secrets and box stay."""
    # Those that were deleted from the table are known to Vagrant still.
    names = {*cluster()["nodes"], *(path.name for path in ROOT.glob(".vagrant/machines/*"))}
    if shutil.which("vagrant") and (ROOT / ".vagrant").is_dir():
        if any(ROOT.glob(".vagrant/machines/*/docker/id")):
            ensure_docker()
        machines = Machines()
        with step("vagrant destroy", read=machines.read, state=machines.__str__):
            run(["vagrant", "destroy", "--force", "--parallel"])
        remove_empty_cgroups(names)
    stop_docker()


def prepare(table: dict[str, Any]) -> None:
    """Make what the box and the machines need from this host."""
    if run([sys.executable, "vagrant/prepare.py", *table["nodes"]], capture=True).stdout:
        say("made secrets and keys, in pillar/secrets and .lab/keys")
