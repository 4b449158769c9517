"""Commits that wait at a member for longer than they should."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from group_replication.causes import Ask
from group_replication.model import ONLINE

# Of clients alone: threads of the server's own wait in that state for hours.
LONGEST = (
    "SELECT COALESCE(MAX(PROCESSLIST_TIME), 0) AS seconds FROM performance_schema.threads"
    " WHERE PROCESSLIST_STATE = 'waiting for handler commit'"
    " AND NAME = 'thread/sql/one_connection'"
)
# In a group that is well a commit is over in a fraction of a second.
LONG_SECONDS = 3


def longest(ask: Ask) -> int:
    """
    Return for how many seconds a client's commit has been waiting, of those that wait the longest.

    ask
        Runs a query on the server and returns its rows.
    """
    return int(ask(LONGEST)[0]["seconds"])


def problem(name: str, facts: Mapping[str, Any]) -> str:
    """
    Return the sentence for a member at which commits wait for long, or the empty text.

    name
        The member's declared name.

    facts
        Its part of ``facts_of``.
    """
    if facts["state"] != ONLINE or facts["commit_wait"] < LONG_SECONDS:
        return ""
    return (
        f"{name}: a commit has been waiting for {facts['commit_wait']} s; after a join that ended "
        "with its server that lasts for 80 s at most"
    )
