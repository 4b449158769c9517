"""The default sections: what is in them, and what the pillar makes of them."""

from __future__ import annotations

import pytest
from haproxy_config.defaults import (
    NO_TLS,
    PASSTHROUGH,
    SETTINGS,
    TERMINATE,
    Web,
    default_sections,
    over_defaults,
)
from haproxy_config.sections import configuration
from haproxy_config.syntax import parse

from tests.unit.group import HOSTS, pillar
from tests.unit.haproxy import NODES, SECRET

PASSWORD = {"haproxy:stats:password": SECRET}


def shown(nodes, chosen=None, settings=PASSWORD, web=None):
    config = configuration(over_defaults(chosen, False, web), nodes, {**SETTINGS, **settings}.get)
    return parse(config.shown)


def servers(directives):
    return [directive for directive in directives if directive.startswith("server ")]


def test_the_defaults_are_a_configuration():
    sections = shown(NODES)
    assert list(sections) == [
        "global",
        "defaults",
        "userlist statistics",
        "listen stats",
        "listen mysql-cluster",
        "listen mysql-writer",
        "listen mysql-read",
    ]
    both = ["server mysql-1 192.0.2.12:3306 check", "server mysql-2 192.0.2.11:3306 check"]
    for name in ("cluster", "read"):
        assert servers(sections[f"listen mysql-{name}"]) == both
    # For a HAProxy that stays with one writer, and for one that cannot.
    assert servers(sections["listen mysql-writer"]) == [*both, both[0], f"{both[1]} backup"]
    assert "stats realm Haproxy\\ Statistics" in sections["listen stats"]
    assert "stats auth admin:********" in sections["listen stats"]
    for header, port in (("cluster", 3306), ("writer", 3307), ("read", 3308)):
        assert f"bind :{port}" in sections[f"listen mysql-{header}"]


@pytest.mark.parametrize("count", [3, 5, 9])
def test_the_balancer_has_a_server_for_each(count):
    found = shown(pillar(count)["cluster"]["nodes"])
    for name in ("cluster", "writer", "read"):
        lines = servers(found[f"listen mysql-{name}"])
        each = [f"{HOSTS[f'db{n}']}:3306" for n in range(1, count + 1)]
        # The writer's are there for two versions of HAProxy.
        assert [line.split()[2] for line in lines] == each * (2 if name == "writer" else 1)


@pytest.mark.parametrize("name", ["cluster", "writer", "read", "stats"])
def test_a_port_is_the_one_that_is_chosen(name):
    header = "listen stats" if name == "stats" else f"listen mysql-{name}"
    settings = {**PASSWORD, f"haproxy:ports:{name}": 13000}
    assert shown(NODES, settings=settings)[header][0] == "bind :13000"


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (None, default_sections(True)),
        ({}, default_sections(True)),
        (
            {"global": ["user root"]},
            {**default_sections(True), "global": ["user root"]},
        ),
        ({"listen mine": []}, {**default_sections(True), "listen mine": []}),
        ({"listen stats": None}, {**default_sections(True), "listen stats": None}),
        # What is no mapping is for others to refuse.
        (["global"], ["global"]),
        ("global", "global"),
    ],
)
def test_what_is_chosen_goes_over_the_defaults_header_by_header(chosen, expected):
    found = over_defaults(chosen, True)
    assert found == expected
    assert list(found) == list(expected)


@pytest.mark.parametrize(
    ("max_behind", "asked"),
    [(None, "option httpchk GET /readable"), (1000, "option httpchk GET /readable?behind=1000")],
)
def test_only_readers_are_kept_from_a_member_that_is_far_behind(max_behind, asked):
    found = over_defaults(None, False, None, max_behind)
    assert asked in found["listen mysql-read"]
    for name in ("cluster", "writer"):
        assert "option httpchk GET /writable" in found[f"listen mysql-{name}"]


def test_keepalived_asks_a_section_more_where_an_address_moves():
    assert [*default_sections(False), "frontend usable"] == list(default_sections(True))


def test_logs_go_to_the_journal_and_no_process_stays_for_ever():
    found = shown(NODES)["global"]
    assert "log stdout format raw local0 notice" in found
    assert "hard-stop-after 15m" in found


WEBS = {
    **NODES,
    "web": {"ip": "192.0.2.21", "role": "web"},
    "web2": {"ip": "192.0.2.22", "role": "web"},
}


def web_shown(tls, **settings):
    return shown(WEBS, settings={**PASSWORD, **settings}, web=Web(tls, "/health", "app.example"))


def test_web_servers_are_asked_for_their_health_and_served_in_turn():
    found = web_shown(NO_TLS)
    assert list(found)[-1] == "listen web"
    section = found["listen web"]
    assert servers(section) == [
        "server web-1 192.0.2.21:80 check",
        "server web-2 192.0.2.22:80 check",
    ]
    assert {"bind :80", "mode http", "http-check disable-on-404"} <= set(section)
    assert "http-check send meth GET uri /health ver HTTP/1.1 hdr Host app.example" in section
    assert web_shown(NO_TLS, **{"haproxy:ports:web": 8080})["listen web"][0] == "bind :8080"
    # What has been sent is not sent again, unless it reads.
    assert "http-request disable-l7-retry unless { method GET HEAD OPTIONS }" in section


def test_tls_that_ends_here_has_the_certificate_and_tells_the_application():
    section = web_shown(TERMINATE, **{"haproxy:certificate": "/etc/haproxy/web.pem"})["listen web"]
    assert section[1].startswith("bind :443 ssl crt /etc/haproxy/web.pem ssl-min-ver TLSv1.2")
    assert "http-request set-header X-Forwarded-Proto https if { ssl_fc }" in section
    assert servers(section)[0] == "server web-1 192.0.2.21:80 check"


def test_tls_that_is_passed_through_is_asked_for_health_on_either_port():
    found = web_shown(PASSTHROUGH)
    assert list(found)[-2:] == ["listen web", "listen web-tls"]
    plain, passed = found["listen web"], found["listen web-tls"]
    asked = "check-ssl verify none"
    assert servers(plain)[0] == f"server web-1 192.0.2.21:80 check port 443 {asked}"
    assert servers(passed)[1] == f"server web-2 192.0.2.22:443 check {asked}"
    assert {"bind :443", "mode tcp"} <= set(passed)
    # A request of minutes says nothing meanwhile.
    assert {"timeout client 310s", "timeout server 310s"} <= set(passed)


@pytest.mark.parametrize("tls", [NO_TLS, TERMINATE])
def test_what_a_client_says_of_itself_goes_before_it_is_said_here(tls):
    section = web_shown(tls, **{"haproxy:certificate": "/a.pem"})["listen web"]
    gone = section.index("http-request del-header X-Forwarded- -m beg")
    said = [n for n, line in enumerate(section) if "set-header X-Forwarded-" in line]
    assert said
    assert gone < min(said)
