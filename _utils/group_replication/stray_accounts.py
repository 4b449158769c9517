"""Accounts of the group's own that nothing declares any more: by another host, or another name."""

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


def renamed(
    declared: Mapping[str, frozenset[str]], privileges: Mapping[str, frozenset[str]]
) -> list[str]:
    """
    Return which accounts may just what one of the group's own may, and bear another name.

    declared
        Name to global privileges, of the accounts that only members use.

    privileges
        Global privileges by account, as ``'user'@'host'``.
    """
    return [
        f"account {account} may what {name} may, as after another name in pillar mysql:accounts, "
        f"and nothing declares it; DROP USER {account} ends that"
        for account, has in privileges.items()
        for name, needs in declared.items()
        if has == needs and not account.startswith(f"'{name}'@")
    ]


def look(settings: Settings, connection: Any) -> list[str]:
    """
    Return the same of a server, as after another ``cluster:subnet`` or name; nothing is dropped.

    settings
        The group's settings. An application's account may have other hosts: a site's own choice.

    connection
        A connection that may read the accounts.
    """
    members = grantees(settings, "members")
    declared = {one.name: one.host for one in members}
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
    has: dict[str, set[str]] = {}
    for row in rows(
        connection,
        "SELECT grantee AS account, privilege_type AS privilege"
        " FROM information_schema.user_privileges ORDER BY 1",
    ):
        has.setdefault(row["account"], set()).add(row["privilege"])
    needs = {one.name: frozenset(one.grants["*.*"]) for one in members if "*.*" in one.grants}
    return strays(declared, known) + renamed(
        needs, {account: frozenset(privileges) for account, privileges in has.items()}
    )
