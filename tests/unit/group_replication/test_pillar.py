"""What pillar declares of nodes and of the balancer."""

from __future__ import annotations

import pytest
from group_replication.pillar import declared_balancer, nodes_of
from group_replication.settings import settings_from
from salt.exceptions import SaltInvocationError

from tests.unit.group import (
    pillar,
    set_key,
)


@pytest.mark.parametrize(
    ("virtual", "proxies", "address"),
    [
        (None, {"proxy": "172.28.17.52"}, "172.28.17.52"),
        (None, {"proxy2": "172.28.17.57", "proxy": "172.28.17.52"}, "172.28.17.57"),
        (None, {}, ""),
        ("172.28.17.60", {"proxy": "172.28.17.52"}, "172.28.17.60"),
        ("172.28.17.60", {"proxy": "172.28.17.52", "proxy2": "172.28.17.57"}, "172.28.17.60"),
    ],
)
def test_the_balancer_is_at_the_virtual_address_or_else_at_the_first_proxy(
    virtual, proxies, address
):
    tree = set_key(pillar(), "cluster:virtual_address", virtual)
    del tree["cluster"]["nodes"]["proxy"]
    tree["cluster"]["nodes"] |= {n: {"ip": ip, "role": "proxy"} for n, ip in proxies.items()}
    found = declared_balancer(tree)
    assert found.address == address
    assert list(found.proxies.items()) == list(proxies.items())
    assert (found.virtual_address, found.virtual_router_id) == (virtual or "", 51)
    # The members are asked from the proxies' own addresses, whoever holds the virtual one.
    assert settings_from(tree, "db1").health_clients == tuple(proxies.values())


@pytest.mark.parametrize(
    ("role", "names"),
    [
        ("db", ["db1", "db2", "db3"]),
        ("web", ["web2", "web"]),
        ("proxy", ["proxy"]),
        (None, ["master", "proxy", "db1", "db2", "db3", "web2", "web"]),
    ],
)
def test_nodes_are_found_by_role_in_declared_order(role, names):
    tree = pillar()
    webs = {"web2": "172.28.17.58", "web": "172.28.17.51"}
    tree["cluster"]["nodes"] |= {name: {"ip": ip, "role": "web"} for name, ip in webs.items()}
    found = nodes_of(tree, role)
    assert list(found) == names
    assert all(found[name] == tree["cluster"]["nodes"][name]["ip"] for name in names)


def test_who_declares_no_nodes_has_none_and_a_role_is_one_of_four():
    assert nodes_of({}, "web") == {}
    with pytest.raises(SaltInvocationError, match="role is 'webs'; expected one of master, db"):
        nodes_of({}, "webs")
