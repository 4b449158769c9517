"""How a member gets what it lacks: what it received is applied, or a member is cloned."""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from salt.exceptions import CommandExecutionError

from group_replication import causes
from group_replication.accounts import recovery_credentials
from group_replication.connection import execute, local, rows
from group_replication.facts import applier, observe, unreachable
from group_replication.model import ERROR, ONLINE, Account, Settings
from group_replication.status import clone_status
from group_replication.verdicts import because, held_by
from group_replication.versions import statement_for

with contextlib.suppress(ImportError):
    import pymysql

# The server's code for "too many concurrent clone operations": it gives one at a time.
DONOR_BUSY = "3634"


class DonorBusyError(CommandExecutionError):
    """The member that is to be cloned is being cloned by another one."""


def stop_failed(connection: Any, mine: Mapping[str, Any]) -> None:
    """Stop what is left of Group Replication on a member that is out of its group."""
    if mine["state"] == ERROR or mine["applier_on"]:
        execute(connection, "STOP GROUP_REPLICATION")


def give_up_received(connection: Any) -> None:
    """Forget what the member received and cannot apply."""
    execute(connection, "SET SESSION sql_log_bin = OFF")
    try:
        execute(connection, "SET GLOBAL super_read_only = OFF")
        execute(connection, "RESET REPLICA ALL FOR CHANNEL 'group_replication_applier'")
    finally:
        execute(connection, "SET GLOBAL super_read_only = ON")
        execute(connection, "SET SESSION sql_log_bin = ON")


def apply_received(connection: Any, received: str, patience: float) -> None:
    """Apply what the applier channel received before a crash, with Group Replication stopped."""
    channel = "FOR CHANNEL 'group_replication_applier'"
    ask = functools.partial(rows, connection)
    execute(connection, f"START REPLICA SQL_THREAD {channel}")
    try:
        progress, since = None, time.monotonic()
        while True:
            now = rows(connection, "SELECT GTID_SUBTRACT(%s, @@gtid_executed) AS s", (received,))
            left = now[0]["s"]
            if left == "":
                return
            error = causes.applier_error(ask)
            if error:
                raise CommandExecutionError(
                    f"received but not applied: {left}; the applier said: {error}. Once that is "
                    "mended it is tried again; mysql_gr.recover force_member=… gives it up"
                )
            # One transaction may take longer than anybody's patience: its rows are progress.
            work = (left, causes.applier_work(ask))
            if work != progress:
                progress, since = work, time.monotonic()
            elif time.monotonic() - since > patience:
                raise CommandExecutionError(
                    f"the applier made no progress for {patience:.0f} s; "
                    f"received but not applied: {left}"
                )
            time.sleep(0.2)
    finally:
        execute(connection, f"STOP REPLICA SQL_THREAD {channel}")


def clone(
    settings: Settings,
    connection: Any,
    mine: Mapping[str, Any],
    donor: Mapping[str, Any],
    patience: float,
    account: Account | None = None,
) -> None:
    """Copy a server's data over this one's, as an account or else as the recovery channel's."""
    stop_failed(connection, mine)
    if account is None:
        (recovery,) = recovery_credentials(connection)
        account = Account(recovery["name"], recovery["password"])
    place = f"{donor['host']}:{donor['port']}"
    execute(connection, "SET GLOBAL clone_valid_donor_list = %s", (place,))
    before = clone_status(connection).get("BEGIN_TIME")

    def copy() -> str:
        try:
            with local(settings, None) as copying:
                execute(
                    copying,
                    f"CLONE INSTANCE FROM %s@%s:{int(donor['port'])} IDENTIFIED BY %s REQUIRE SSL",
                    (account.name, donor["host"], account.password),
                )
        except CommandExecutionError as err:
            # It always ends with the server's restart, and so with the connection's loss.
            return str(err)
        return ""

    # What is there is dropped first, which super_read_only forbids; read_only stays ON.
    execute(connection, "SET GLOBAL super_read_only = OFF")
    try:
        if held_by(mine):
            # A copy that is cut off has dropped data already.
            forget_transactions(connection, mine["version"])
        with ThreadPoolExecutor(max_workers=1) as pool:
            copied = pool.submit(copy)
            try:
                _await_progress(settings, patience, lambda seen, _: copied.done())
            except CommandExecutionError:
                _kill_clone(settings)
                raise
    finally:
        # Where it succeeded the server has started anew, read only by its option file.
        with contextlib.suppress(CommandExecutionError), local(settings) as another:
            execute(another, "SET GLOBAL super_read_only = ON")
    said = copied.result()
    _await_progress(settings, patience, lambda seen, _: seen["answers"])
    with local(settings) as again:
        now = clone_status(again)
    if now.get("BEGIN_TIME") == before or now.get("STATE") != "Completed":
        why = now.get("ERROR_MESSAGE") or said
        if DONOR_BUSY in why:
            raise DonorBusyError(f"another member clones {place}; {settings.me} waits for its end")
        raise CommandExecutionError(f"{settings.me} could not clone {place}: {why}")


def _kill_clone(settings: Settings) -> None:
    with contextlib.suppress(CommandExecutionError), local(settings) as connection:
        for row in rows(connection, "SELECT PID AS pid FROM performance_schema.clone_status"):
            with contextlib.suppress(pymysql.Error):
                execute(connection, "KILL QUERY %s", (row["pid"],))


def forget_transactions(connection: Any, version: str) -> None:
    """
    Let a server forget what it executed and received, before its data goes.

    A run that breaks off between the two leaves data that no transaction accounts for, which is
    refused. The other way round it would leave transactions without their data: that joins.
    """
    execute(connection, "RESET REPLICA ALL FOR CHANNEL 'group_replication_applier'")
    execute(connection, statement_for("reset binary logs", version))


def _await_progress(
    settings: Settings,
    patience: float,
    enough: Callable[[Mapping[str, Any], Any], bool],
) -> dict[str, Any]:
    """Look until it is enough, for as long as transactions or cloned bytes still arrive."""
    progress, since = None, time.monotonic()
    while True:
        try:
            with local(settings) as connection:
                seen = {**observe(connection), **applier(connection)}
                cloned = rows(
                    connection, "SELECT SUM(DATA) AS bytes FROM performance_schema.clone_progress"
                )[0]["bytes"]
        except CommandExecutionError as err:
            # mysqld restarts itself at the end of a clone.
            seen, cloned = unreachable(str(err)), None
        if enough(seen, cloned):
            return seen
        now = (seen["state"], seen.get("gtid_executed"), seen.get("gtid_received"), cloned)
        if now != progress:
            progress, since = now, time.monotonic()
        elif time.monotonic() - since > patience:
            raise CommandExecutionError(
                f"{settings.me} is {seen['state']} and made no progress for {patience:.0f} s"
                + (f": {seen['error']}" if seen["error"] else "")
                + (because(seen) if seen["answers"] else "")
                + (f" (its recovery said: {seen['recovery_error']})" if _failing(seen) else "")
            )
        time.sleep(0.5)


def _failing(seen: Mapping[str, Any]) -> bool:
    return bool(seen["answers"] and seen["state"] != ONLINE and seen["recovery_error"])


def wait_online(settings: Settings, patience: float) -> dict[str, Any]:
    """Look until the local member is ONLINE, for as long as its recovery makes progress."""
    return _await_progress(settings, patience, lambda seen, _: seen["state"] == ONLINE)
