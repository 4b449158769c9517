"""Which machines there are, who stands in for whom, and the order of their turns: pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from salt.exceptions import SaltInvocationError

from group_replication.model import joined
from group_replication.rolling import in_order

MASTER, BACKUP, DATABASE, BALANCER, WEB = "master", "backup", "db", "proxy", "web"
# The one that serves nobody is first: it shows whether what was installed works. The master's has
# no turn.
ROLES_IN_ORDER = (BACKUP, DATABASE, BALANCER, WEB)
# The roles whose services take turns to be upgraded and restarted, and what such a machine is.
SERVING = {DATABASE: "member", BALANCER: "balancer", WEB: "web server"}

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


def check_names(site: Site, key: str, value: Any, of_master: Sequence[str] = ()) -> None:
    """
    Refuse a list that names other machines than those that can have a turn.

    site
        The table of nodes.

    key, value
        The argument's name, and what it is.

    of_master
        What is said where the master's machine is named.
    """
    able = [name for name in site.roles if site.roles[name] != MASTER]
    if isinstance(value, list | tuple) and set(value) <= set(able):
        return
    named = isinstance(value, list | tuple) and set(value) & set(site.of(MASTER))
    why = f". {of_master[0]}" if named and of_master else ""
    raise SaltInvocationError(f"{key} is {value!r}; expected a list of {joined(able)}{why}")


def chosen(site: Site, roles: Any, machines: Any) -> list[str]:
    """
    Return the machines that a run is for, in declared order.

    site
        The table of nodes.

    roles, machines
        What was asked for: roles, or machines by name. Neither is all databases.

    Raises SaltInvocationError for others than those whose services take turns, and for both.
    """
    check_names(site, "machines", machines)
    if not isinstance(roles, list | tuple) or not set(roles) <= set(SERVING):
        raise SaltInvocationError(f"roles is {roles!r}; expected a list of {joined(SERVING)}")
    if roles and machines:
        raise SaltInvocationError(
            f"roles is {roles!r} and machines is {machines!r}; expected one of them alone"
        )
    others = [name for name in machines if site.roles[name] not in SERVING]
    if others:
        raise SaltInvocationError(
            f"machines is {machines!r}; expected machines of role {joined(SERVING)}, unlike"
            f" {joined(others)}"
        )
    wanted = roles or (DATABASE,)
    return [
        name
        for name, role in site.roles.items()
        if (name in machines if machines else role in wanted)
    ]


def kinds(roles: Collection[str]) -> str:
    """Return in words of what kinds the machines of some roles are; an s more is all of them."""
    named = [f"{SERVING[role]}s" for role in SERVING if role in (roles or (DATABASE,))]
    return joined(named).removesuffix("s")


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
