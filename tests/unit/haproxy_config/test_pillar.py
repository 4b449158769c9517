"""A pillar that says of HAProxy what is wrong is refused, with the key."""

from __future__ import annotations

import pytest
from haproxy_config.defaults import SETTINGS
from haproxy_config.pillar import check
from salt.exceptions import SaltInvocationError


def checked(declared):
    ports = (declared or {}).get("ports") or {}
    check(declared, {**SETTINGS, **{f"haproxy:ports:{k}": v for k, v in ports.items()}}.get)


@pytest.mark.parametrize(
    "declared",
    [
        None,
        {},
        {"package": "haproxy", "config": {"path": "/etc/x.cfg", "mode": "0600"}, "stats": None},
        {"sections": {"listen mine": ["bind :1"], "listen stats": None}},
        {"ports": {"cluster": 13306, "writer": 3306}},
    ],
)
def test_what_is_read_is_taken(declared):
    checked(declared)


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
