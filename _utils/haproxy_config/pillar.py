"""What a pillar may say of HAProxy; what is misspelt or cannot be is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pillar_check import check_keys, invalid, is_number, is_plain, walk

from haproxy_config.defaults import NO_TLS, TERMINATE

# Every key below haproxy that is read. None: a value, or names of the site's own.
KEYS: dict[str, Any] = {
    "package": None,
    "service": None,
    "hold": None,
    "config": {"path": None, "user": None, "group": None, "mode": None},
    "stats": {"user": None, "password": None},
    "ports": {
        "cluster": None,
        "writer": None,
        "read": None,
        "stats": None,
        "web": None,
        "web_tls": None,
    },
    "certificate": None,
    "max_behind": None,
    "sections": None,
}


# In states as they are.
PLAIN = ("package", "service", "config:path", "config:user", "config:group")
CERTIFICATE = re.compile(r"/[A-Za-z0-9._/@+-]+")
# As many digits as the health agent takes.
MOST_BEHIND = 999_999_999
# Where keepalived asks whether HAProxy may be used: on 127.0.0.1, and no setting.
USABLE = 9202


def _listening(tls: str | None, virtual_address: bool) -> tuple[dict[int, str], list[str]]:
    """Return the ports that are taken already, and the names of those that are listened on."""
    names = ["cluster", "writer", "read", "stats"]
    if tls is not None:
        names += ["web"] if tls == NO_TLS else ["web", "web_tls"]
    return {USABLE: "that of 'frontend usable'"} if virtual_address else {}, names


def check(
    declared: Any,
    setting: Callable[[str], Any],
    tls: str | None = None,
    virtual_address: bool = False,
) -> None:
    """
    Refuse a pillar that has a key that nothing reads, or a value that cannot be.

    declared
        The pillar's ``haproxy``, or None.

    setting
        Returns the setting at a key with colons, or its default.

    tls
        How clients of the web servers speak TLS; None where they are not balanced.

    virtual_address
        Whether an address moves between balancers.

    Raises SaltInvocationError naming the key, and what would be right.
    """
    check_keys(declared, KEYS, "haproxy")
    for name in PLAIN:
        given = walk(declared or {}, name)
        if given is not None and not is_plain(given):
            raise invalid(f"haproxy:{name}", given, "a name or a path, in one line")
    ports, listening = _listening(tls, virtual_address)
    for name in KEYS["ports"]:
        key = f"haproxy:ports:{name}"
        value = setting(key)
        if not is_number(value, 1, 65535):
            raise invalid(key, value, "a port number from 1 to 65535")
        # One that nothing listens on may be another's.
        same = ports.setdefault(value, key) if name in listening else key
        if same != key:
            raise invalid(key, value, f"a port of its own: {same} is the same")
    behind = setting("haproxy:max_behind")
    if behind is not None and not is_number(behind, 1, MOST_BEHIND):
        right = f"a number of transactions from 1 to {MOST_BEHIND}, or null"
        raise invalid("haproxy:max_behind", behind, right)
    certificate = setting("haproxy:certificate")
    if tls == TERMINATE and not (
        isinstance(certificate, str) and CERTIFICATE.fullmatch(certificate)
    ):
        raise invalid(
            "haproxy:certificate",
            certificate or None,
            "the absolute path of a file on the balancer, with certificate, chain and key",
        )
