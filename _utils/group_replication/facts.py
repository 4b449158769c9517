"""What members say of themselves: one observed, all asked at once, and what follows from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from group_replication.model import ONLINE, PRESENT, SINGLE_LEADER, UNREACHABLE

# What Group Replication wants to be equal in all members; it refuses one that differs.
ALIKE = (
    "lower_case_table_names",
    "default_table_encryption",
    "group_replication_gtid_assignment_block_size",
    SINGLE_LEADER,
    "group_replication_view_change_uuid",
)


def has_quorum(members: Iterable[Mapping[str, Any]]) -> bool:
    """
    Tell whether a view has a majority.

    members
        The view's rows, each with ``state``. RECOVERING counts as present; UNREACHABLE counts among
        those that a majority is needed of; a row OFFLINE or ERROR is none of the group's.
    """
    states = [member["state"] for member in members]
    present = sum(state in PRESENT for state in states)
    return present * 2 > present + sum(state == UNREACHABLE for state in states)


def writable_by(facts: Mapping[str, Any]) -> bool:
    """
    Tell whether a member takes writes, from what it says of itself.

    facts
        One member's part of :py:func:`facts`.
    """
    return (
        readable_by(facts)
        and facts["role"] == "PRIMARY"
        and not facts["super_read_only"]
        and not facts["stopping"]
    )


def readable_by(facts: Mapping[str, Any]) -> bool:
    """
    Tell whether a member may be read: ONLINE, with a majority, and not in offline mode.

    facts
        One member's part of :py:func:`facts`.
    """
    return facts["state"] == ONLINE and facts["quorum"] and not facts["offline_mode"]
