"""Whether machines may change the packages that they serve with: pure, by what each says of them.

What ``packages.readiness`` returns of each machine is ``seen``, or its ``error`` alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from group_replication.model import joined
from group_replication.stand_in import BALANCER, WEB, Site, lacks_stand_in

Seen = Mapping[str, Mapping[str, Any]]
KEEPALIVED = "keepalived"


def due(one: Mapping[str, Any], target: Mapping[str, str]) -> dict[str, str]:
    """Return the packages of a machine that have another version than they are to have."""
    versions = one.get("versions", {})
    return {
        name: version
        for name, version in target.items()
        if name in versions and versions[name] != version
    }


def is_done(one: Mapping[str, Any], target: Mapping[str, str]) -> bool:
    """Tell whether a machine has what it is to have, configured, and serves with that."""
    return "error" not in one and bool(one["whole"]) and not due(one, target) and not one["old"]


def changes(one: Mapping[str, Any], target: Mapping[str, str]) -> str:
    """Say in words what would come to a machine."""
    named = [f"{name} {one['versions'][name]} to {new}" for name, new in due(one, target).items()]
    if not one["whole"]:
        named.append("what dpkg was interrupted at is ended")
    if one["old"]:
        named.append(f"{joined(one['old'])} still runs the program of before")
    return joined(named)


def _one_version(site: Site, seen: Seen) -> str:
    """Machines of a role stand in for each other, and are to be alike."""
    told: dict[tuple[str, str], dict[str, list[str]]] = {}
    for name, one in seen.items():
        for package, version in one.get("target", {}).items():
            versions = told.setdefault((site.roles[name], package), {})
            versions.setdefault(version, []).append(name)
    for (_, package), versions in told.items():
        if len(versions) > 1:
            shown = joined(f"{one} on {joined(names)}" for one, names in versions.items())
            return f"apt would install {package} {shown}: the lists are to be made alike"
    return ""


def gates(site: Site, seen: Seen) -> dict[str, str]:
    """
    Ask all that has to be so before the first machine is changed.

    site
        The table of nodes.

    seen
        What each machine says, with its ``target``.

    Returns a dict of what has to be so to "" where it is, or the sentence that says why it is not.
    """
    errors = (f"{name}: {one['error']}" for name, one in seen.items() if "error" in one)
    nothing = (
        f"{name} has no packages that this call upgrades"
        for name, one in seen.items()
        if "error" not in one and not one["versions"]
    )
    return {
        "each machine says what it has": "; ".join([*errors, *nothing]),
        "all would get one version": _one_version(site, seen),
        "it is no downgrade": joined(
            f"{name} has {package} {one['versions'][package]}, and {one['target'][package]} would"
            " be a downgrade"
            for name, one in seen.items()
            for package in one.get("older", ())
        ),
        "apt has it, and there is room for it": "; ".join(
            f"{name}: {one['problem']}" for name, one in seen.items() if one.get("problem")
        ),
    }


def moves_address(one: Mapping[str, Any], target: Mapping[str, str]) -> bool:
    """Tell whether the packages' scripts restart what has the virtual address."""
    return KEEPALIVED in due(one, target)


def cost(site: Site, name: str, moves: bool) -> str:
    """
    Say what an upgrade costs the clients of a machine, or return the empty text.

    site, name
        The table of nodes, and the machine.

    moves
        Whether it has the virtual address, and has to give it away.
    """
    role = site.roles[name]
    if role == WEB and (why := lacks_stand_in(site, name)):
        return f"{why} while its services restart"
    if moves:
        return (
            f"{site.virtual_address} moves to another balancer once, which ends the sessions that"
            " are open by it"
        )
    if role == BALANCER and lacks_stand_in(site, name):
        return "no other balancer does its work; HAProxy is reloaded, which ends no session"
    return ""
