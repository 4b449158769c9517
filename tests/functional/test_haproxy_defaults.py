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
    assert rendered(with_cluster(PROXY, **changes)) == EXPECTED.read_text() + more
