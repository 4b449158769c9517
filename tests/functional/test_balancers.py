"""One or two balancers, with an address that moves between them or without one."""

from __future__ import annotations

from typing import Any

import pytest
import salt.pillar
import salt.state
from group_replication.traces import KEEPALIVED_HEAD

from tests.functional.conftest import PROXY, WEB
from tests.functional.test_render import execution_modules, highstate, states_of
from tests.support import lab

OWN = lab.nodes()[PROXY]["ip"]
SECOND, SECOND_IP, VIRTUAL = "proxy2", "172.28.17.57", "172.28.17.60"
TWO = {**lab.nodes(), SECOND: {"ip": SECOND_IP, "role": "proxy"}}


def called(options: dict[str, Any], folder: str) -> list[str]:
    return [
        f"{chunk['state']}.{chunk['fun']}"
        for chunk in highstate(options)[0]
        if chunk["__sls__"].split(".")[0] == folder
    ]


def test_without_a_virtual_address_nothing_of_keepalived_is_installed(with_cluster):
    for machine in (PROXY, SECOND):
        assert called(with_cluster(machine, nodes=TWO), "keepalived") == ["unit.stopped"]


def test_with_one_every_declared_proxy_may_hold_it_and_no_other(with_cluster):
    for machine in (PROXY, SECOND):
        options = with_cluster(machine, nodes=TWO, virtual_address=VIRTUAL)
        assert set(called(options, "keepalived")) == {
            "file.managed",
            "packages.held",
            "pkg.installed",
            "service.running",
            "user.present",
        }
    deleted = with_cluster(SECOND, nodes=lab.nodes(), virtual_address=VIRTUAL)
    # By the orchestration alone.
    assert highstate(deleted) == ([], {})
    (stopped,) = states_of(deleted, "keepalived.removed")
    assert f"{stopped['state']}.{stopped['fun']}" == "unit.stopped"


def test_a_wrong_address_is_refused_before_anything_is_touched(with_cluster):
    with salt.state.HighState(with_cluster(PROXY, virtual_address=OWN)) as state:
        _, errors = state.render_highstate(state.top_matches(state.get_top()))
    assert f"cluster:virtual_address is '{OWN}'" in str(errors)
    assert f"expected an address that is not {PROXY}'s already" in str(errors)


@pytest.mark.parametrize(
    ("changes", "address"),
    [
        ({}, OWN),
        ({"nodes": TWO}, OWN),
        ({"virtual_address": VIRTUAL}, VIRTUAL),
        ({"nodes": TWO, "virtual_address": VIRTUAL}, VIRTUAL),
    ],
)
def test_the_application_goes_where_the_balancer_is(with_cluster, changes, address):
    chunks, _ = highstate(with_cluster(WEB, **changes))
    (env,) = [chunk for chunk in chunks if chunk["__id__"] == "laravel-env-present"]
    assert env["values"]["DB_HOST"] == address


@pytest.mark.parametrize(
    ("given", "port"),
    [
        ({"DB_PORT": 3306}, 3306),
        ({"DB_HOST": "192.0.2.9", "DB_PORT": 3306}, 3306),
    ],
)
def test_a_port_that_the_pillar_gives_stays(with_pillar, given, port):
    chunks, _ = highstate(with_pillar(WEB, {"laravel": {"env": given}}))
    (env,) = [chunk for chunk in chunks if chunk["__id__"] == "laravel-env-present"]
    assert env["values"]["DB_PORT"] == port


@pytest.mark.parametrize("changes", [{}, {"virtual_address": VIRTUAL}])
def test_haproxy_says_whether_it_is_usable_where_keepalived_asks(with_cluster, changes):
    options = with_cluster(PROXY, **changes)
    options["pillar"] = salt.pillar.get_pillar(
        options, options["grains"], PROXY, "base"
    ).compile_pillar()
    text = execution_modules(options)["haproxy_cfg.render"]()
    assert ("\nfrontend usable\n    bind 127.0.0.1:9202\n" in text) is bool(changes)
    assert text.count("\nlisten ") == 5


def keepalived_conf(options: dict[str, Any], balancer: dict[str, Any]) -> list[str]:
    """The file, on this machine's own loopback interface: the template looks for the address."""
    functions = execution_modules(options)
    text = functions["slsutil.renderer"](
        "salt://keepalived/files/keepalived.conf.jinja",
        default_renderer="jinja",
        keepalived={"user": "checker", "check": "http://127.0.0.1:9202/", "advert_int": 0.5},
        balancer={"virtual_address": VIRTUAL, "virtual_router_id": 51, **balancer},
    )
    return [line.strip() for line in text.splitlines()]


def test_one_balancer_has_nobody_to_talk_to(minion_opts):
    lines = keepalived_conf(minion_opts(PROXY), {"proxies": {PROXY: "127.0.0.1"}})
    # By this a machine is known later that is no longer declared.
    assert lines[0].startswith(KEEPALIVED_HEAD)
    assert "interface lo" in lines
    assert f"{VIRTUAL}/32" in lines
    assert not [line for line in lines if line.startswith("unicast")]


@pytest.mark.parametrize(("machine", "priority"), [(PROXY, 250), (SECOND, 240)])
def test_two_balancers_talk_to_each_other_alone(machine, priority, minion_opts):
    addresses = {PROXY: "192.0.2.1", SECOND: "192.0.2.2", machine: "127.0.0.1"}
    proxies = {name: addresses[name] for name in (PROXY, SECOND)}
    lines = keepalived_conf(minion_opts(machine), {"proxies": proxies})
    (other,) = [ip for name, ip in proxies.items() if name != machine]
    at = lines.index("unicast_peer {")
    assert lines[at + 1 : at + 3] == [other, "}"]
    for expected in (f"priority {priority}", "unicast_src_ip 127.0.0.1", "check_unicast_src"):
        assert expected in lines
    assert {"state BACKUP", "nopreempt"} < set(lines)


def test_an_address_that_the_machine_does_not_have_is_named(minion_opts):
    with pytest.raises(Exception, match=r"no interface of proxy has the address 192\.0\.2\.1"):
        keepalived_conf(minion_opts(PROXY), {"proxies": {PROXY: "192.0.2.1"}})
