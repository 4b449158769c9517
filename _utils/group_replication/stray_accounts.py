"""Accounts that have a name of the group's own and another host than is declared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from group_replication.accounts import grantees
from group_replication.connection import rows
from group_replication.model import Settings


def strays(declared: Mapping[str, str], known: Iterable[Mapping[str, str]]) -> list[str]:
    """
    Return which accounts could log in that nothing declares, in sentences.

    declared
        Name to host, of the accounts that only members and backup machines use.

    known
        ``user`` and ``host`` of the accounts with these names.
    """
    return [
        f"account {one['user']}@{one['host']} is declared with host {declared[one['user']]} alone, "
        f"and takes its own password yet; DROP USER '{one['user']}'@'{one['host']}' ends that"
        for one in known
        if one["host"] != declared[one["user"]]
    ]


def look(settings: Settings, connection: Any) -> list[str]:
    """
    Return the same of a server, as after another ``cluster:subnet``; nothing is dropped.

    settings
        The group's settings. An application's account may have other hosts: a site's own choice.

    connection
        A connection that may read the accounts.
    """
    declared = {one.name: one.host for one in grantees(settings, "members")}
    if settings.backup.password:
        declared[settings.backup.name] = declared[settings.recovery.name]
    names = list(declared)
    marks = ", ".join(["%s"] * len(names))
    # Only the number of names is put into the statement.
    known = rows(
        connection,
        f"SELECT user, host FROM mysql.user WHERE user IN ({marks}) ORDER BY user, host",  # noqa: S608
        names,
    )
    return strays(declared, known)
