"""A pillar that says of HAProxy what is wrong is refused, with the key."""

from __future__ import annotations

import pytest
from haproxy_config.defaults import SETTINGS
from haproxy_config.pillar import check
from salt.exceptions import SaltInvocationError


def checked(declared, tls=None, virtual_address=False):
    ports = (declared or {}).get("ports") or {}
    settings = {**SETTINGS, **{f"haproxy:ports:{k}": v for k, v in ports.items()}}
    for name in ("certificate", "max_behind"):
        settings[f"haproxy:{name}"] = (declared or {}).get(name)
    check(declared, settings.get, tls, virtual_address)


@pytest.mark.parametrize(
    "declared",
    [
        None,
        {},
        {"package": "haproxy", "config": {"path": "/etc/x.cfg", "mode": "0600"}, "stats": None},
        {"sections": {"listen mine": ["bind :1"], "listen stats": None}},
        {"ports": {"cluster": 13306, "writer": 3306}},
        {"max_behind": None},
        {"max_behind": 1},
        {"max_behind": 999_999_999},
    ],
)
def test_what_is_read_is_taken(declared):
    checked(declared)


@pytest.mark.parametrize(
    ("tls", "ports"),
    [
        # What is not listened on is free.
        (None, {"stats": 80}),
        (None, {"web": 3306}),
        ("none", {"stats": 443}),
        ("none", {"web": 8080, "web_tls": 3306}),
        ("passthrough", {"web": 443, "web_tls": 80}),
        ("none", {"web": 9202}),
    ],
)
def test_a_port_that_nothing_listens_on_may_be_another_s(tls, ports):
    checked({"ports": ports}, tls)


@pytest.mark.parametrize(
    ("declared", "tls", "virtual_address", "error"),
    [
        ({"ports": {"web": 3306}}, "none", False, "ports:web is '3306'; .*: haproxy:p"),
        ({"ports": {"web": 9201}}, "none", False, "ports:web is '9201'; .*: haproxy:p"),
        ({"ports": {"stats": 80}}, "none", False, "ports:web is '80'; .*: haproxy:p"),
        (
            {"ports": {"web": 443}},
            "passthrough",
            False,
            "ports:web_tls is '443'; .*: haproxy:p",
        ),
        ({"ports": {"web_tls": 3307}}, "terminate", False, "ports:web_tls is '3307'; exp"),
        ({"ports": {"web": 0}}, None, False, "ports:web is '0'; expected a port"),
        (
            {"ports": {"web": 9202}},
            "none",
            True,
            "ports:web is '9202'; .*: that of 'fr",
        ),
        ({}, "terminate", False, "certificate is missing; expected the absolute path"),
        (
            {"certificate": "web.pem"},
            "terminate",
            False,
            "certificate is 'web.pem'; expected",
        ),
        (
            {"certificate": "/a b"},
            "terminate",
            False,
            "certificate is '/a b'; expected",
        ),
    ],
)
def test_web_servers_have_ports_of_their_own_and_a_certificate(
    declared, tls, virtual_address, error
):
    with pytest.raises(SaltInvocationError, match=f"^pillar haproxy:{error}"):
        checked(declared, tls, virtual_address)


@pytest.mark.parametrize(
    ("declared", "error"),
    [
        ({"section": {}}, "haproxy:section is a key that nothing reads; expected haproxy:sections"),
        (
            {"stats": {"pasword": "hidden"}},
            "haproxy:stats:pasword is a key that nothing reads; expected haproxy:stats:password",
        ),
        ({"ports": {"reader": 1}}, "haproxy:ports:reader is a key .*; expected haproxy:ports:read"),
        ({"ports": {"x": 1}}, "haproxy:ports:x is a key .*; expected one of cluster, writer, read"),
        ({"config": "/etc/x"}, "haproxy:config is a str; expected a mapping with path, user"),
        (["hidden"], "haproxy is a list; expected a mapping with package, service"),
        ({"ports": {"read": "33o8"}}, "haproxy:ports:read is '33o8'; expected a port number from"),
        ({"ports": {"read": 70000}}, "haproxy:ports:read is '70000'; expected a port number from"),
        *(
            ({"max_behind": wrong}, f"haproxy:max_behind is '{wrong}'; expected a number of transa")
            for wrong in (0, 10**9, "many", True, 1.5)
        ),
        (
            {"ports": {"read": 3307}},
            "haproxy:ports:read is '3307'; expected a port of its own: haproxy:ports:writer is the",
        ),
    ],
)
def test_what_is_wrong_is_refused_with_the_key_and_without_a_secret(declared, error):
    with pytest.raises(SaltInvocationError, match=f"^pillar {error}") as caught:
        check(declared, SETTINGS.get) if isinstance(declared, list) else checked(declared)
    assert "hidden" not in str(caught.value)
