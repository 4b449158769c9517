"""How a member gets what it lacks: what it received is applied, or a member is cloned."""

from __future__ import annotations

import contextlib
import functools
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from salt.exceptions import CommandExecutionError

from group_replication import causes, driver
from group_replication.accounts import recovery_credentials
from group_replication.connection import error_text, execute, local, rows
from group_replication.facts import applier, observe, unreachable
from group_replication.model import ERROR, ONLINE, Account, Settings, joined
from group_replication.status import clone_status
from group_replication.verdicts import because, held_by
from group_replication.versions import statement_for

# The server's code for "too many concurrent clone operations": it gives one at a time.
DONOR_BUSY = "3634"
# The server's code for a channel that it does not have.
NO_CHANNEL = "(3074)"
# The stages of a clone whose bytes are counted. Before, between and after them nothing moves that
# could be seen, though mysqld is at work: it waits for the donor's schema changes, drops what there
# was, and has hundreds of gigabytes written to the disk.
COUNTED = ("FILE COPY", "PAGE COPY", "REDO COPY")
# How long that may take.
UNCOUNTED_SECONDS = 3600.0


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
    execute(connection, causes.COUNT_STAGES)
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
    used: list[Any] = []

    def copy() -> str:
        try:
            with local(settings, None) as copying:
                used.append(copying)
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
                _await_progress(settings, patience, lambda _: copied.done(), cloning=True)
            except CommandExecutionError:
                _kill_clone(settings)
                _hang_up(used)
                raise
    finally:
        # Where it succeeded the server has started anew, read only by its option file.
        with contextlib.suppress(CommandExecutionError), local(settings) as another:
            execute(another, "SET GLOBAL super_read_only = ON")
    said = copied.result()
    _await_progress(settings, patience, lambda seen: seen["answers"])
    with local(settings) as again:
        now = clone_status(again)
    if now.get("BEGIN_TIME") == before or now.get("STATE") != "Completed":
        why = now.get("ERROR_MESSAGE") or said
        if DONOR_BUSY in why:
            raise DonorBusyError(f"another member clones {place}; {settings.me} waits for its end")
        raise CommandExecutionError(f"{settings.me} could not clone {place}: {why}")


def _kill_clone(settings: Settings) -> None:
    with contextlib.suppress(CommandExecutionError), local(settings) as connection:
        # The row of an older clone has a number that may be another session's by now.
        for row in rows(
            connection,
            "SELECT PID AS pid FROM performance_schema.clone_status WHERE STATE = 'In Progress'",
        ):
            with contextlib.suppress(driver.Error):
                execute(connection, "KILL QUERY %s", (row["pid"],))


def _hang_up(connections: Iterable[Any]) -> None:
    """Let go of who waits for a statement's end: a server that hangs ends none."""
    for connection in connections:
        # None once it is closed.
        with contextlib.suppress(AttributeError, OSError):
            connection._sock.shutdown(socket.SHUT_RDWR)


def forget_transactions(connection: Any, version: str) -> None:
    """
    Let a server forget what it executed and received, before its data goes.

    A run that breaks off between the two leaves data that no transaction accounts for, which is
    refused. The other way round it would leave transactions without their data: that joins.
    """
    try:
        execute(connection, "RESET REPLICA ALL FOR CHANNEL 'group_replication_applier'")
    except driver.Error as err:
        # One that was in no group yet has received nothing.
        if NO_CHANNEL not in error_text(err):
            raise
    execute(connection, statement_for("reset binary logs", version))


def _clone_progress(connection: Any) -> tuple[tuple[str, int], ...]:
    """The stages that a clone is in just now, and the bytes that have come in each."""
    found = rows(
        connection,
        "SELECT STAGE AS stage, DATA AS bytes FROM performance_schema.clone_progress"
        " WHERE STATE = 'In Progress' ORDER BY ID, STAGE",
    )
    return tuple((row["stage"], row["bytes"]) for row in found)


def _await_progress(
    settings: Settings,
    patience: float,
    enough: Callable[[Mapping[str, Any]], bool],
    cloning: bool = False,
) -> dict[str, Any]:
    """Look until it is enough, for as long as transactions or the bytes of a clone still arrive."""
    progress, since = None, time.monotonic()
    while True:
        stages: tuple[tuple[str, int], ...] = ()
        try:
            with local(settings) as connection:
                seen = {**observe(connection), **applier(connection)}
                stages = _clone_progress(connection)
        except CommandExecutionError as err:
            # mysqld restarts itself at the end of a clone.
            seen = unreachable(str(err))
        if enough(seen):
            return seen
        counted = any(stage in COUNTED for stage, _ in stages)
        uncounted = cloning and seen["answers"] and not counted
        limit = max(patience, UNCOUNTED_SECONDS) if uncounted else patience
        now = (seen["state"], seen.get("gtid_executed"), seen.get("gtid_received"), stages)
        if now != progress:
            progress, since = now, time.monotonic()
        elif time.monotonic() - since > limit:
            stage = f" (clone: {joined(name for name, _ in stages)})" if stages else ""
            raise CommandExecutionError(
                f"{settings.me} is {seen['state']} and made no progress for {limit:.0f} s{stage}"
                + (f": {seen['error']}" if seen["error"] else "")
                + (because(seen) if seen["answers"] else "")
                + (f" (its recovery said: {seen['recovery_error']})" if _failing(seen) else "")
            )
        time.sleep(0.5)


def _failing(seen: Mapping[str, Any]) -> bool:
    return bool(seen["answers"] and seen["state"] != ONLINE and seen["recovery_error"])


def wait_online(settings: Settings, patience: float) -> dict[str, Any]:
    """Look until the local member is ONLINE, for as long as its recovery makes progress."""
    return _await_progress(settings, patience, lambda seen: seen["state"] == ONLINE)
