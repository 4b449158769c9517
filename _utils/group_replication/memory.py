"""What a machine remembers on its root disk of the group that it was a member of.

A data directory that is empty on such a machine is a missing disk, and no new machine.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from group_replication.files import write_whole

# Beside the operator's pause, away from the data directory.
MEMBER_FILE = Path("/var/lib/mysql-gr/member.json")
UNREADABLE = {"group": "", "server_uuid": "", "view_id": "", "members": [], "seen": []}


def remembered(path: Path = MEMBER_FILE) -> dict[str, Any]:
    """
    Return what is remembered: ``group``, ``server_uuid``, ``view_id``, ``members`` of the last view
    and all that were ever ``seen`` in one, as addresses; nothing on a machine that was no member.

    path
        The file. One that cannot be read says that there was a member, and no more.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {key: found[key] for key in UNREADABLE}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError):
        return dict(UNREADABLE)


def memory_of(facts: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return what is to be remembered of a look at the local member; nothing, if that is no news.

    facts
        What the member says of itself. It counts while it is ONLINE with a majority, in a group
        that has a transaction: an empty one is lost without harm.

    before
        What is remembered already.
    """
    history = str(facts["gtid_executed"]).lower()
    if facts["state"] != "ONLINE" or not facts["quorum"] or str(facts["group"]) not in history:
        return {}
    members = sorted(member["host"] for member in facts["members"])
    known = before["seen"] if before.get("group") == facts["group"] else []
    now = {
        "group": facts["group"],
        "server_uuid": facts["server_uuid"],
        "view_id": facts["view_id"],
        "members": members,
        "seen": sorted({*known, *members}),
    }
    return {} if now == before else now


def remember(facts: Mapping[str, Any], path: Path = MEMBER_FILE) -> None:
    """
    Keep what a look at the local member has shown, if it is news; for root's eyes.

    facts
        As for :py:func:`memory_of`.

    path
        The file. Raises OSError where it cannot be written.
    """
    now = memory_of(facts, remembered(path))
    if now:
        write_whole(path, json.dumps(now, indent=2) + "\n", 0o600)


def never_seen(memory: Mapping[str, Any], group: str, host: str | None) -> bool:
    """
    Tell whether a member was in no view of the group that this machine was in.

    memory
        What is remembered here.

    group, host
        The group, and the member's address; one without an address may have been seen.
    """
    return (
        bool(host and memory and memory["group"] == group and memory["seen"])
        and host not in memory["seen"]
    )


def lost(me: str, memory: Mapping[str, Any]) -> str:
    """
    Say that a machine without data was a member, and what is to be done.

    me
        The member's declared name.

    memory
        What is remembered here, which is something.
    """
    return (
        f"{me} was a member of group {memory['group'] or '(unreadable)'} with "
        f"{', '.join(memory['members']) or 'members that are not known'}, and its data is not "
        "there: is a disk missing? Mount it. If the data is lost for good, "
        f"mysql_maintenance.forget member={me} makes {me} a new machine"
    )
