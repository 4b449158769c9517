"""A second balancer, and an address that moves between the two: writers go on, and nothing is lost.

Names come from the roles in pillar/cluster.sls, which is edited here and put back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.chaos.clients import Writers
from tests.chaos.ledger import judge, longest_gap
from tests.e2e.conftest import CONVERGE, grown_to, highest_address, kept_down, with_second
from tests.e2e.test_4_scale import check_nothing_left_to_do, salt
from tests.lab import TABLE, Lab, cluster, declared

# Two checks that fail or three missed signs of life, and a connection that is tried anew.
MOVE_SECONDS = 6


def with_second_proxy(text: str) -> str:
    """The table with one proxy more and a virtual address, both beyond the highest address."""
    two = with_second(text, "proxy")
    return two.replace("  nodes:\n", f"  virtual_address: {highest_address(two) + 1}\n  nodes:\n")


@pytest.fixture
def table() -> str:
    """The table as it is."""
    text = TABLE.read_text()
    if cluster(text).get("virtual_address"):
        pytest.skip("the table of nodes has a virtual address of its own")
    return text


@pytest.fixture
def grown(lab: Lab, table: str) -> Iterator[Lab]:
    """The lab with two proxies and a virtual address."""
    with grown_to(lab, with_second_proxy(table)) as one:
        yield one


@contextmanager
def writing(lab: Lab) -> Iterator[Writers]:
    """Return a context with clients that write, and take their table with them."""
    writers = Writers(lab)
    writers.prepare()
    writers.start()
    try:
        yield writers
    finally:
        writers.stop()
        writers.remove()


@contextmanager
def kept_off(lab: Lab) -> Iterator[Callable[[str], None]]:
    """Return a context with a function that takes a machine's power; it gets it back afterwards."""
    with ExitStack() as given_back:

        def take(machine: str) -> None:
            given_back.callback(lab.power_on, machine)
            lab.power_off(machine)

        yield take


def holders(lab: Lab, proxies: list[str]) -> list[str]:
    """Those that have the virtual address."""
    return [name for name in proxies if f"{lab.balancer}/32" in lab.run(name, "ip -4 address")]


def moved(
    lab: Lab, writers: Writers, fault: Callable[[str], None], eventually: Callable[..., float]
) -> tuple[str, str]:
    """A fault takes the address from one to the other: both, when all are served again."""
    (old,) = holders(lab, declared("proxy"))
    (new,) = {*declared("proxy")} - {old}
    begin = time.monotonic()
    fault(old)
    eventually(lambda: holders(lab, [new]), MOVE_SECONDS)
    took = time.monotonic() - begin
    eventually(lambda: writers.all_served_since(begin + took), 30)
    gap = longest_gap(writers.ledger.through_balancer, begin, time.monotonic())
    print(f"{old} -> {new}: there within {took:.1f} s, nobody was served for {gap:.1f} s")
    assert gap < MOVE_SECONDS
    assert lab.log_in()
    return old, new


def stays(lab: Lab, back: str, holder: str, eventually: Callable[..., float]) -> None:
    """The one that is back could serve, and does not take the address."""
    ready = "systemctl is-active keepalived && curl --fail http://127.0.0.1:9202/"
    eventually(lambda: lab.run(back, ready, check=False).startswith("active\n<html>"), 60)
    time.sleep(5)
    assert holders(lab, [back, holder]) == [holder]


def test_the_address_moves_and_stays(lab: Lab, grown: Lab, table: str, eventually):
    proxies = declared("proxy")
    assert len(proxies) == 2
    assert len(holders(grown, proxies)) == 1
    assert grown.log_in()
    env = "grep DB_HOST /srv/conduit/shared/.env"
    assert grown.run(grown.web, env) == f"DB_HOST={grown.balancer}\n"
    for name, states in salt(grown, [*proxies, grown.web], "state.apply").items():
        for state in states.values():
            assert (state["result"], state["changes"]) == (True, {}), f"{name}: {state}"
    check_nothing_left_to_do(grown)

    with writing(grown) as writers:
        with kept_down(grown, "haproxy") as haproxy_down:
            old, new = moved(grown, writers, haproxy_down, eventually)
        stays(grown, old, new, eventually)
        with kept_off(grown) as power_cut:
            old, new = moved(grown, writers, power_cut, eventually)
        stays(grown, old, new, eventually)
        writers.stop()
        ledger = writers.ledger
        rows = writers.rows(grown.databases, min(ledger.attempted))
        assert len(ledger.acknowledged) > 500
        assert judge(set(ledger.acknowledged), ledger.attempted, rows).problems == []

    TABLE.write_text(table)
    grown.run(grown.master, CONVERGE)
    for name in proxies:
        ended = "systemctl is-active keepalived; systemctl is-enabled keepalived"
        assert grown.run(name, ended, check=False) == "inactive\ndisabled\n", name
    assert holders(grown, proxies) == []
    assert lab.run(lab.web, env) == f"DB_HOST={lab.address[lab.proxy]}\n"
    assert lab.log_in()
    check_nothing_left_to_do(lab)
