"""What pillar declares of nodes and of the balancer."""

from __future__ import annotations

import pytest
from group_replication.pillar import declared_balancer
from group_replication.settings import settings_from

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
