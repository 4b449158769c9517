"""Which machines are still to be rebooted, and what that costs: pure, by each one's boot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from group_replication.rolling import Work, purpose_of
from group_replication.stand_in import BACKUP, MASTER, Looks, Site, check_names, lacks_stand_in

REBOOTING = Work(
    "reboot",
    "rebooted",
    "mysql_operation.readiness",
    "mysql_maintenance.reboot",
    each="machine",
    awaited="something",
)


def check_machines(site: Site, machines: Any, outage: Any) -> None:
    """Refuse names that are none, and the one whose reboot would end the run."""
    for key, value in (("machines", machines), ("outage", outage)):
        check_names(site, key, value, [by_hand(master) for master in site.of(MASTER)])


def by_hand(master: str) -> str:
    """Say how a machine is rebooted that cannot do it in its turn."""
    return (
        f"{master} runs the Salt master, and with it this run. Nobody is served there: when no run"
        f" is under way, call systemctl reboot on {master}"
    )


def purpose(only: str, machines: Sequence[str]) -> str:
    """Return in words what a run is for; who says the same words continues it."""
    return purpose_of(only, machines, REBOOTING)


def cost(site: Site, name: str, holder: str | None) -> str:
    """
    Say what the reboot of a machine costs its clients, or return the empty text.

    holder
        The balancer that has the virtual address.
    """
    why = lacks_stand_in(site, name)
    if why:
        return f"{why} until it is back"
    if name == holder:
        return (
            f"{site.virtual_address} moves to another balancer once, which ends the sessions that"
            " are open by it"
        )
    if site.roles[name] == BACKUP:
        return "nothing is archived or backed up until it is back; it catches up"
    return ""


def left_to_do(
    names: Iterable[str], looks: Looks, only: str, began: Mapping[str, Any]
) -> list[str]:
    """
    Return the machines that are still to be rebooted.

    names
        Those that the run is for.

    looks
        What each says of itself; one that does not answer is left to do.

    only
        ``all`` or ``pending``: those that wait for a reboot.

    began
        Which boot each ran from as the operation began.
    """
    left = []
    for name in names:
        one = looks.get(name, {"error": "unknown"})
        if "error" not in one:
            if one["boot"] != began.get(name, one["boot"]):
                continue
            if only == "pending" and not one["waits"]:
                continue
        left.append(name)
    return left
