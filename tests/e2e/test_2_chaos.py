"""A few rounds of the fault harness (docs/chaos.md), and what else is seen of the same faults."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Any

import pymysql
import pytest

from chaos.plan import Round
from chaos.run import Chaos
from tests.e2e.conftest import long_only
from tests.support.api_client import bio_on, client
from tests.support.balancer import asked, servers
from tests.support.lab import Lab

pytestmark = [pytest.mark.restores, pytest.mark.waits]

# Chosen for what they touch and for being short: each a member by its place, and for how long. In
# the second one a member is killed, too.
CHOSEN = [
    ("oneway", 2, 4.0, (True, True)),
    ("connections", 2, 0.0, (False, False)),
]


@pytest.fixture(scope="module")
def chaos(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chaos]:
    one = Chaos(lab, tmp_path_factory.mktemp("chaos"))
    with one.open():
        yield one


def check(result: dict[str, Any]) -> None:
    """No acknowledged write is lost, and there was one group."""
    assert result["problems"] == [], result
    assert (result["lost"], result["splits"]) == (0, 0)
    assert result["acknowledged"] > 50


@pytest.mark.parametrize(("fault", "place", "seconds", "coins"), CHOSEN)
def test_no_acknowledged_write_is_lost(lab: Lab, chaos: Chaos, fault, place, seconds, coins):
    victim, *others = lab.databases[place:] + lab.databases[:place]
    check(chaos.round(Round(1, fault, (victim,), tuple(others), seconds, coins), seed=0))


def waited_when_cut(session: Any) -> float:
    """Ask until the session is cut, and return how long the last question waited for it."""
    while True:
        begin = time.monotonic()
        try:
            asked(session, "SELECT SLEEP(0.1)")
        except pymysql.OperationalError:
            return time.monotonic() - begin


def test_clients_of_a_frozen_member_are_cut_and_served_elsewhere(
    lab: Lab, chaos: Chaos, eventually
):
    first, victim, last = lab.databases
    frozen = Round(1, "freeze", (victim,), (first, last), 12.0, (False, False))
    server = ("mysql-cluster", f"mysql-{lab.databases.index(victim) + 1}")
    # On a busy host the balancer may be a moment late for what the round before has left.
    eventually(lambda: servers(lab)[server] == "UP", 60)
    with ExitStack() as held, ThreadPoolExecutor(1) as pool:
        sessions = [held.enter_context(lab.session(patience=60)) for _ in range(6)]
        (session, *_) = [
            one for one in sessions if asked(one, "SELECT @@report_host") == lab.address[victim]
        ]
        result = pool.submit(chaos.round, frozen, 0)
        # Without the balancer's cut the last question would wait for the whole of its patience.
        assert waited_when_cut(session) < 10
        assert servers(lab)[server].startswith("DOWN")
        for _ in range(6):
            with lab.session() as elsewhere:
                assert asked(elsewhere, "SELECT @@report_host") != lab.address[victim]
        assert not result.done()
        check(result.result())
    assert servers(lab)[server] == "UP"


def test_all_killed_at_once_come_back_by_themselves(lab: Lab, chaos: Chaos, all_online, eventually):
    """With nobody's hand, and without a Salt master."""
    all_online()
    lab.run(lab.master, "systemctl stop salt-master")
    try:
        with client(lab) as writer:
            eventually(lambda: len(writer.acknowledged) > 20, 60)
            check(chaos.round(Round(1, "kill-all", (*lab.databases,), (), 0.0, (False,) * 2), 0))
            back = time.monotonic()
            eventually(lambda: writer.acknowledged[-1][0] > back, 60)
    finally:
        lab.run(lab.master, "systemctl start salt-master")
    eventually(lambda: lab.salt("db*", "test.ping", timeout=2).keys() == set(lab.databases), 90)
    all_online(60)
    last = writer.acknowledged[-1][1]
    assert {bio_on(lab, name) for name in lab.databases} == {last}
    answers = [
        lab.sql(name, "SELECT @@group_replication_bootstrap_group") for name in lab.databases
    ]
    assert answers == ["0"] * len(lab.databases)


def moments(text: str) -> list[datetime]:
    """When each line was written: its first word, with or without the zone's Z."""
    return [datetime.fromisoformat(line.split()[0].rstrip("Z")) for line in text.splitlines()]


@long_only
def test_the_group_calls_nobody_who_was_expelled(lab: Lab, chaos: Chaos):
    """Each call that nobody answers holds up all; the first would come 8 s after it was."""
    victim, *others = lab.databases
    one = Round(1, "partition", (victim,), tuple(others), 25.0, (False, False))
    begin = lab.run(others[0], "date -u +%FT%T").strip()
    result = chaos.round(one, seed=0)
    assert result["problems"] == [], result
    # Whose it is to do depends on the addresses alone: the first of those that are ONLINE.
    said = lab.run(
        others[0],
        "TZ=UTC journalctl -u mysql-gr-keeper -o short-iso-precise"
        f" --since '{begin.replace('T', ' ')} UTC' | sed 's/[+]00:00//'",
    )
    forgets = f"the group forgets {lab.address[victim]}, to call there no more"
    (forgot, *_) = moments("\n".join(line for line in said.splitlines() if forgets in line))
    # A call that is under way while the group forgets ends as it began.
    since = forgot + timedelta(seconds=5)
    for name in others:
        failed = f'$1 > "{begin}" && /MY-013780/'
        calls = moments(lab.run(name, f"awk '{failed}' /var/log/mysql/error.log"))
        assert [call for call in calls if call > since] == [], (name, since, said)
