"""What HAProxy is told where the pillar says nothing else: the sections, and what they refer to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

# Settings that the sections refer to, for a pillar without them. A password has no default.
SETTINGS: dict[str, Any] = {
    "cluster:health_port": 9200,
    "haproxy:ports:cluster": 3306,
    "haproxy:ports:writer": 3307,
    "haproxy:ports:read": 3308,
    "haproxy:ports:stats": 9201,
    "haproxy:ports:web": 80,
    "haproxy:ports:web_tls": 443,
    "haproxy:stats:user": "admin",
}

# How clients of the web servers speak TLS: not at all, with the web servers, with the balancer.
NO_TLS, PASSTHROUGH, TERMINATE = "none", "passthrough", "terminate"


class Web(NamedTuple):
    """How the web servers are balanced, by words that a directive may hold as they are."""

    # One of the three above.
    tls: str
    # The page that a web server is asked for, and the name that it is asked by.
    health: str
    host: str


def _lines(text: str) -> list[str]:
    """Return directives that are written one below the other, as HAProxy has them."""
    return [line.strip() for line in text.strip().split("\n")]


GLOBAL = _lines("""
    # The unit's standard output is the journal.
    log stdout format raw local0 notice
    # The process before a reload checks no health; what is still open in it then is ended.
    hard-stop-after 15m
    user haproxy
    group haproxy
    stats socket /run/haproxy/admin.sock mode 660 level admin expose-fd listeners
    .if feature(LUA)
    .if version_atleast(3.1)
    tune.lua.bool-sample-conversion normal
    .endif
    lua-load /etc/haproxy/wait.lua
    .endif
""")

DEFAULTS = _lines("""
    log global
    retries 2
    timeout connect 3000
    timeout server 5000
    timeout client 5000
    # A peer that vanished is found by TCP keep-alive, after two minutes instead of two hours.
    option clitcpka
    clitcpka-idle 60s
    clitcpka-intvl 15s
    clitcpka-cnt 4
    option srvtcpka
    srvtcpka-idle 60s
    srvtcpka-intvl 15s
    srvtcpka-cnt 4
""")

STATISTICS_USERS = _lines("""
    user ${plain:haproxy:stats:user} insecure-password ${pillar:haproxy:stats:password}
""")

STATISTICS = _lines(r"""
    bind :${plain:haproxy:ports:stats}
    mode http
    stats enable
    stats hide-version
    # A page that is left open stays true; it says whose it is, and, with the pointer on a name,
    # which address a server has.
    stats refresh 5s
    stats show-node
    stats show-legends
    stats realm Haproxy\ Statistics
    stats uri /
    stats auth ${plain:haproxy:stats:user}:${pillar:haproxy:stats:password}
    # The same numbers for Prometheus, for the same user.
    acl metrics path /metrics
    http-request auth realm Haproxy\ Statistics if metrics !{ http_auth(statistics) }
    http-request use-service prometheus-exporter if metrics
""")

# The three sections of the databases differ in who is asked, and in who is next.
WAIT = _lines("""
    # A connection waits until a member takes it, 10 s at most, instead of being refused.
    .if feature(LUA)
    tcp-request inspect-delay 10s
    tcp-request content lua.wait_for_server
    .endif
""")
TIMEOUTS = ["timeout client 28800s", "timeout server 28800s"]
REDISPATCH = ["option redispatch 1"]
IN_TURN = ["balance roundrobin"]
LEAVING = ["http-check disable-on-404"]
ANSWER = ["http-check expect status 200", "timeout check 400ms"]
WATCHED = [
    "default-server port ${plain:cluster:health_port} inter 100ms fastinter 10ms downinter 100ms "
    "fall 4 rise 1 observe layer4 error-limit 1 on-error fastinter "
    "on-marked-down shutdown-sessions maxconn 150"
]
INIT_DOWN = _lines("""
    .if feature(LUA) && version_atleast(3.1)
    # A new process knows no member until it has asked; connections wait for that.
    default-server init-state down
    .endif
""")
SEE_CLUSTER = ["# As in mysql-cluster: the timeouts of MySQL, not 5 s."]
MEMBERS = {"prefix": "mysql", "port": 3306, "params": "check"}


def _listening(port: str) -> list[str]:
    return [f"bind :${{plain:haproxy:ports:{port}}}", "mode tcp", *WAIT]


# The members that accept writes now, in turn. What the other two repeat is explained here.
CLUSTER: list[Any] = [
    *_listening("cluster"),
    *IN_TURN,
    "# A member that has just died: try the next one, not the same again.",
    *REDISPATCH,
    "# As long as MySQL's own wait_timeout (28800 s), which ends idle sessions by itself:",
    "# 5 s would cut idle sessions, and statements that take longer.",
    *TIMEOUTS,
    "# Three sections of 150 stay below the members' max_connections (500): who comes on top waits",
    "# here for a place, 3 s at most, instead of being refused there.",
    "# Each member's health agent knows whether it may be written to; a TCP check does not.",
    "option httpchk GET /writable",
    "# 404: it is leaving. Nobody new is sent there, and who is there may finish.",
    *LEAVING,
    *ANSWER,
    "# Four refusals, 10 ms apart, or 0.4 s without an answer; a connection that a member refuses"
    " has",
    "# it asked at once.",
    *WATCHED,
    *INIT_DOWN,
    {"servers": MEMBERS},
]

# One writable member at a time, until it goes: one that comes back waits for its turn.
WRITER: list[Any] = [
    *_listening("writer"),
    *REDISPATCH,
    *SEE_CLUSTER,
    *TIMEOUTS,
    "option httpchk GET /writable",
    *LEAVING,
    *ANSWER,
    *WATCHED,
    *INIT_DOWN,
    ".if version_atleast(3.0)",
    "balance sticky",
    {"servers": MEMBERS},
    ".else",
    "# This HAProxy cannot stay with one: the first serves again as soon as it is back.",
    {"servers": {**MEMBERS, "standby": "backup"}},
    ".endif",
]


def read_section(max_behind: int | None = None) -> list[Any]:
    """
    Return the section of the members that may be read, in turn.

    max_behind
        Members with more transactions to apply get no new reader while another one has no more;
        None: however many they are.
    """
    asked, far = "/readable", []
    if max_behind is not None:
        asked += f"?behind={max_behind}"
        far = ["# 404, too: it has far more to apply than another member."]
    return [
        *_listening("read"),
        *IN_TURN,
        *REDISPATCH,
        *SEE_CLUSTER,
        *TIMEOUTS,
        f"option httpchk GET {asked}",
        *far,
        *LEAVING,
        *ANSWER,
        *WATCHED,
        "# One that comes back has nothing in memory yet: its share grows for 10 s.",
        "default-server slowstart 10s",
        {"servers": MEMBERS},
    ]


# 200 while this balancer has a member to send anybody to, else 503: keepalived asks (pillar
# keepalived:check), and from this machine alone.
USABLE = _lines("""
    bind 127.0.0.1:9202
    mode http
    monitor-uri /
    monitor fail if { nbsrv(mysql-writer) eq 0 } { nbsrv(mysql-read) eq 0 }
""")

# Web servers. What has failed, and may be done again, is: a request that has not left this machine
# (another web server gets it), and what only reads.
WEB_PATIENCE = _lines("""
    # Longer than Apache waits for PHP (300 s), whose words are better than these.
    timeout server 310s
    timeout queue 30s
""")
WEB_REQUESTS = _lines("""
    timeout client 60s
    timeout http-request 30s
    timeout http-keep-alive 10s
    # A reload ends no connection in which a client may just be asking.
    option idle-close-on-response
    # Each request has a connection of its own to a web server: none meets one that is being closed.
    option http-server-close
    # A web server is asked when the request is here: who sends slowly holds no place there.
    option http-buffer-request
    # Who asks, and how, is said here alone: the application believes this machine.
    http-request del-header X-Forwarded- -m beg
    http-request del-header Forwarded
    http-request del-header X-Real-IP
    http-request set-header X-Forwarded-For %[src]
    # A connection that fails is made to another web server. What was sent and got no answer is sent
    # once more if it only reads; whether a change was made nobody knows.
    retries 3
    option redispatch 1
    retry-on conn-failure empty-response
    http-request disable-l7-retry unless { method GET HEAD OPTIONS }
""")
WEB_WATCHED = [
    "# Out after three refusals, or 15 s without an answer: one that waits for PHP is not dead.",
    "http-check expect status 200",
    "timeout check 5s",
    "default-server inter 1s fastinter 200ms downinter 1s fall 3 rise 2 observe layer4 "
    "error-limit 1 on-error fastinter maxconn 150",
]
PLAIN_HTTP = ["http-request set-header X-Forwarded-Proto http"]
ENDED_TLS = _lines("""
    # Port 80 leads to TLS, but for the files by which a certificate is renewed.
    acl renewal path_beg /.well-known/acme-challenge/
    http-request redirect scheme https code 308 unless { ssl_fc } || renewal
    http-request set-header X-Forwarded-Proto http
    http-request set-header X-Forwarded-Proto https if { ssl_fc }
    http-response set-header Strict-Transport-Security max-age=31536000 if { ssl_fc }
""")
BIND_TLS = (
    "bind :${plain:haproxy:ports:web_tls} ssl crt ${plain:haproxy:certificate} "
    "ssl-min-ver TLSv1.2 alpn h2,http/1.1"
)
SPEAKS_TLS = "check-ssl verify none"


def _web_asked(web: Web) -> list[str]:
    return [
        "option httpchk",
        f"http-check send meth GET uri {web.health} ver HTTP/1.1 hdr Host {web.host}",
        "# 404: it is drained. Nobody new is sent there, and who is there may finish.",
        *LEAVING,
        *WEB_WATCHED,
    ]


def _web_servers(port: int, params: str) -> dict[str, Any]:
    return {"servers": {"prefix": "web", "port": port, "params": params, "role": "web"}}


def web_sections(web: Web) -> dict[str, list[Any]]:
    """
    Return the sections of the web servers by their headers.

    web
        How they are balanced.
    """
    ended, passed = web.tls == TERMINATE, web.tls == PASSTHROUGH
    sections: dict[str, list[Any]] = {
        "listen web": [
            "bind :${plain:haproxy:ports:web}",
            *([BIND_TLS] if ended else []),
            "mode http",
            *WAIT,
            *IN_TURN,
            *WEB_PATIENCE,
            *WEB_REQUESTS,
            *(ENDED_TLS if ended else PLAIN_HTTP),
            *_web_asked(web),
            _web_servers(80, f"check port 443 {SPEAKS_TLS}" if passed else "check"),
        ]
    }
    if passed:
        sections["listen web-tls"] = [
            "bind :${plain:haproxy:ports:web_tls}",
            "mode tcp",
            *WAIT,
            *IN_TURN,
            *REDISPATCH,
            *WEB_PATIENCE,
            # What is in it nobody sees here: a client may be waiting for an answer.
            "timeout client 310s",
            *_web_asked(web),
            _web_servers(443, f"check {SPEAKS_TLS}"),
        ]
    return sections


def default_sections(
    virtual_address: bool, web: Web | None = None, max_behind: int | None = None
) -> dict[str, list[Any]]:
    """
    Return the default sections by their headers, in order.

    virtual_address
        Whether an address moves between balancers; keepalived asks one section more then.

    web
        How the web servers are balanced; None where they are not.

    max_behind
        As for :py:func:`read_section`.
    """
    sections: dict[str, list[Any]] = {
        "global": GLOBAL,
        "defaults": DEFAULTS,
        "userlist statistics": STATISTICS_USERS,
        "listen stats": STATISTICS,
        "listen mysql-cluster": CLUSTER,
        "listen mysql-writer": WRITER,
        "listen mysql-read": read_section(max_behind),
    }
    if web:
        sections |= web_sections(web)
    if virtual_address:
        sections["frontend usable"] = USABLE
    return sections


def over_defaults(
    chosen: Any, virtual_address: bool, web: Web | None = None, max_behind: int | None = None
) -> Any:
    """
    Return the sections of a pillar over the default ones.

    chosen
        Headers with their directives, or None to leave a section out. One that is a default
        section's takes its place; others come behind. What is no mapping is returned as it is.

    virtual_address, web, max_behind
        As for :py:func:`default_sections`.
    """
    if chosen is None:
        chosen = {}
    if not isinstance(chosen, Mapping):
        return chosen
    return {**default_sections(virtual_address, web, max_behind), **chosen}
