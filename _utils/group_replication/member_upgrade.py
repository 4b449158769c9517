"""One member's packages are upgraded while its server is stopped, or what was broken off ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from salt.exceptions import CommandExecutionError
from server_packages import Run, unpack

from group_replication.connection import UnreachableError, local, rows
from group_replication.definition_compare import OF_THE_PACKAGE
from group_replication.facts import facts_of, observe
from group_replication.member_restart import (
    check_others,
    come_back,
    refused_options,
    still_seen,
    turn_of,
)
from group_replication.model import ONLINE, Settings, joined
from group_replication.operation import Operation
from group_replication.overrides import named_member
from group_replication.rolling import Work, step_of
from group_replication.upgrade_check import is_patch

UPGRADING = Work("upgrade", "upgraded", "mysql_upgrade.readiness", "mysql_upgrade.upgrade")


class Machine(NamedTuple):
    """What the service manager and the package manager are told; each raises where it fails."""

    # Package to version, "whole" and "held", as server_packages has it.
    installed: Callable[[], Mapping[str, Mapping[str, Any]]]
    # Whether mysqld runs from a file that is no longer there.
    stale: Callable[[], bool]
    stop: Callable[[], Any]
    # Why the server that was stopped last did not end by itself, or "".
    unclean: Callable[[], str]
    # Puts the packages of a version in, while nothing but start may start the server.
    change: Callable[[str], Any]
    # Why the mysqld that is there would not start with its options, or "".
    refused_options: Callable[[], str]
    start: Callable[[], Any]


def half_way(installed: Mapping[str, Mapping[str, Any]]) -> bool:
    """Tell whether packages of one source are of several versions, or not configured."""
    versions = {one["version"] for one in installed.values()}
    return len(versions) > 1 or not all(one["whole"] for one in installed.values())


def is_at(machine: Machine, version: str) -> bool:
    """Tell whether all packages are of a version, and configured."""
    installed = machine.installed()
    return not half_way(installed) and {one["version"] for one in installed.values()} == {version}


def accounts_of(settings: Settings) -> dict[str, Any]:
    """
    Ask the local server for the accounts that an upgrade depends on.

    Returns a dict: ``native_accounts``, those that log in by mysql_native_password, and
    ``script_account``, whether the one is there that the packages' scripts change. Without it the
    server that they try never ends, nor do they.
    """
    with local(settings) as connection:
        found = rows(
            connection,
            "SELECT User AS user, Host AS host, plugin FROM mysql.user"
            " WHERE plugin = 'mysql_native_password' OR User = %s ORDER BY 1, 2",
            (OF_THE_PACKAGE,),
        )
    native = [one for one in found if one["plugin"] == "mysql_native_password"]
    return {
        "native_accounts": [f"{one['user']}@{one['host']}" for one in native],
        "script_account": (OF_THE_PACKAGE, "localhost")
        in [(one["user"], one["host"]) for one in found],
    }


def upgrade(
    settings: Settings, member: str, version: str, token: str, machine: Machine
) -> dict[str, Any]:
    """
    Upgrade the local member's packages for an operation, and wait until it serves again.

    settings
        The group's settings.

    member
        This member's declared name.

    version
        What all packages are to be.

    token
        The operation's own word, whose present step is this member's upgrade.

    machine
        Tells the service manager and the package manager.

    What was broken off anywhere is brought to its end: whoever was killed calls this again.

    Returns a dict: ``member``, ``upgraded`` (bool: by this call), ``state`` (ONLINE) and
    ``seconds``. Raises CommandExecutionError when it is not this member's turn, another member is
    not well, the server does not leave or end by itself, the packages do not come in, or this
    member is not back in time.
    """
    named_member(member, settings.me, "upgrading")
    begin = time.monotonic()
    due = machine.stale() or not is_at(machine, version)
    if not half_way(machine.installed()) and _state(settings) != ONLINE:
        # Left so by a run, or a machine, that was stopped in between.
        machine.start()
        come_back(settings)
    if due:
        old = next(iter(one["version"] for one in machine.installed().values()), version)
        if _state(settings):
            _leave(settings, token, machine, slowly=not is_patch(old, version))
        else:
            _turn_by_others(settings, token)
        _change(settings, version, machine)
    machine.start()
    come_back(settings)
    return {
        "member": member,
        "upgraded": due,
        "state": ONLINE,
        "seconds": round(time.monotonic() - begin, 1),
    }


def _state(settings: Settings) -> str:
    """The local member's state, or the empty text where no server answers."""
    try:
        with local(settings) as connection:
            return str(observe(connection)["state"])
    except UnreachableError:
        return ""


def _leave(settings: Settings, token: str, machine: Machine, slowly: bool) -> None:
    """Stop the server once it is its turn, and see that it left and ended by itself."""
    with local(settings) as connection:
        turn_of(settings, connection, token, UPGRADING)
        check_others(settings, token, UPGRADING)
        if slowly:
            # Another series reads no redo log of this one.
            with connection.cursor() as cursor:
                cursor.execute("SET GLOBAL innodb_fast_shutdown = 0")
    machine.stop()
    why = machine.unclean() or still_seen(settings)
    if why:
        machine.start()
        raise CommandExecutionError(f"{settings.me} is not upgraded, and starts again: {why}")


def _turn_by_others(settings: Settings, token: str) -> None:
    """Raise unless a member that answers says that it is this one's turn."""
    for name, one in facts_of(settings).items():
        found = one.get("operation")
        row = Operation(**found) if found and name != settings.me else None
        if row and row.token == token and row.step == step_of(settings.me, UPGRADING):
            return
    raise CommandExecutionError(
        f"no member says that it is {settings.me}'s turn to be upgraded."
        " salt-run state.orchestrate orch.upgrade upgrades members"
    )


def _change(settings: Settings, version: str, machine: Machine) -> None:
    """Put the packages in; where nothing of it was done the old server serves again."""
    try:
        machine.change(version)
        problem = "" if is_at(machine, version) else "apt said nothing of it"
    except CommandExecutionError as err:
        problem = str(err)
    installed = machine.installed()
    shown = joined(f"{name} {one['version']}" for name, one in installed.items())
    if problem and not half_way(installed):
        machine.start()
        come_back(settings)
        raise CommandExecutionError(
            f"{settings.me} is not upgraded, and serves again ({shown}): {problem}"
        )
    if problem:
        raise CommandExecutionError(
            f"packages on {settings.me} are half way, and mysqld is stopped ({shown}): {problem}"
        )
    why = machine.refused_options()
    if why:
        raise CommandExecutionError(f"mysqld {version} on {settings.me} refuses its options: {why}")


def refused_by(archive: Path, run: Run) -> str:
    """
    Ask the mysqld of a package that is not installed whether it takes the options there are.

    archive
        The package of the server's program, as apt has fetched it.

    run
        Salt's cmd.run_all.

    Returns its words, or "". It is unpacked beside, and removed; no data directory is touched.
    """
    with unpack(run, [archive]) as name:
        return refused_options(
            run,
            f"{name}/usr/sbin/mysqld",
            f"--basedir={name}/usr",
            f"--plugin-dir={name}/usr/lib/mysql/plugin",
            f"--lc-messages-dir={name}/usr/share/mysql",
        )
