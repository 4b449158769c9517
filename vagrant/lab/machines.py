"""The machines, brought up and taken away: what `make up` and `make down` run."""

from __future__ import annotations

import json
import shutil
import sys
import time
from typing import Any

from vagrant.lab.box import build_box
from vagrant.lab.checkout import ROOT, cluster
from vagrant.lab.commands import run, say, step
from vagrant.lab.containers import foreign_machines, remove_orphans
from vagrant.lab.engine import (
    ensure_docker,
    remove_empty_cgroups,
    remove_stale_bridges,
    stop_docker,
)
from vagrant.lab.errors import LabError
from vagrant.lab.host import PACKAGES_ALWAYS, PACKAGES_DOCKER, install_packages
from vagrant.lab.virtual import prepare_virtual, virtual_provider


def on(machine: str, command: str) -> str:
    """Run a command on a machine as root and return what it prints."""
    return run(["vagrant", "ssh", machine, "-c", f"sudo {command}"], capture=True).stdout


def show(table: dict[str, Any]) -> None:
    """Print the group and where to look."""
    nodes = table["nodes"]
    master = next(name for name, node in nodes.items() if node["role"] == "master")
    databases = ",".join(name for name, node in nodes.items() if node["role"] == "db")
    answers = json.loads(
        on(master, f"salt --out=json --static -L {databases} mysql_gr.status 2>/dev/null")
    )
    print()
    print(f"{'machine':<10}{'address':<18}{'state':<12}{'role':<11}{'writable':<10}{'version'}")
    for name in databases.split(","):
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
    for node in nodes.values():
        if node["role"] == "web":
            print(f"API               http://{node['ip']}/api/tags")
    for node in nodes.values():
        if node["role"] == "proxy":
            print(f"statistics page   http://{node['ip']}:9201/   (user admin)")
    print("passwords         pillar/secrets/*.sls")
    print(f"a look            vagrant ssh {master} -c \"sudo salt 'db*' mysql_gr.status\"")


def up() -> None:
    """Bring everything up, or find that it is."""
    begin = time.monotonic()
    table = cluster()
    provider = virtual_provider()
    if provider:
        prepare_virtual(provider)
    else:
        install_packages((*PACKAGES_ALWAYS, *PACKAGES_DOCKER))
        ensure_docker()
        taken = foreign_machines(table)
        if taken:
            raise LabError(
                f"machines of another checkout hold names or addresses of {table['subnet']}: "
                f"{', '.join(taken)}; run `make down` there first"
            )
        remove_orphans()
        remove_stale_bridges(table["subnet"])
        prepare(table)
        build_box()
        provider = "docker"
    with step("vagrant up"):
        run(["vagrant", "up", f"--provider={provider}"])
    show(table)
    say(f"up after {time.monotonic() - begin:.0f} s")


def down() -> None:
    """Take the machines away, and the dockerd that was started for them; secrets and box stay."""
    if shutil.which("vagrant") and (ROOT / ".vagrant").is_dir():
        if shutil.which("docker") and not shutil.which("VBoxManage"):
            ensure_docker()
        with step("vagrant destroy"):
            run(["vagrant", "destroy", "--force", "--parallel"])
        remove_empty_cgroups(cluster()["nodes"])
    stop_docker()


def prepare(table: dict[str, Any]) -> None:
    """Make what the box and the machines need from this host."""
    run([sys.executable, "vagrant/prepare.py", *table["nodes"]])
