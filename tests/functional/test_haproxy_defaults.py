"""The balancer's file, as the pillar of this checkout has it: nothing of it changes unseen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import salt.pillar

from tests.functional.conftest import PROXY
from tests.functional.test_render import execution_modules

# What HAProxy is told with the table of nodes of this checkout, its secrets masked.
EXPECTED = Path(__file__).with_name("haproxy.cfg")
# Where an address moves between balancers, keepalived asks one section more.
USABLE = """
frontend usable
    bind 127.0.0.1:9202
    mode http
    monitor-uri /
    monitor fail if { nbsrv(mysql-writer) eq 0 } { nbsrv(mysql-read) eq 0 }
"""


def rendered(options: dict[str, Any]) -> str:
    options["pillar"] = salt.pillar.get_pillar(
        options, options["grains"], PROXY, "base"
    ).compile_pillar()
    return execution_modules(options)["haproxy_cfg.render"]()


@pytest.mark.parametrize(
    ("changes", "more"), [({}, ""), ({"virtual_address": "172.28.17.60"}, USABLE)]
)
def test_the_file_is_what_it_was(with_cluster, changes, more):
    expected = EXPECTED.read_text()
    # Web servers are asked by the name that clients have.
    expected = (
        expected.replace("Host 172.28.17.52", f"Host {changes['virtual_address']}")
        if changes
        else expected
    )
    assert rendered(with_cluster(PROXY, **changes)) == expected + more


def test_without_balanced_web_servers_nothing_is_said_of_them(with_cluster):
    before, _, _ = EXPECTED.read_text().partition("\nlisten web\n")
    for web in (None, {"balanced": False, "tls": "terminate"}):
        assert rendered(with_cluster(PROXY, web=web)) == before


def test_a_site_s_pillar_goes_over_the_defaults_section_by_section(with_pillar):
    site = {
        "listen mysql-read": None,
        "listen stats": ["bind 127.0.0.1:${plain:haproxy:ports:stats}"],
        "listen mine": ["bind :1"],
    }
    text = rendered(with_pillar(PROXY, {"haproxy": {"sections": site, "ports": {"writer": 13307}}}))
    before, _, _ = EXPECTED.read_text().partition("\nlisten mysql-read\n")
    head, _, rest = before.partition("\nlisten stats\n")
    _, _, databases = rest.partition("\nlisten mysql-cluster\n")
    _, _, web = EXPECTED.read_text().partition("\nlisten web\n")
    assert text == (
        f"{head}\nlisten stats\n    bind 127.0.0.1:9201\n"
        f"\nlisten mysql-cluster\n{databases.replace('bind :3307', 'bind :13307')}"
        f"\nlisten web\n{web}\nlisten mine\n    bind :1\n"
    )
