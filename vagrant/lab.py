#!/usr/bin/env python3
"""Bring the machines up on this host, and take them away again: what `make up` and `make down` run.

`up` installs what the host lacks from its distribution, starts dockerd where nothing else does,
builds the box, runs `vagrant up`, and ends with the group's table and where to look. With a usable
VirtualBox none of the docker part happens. Only the standard library: there is no Salt on the host.
"""

from __future__ import annotations

import argparse
import hashlib
import ipaddress
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LAB = ROOT / ".lab"
CLUSTER = ROOT / "pillar" / "cluster.sls"
REQUIREMENTS = ROOT / "requirements.txt"
PACKAGES = ROOT / "vagrant/requirements.txt"
CERTIFICATES = LAB / "site.crt"
BOX = "mysql-gr-salt/sid"
LABEL = "mysql-gr-salt.lab"
# What VirtualBox 6.1.28 and later allow when /etc/vbox/networks.conf does not exist.
VBOX_DEFAULT = "192.168.56.0/21"
VBOX_NETWORKS = Path("/etc/vbox/networks.conf")

PACKAGES_ALWAYS = ("vagrant", "openssl", "openssh-client")
PACKAGES_DOCKER = (
    "docker.io",
    "iptables",
    "mmdebstrap",
    "debian-archive-keyring",
    "ca-certificates",
    "iproute2",
    "procps",
)
BOX_PACKAGES = (
    "systemd",
    "systemd-sysv",
    "dbus",
    "openssh-server",
    # Vagrant uploads files by scp.
    "openssh-client",
    "sudo",
    "ca-certificates",
    "iproute2",
    "procps",
)


class LabError(Exception):
    """Something the person at the keyboard has to know, in one sentence."""


def say(text: str) -> None:
    """Print one line about what happens now."""
    print(f"==> {text}", flush=True)


def run(
    command: Sequence[str],
    *,
    capture: bool = False,
    check: bool = True,
    timeout: float | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command, its output shown as it comes unless captured."""
    try:
        return subprocess.run(
            command, cwd=ROOT, text=True, capture_output=capture, check=check, timeout=timeout
        )
    except subprocess.CalledProcessError as err:
        shown = (err.stderr or err.stdout or "").strip() if capture else "see above"
        told = " ".join(command[:4])
        raise LabError(f"`{told} …` failed with {err.returncode}: {shown}") from err


@contextmanager
def step(name: str) -> Iterator[None]:
    """Say what is done and how long it took."""
    say(name)
    begin = time.monotonic()
    yield
    say(f"{name}: done in {time.monotonic() - begin:.0f} s")


# --- the host ------------------------------------------------------------------------------------


def missing_packages(wanted: Sequence[str]) -> list[str]:
    """Return those of the distribution's packages that are not installed."""
    shown = run(
        ["dpkg-query", "-W", "-f", "${Package}\t${db:Status-Abbrev}\n", *wanted],
        capture=True,
        check=False,
    ).stdout
    installed = {
        line.split("\t")[0] for line in shown.splitlines() if line.split("\t")[1].startswith("ii")
    }
    return [package for package in wanted if package not in installed]


def install_packages(wanted: Sequence[str]) -> None:
    """Install what is missing from the distribution, as root."""
    missing = missing_packages(wanted)
    if not missing:
        return
    if os.geteuid() != 0:
        raise LabError(
            f"missing on this host: {' '.join(missing)}; run `sudo make up`, or install them first"
        )
    with step(f"installing {' '.join(missing)}"):
        environment = ["env", "DEBIAN_FRONTEND=noninteractive"]
        run([*environment, "apt-get", "update", "-qq"])
        run([*environment, "apt-get", "install", "-qq", "-y", "--no-install-recommends", *missing])


def virtualbox_usable() -> bool:
    """Tell whether VirtualBox can start machines here: it answers and its driver is loaded."""
    if os.environ.get("VAGRANT_DEFAULT_PROVIDER", "virtualbox") != "virtualbox":
        return False
    if not shutil.which("VBoxManage"):
        return False
    answer = run(["VBoxManage", "--version"], capture=True, check=False)
    # Without its kernel driver VBoxManage warns, exits 0 and can start nothing.
    return answer.returncode == 0 and "WARNING" not in answer.stdout + answer.stderr


def allowed_by_virtualbox(subnet: str, networks: str | None) -> bool:
    """Tell whether VirtualBox lets a host-only network have this subnet.

    subnet
        The machines' network, as in pillar/cluster.sls.

    networks
        The text of /etc/vbox/networks.conf, or None where there is no such file.
    """
    if networks is None:
        ranges = [VBOX_DEFAULT]
    else:
        ranges = [
            word
            for line in networks.splitlines()
            if line.strip().startswith("*")
            for word in line.strip().lstrip("*").split()
        ]
    wanted = ipaddress.ip_network(subnet)
    return any(
        wanted.version == allowed.version and wanted.subnet_of(allowed)  # type: ignore[arg-type]
        for allowed in (ipaddress.ip_network(word, strict=False) for word in ranges)
    )


def check_virtualbox_network(subnet: str) -> None:
    """Refuse, with the line to add, a subnet that VirtualBox would refuse half-way through."""
    text = VBOX_NETWORKS.read_text() if VBOX_NETWORKS.exists() else None
    if not allowed_by_virtualbox(subnet, text):
        raise LabError(
            f"VirtualBox does not allow host-only networks in {subnet} (cluster:subnet in "
            f"pillar/cluster.sls); add this line to {VBOX_NETWORKS}:\n* {subnet}"
        )


def cluster() -> dict[str, Any]:
    """Read the table of nodes."""
    try:
        import yaml
    except ImportError:
        raise LabError("this Python has no yaml; on Debian and Ubuntu: python3-yaml") from None

    table: dict[str, Any] = yaml.safe_load(CLUSTER.read_text())["cluster"]
    return table


# --- docker --------------------------------------------------------------------------------------


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


def foreign_machines(table: dict[str, Any]) -> list[str]:
    """Name the running machines of other checkouts that hold a name or a subnet that ours need."""
    known = run(["docker", "ps", "-q", "--filter", f"label={LABEL}"], capture=True).stdout.split()
    if not known:
        return []
    columns = '{{.Name}}\t{{index .Config.Labels "' + LABEL + '"}}\t{{.Config.Hostname}}\t'
    addresses = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}"
    shown = run(["docker", "inspect", "--format", columns + addresses, *known], capture=True).stdout
    return in_the_way(table, [line.split("\t") for line in shown.splitlines()])


def in_the_way(table: dict[str, Any], machines: Iterable[Sequence[str]]) -> list[str]:
    """Name those of some machines (name, checkout, host name, addresses) that ours clash with."""
    subnet = ipaddress.ip_network(table["subnet"])
    return [
        f"{name.lstrip('/')} of {checkout}"
        for name, checkout, host, addresses in machines
        if checkout != str(ROOT)
        and (
            host in table["nodes"]
            or any(ipaddress.ip_address(one) in subnet for one in addresses.split())
        )
    ]


def remove_orphans() -> None:
    """Remove containers of this checkout that Vagrant does not know: a start that broke off."""
    known = {path.read_text().strip() for path in ROOT.glob(".vagrant/machines/*/docker/id")}
    shown = run(
        ["docker", "ps", "-a", "-q", "--no-trunc", "--filter", f"label={LABEL}={ROOT}"],
        capture=True,
    ).stdout
    orphans = [name for name in shown.split() if name not in known]
    if orphans:
        say(f"removing {len(orphans)} containers that an earlier start left half-made")
        run(["docker", "rm", "--force", *orphans], capture=True)


def box_recipe() -> str:
    """Return a short hash of all that goes into the box."""
    digest = hashlib.sha256()
    for path in (ROOT / "vagrant/bootstrap.sh", ROOT / "vagrant/box/init", CERTIFICATES):
        digest.update(path.read_bytes())
    # The checkout's own path is no part of the box: checkouts of one version share it.
    digest.update("\n".join([*BOX_PACKAGES, *box_hooks()]).replace(str(ROOT), "").encode())
    return digest.hexdigest()[:12]


def mirror() -> list[str]:
    """Return the Debian mirror this host uses, or nothing: mmdebstrap has its own default."""
    targets = run(
        ["apt-get", "indextargets", "--format", "$(ORIGIN) $(REPO_URI)", "Created-By: Packages"],
        capture=True,
        check=False,
    ).stdout
    for line in targets.splitlines():
        origin, _, address = line.partition(" ")
        if origin == "Debian" and "security" not in address:
            return [address.rstrip("/")]
    return []


def proxy_options() -> list[str]:
    """Return the host's apt proxies as options for the box's apt."""
    shown = run(["apt-config", "dump"], capture=True, check=False).stdout
    return [
        f"--aptopt={line.rstrip(';')}"
        for line in shown.splitlines()
        if line.startswith(("Acquire::http::Proxy ", "Acquire::https::Proxy "))
    ]


def salt_version() -> str:
    """Return the one version of Salt that everything here uses."""
    found = re.search(r"^salt==([0-9.]+)$", REQUIREMENTS.read_text(), re.MULTILINE)
    if not found:
        raise LabError(f"{REQUIREMENTS.name} pins no Salt; expected salt==3008.3 or the like")
    return found[1]


def packages() -> list[str]:
    """Return what Salt's Python has beside Salt, in pip's words."""
    return [line for line in PACKAGES.read_text().splitlines() if not line.startswith("#")]


def box_hooks() -> list[str]:
    """Return what is done inside the box, in order, once its packages are in."""
    inside = 'chroot "$1"'
    beside = " ".join(f"-p {shlex.quote(package)}" for package in packages())
    return [
        f"copy-in {ROOT}/vagrant/box/init /usr/local/sbin",
        f"upload {ROOT}/vagrant/bootstrap.sh /root/bootstrap.sh",
        f"upload {CERTIFICATES} /tmp/site.crt",
        # Packages for Salt alone, then out with the compiler that one of its dependencies needed.
        f"{inside} bash /root/bootstrap.sh -N {beside} pip {salt_version()}",
        f"{inside} rm /root/bootstrap.sh",
        f"{inside} apt-get purge -qq -y --autoremove gcc libc6-dev python3-dev",
        f"{inside} useradd --create-home --shell /bin/bash vagrant",
        'echo "vagrant ALL=(ALL) NOPASSWD: ALL" > "$1/etc/sudoers.d/vagrant"',
        # The key comes from the checkout that runs the machine, not from the box.
        "printf '%s\\n' 'AuthorizedKeysFile /etc/ssh/authorized_keys.d/%u' 'StrictModes no'"
        " 'UseDNS no' 'PasswordAuthentication no' > \"$1/etc/ssh/sshd_config.d/lab.conf\"",
        # Every machine its own host keys, made when it first starts.
        'rm -f "$1"/etc/ssh/ssh_host_*',
        'mkdir -p "$1/etc/systemd/system/ssh.service.d"',
        "printf '%s\\n' '[Service]' 'ExecStartPre=' 'ExecStartPre=/usr/bin/ssh-keygen -A'"
        " 'ExecStartPre=/usr/sbin/sshd -t' > \"$1/etc/systemd/system/ssh.service.d/keys.conf\"",
        f"{inside} systemctl disable --quiet ssh.socket",
        f"{inside} systemctl enable --quiet ssh.service",
        f"{inside} systemctl mask --quiet systemd-udevd.service systemd-modules-load.service"
        " sys-kernel-debug.mount sys-kernel-config.mount getty.target console-getty.service",
        'rm -f "$1/etc/machine-id" && touch "$1/etc/machine-id"',
    ]


def build_box() -> None:
    """Build the box: Debian sid with systemd, ssh and Salt, from Debian's own packages and PyPI."""
    recipe = box_recipe()
    tag = f"{BOX}:{recipe}"
    if run(["docker", "image", "inspect", tag], capture=True, check=False).returncode != 0:
        if os.geteuid() != 0:
            raise LabError("the box has to be built by root once: run `sudo make up`")
        with step("building the box"), tempfile.TemporaryDirectory() as scratch:
            archive = str(Path(scratch, "box.tar"))
            run(
                [
                    "mmdebstrap",
                    "--quiet",
                    "--variant=minbase",
                    f"--include={','.join(BOX_PACKAGES)}",
                    # An archive snapshot or a slow mirror is still good enough for a lab.
                    '--aptopt=Acquire::Check-Valid-Until "false"',
                    *proxy_options(),
                    "--dpkgopt=force-unsafe-io",
                    *[f"--customize-hook={hook}" for hook in box_hooks()],
                    "sid",
                    archive,
                    *mirror(),
                ]
            )
            change = ["--change", 'CMD ["/usr/local/sbin/init"]']
            run(["docker", "import", *change, archive, tag], capture=True)
    run(["docker", "tag", tag, f"{BOX}:latest"])


# --- the machines --------------------------------------------------------------------------------


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


def check_virtualbox() -> None:
    """Refuse a cluster whose network VirtualBox would refuse."""
    check_virtualbox_network(cluster()["subnet"])


def up() -> None:
    """Bring everything up, or find that it is."""
    begin = time.monotonic()
    table = cluster()
    if virtualbox_usable():
        check_virtualbox()
        install_packages(PACKAGES_ALWAYS)
        provider = "virtualbox"
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


def prepare(table: dict[str, Any]) -> None:
    """Make what the box and the machines need from this host."""
    run([sys.executable, "vagrant/prepare.py", *table["nodes"]])


def down() -> None:
    """Take the machines away, and the dockerd that was started for them; secrets and box stay."""
    if shutil.which("vagrant") and (ROOT / ".vagrant").is_dir():
        if shutil.which("docker") and not shutil.which("VBoxManage"):
            ensure_docker()
        with step("vagrant destroy"):
            run(["vagrant", "destroy", "--force", "--parallel"])
        remove_empty_cgroups(cluster()["nodes"])
    stop_docker()


def remove_empty_cgroups(names: Iterable[str]) -> None:
    """Remove the cgroups that machines of a host with the hybrid layout leave behind."""
    for name in names:
        for below, _, _ in os.walk(f"/sys/fs/cgroup/unified/{name}", topdown=False):
            Path(below).rmdir()


def main() -> int:
    """Run the command that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands: dict[str, Callable[[], None]] = {
        "up": up,
        "down": down,
        "check-virtualbox": check_virtualbox,
    }
    parser.add_argument("command", choices=commands)
    command = parser.parse_args().command
    try:
        commands[command]()
    except LabError as err:
        print(f"{command}: {err}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
