"""Services of balancers and web servers are restarted in turns, with or without members."""

from __future__ import annotations

import pytest
from group_replication.restart_run import Restart

from tests.unit.group import HOSTS_OF_THREE as NODES
from tests.unit.group import Clock
from tests.unit.group_replication.test_machines_run import BESIDE, ROLES, Fleet, turns
from tests.unit.group_replication.test_reboot import site
from tests.unit.group_replication.test_reboot_run import BALANCERS
from tests.unit.group_replication.test_rolling_run import Killed


@pytest.fixture(autouse=True)
def clock(monkeypatch) -> Clock:
    return Clock(monkeypatch)


def restart(fleet: Fleet, owner: str = "m1", **given) -> Restart:
    return Restart(fleet, fleet.site, owner, **{"roles": ROLES, **given})


def test_services_are_restarted_in_turns_and_the_address_moves_once():
    fleet = Fleet()
    planned = restart(fleet).plan()
    assert (planned["machines"], planned["refused"]) == (BESIDE, "")
    assert planned["purpose"] == "rolling restart of all balancers, web servers"
    assert list(planned["costs"]) == ["proxy1"]
    done = restart(fleet).run()
    assert done == {"restarted": BESIDE, "gave_up": "", "problem": ""}
    assert fleet.calls == ["proxy2", "proxy1 gives its address away", *BESIDE[1:]]
    assert set(fleet.starts.values()) == {2}
    assert fleet.started == dict.fromkeys(NODES, 100)


def test_members_are_restarted_with_them_where_they_are_asked_for():
    fleet = Fleet()
    order = ["db2", "db3", "db1", *BESIDE]
    assert restart(fleet, roles=["db", *ROLES]).run()["restarted"] == order


def test_what_waits_is_restarted_and_a_second_run_does_nothing():
    fleet = Fleet()
    fleet.old = {"web2": ["php8.4-fpm"]}
    planned = restart(fleet, only="pending").plan()
    assert planned["machines"] == ["web2"]
    assert planned["packages"] == {"web2": "php8.4-fpm runs from files of before"}
    assert restart(fleet, only="pending").run()["restarted"] == ["web2"]
    assert restart(fleet, only="pending").run() == {"restarted": [], "gave_up": "", "problem": ""}
    assert turns(fleet) == ["web2"]


@pytest.mark.parametrize("at", BESIDE)
def test_a_restart_that_is_killed_is_continued_and_restarts_none_twice(at):
    fleet = Fleet()
    fleet.kill_at = at
    with pytest.raises(Killed):
        restart(fleet).run()
    fleet.starts[at] += 1
    done = restart(fleet).run()
    assert (done["problem"], fleet.row, fleet.drained) == ("", None, set())
    assert (turns(fleet), fleet.keepalived) == (BESIDE, set(BALANCERS))


def test_what_refuses_its_configuration_is_used_again():
    fleet = Fleet()
    fleet.fails = {"web1": "apache2 refuses its configuration"}
    done = restart(fleet).run()
    assert done["restarted"] == ["proxy2", "proxy1"]
    assert "web1: apache2 refuses its configuration. No other machine" in done["problem"]
    assert fleet.drained == set()


def test_a_single_balancer_is_missed_while_it_restarts():
    fleet = Fleet(site(proxies=1, virtual=""))
    assert restart(fleet).plan()["refused"].startswith("proxy1: it is the only balancer")
    assert restart(fleet, outage=["proxy1"]).run()["restarted"] == ["proxy1", "web1", "web2"]
