"""Which machine is rebooted next, and what that costs: pure, by the table and each boot."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from salt.exceptions import SaltInvocationError

from group_replication.model import joined
from group_replication.rolling import Work, in_order, purpose_of

REBOOTING = Work(
    "reboot",
    "rebooted",
    "mysql_operation.readiness",
    "mysql_maintenance.reboot",
    each="machine",
    awaited="something",
)
MASTER, BACKUP, DATABASE, BALANCER, WEB = "master", "backup", "db", "proxy", "web"
# The one that serves nobody is first: it shows whether what was installed boots. The master's has
# no turn.
ROLES_IN_ORDER = (BACKUP, DATABASE, BALANCER, WEB)

# Each machine's answer to machine.look, or its ``error`` alone.
Looks = Mapping[str, Mapping[str, Any]]


class Site(NamedTuple):
    """The table of nodes, and who stands in for whom."""

    roles: Mapping[str, str]
    addresses: Mapping[str, str]
    # Whether the balancers deal requests to the web servers.
    balanced: bool = False
    # The address that moves between the balancers, or the empty text.
    virtual_address: str = ""

    def of(self, role: str) -> list[str]:
        """The machines of a role, in declared order."""
        return [name for name, its in self.roles.items() if its == role]

    def others(self, name: str) -> list[str]:
        """The other machines of its role."""
        return [one for one in self.of(self.roles[name]) if one != name]


def check_machines(site: Site, machines: Any, outage: Any) -> None:
    """Refuse names that are none, and the one whose reboot would end the run."""
    able = [name for name in site.roles if site.roles[name] != MASTER]
    masters = site.of(MASTER)
    for key, value in (("machines", machines), ("outage", outage)):
        if isinstance(value, str) or not set(value) <= set(able):
            named = [] if isinstance(value, str) else [name for name in masters if name in value]
            why = f". {by_hand(named[0])}" if named else ""
            raise SaltInvocationError(f"{key} is {value!r}; expected a list of {joined(able)}{why}")


def by_hand(master: str) -> str:
    """Say how a machine is rebooted that cannot do it in its turn."""
    return (
        f"{master} runs the Salt master, and with it this run. Nobody is served there: when no run"
        f" is under way, call systemctl reboot on {master}"
    )


def purpose(only: str, machines: Sequence[str]) -> str:
    """Return in words what a run is for; who says the same words continues it."""
    return purpose_of(only, machines, REBOOTING)


def lacks_stand_in(site: Site, name: str) -> str:
    """
    Say what stands still while a machine boots, since no other one does its work, or return "".

    What is done in a group of databases goes on without one of its members; a backup waits.
    """
    role = site.roles[name]
    if role == BALANCER:
        if len(site.of(BALANCER)) == 1:
            what = " and the web servers" if site.balanced else ""
            return f"it is the only balancer: nobody reaches the databases{what} by it"
        if not site.virtual_address and name == site.of(BALANCER)[0]:
            return (
                "clients find the databases at its address, and no cluster:virtual_address moves"
                " to another balancer"
            )
    if role == WEB:
        if len(site.of(WEB)) == 1:
            return "it is the only web server: no request is answered"
        if not site.balanced:
            return "nothing sends its clients to another one (cluster:web:balanced is not true)"
    return ""


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


def unaccepted(site: Site, names: Iterable[str], outage: Collection[str]) -> str:
    """Say of which machines nobody has accepted that they are missed, or return the empty text."""
    return "; ".join(
        f"{name}: {why} until it is back. outage='[{name}]' accepts that, machines= names others"
        for name in names
        if name not in outage and (why := lacks_stand_in(site, name))
    )


def holder_of(site: Site, looks: Looks) -> str | None:
    """Return the balancer that has the virtual address, or None."""
    return next(
        (
            name
            for name in site.of(BALANCER)
            if site.virtual_address
            and site.virtual_address in looks.get(name, {}).get("addresses", ())
        ),
        None,
    )


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


def in_turns(
    site: Site, todo: Collection[str], writer: str | None, holder: str | None
) -> list[str]:
    """
    Return machines in the order of their turns.

    writer, holder
        The member that the one writer is at, and the balancer that has the virtual address: each is
        the last of its role.
    """
    order: list[str] = []
    for role in ROLES_IN_ORDER:
        names = [name for name in site.of(role) if name in todo]
        order += in_order(names, {DATABASE: writer, BALANCER: holder}.get(role))
    return order
