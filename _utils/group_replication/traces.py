"""What is left on a machine's disk of the cluster that it served in."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from group_replication.files import SETTINGS_FILE
from group_replication.memory import MEMBER_FILE, remembered

HAPROXY_FILE = Path("/etc/haproxy/haproxy.cfg")
KEEPALIVED_FILE = Path("/etc/keepalived/keepalived.conf")
# The first line of salt/keepalived/files/keepalived.conf.jinja.
KEEPALIVED_HEAD = "# Managed by Salt from pillar cluster:"
SERVER = re.compile(r"^\s*server\s+\S+\s+(\d+\.\d+\.\d+\.\d+):\d+\b", re.MULTILINE)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def group_of(settings: Path = SETTINGS_FILE, member: Path = MEMBER_FILE) -> str:
    """
    Return the UUID of the group that this machine was configured for, or was a member of, or "".

    settings, member
        The keeper's file, and what a member remembers on its root disk.
    """
    try:
        found = json.loads(_text(settings))
    except ValueError:
        found = None
    group = found.get("group") if isinstance(found, dict) else None
    return str(group or remembered(member).get("group") or "").lower()


def servers_of(haproxy: Path = HAPROXY_FILE, keepalived: Path = KEEPALIVED_FILE) -> list[str]:
    """
    Return the addresses that this machine balances to, if keepalived may give it one that moves.

    haproxy, keepalived
        Their configurations; one of keepalived that is not made here says nothing.
    """
    if not _text(keepalived).startswith(KEEPALIVED_HEAD):
        return []
    return sorted(set(SERVER.findall(_text(haproxy))))


def traces() -> dict[str, Any]:
    """
    Return what :py:func:`group_of` and :py:func:`servers_of` find: ``group`` and ``servers``.
    """
    return {"group": group_of(), "servers": servers_of()}
