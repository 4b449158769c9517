"""Whether machines may change the packages that they serve with, as tables."""

from __future__ import annotations

import pytest
from group_replication import packages_check

from tests.unit.group_replication.test_reboot import VIRTUAL, site

OLD, NEW = "3.2.26-1", "3.4.7-1"
GATES = (
    "each machine says what it has",
    "all would get one version",
    "it is no downgrade",
    "apt has it, and there is room for it",
)


def seen(has: str = OLD, **more) -> dict:
    """What a balancer says of itself."""
    versions = {"haproxy": has, "keepalived": "1:2.3.4-1"}
    return {
        "versions": versions, "whole": True, "old": [], "waits": [], "started": {},
        "target": {**versions, "haproxy": NEW}, "older": [], "problem": "", **more,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("one", "done", "words"),
    [
        (seen(), False, "haproxy 3.2.26-1 to 3.4.7-1"),
        (seen(NEW), True, ""),
        (seen(NEW, whole=False), False, "what dpkg was interrupted at is ended"),
        (seen(NEW, old=["haproxy"]), False, "haproxy still runs the program of before"),
        ({"error": "gone"}, False, None),
    ],
)
def test_what_is_left_to_do(one, done, words):
    target = seen()["target"]
    assert packages_check.is_done(one, target) is done
    if words is not None:
        assert packages_check.changes(one, target) == words


def test_only_what_is_there_is_due():
    assert packages_check.due(seen(), {"haproxy": NEW, "haproxy-doc": NEW}) == {"haproxy": NEW}


@pytest.mark.parametrize(
    ("machines", "why"),
    [
        ({"proxy1": seen(), "proxy2": seen()}, ("", "", "", "")),
        ({"proxy1": seen(), "proxy2": {"error": "gone"}}, ("proxy2: gone", "", "", "")),
        (
            {"proxy1": seen(versions={}, target={})},
            ("proxy1 has no packages that this call upgrades", "", "", ""),
        ),
        (
            {"proxy1": seen(), "proxy2": seen(target={"haproxy": "3.2.27-1"})},
            ("", "apt would install haproxy 3.4.7-1 on proxy1, 3.2.27-1 on proxy2: ", "", ""),
        ),
        # Another role has packages of its own.
        ({"proxy1": seen(), "web1": seen(target={"haproxy": OLD})}, ("", "", "", "")),
        (
            {"proxy1": seen(target={"haproxy": "3.0-1"}, older=["haproxy"])},
            ("", "", "proxy1 has haproxy 3.2.26-1, and 3.0-1 would be a downgrade", ""),
        ),
        (
            {"proxy2": seen(problem="/usr: 0 MiB are free, 300 MiB are wanted")},
            ("", "", "", "proxy2: /usr: 0 MiB are free"),
        ),
    ],
)
def test_the_gates(machines, why):
    found = packages_check.gates(site(), machines)
    assert tuple(found) == GATES
    for gate, sentence in zip(GATES, why, strict=True):
        assert sentence in found[gate]
        assert bool(found[gate]) is bool(sentence)


@pytest.mark.parametrize(
    ("target", "moves"),
    [({"haproxy": NEW}, False), ({"haproxy": NEW, "keepalived": "1:2.3.5-1"}, True)],
)
def test_the_address_moves_where_keepalived_is_changed(target, moves):
    assert packages_check.moves_address(seen(), target) is moves


@pytest.mark.parametrize(
    ("one", "name", "moves", "why"),
    [
        (site(), "proxy1", True, f"{VIRTUAL} moves to another balancer once"),
        (site(), "proxy1", False, ""),
        (site(proxies=1), "proxy1", False, "HAProxy is reloaded, which ends no session"),
        (site(), "web1", False, ""),
        (site(webs=1), "web1", False, "no request is answered while its services restart"),
    ],
)
def test_what_it_costs(one, name, moves, why):
    found = packages_check.cost(one, name, moves)
    assert why in found
    assert bool(found) is bool(why)
