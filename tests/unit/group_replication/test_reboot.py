"""Which machine is rebooted next, and what that costs, as tables."""

from __future__ import annotations

import pytest
from group_replication import reboot, stand_in
from group_replication.stand_in import Site
from salt.exceptions import SaltInvocationError

from tests.unit.group import HOSTS_OF_THREE

VIRTUAL = "172.28.17.60"


def site(proxies: int = 2, webs: int = 2, balanced: bool = True, virtual: str = VIRTUAL) -> Site:
    roles = {"master": "master"}
    roles |= {f"web{n}": "web" for n in range(1, webs + 1)}
    roles |= {f"proxy{n}": "proxy" for n in range(1, proxies + 1)}
    roles |= {**dict.fromkeys(HOSTS_OF_THREE, "db"), "backup1": "backup"}
    addresses = {name: f"172.28.17.{100 + n}" for n, name in enumerate(roles)} | HOSTS_OF_THREE
    return Site(roles, addresses, balanced, virtual)


ALL = [name for name in site().roles if name != "master"]


@pytest.mark.parametrize(
    ("todo", "writer", "holder", "order"),
    [
        (ALL, None, None, "backup1 db1 db2 db3 proxy1 proxy2 web1 web2"),
        (ALL, "db1", "proxy1", "backup1 db2 db3 db1 proxy2 proxy1 web1 web2"),
        (ALL, "db2", "proxy2", "backup1 db1 db3 db2 proxy1 proxy2 web1 web2"),
        (["web2", "db1"], "db1", "proxy1", "db1 web2"),
        # Its reboot would end the run.
        (["master"], None, None, ""),
        ([], "db1", "proxy1", ""),
    ],
)
def test_the_order_of_turns(todo, writer, holder, order):
    assert stand_in.in_turns(site(), todo, writer, holder) == order.split()


@pytest.mark.parametrize(
    ("one", "name", "why"),
    [
        (site(), "db1", ""),
        (site(), "backup1", ""),
        (site(), "web1", ""),
        (site(webs=1), "web1", "it is the only web server"),
        (site(balanced=False), "web1", "nothing sends its clients to another one"),
        (site(), "proxy1", ""),
        (site(), "proxy2", ""),
        (site(proxies=1), "proxy1", "nobody reaches the databases and the web servers by it"),
        (site(proxies=1, balanced=False), "proxy1", "nobody reaches the databases by it"),
        (site(virtual=""), "proxy1", "no cluster:virtual_address moves to another balancer"),
        (site(virtual=""), "proxy2", ""),
    ],
)
def test_who_has_nobody_that_stands_in(one, name, why):
    found = stand_in.lacks_stand_in(one, name)
    assert why in found
    assert bool(found) is bool(why)
    assert bool(stand_in.unaccepted(one, [name], ())) is bool(why)
    assert stand_in.unaccepted(one, [name], [name]) == ""


def test_what_is_not_accepted_says_how_it_would_be():
    assert stand_in.unaccepted(site(webs=1, proxies=1), ["db1", "web1", "proxy1"], ["proxy1"]) == (
        "web1: it is the only web server: no request is answered until it is back."
        " outage='[web1]' accepts that, machines= names others"
    )


@pytest.mark.parametrize(
    ("name", "holder", "what"),
    [
        ("db1", None, ""),
        ("web1", "proxy1", ""),
        ("backup1", None, "nothing is archived or backed up until it is back"),
        ("proxy1", "proxy1", "172.28.17.60 moves to another balancer once"),
        ("proxy2", "proxy1", ""),
    ],
)
def test_what_a_reboot_costs(name, holder, what):
    found = reboot.cost(site(), name, holder)
    assert what in found
    assert bool(found) is bool(what)


def test_a_single_one_costs_what_it_does():
    found = reboot.cost(site(webs=1), "web1", None)
    assert found == "it is the only web server: no request is answered until it is back"


def look(boot: str = "a/1", waits: str = "", *addresses: str) -> dict:
    return {"boot": boot, "waits": waits, "addresses": list(addresses)}


def test_who_has_the_address():
    looks = {"proxy1": look(), "proxy2": look("a/1", "", "172.28.17.9", VIRTUAL)}
    assert stand_in.holder_of(site(), looks) == "proxy2"
    assert stand_in.holder_of(site(), {"proxy1": look(), "proxy2": {"error": "gone"}}) is None
    assert stand_in.holder_of(site(virtual=""), looks) is None


@pytest.mark.parametrize(
    ("one", "only", "began", "left"),
    [
        (look(), "all", {}, True),
        (look(), "all", {"db1": "a/1"}, True),
        (look("b/1"), "all", {"db1": "a/1"}, False),
        (look(), "pending", {"db1": "a/1"}, False),
        (look("a/1", "a kernel"), "pending", {"db1": "a/1"}, True),
        # What waits still after its boot has had its turn.
        (look("b/1", "a kernel"), "pending", {"db1": "a/1"}, False),
        ({"error": "no answer"}, "pending", {"db1": "a/1"}, True),
    ],
)
def test_what_is_left_to_do(one, only, began, left):
    assert reboot.left_to_do(["db1"], {"db1": one}, only, began) == (["db1"] if left else [])


@pytest.mark.parametrize(
    ("machines", "outage", "sentence"),
    [
        (["db9"], [], r"machines is \['db9'\]; expected a list of web1"),
        ("db1", [], "machines is 'db1'; expected a list of"),
        ([], "web1", "outage is 'web1'; expected a list of"),
        (["master"], [], "master runs the Salt master, .* call systemctl reboot on master"),
    ],
)
def test_names_are_those_that_can_have_a_turn(machines, outage, sentence):
    with pytest.raises(SaltInvocationError, match=sentence):
        reboot.check_machines(site(), machines, outage)


def test_names_that_can_are_taken():
    reboot.check_machines(site(), ALL, ["web1"])


@pytest.mark.parametrize(
    ("only", "machines", "words"),
    [
        ("all", (), "rolling reboot of all machines"),
        ("pending", (), "rolling reboot of pending machines"),
        ("all", ("web1", "db1"), "rolling reboot of db1, web1"),
        ("pending", ("db1",), "rolling reboot of db1, where something waits for it"),
    ],
)
def test_the_purpose(only, machines, words):
    assert reboot.purpose(only, machines) == words
