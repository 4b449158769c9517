"""The table of nodes grows and shrinks: every highstate follows, or refuses with the key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import salt.pillar
import salt.state

from tests.functional.conftest import PROXY, WEB
from tests.functional.test_render import execution_modules, highstate, states_of
from tests.support import lab


@pytest.fixture
def with_databases(with_cluster: Any) -> Any:
    """A maker of a machine's options, for a table with so many databases."""

    def make(minion: str, count: int) -> dict[str, Any]:
        nodes = {name: node for name, node in lab.nodes().items() if node["role"] != "db"}
        nodes |= {
            f"db{n}": {"ip": f"172.28.17.{100 + n}", "role": "db"} for n in range(1, count + 1)
        }
        return with_cluster(minion, nodes=nodes)

    return make


@pytest.mark.parametrize("count", [3, 5, 9])
def test_the_last_of_so_many_renders(with_databases, count):
    called = {f"{c['state']}.{c['fun']}" for c in highstate(with_databases(f"db{count}", count))[0]}
    assert {"mysql_gr.member_online", "mysql_server.options_current"} <= called
    assert "mysql_maintenance.member_removed" not in called


@pytest.mark.parametrize("count", [3, 5, 9])
def test_the_balancer_gets_so_many_servers(with_databases, count):
    options = with_databases(PROXY, count)
    options["pillar"] = salt.pillar.get_pillar(
        options, options["grains"], PROXY, "base"
    ).compile_pillar()
    text = execution_modules(options)["haproxy_cfg.render"]()
    # Three sections; the writer's servers are there for two versions of HAProxy.
    assert text.count("server mysql-") == 4 * count
    assert text.count(f"server mysql-{count} 172.28.17.{100 + count}:3306 check") == 4


@pytest.mark.parametrize("count", [2, 10])
def test_another_number_is_refused_before_anything_is_touched(with_databases, count):
    with salt.state.HighState(with_databases("db1", count)) as state:
        _, errors = state.render_highstate(state.top_matches(state.get_top()))
    assert f"'{count} nodes with role db" in str(errors)
    assert "expected 3 to 9 of them" in str(errors)


def test_a_database_that_was_deleted_has_only_to_leave(with_databases):
    options = with_databases("db4", 3)
    # By the orchestration alone.
    assert highstate(options) == ([], {})
    for sls in ("mysql", "mysql.removed"):
        chunks = states_of(options, sls)
        called = [f"{c['state']}.{c['fun']}" for c in chunks]
        assert called == ["mysql_maintenance.member_removed"]


@pytest.mark.parametrize("names", [[WEB], ["web2", WEB]])
def test_the_first_web_server_migrates_and_several_share_their_keys(with_cluster, names):
    others = {name: node for name, node in lab.nodes().items() if name != WEB}
    addresses = {WEB: lab.nodes()[WEB]["ip"], "web2": "172.28.17.58"}
    webs = {name: {"ip": addresses[name], "role": "web"} for name in names}
    chunks, _ = highstate(with_cluster(WEB, nodes={**others, **webs}))
    by_id = {chunk["__id__"]: chunk for chunk in chunks}
    assert by_id["laravel-migrate-migrated"]["node"] == names[0]
    assert by_id["laravel-keys-app"]["shared"] is (len(names) > 1)
    values = by_id["laravel-env-present"]["values"]
    # One address for all of them, which believe its machine and no other.
    assert values["APP_URL"] == f"http://{lab.nodes()[PROXY]['ip']}"
    assert values["TRUSTED_PROXIES"] == lab.nodes()[PROXY]["ip"]


@pytest.mark.parametrize(
    ("web", "tls", "url", "trusted"),
    [
        (None, False, "http://{web}", None),
        ({"balanced": True, "tls": "terminate"}, False, "https://{proxy}", "{proxy}"),
        ({"balanced": True, "tls": "passthrough"}, True, "https://{proxy}", None),
        # A web server that leads to TLS of its own is not served by a balancer that has none.
        ({"balanced": True}, True, "https://{web}", "{proxy}"),
    ],
)
def test_the_application_knows_where_clients_find_it(with_cluster, web, tls, url, trusted):
    options = with_cluster(WEB, web=web)
    if tls:
        pillar = Path(options["pillar_roots"]["base"][0])
        with (pillar / "laravel.sls").open("a") as more:
            more.write("apache:\n  tls:\n    self_signed: true\n")
    (env,) = [one for one in highstate(options)[0] if one["__id__"] == "laravel-env-present"]
    addresses = {name: lab.nodes()[name]["ip"] for name in (WEB, PROXY)}
    assert env["values"]["APP_URL"] == url.format(**addresses)
    assert env["values"].get("TRUSTED_PROXIES") == (trusted and trusted.format(**addresses))
