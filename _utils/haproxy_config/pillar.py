"""What a pillar may say of HAProxy; what is misspelt or cannot be is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pillar_check import check_keys, invalid, is_number

# Every key below haproxy that is read. None: a value, or names of the site's own.
KEYS: dict[str, Any] = {
    "package": None,
    "service": None,
    "hold": None,
    "config": {"path": None, "user": None, "group": None, "mode": None},
    "stats": {"user": None, "password": None},
    "ports": {"cluster": None, "writer": None, "read": None, "stats": None},
    "sections": None,
}


def check(declared: Any, setting: Callable[[str], Any]) -> None:
    """
    Refuse a pillar that has a key that nothing reads, or a port that is none or another's.

    declared
        The pillar's ``haproxy``, or None.

    setting
        Returns the setting at a key with colons, or its default.

    Raises SaltInvocationError naming the key, and what would be right.
    """
    check_keys(declared, KEYS, "haproxy")
    ports: dict[int, str] = {}
    for name in KEYS["ports"]:
        key = f"haproxy:ports:{name}"
        value = setting(key)
        if not is_number(value, 1, 65535):
            raise invalid(key, value, "a port number from 1 to 65535")
        same = ports.setdefault(value, key)
        if same != key:
            raise invalid(key, value, f"a port of its own: {same} is the same")
