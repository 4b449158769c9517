"""What on this host would stop the machines: judged before anything is built or installed."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Megabytes that a machine took after a deployment: memory, and disk beside the box.
MEMORY = {"master": 450, "db": 950, "proxy": 250, "web": 350}
DISK = {"master": 50, "db": 1000, "proxy": 300, "web": 550}
OTHER_ROLE = 300
BOX_MB = 500
# The box's packages, with a compiler for a while, and the archive that is made of them.
BUILD_MB = 1500
CHECKOUT_MB = 100
VIRTUAL_MEMORY = 1536


def network(text: Any) -> Network | None:
    """Return a network, or nothing if the text is none."""
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        return None


def table_faults(table: Mapping[str, Any]) -> list[str]:
    """Say what is wrong with the table of nodes."""
    subnet = network(table.get("subnet"))
    if subnet is None:
        return [
            f"cluster:subnet is {table.get('subnet')!r}; a network is needed, as 172.28.17.0/24"
        ]
    faults = []
    if "master" not in [node.get("role") for node in table["nodes"].values()]:
        faults.append("cluster:nodes has no node with role master; one is needed")
    owner: dict[str, str] = {}
    gateway = str(next(subnet.hosts()))
    for name, node in table["nodes"].items():
        key, text = f"cluster:nodes:{name}:ip", str(node.get("ip"))
        try:
            inside = ipaddress.ip_address(text) in subnet
        except ValueError:
            inside = False
        if not inside:
            faults.append(f"{key} is {text}, outside cluster:subnet; one in {subnet} is needed")
        elif text == gateway:
            faults.append(f"{key} is {text}, which is the host's own; another one is needed")
        elif owner.setdefault(text, name) != name:
            faults.append(f"{key} is {text}, as that of {owner[text]}; each needs its own")
    return faults


def network_faults(subnet: str, networks: Iterable[tuple[str, Sequence[str]]]) -> list[str]:
    """Name docker's networks that overlap with ours.

    networks
        Name and subnets of each. Vagrant's own name for ours is known.
    """
    ours = network(subnet)
    return [
        f"cluster:subnet {subnet} overlaps with docker's network {name} ({other}); "
        f"remove it (`docker network rm {name}`), or give the cluster another subnet"
        for name, subnets in networks
        if name != f"vagrant_network_{subnet}"
        for other in subnets
        if ours and (theirs := network(other)) and ours.overlaps(theirs)
    ]


def routes(text: str) -> list[tuple[str, str]]:
    """Return interface and network of the routes in /proc/net/route, without the default ones."""
    found = []
    for line in text.splitlines()[1:]:
        words = line.split()
        address, mask = (struct.pack("<L", int(words[at], 16)) for at in (1, 7))
        length = bin(int.from_bytes(mask, "big")).count("1")
        if length:
            found.append((words[0], f"{ipaddress.IPv4Address(address)}/{length}"))
    return found


def route_findings(subnet: str, found: Iterable[tuple[str, str]]) -> tuple[list[str], list[str]]:
    """Return what a host's routes forbid, and what they only make worth knowing.

    Bridges of docker are judged by its networks; VirtualBox has our own network on one of its.
    """
    ours = network(subnet)
    faults, notes = [], []
    for interface, text in found:
        theirs = network(text)
        if not ours or not theirs or not ours.overlaps(theirs):
            continue
        if interface.startswith(("br-", "docker", "vboxnet", "virbr")):
            continue
        if theirs.prefixlen < ours.prefixlen:
            notes.append(
                f"{text} is reached by {interface}: its part {subnet} (cluster:subnet) is not "
                "while the machines are up"
            )
        else:
            faults.append(
                f"cluster:subnet {subnet} overlaps with {text}, which this host reaches by "
                f"{interface}; give the cluster another subnet"
            )
    return faults, notes


def published(table: Mapping[str, Any], order: Sequence[str]) -> list[tuple[str, str, int, range]]:
    """Return machine, purpose and port of all that is published, and what it may move to.

    The Vagrantfile has the same rule.
    """
    found = []
    seen: dict[str, int] = {}
    for index, name in enumerate(order):
        node = table["nodes"][name]
        spare = range(28200 + 16 * index, 28216 + 16 * index)
        nth = seen.setdefault(node["role"], 0)
        seen[node["role"]] += 1
        ssh = 20000 + (int(ipaddress.ip_address(node["ip"])) & 0x1FFF)
        found.append((name, "ssh", ssh, spare))
        if node["role"] == "web":
            found.append((name, "HTTP", 8080 + nth, spare))
        if node["role"] == "proxy":
            if (table.get("web") or {}).get("balanced"):
                found.append((name, "HTTP", 8180 + nth, spare))
            found.append((name, "the statistics page", 9201 + nth, spare))
    return found


def in_order(table: Mapping[str, Any]) -> list[str]:
    """Return the nodes as the Vagrantfile orders them."""
    rank = {"master": 0, "db": 1, "proxy": 2, "web": 3}
    nodes = table["nodes"]
    return sorted(nodes, key=lambda name: rank.get(nodes[name]["role"], 9))


def port_findings(
    wanted: Iterable[tuple[str, str, int, range]], taken: set[int]
) -> tuple[list[str], list[str]]:
    """Return the ports that cannot be published at all, and those that will be others."""
    faults, notes = [], []
    for name, purpose, port, spare in wanted:
        if port not in taken:
            continue
        if all(other in taken for other in spare):
            faults.append(
                f"127.0.0.1:{port} is in use, and so are {spare[0]} to {spare[-1]}, to which "
                f"{purpose} of {name} could move; free one of them"
            )
        else:
            notes.append(
                f"127.0.0.1:{port} is in use: {purpose} of {name} gets another port "
                f"(`vagrant port {name}` shows which)"
            )
    return faults, notes


def listening(text: str) -> set[int]:
    """Return the ports on which something listens, from /proc/net/tcp or tcp6."""
    rows = (line.split() for line in text.splitlines()[1:])
    return {int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == "0A"}


def memory_faults(roles: Sequence[str], available: int | None, virtual: bool = False) -> list[str]:
    """Say whether the machines that are to come take more memory (MB) than there is."""
    wanted = sum(VIRTUAL_MEMORY if virtual else MEMORY.get(role, OTHER_ROLE) for role in roles)
    if available is None or wanted <= available:
        return []
    return [
        f"{available} MB of memory are available; {len(roles)} machines take about {wanted} MB: "
        "end other programs, or take nodes out of pillar/cluster.sls"
    ]


def available_memory(text: str) -> int | None:
    """Return the megabytes available, from /proc/meminfo."""
    for line in text.splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) // 1024
    return None


def disk_wanted(roles: Sequence[str], box: bool) -> dict[str, int]:
    """Return the megabytes that are needed where docker, a build and the checkout have theirs."""
    machines = sum(DISK.get(role, OTHER_ROLE) for role in roles)
    return {
        "docker": machines + (0 if box else BOX_MB),
        "tmp": 0 if box else BUILD_MB,
        "checkout": CHECKOUT_MB,
    }


def disk_faults(wanted: Mapping[str, int], places: Mapping[str, tuple[str, int, int]]) -> list[str]:
    """Say which disks have too little room; several needs may lie on one.

    places
        For each need its path, the device it lies on, and the megabytes free there.
    """
    faults = []
    for device in dict.fromkeys(device for _, device, _ in places.values()):
        here = [name for name, place in places.items() if place[1] == device and wanted[name]]
        total = sum(wanted[name] for name in here)
        free = min((places[name][2] for name in here), default=total)
        if total > free:
            paths = ", ".join(places[name][0] for name in here)
            faults.append(f"{free} MB are free at {paths}; about {total} MB are needed there")
    return faults


def owner_faults(owners: Mapping[str, int], worker: int, name: str) -> list[str]:
    """Name what an earlier run left to another user, whose files this one could not write."""
    foreign = [path for path, uid in owners.items() if uid != worker]
    if not foreign or worker == 0:
        return []
    paths = " ".join(foreign)
    return [f"not {name}'s own: {paths}; run `sudo chown -R {name}: {paths}`"]
