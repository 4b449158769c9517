"""A second balancer with an address that moves, and a second web server; then one of each again."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.e2e.conftest import (
    CONVERGE,
    FEW,
    PAUSE,
    check_nothing_left_to_do,
    kept_down,
    long_only,
    salt,
)
from tests.support.http_client import PATIENCE, HttpClient, counted, failed
from tests.support.lab import APPLICATION, DATABASE, ROOT, TABLE, Lab, declared
from tests.support.ledger import judge, longest_gap
from tests.support.ledger_table import LedgerTable
from tests.support.orchestration import orchestrated
from tests.support.visitors import Crowd
from tests.support.writers import Writers

pytestmark = [pytest.mark.changes_machines, pytest.mark.slow]

# Two checks that fail or three missed signs of life, and a connection that is tried anew.
MOVE_SECONDS = 6
ENV = f"grep DB_HOST {APPLICATION}/shared/.env"

MIGRATION = ROOT / "app/database/migrations/2099_01_01_000001_create_trials_table.php"
MIGRATES = """<?php

use Illuminate\\Database\\Migrations\\Migration;
use Illuminate\\Database\\Schema\\Blueprint;
use Illuminate\\Support\\Facades\\Schema;

return new class extends Migration
{
    public function up(): void
    {
        sleep(3);
        Schema::create('trials', fn (Blueprint $table) => $table->id());
    }
};
"""


@contextmanager
def writing(lab: Lab) -> Iterator[Writers]:
    """Return a context with clients that write, and take their table with them."""
    writers = Writers(lab)
    with LedgerTable(lab).there():
        writers.start()
        try:
            yield writers
        finally:
            writers.stop()


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


def test_the_address_moves_and_stays(grown: Lab, eventually):
    proxies = declared("proxy")
    assert len(proxies) == 2
    assert len(holders(grown, proxies)) == 1
    assert grown.log_in()
    for web in grown.webs:
        assert grown.run(web, ENV) == f"DB_HOST={grown.balancer}\n"
    assert grown.apply(grown.address) == set()

    with writing(grown) as writers:
        with kept_down(grown, "haproxy") as haproxy_down:
            old, new = moved(grown, writers, haproxy_down, eventually)
        stays(grown, old, new, eventually)
        with kept_off(grown) as power_cut:
            old, new = moved(grown, writers, power_cut, eventually)
        stays(grown, old, new, eventually)
        writers.stop()
        ledger = writers.ledger
        rows = LedgerTable(grown).rows(grown.databases, min(ledger.attempted))
        assert len(ledger.acknowledged) > 500
        assert judge(set(ledger.acknowledged), ledger.attempted, rows).problems == []


@pytest.fixture
def migration(lab: Lab) -> Iterator[str]:
    """A migration more in the application; it and its table are gone afterwards."""
    MIGRATION.write_text(MIGRATES)
    try:
        yield MIGRATION.stem
    finally:
        MIGRATION.unlink()
        lab.sql(
            lab.databases[0],
            f"USE {DATABASE}; DROP TABLE IF EXISTS trials;"
            f" DELETE FROM migrations WHERE migration = '{MIGRATION.stem}'",
        )


def test_two_web_servers_are_one_application(grown: Lab, migration: str):
    first, second = grown.webs
    db = grown.databases[0]
    bases = [f"http://{grown.address[name]}" for name in grown.webs]
    # The seeds were there, and came no second time.
    seeded = f"SELECT COUNT(*) FROM {DATABASE}.seed_runs"
    assert grown.sql(db, seeded) == "1"
    addresses = f"SELECT COUNT(*), COUNT(DISTINCT email) FROM {DATABASE}.users"
    assert len({*grown.sql(db, addresses).split()}) == 1

    with Crowd(bases, FEW, PAUSE).there() as crowd:
        states = salt(grown, grown.webs, "state.apply laravel")
        for name, one in states.items():
            assert {state["result"] for state in one.values()} == {True}, (name, one)
        ran = {
            name: next(s for s in one.values() if s["__id__"] == "laravel-migrate-migrated")
            for name, one in states.items()
        }
        assert ran[first]["changes"] == {"migrations": [migration]}
        assert ran[second]["changes"] == {}
        live = salt(grown, grown.webs, f"laravel_release.served {APPLICATION}")
        assert live[first] == live[second] != ""
    assert not failed(crowd.answers()), counted(crowd.answers())
    assert crowd.lost() == []
    # A token of one is good at the other.
    token = {"Authorization": f"Token {grown.log_in()}"}
    assert grown.api("GET", "/api/user", web=second, headers=token).status_code == 200


@contextmanager
def unbuildable(lab: Lab, machine: str) -> Iterator[None]:
    """Return a context in which no release can be built on a machine."""
    lab.run(machine, "mv /usr/bin/composer /usr/bin/composer.kept")
    try:
        yield
    finally:
        lab.run(machine, "mv /usr/bin/composer.kept /usr/bin/composer")


@long_only
def test_a_deployment_is_one_on_both_web_servers(grown: Lab):
    first, second = grown.webs

    def live() -> dict[str, str]:
        return salt(grown, grown.webs, f"laravel_release.served {APPLICATION}")

    before = live()[first]
    assert live() == {first: before, second: before}
    build = f"{time.time_ns()}"
    bases = [f"http://{grown.address[name]}" for name in grown.webs]
    with Crowd(bases, FEW, PAUSE).there() as crowd:
        planned, said = orchestrated(grown, "deploy", test=True, build=build)
        assert planned["result"] is None, said
        assert f"Would be built on: {first}, {second}" in planned["comment"]
        assert live() == {first: before, second: before}

        done, said = orchestrated(grown, "deploy", build=build)
        assert done["result"] is True, said
        new = live()[first]
        assert live() == {first: new, second: new}
        assert new.endswith(f"-{build}")
        assert planned["changes"] == done["changes"]

        back, said = orchestrated(grown, "rollback", release=before)
        assert back["result"] is True, said
        assert live() == {first: before, second: before}

        with unbuildable(grown, second):
            failed_on_one, said = orchestrated(grown, "deploy", build=f"{build}b")
        assert failed_on_one["result"] is False, said
        assert f"{second}: laravel-release-built: " in failed_on_one["comment"]
        assert "Nothing was switched" in failed_on_one["comment"]
        assert live() == {first: before, second: before}
    assert not failed(crowd.answers()), counted(crowd.answers())
    assert crowd.lost() == []

    for name, releases in salt(
        grown, grown.webs, f"laravel_release.releases {APPLICATION}"
    ).items():
        told = {one["release"]: one["deployments"] for one in releases}
        assert [one["how"] for one in told[new]] == ["deployed"], name
        assert told[before][-1]["how"] == "rolled back"
        assert told[before][-1]["by"] == told[new][-1]["by"] != ""
    missing, said = orchestrated(grown, "rollback", release="nothing")
    assert f"{first}: it has no complete release 'nothing'" in missing["comment"], said
    # A release that is pinned stays, whatever the source makes.
    pinned = json.dumps({"laravel": {"release": "live", "build": f"{build}c"}})
    for states in salt(
        grown, grown.webs, f"state.apply laravel test=True pillar='{pinned}'"
    ).values():
        found = {one["__id__"]: one["changes"] for one in states.values()}
        assert found["laravel-live-release"].get("live") is None


@contextmanager
def readers(base: str, count: int = 4) -> Iterator[list[HttpClient]]:
    """Return a context with clients that only read, all the time."""
    over = threading.Event()
    clients = [HttpClient(base) for _ in range(count)]

    def read(one: HttpClient) -> None:
        while not over.wait(0.05):
            one.ask("read", "GET", "/api/tags")

    threads = [threading.Thread(target=read, args=(one,), daemon=True) for one in clients]
    for thread in threads:
        thread.start()
    try:
        yield clients
    finally:
        over.set()
        for thread in threads:
            thread.join(PATIENCE)


def in_use(lab: Lab) -> dict[str, str]:
    """The web servers as the first balancer has them."""
    found = salt(lab, [lab.proxy], "haproxy_cfg.servers")[lab.proxy]
    return {one["address"]: one["state"] for one in found if one["section"] == "web"}


def test_a_web_server_that_dies_costs_no_read_and_a_drained_one_nothing(grown: Lab, eventually):
    base = f"http://{grown.balancer}"
    first, second = (grown.address[name] for name in grown.webs)
    eventually(lambda: in_use(grown) == {first: "up", second: "up"}, 30)
    with readers(base) as clients, kept_down(grown, "apache2") as killed:
        killed(grown.webs[1])
        eventually(lambda: in_use(grown)[second] == "down", 10)
        time.sleep(1)
    answers = [answer for one in clients for answer in one.answers]
    assert not failed(answers), counted(answers)
    assert len(answers) > 50
    eventually(lambda: in_use(grown)[second] == "up", 30)

    with Crowd([base], FEW, PAUSE).there() as crowd:
        name = grown.webs[1]
        told = salt(grown, [name], "web_server.drain reason=trial")[name]
        assert told == {"old": "", "new": "trial", "busy": 0}
        assert in_use(grown) == {first: "up", second: "stopping"}
        last = salt(grown, [grown.webs[0]], "web_server.drain reason=trial")[grown.webs[0]]
        assert "nobody would be served" in last
        grown.run(name, "systemctl restart apache2 'php*-fpm'")
        ended = salt(grown, [name], "web_server.undrain")[name]
        assert ended == {"old": "trial", "new": ""}
        assert in_use(grown) == {first: "up", second: "up"}
    assert not failed(crowd.answers()), counted(crowd.answers())
    assert crowd.lost() == []


def test_one_of_each_again(lab: Lab, grown: Lab, table: str):
    proxies = declared("proxy")
    TABLE.write_text(table)
    grown.run(grown.master, CONVERGE)
    for name in proxies:
        ended = "systemctl is-active keepalived; systemctl is-enabled keepalived"
        assert grown.run(name, ended, check=False) == "inactive\ndisabled\n", name
    assert holders(grown, proxies) == []
    assert lab.run(lab.web, ENV) == f"DB_HOST={lab.address[lab.proxy]}\n"
    assert lab.log_in()
    check_nothing_left_to_do(lab)
