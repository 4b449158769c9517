"""What is read of pillar, and refused where it is wrong; the table of nodes, and the balancers."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pillar_check import check_keys, invalid, is_number, walk
from salt.exceptions import SaltInvocationError

from group_replication.model import joined

# Every key that is read here, so that a misspelt one is no silent default. None: a value.
KEYS: dict[str, Any] = {
    "cluster": {
        "subnet": None,
        "health_port": None,
        "health_clients": None,
        "virtual_address": None,
        "virtual_router_id": None,
        "tls": {"source": None, "verify": None, "days_valid": None, "names": None},
        "web": {"balanced": None, "tls": None, "health": None, "host": None},
        "nodes": None,
    },
    "mysql": {
        "group": {"name": None, "mode": None, "timings": None, "write_concurrency": None},
        "accounts": {
            "admin": {"name": None, "password": None},
            "recovery": {"name": None, "password": None},
            "application": {"name": None, "password": None, "database": None, "grants": None},
            "schema": {"name": None, "password": None},
            "backup": {"name": None, "password": None},
            # By the names of further applications: FURTHER.
            "applications": None,
        },
        "port": None,
        "admin_port": None,
        "socket": None,
        "version": None,
        "hold": None,
        "options": None,
        "drain": None,
        "compare": {"interval": None, "load": None},
        "lookup": {
            "package": None,
            "core_package": None,
            "service": None,
            "config_file": None,
            "data_directory": None,
            "library": None,
        },
    },
}
# What a further application has.
FURTHER: dict[str, Any] = {
    name: KEYS["mysql"]["accounts"][name] for name in ("application", "schema")
}
NODE_KEYS = ("ip", "role")
ROLES = ("master", "db", "proxy", "web", "backup")
# How clients of balanced web servers speak TLS: not at all, with those, with the balancer.
WEB_TLS = ("none", "passthrough", "terminate")
# Where pillar mysql:accounts:backup does not name it.
BACKUP_ACCOUNT = "mysql_gr_backup"


def port(pillar: Mapping[str, Any], key: str, default: int) -> int:
    """Return a declared port, or the default."""
    value = walk(pillar, key)
    if value is None:
        return default
    if not is_number(value, 1, 65535):
        raise invalid(key, value, "a port number from 1 to 65535")
    return value


def subnet_of(pillar: Mapping[str, Any]) -> ipaddress.IPv4Network:
    """Return the declared network of the nodes."""
    subnet = walk(pillar, "cluster:subnet")
    try:
        return ipaddress.IPv4Network(subnet if isinstance(subnet, str) else "")
    except ValueError:
        raise invalid(
            "cluster:subnet",
            subnet,
            "an IPv4 network such as 172.28.17.0/24 (MySQL limits accounts to networks of IPv4 "
            "only, so IPv6 is not supported)",
        ) from None


def _host_address(
    key: str, value: Any, network: ipaddress.IPv4Network, seen: Mapping[str, str]
) -> str:
    """Return an address of the subnet that none of those seen so far is."""
    try:
        address = ipaddress.IPv4Address(value if isinstance(value, str) else "")
    except ValueError:
        raise invalid(key, value, "an IP address, of IPv4") from None
    ends = (network.network_address, network.broadcast_address)
    if address not in network or (network.prefixlen < 31 and address in ends):
        raise invalid(key, value, f"an address of a host in cluster:subnet {network}")
    if str(address) in seen:
        raise invalid(key, value, f"an address that is not {seen[str(address)]}'s already")
    return str(address)


def declared_nodes(pillar: Mapping[str, Any], role: str | None) -> dict[str, str]:
    """
    Return the addresses of the declared nodes of one role, in declared order.

    pillar
        The pillar, with ``cluster:subnet`` and ``cluster:nodes``.

    role
        The role to keep: ``db``, ``proxy``, ``web``, ``backup`` or ``master``; None keeps all.

    Returns a dict of node id to IP address. Raises SaltInvocationError for a table that is missing
    or has an unknown role or key, an address that is none of the subnet's, or one address twice.
    """
    network = subnet_of(pillar)
    table = walk(pillar, "cluster:nodes")
    if not isinstance(table, Mapping) or not table:
        raise invalid("cluster:nodes", table, "a mapping of node id to {ip: …, role: …}")
    seen: dict[str, str] = {}
    nodes = {}
    for name, node in table.items():
        key = f"cluster:nodes:{name}"
        if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
            raise SaltInvocationError(
                f"pillar cluster:nodes has a node named {name!r}; expected a minion's id: text of "
                "letters, digits, '.', '_' or '-'"
            )
        check_keys(node, dict.fromkeys(NODE_KEYS), key)
        ip, its_role = walk(table, f"{name}:ip"), walk(table, f"{name}:role")
        address = _host_address(f"{key}:ip", ip, network, seen)
        if its_role not in ROLES:
            raise invalid(f"{key}:role", its_role, f"one of {joined(ROLES)}")
        seen[address] = name
        if role in (None, its_role):
            nodes[name] = address
    return nodes


class Balancer(NamedTuple):
    """Where the databases are reached, and by which machines."""

    # Proxies in declared order, by node id.
    proxies: dict[str, str]
    # The address that moves between them; the empty text where none is declared.
    virtual_address: str
    virtual_router_id: int

    @property
    def address(self) -> str:
        """What clients connect to: the virtual address, or the first proxy's, or the empty text."""
        return self.virtual_address or next(iter(self.proxies.values()), "")


def declared_balancer(pillar: Mapping[str, Any]) -> Balancer:
    """
    Check what the pillar declares of the balancer and return it.

    pillar
        The pillar, with ``cluster``.

    Returns a :py:class:`Balancer`. Raises SaltInvocationError for a table of nodes that is wrong, a
    virtual address that is none of the subnet's or a node's own, or a wrong router id.
    """
    check_keys(pillar.get("cluster"), KEYS["cluster"], "cluster")
    proxies = declared_nodes(pillar, "proxy")
    address = walk(pillar, "cluster:virtual_address")
    if address is not None:
        seen = {ip: name for name, ip in declared_nodes(pillar, None).items()}
        address = _host_address("cluster:virtual_address", address, subnet_of(pillar), seen)
    router = walk(pillar, "cluster:virtual_router_id")
    if router is None:
        router = 51
    if not is_number(router, 1, 255):
        raise invalid("cluster:virtual_router_id", router, "a whole number from 1 to 255")
    return Balancer(proxies, address or "", router)


class Web(NamedTuple):
    """How the web servers are reached by way of the balancers."""

    balanced: bool
    # One of WEB_TLS.
    tls: str
    # The page that balancers ask each web server for, and the name by which they ask.
    health: str
    host: str
    # Where clients find the application; the empty text where they ask the web servers alone.
    url: str
    # Whose word about a client the web servers believe.
    trusted: list[str]


def _matching(pillar: Mapping[str, Any], key: str, default: str, form: str, right: str) -> str:
    value = walk(pillar, key)
    if value is None:
        return default
    if not isinstance(value, str) or not re.fullmatch(form, value):
        raise invalid(key, value, right)
    return value


def declared_web(pillar: Mapping[str, Any]) -> Web:
    """
    Check what the pillar declares of balanced web servers and return it.

    pillar
        The pillar, with ``cluster``.

    Returns a :py:class:`Web`. Raises SaltInvocationError for a key or a value that is wrong, and
    for web servers that are to be balanced without a proxy or without a web server.
    """
    declared = walk(pillar, "cluster:web")
    check_keys(declared, KEYS["cluster"]["web"], "cluster:web")
    balanced = walk(pillar, "cluster:web:balanced") or False
    if not isinstance(balanced, bool):
        raise invalid("cluster:web:balanced", balanced, "true or false")
    tls = one_of(pillar, "cluster:web:tls", WEB_TLS)
    page = r"/[A-Za-z0-9._~/-]*"
    health = _matching(pillar, "cluster:web:health", "/up", page, "a path such as /up")
    balancer = declared_balancer(pillar) if balanced else Balancer({}, "", 0)
    for role in ("proxy", "web") if balanced else ():
        if not declared_nodes(pillar, role):
            raise invalid("cluster:web:balanced", True, f"false without a node of role {role}")
    name = r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?"
    host = _matching(pillar, "cluster:web:host", balancer.address, name, "a host's name")
    scheme = "http" if tls == "none" else "https"
    return Web(
        balanced,
        tls,
        health,
        host,
        f"{scheme}://{balancer.address}" if balanced else "",
        # What is passed through unread has only the client's own word in it.
        list(balancer.proxies.values()) if tls != "passthrough" else [],
    )


def one_of(pillar: Mapping[str, Any], key: str, right: Sequence[str]) -> str:
    """Return a declared word, or the first of those that are right."""
    value = walk(pillar, key)
    if value is None:
        return right[0]
    if value not in right:
        raise invalid(key, value, " or ".join(right))
    return str(value)


def path(pillar: Mapping[str, Any], key: str, default: str) -> str:
    """Return a declared path, or the default."""
    value = walk(pillar, key)
    if value is None:
        return default
    # 107 bytes is what a socket's address holds.
    if not isinstance(value, str) or not re.fullmatch(r"/[A-Za-z0-9._/@+-]{1,106}", value):
        raise invalid(key, value, f"an absolute path such as {default}")
    return value


def nodes_of(pillar: Mapping[str, Any], role: str | None) -> dict[str, str]:
    """
    Return the declared nodes with their addresses, in declared order; none, where none is declared.

    pillar
        The pillar.

    role
        Only those of this role; None keeps all.
    """
    if role not in (None, *ROLES):
        raise SaltInvocationError(f"role is {role!r}; expected one of {joined(ROLES)}")
    if walk(pillar, "cluster:nodes") is None:
        return {}
    return declared_nodes(pillar, role)
