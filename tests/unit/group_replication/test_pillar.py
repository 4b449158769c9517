"""What pillar declares of nodes and of the balancer."""

from __future__ import annotations

import pytest
from group_replication.pillar import declared_balancer, declared_web, nodes_of
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


def with_web(**web):
    tree = set_key(pillar(), "cluster:web", web)
    tree["cluster"]["nodes"]["web"] = {"ip": "172.28.17.51", "role": "web"}
    return tree


@pytest.mark.parametrize(
    ("web", "virtual", "expected"),
    [
        ({}, None, (False, "none", "/up", "", "", [])),
        ({"balanced": False, "tls": "terminate"}, None, (False, "terminate", "/up", "", "", [])),
        (
            {"balanced": True, "health": "/health", "host": "app.example"},
            None,
            (True, "none", "/health", "app.example", "http://172.28.17.52", ["172.28.17.52"]),
        ),
        # What the client says of itself comes from the proxies' address, too.
        (
            {"balanced": True, "tls": "passthrough"},
            None,
            (True, "passthrough", "/up", "172.28.17.52", "https://172.28.17.52", []),
        ),
        # Requests come from a proxy's own address, whoever holds the virtual one.
        (
            {"balanced": True, "tls": "terminate"},
            "172.28.17.60",
            (True, "terminate", "/up", "172.28.17.60", "https://172.28.17.60", ["172.28.17.52"]),
        ),
    ],
)
def test_web_servers_are_reached_by_the_balancers_where_that_is_declared(web, virtual, expected):
    assert declared_web(set_key(with_web(**web), "cluster:virtual_address", virtual)) == expected


@pytest.mark.parametrize(
    ("web", "error"),
    [
        ({"balancd": True}, "cluster:web:balancd is a key .*; expected cluster:web:balanced"),
        ({"balanced": "yes"}, "cluster:web:balanced is 'yes'; expected true or false"),
        ({"tls": "ended"}, "cluster:web:tls is 'ended'; expected none or passthrough or terminate"),
        ({"health": "up"}, "cluster:web:health is 'up'; expected a path such as /up"),
        ({"health": "/up hdr X y"}, "cluster:web:health is '/up hdr X y'; expected a path"),
        ({"health": "/a%20b"}, "cluster:web:health is '/a%20b'; expected a path"),
        ({"host": "a b"}, "cluster:web:host is 'a b'; expected a host's name"),
        ({"host": "a\nserver x"}, "cluster:web:host is .*; expected a host's name"),
    ],
)
def test_what_is_wrong_of_web_servers_is_refused_with_the_key(web, error):
    with pytest.raises(SaltInvocationError, match=f"^pillar {error}"):
        declared_web(with_web(**web))


@pytest.mark.parametrize("role", ["proxy", "web"])
def test_web_servers_are_not_balanced_without_both_kinds_of_machines(role):
    tree = with_web(balanced=True)
    del tree["cluster"]["nodes"][role]
    with pytest.raises(SaltInvocationError, match=f"'True'; expected false without .* {role}"):
        declared_web(tree)


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
