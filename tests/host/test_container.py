"""The docker provider's box on another host, with cgroup v2 alone: HOST=bookworm, trixie or sid."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.host.machine import HOSTS, RELEASES, Machine, build, docker_run
from vagrant import prepare
from vagrant.lab.box import box_recipe, build_archive, docker_options, import_options

IMAGE = "box"
MACHINES = ("first", "second")


@pytest.fixture(scope="module")
def archive() -> Path:
    """The docker provider's box, by this checkout's recipe."""
    prepare.carry_certificates()
    path = HOSTS / f"box-{box_recipe()}.tar"
    if not path.exists():
        HOSTS.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name("unfinished.tar")
        build_archive(unfinished)
        unfinished.rename(path)
    return path


@pytest.fixture(scope="module")
def host(archive: Path) -> Iterator[Machine]:
    release = os.environ.get("HOST") or "trixie"
    assert release in RELEASES, f"HOST={release} is not known; known are {', '.join(RELEASES)}"
    files = build(release)
    begin = time.monotonic()
    machine = Machine(files, archive)
    try:
        machine.wait(600)
        print(f"\n{release} host: ssh after {time.monotonic() - begin:.0f} s, kvm={machine.kvm}")
        print(machine.ask("uname -r; docker version --format '{{.Server.Version}}'"))
        begin = time.monotonic()
        options = " ".join(f"'{word}'" for word in import_options())
        machine.ask(f"docker import {options} - {IMAGE} < /dev/vdb", timeout=900)
        print(f"import {time.monotonic() - begin:.0f} s")
        yield machine
    finally:
        machine.stop()


def settle(host: Machine, name: str) -> None:
    """Wait until a machine's systemd is up, with every unit, and its Salt answers."""
    begin = time.monotonic()
    deadline = begin + 600
    state = ""
    while state not in {"running", "degraded"}:
        assert time.monotonic() < deadline, f"{name}: {state}; {told(host, name)}"
        status = host.ask(f"docker inspect --format '{{{{.State.Status}}}}' {name}")
        assert status == "running", f"{name}: {status}; {told(host, name)}"
        state = host.run(f"docker exec {name} systemctl is-system-running", timeout=120).stdout
        state = state.strip()
        time.sleep(1)
    failed = host.ask(f"docker exec {name} systemctl --failed --plain --no-legend")
    assert state == "running", f"{name} is {state}: {failed}"
    print(f"{name}: systemd is {state} after {time.monotonic() - begin:.0f} s")
    answer = host.ask(f"docker exec {name} salt-call --local --out=json test.ping")
    assert json.loads(answer) == {"local": True}
    print(f"{name}: Salt answers after {time.monotonic() - begin:.0f} s")


def told(host: Machine, name: str) -> str:
    """Return the last that a container said."""
    return host.run(f"docker logs --tail 5 {name} 2>&1", timeout=60).stdout


@pytest.fixture(scope="module")
def machines(host: Machine) -> Machine:
    for name in MACHINES:
        host.ask(docker_run(name, docker_options(), IMAGE))
    return host


def test_the_host_has_cgroup_v2_alone(host: Machine) -> None:
    assert host.ask("stat -f -c %T /sys/fs/cgroup") == "cgroup2fs"


@pytest.mark.parametrize("name", MACHINES)
def test_two_machines_start_side_by_side(machines: Machine, name: str) -> None:
    settle(machines, name)


def test_a_machine_stops_cleanly_and_starts_again(machines: Machine) -> None:
    begin = time.monotonic()
    machines.ask("docker stop --time 60 first")
    print(f"first: stopped after {time.monotonic() - begin:.0f} s")
    assert machines.ask("docker inspect --format '{{.State.ExitCode}}' first") == "0"
    machines.ask("docker start first")
    settle(machines, "first")
    assert machines.ask("docker exec second systemctl is-system-running") == "running"


def test_the_hosts_own_tree_is_as_before(machines: Machine) -> None:
    options = machines.ask("findmnt --noheadings --output OPTIONS /sys/fs/cgroup").split(",")
    assert "rw" in options
    assert machines.ask("systemctl is-system-running") == "running"


def test_a_master_and_a_minion_talk(machines: Machine) -> None:
    """Salt's own way from one machine to another, through the host's docker network."""
    address = machines.ask(
        "docker inspect --format '{{.NetworkSettings.IPAddress}}' first"
        " | grep . || docker exec first hostname --all-ip-addresses"
    ).split()[0]
    for name, program, text in (
        ("first", "master", "auto_accept: true\\nworker_threads: 2\\n"),
        ("second", "minion", f"master: {address}\\nid: second\\n"),
    ):
        put = f"mkdir -p /etc/salt && printf '{text}' > /etc/salt/{program} && salt-{program} -d"
        machines.ask(f'docker exec {name} sh -c "{put}"')
    deadline = time.monotonic() + 600
    answer = ""
    while '"second": true' not in answer:
        assert time.monotonic() < deadline, answer
        command = "docker exec first salt --timeout=30 --out=json --static second test.ping"
        answer = machines.run(command, timeout=300).stdout
