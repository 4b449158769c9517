"""
Say which machines the cluster has, and where its databases are reached.
========================================================================

Both are read of pillar ``cluster`` (see ``pillar.example``) and nothing else, so that any machine
may ask: a web server or a balancer needs no MySQL client for it. What a machine that is no longer
declared has served in, its disk says.
"""

from __future__ import annotations

from typing import Any

from group_replication import pillar
from group_replication import traces as on_disk

__virtualname__ = "cluster"


def __virtual__() -> str:
    return __virtualname__


def nodes(role: str | None = None) -> dict[str, str]:
    """
    Return the declared nodes with their addresses, in declared order.

    role
        Only those of this role: ``db``, ``proxy``, ``web``, ``backup`` or ``master``. Default: all.

    Returns a dict of node id to address, empty where pillar declares no nodes. Raises
    SaltInvocationError for an unknown role or a wrong table.

    CLI Example:

    .. code-block:: bash

        salt web cluster.nodes role=web
    """
    return pillar.nodes_of(__pillar__, role)


def balancer() -> dict[str, Any]:
    """
    Return where the databases are reached: the virtual address, if pillar declares one, or else the
    first proxy's.

    Returns a dict: ``address`` (the empty text without any proxy), ``virtual_address`` (the empty
    text where none is declared), ``virtual_router_id``, and ``proxies``, a dict of node id to
    address in declared order. Raises SaltInvocationError for a wrong pillar.

    CLI Example:

    .. code-block:: bash

        salt web cluster.balancer
    """
    declared = pillar.declared_balancer(__pillar__)
    return {**declared._asdict(), "address": declared.address}


def web() -> dict[str, Any]:
    """
    Return how the web servers are reached by way of the balancers.

    Returns a dict: ``balanced`` (bool); ``tls``, ``none``, ``passthrough`` or ``terminate``;
    ``health``, the page that balancers ask each web server for; ``host``, the name by which they
    ask; ``url``, where clients find the application, or the empty text; ``trusted``, a list of the
    addresses whose word about a client web servers may believe. Raises SaltInvocationError for a
    wrong pillar.

    CLI Example:

    .. code-block:: bash

        salt web cluster.web
    """
    return pillar.declared_web(__pillar__)._asdict()


def traces() -> dict[str, Any]:
    """
    Return what this machine's disk says of the cluster that it served in.

    Returns a dict: ``group``, the UUID of the group that it was configured for, or the empty text;
    ``servers``, the addresses that its HAProxy sends to, if a keepalived of ours may give it the
    virtual address, or else the empty list.

    CLI Example:

    .. code-block:: bash

        salt db4 cluster.traces
    """
    return on_disk.traces()
