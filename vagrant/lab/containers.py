"""The docker provider's machines: those of other checkouts, and those half made."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from typing import Any

from vagrant.lab.checkout import ROOT
from vagrant.lab.commands import run, say

LABEL = "mysql-gr-salt.lab"


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
