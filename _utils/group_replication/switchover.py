"""Another primary, or another mode, for the whole group."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from salt.exceptions import CommandExecutionError, SaltInvocationError

from group_replication import driver, maintenance, operation, schema_change
from group_replication.accounts import coordinator_of
from group_replication.connection import START_SECONDS, exclusive, rows
from group_replication.facts import observe
from group_replication.leaving import STOP_SECONDS, set_as_primary, wait_idle
from group_replication.maintenance import flag_leaving
from group_replication.model import MODES, ONLINE, Settings, joined
from group_replication.schema_check import check_schema, checked_mode
from group_replication.status import named

# The server takes one change of the group at a time, and refuses others meanwhile.
ELECTED_SECONDS = 5


def _view_row(settings: Settings, seen: Mapping[str, Any], member: str) -> Mapping[str, Any]:
    """The row of a declared member in a view that has a majority."""
    if seen["state"] != ONLINE or not seen["quorum"]:
        raise CommandExecutionError(
            f"{settings.me} is {seen['state']}{'' if seen['quorum'] else ' without a majority'}; "
            "the group is changed from a member that is ONLINE with one"
        )
    row = next((r for r in seen["members"] if r["host"] == settings.nodes.get(member)), None)
    if row is None or row["state"] != ONLINE:
        online = [r["name"] or r["host"] for r in named(settings, seen["members"])]
        raise SaltInvocationError(
            f"member is '{member}', which is not ONLINE in the group; expected one of "
            + joined(online)
        )
    return row


def _switch_mode(connection: Any, mode: str, primary_id: str) -> None:
    if mode == MODES[1]:
        rows(
            connection, "SELECT group_replication_switch_to_single_primary_mode(%s)", (primary_id,)
        )
        return
    _check_multi_primary(connection)
    rows(connection, "SELECT group_replication_switch_to_multi_primary_mode()")


def problems_of_multi_primary(connection: Any) -> str:
    """Why schema or server are none for multi-primary mode, or the empty text."""
    problems = check_schema(connection, MODES[0])
    told = [f"{p['table']} ({p['problem']}: {p['detail']})" for p in problems]
    if _isolation(connection) == "SERIALIZABLE":
        told.append("transaction_isolation SERIALIZABLE (the server would refuse every commit)")
    return f"multi-primary cannot take {'; '.join(told)}" if told else ""


def _isolation(connection: Any) -> str:
    return str(rows(connection, "SELECT @@GLOBAL.transaction_isolation AS level")[0]["level"])


def _check_multi_primary(connection: Any) -> None:
    problems = problems_of_multi_primary(connection)
    if problems:
        raise CommandExecutionError(problems)


def _await_mode(connection: Any, settings: Settings, mode: str, patience: float) -> None:
    deadline = time.monotonic() + patience
    while observe(connection)["mode"] != mode:
        if time.monotonic() > deadline:
            coordinator = coordinator_of(observe(connection)["members"], settings.nodes)
            raise CommandExecutionError(
                f"{coordinator or 'a primary'} switches the group to {mode}; "
                f"it did not arrive on {settings.me} within {patience:.0f} s"
            )
        time.sleep(0.5)


def set_primary(
    settings: Settings, member: str, drain: int, test: bool = False, token: str = ""
) -> dict[str, Any]:
    """
    Make a member the primary of a single-primary group.
    """
    with exclusive(settings, START_SECONDS + drain) as connection:
        seen = observe(connection)
        row = _view_row(settings, seen, member)
        if seen["mode"] != MODES[1]:
            raise CommandExecutionError(
                "the group is multi-primary: every member is primary; "
                "mysql_gr.switch_mode single-primary makes it one"
            )
        old = coordinator_of(seen["members"], settings.nodes)
        if old != member:
            what = f"{member} is not made primary"
            schema_change.refuse_meanwhile(schema_change.current(connection), what)
            operation.refuse_meanwhile(operation.current(connection), what, token)
        if test:
            return {"old": old, "new": member}
        if old == settings.me != member:
            flag_leaving(drain + STOP_SECONDS)
            try:
                wait_idle(settings, connection, drain)
                _elect(settings, connection, row, drain)
            finally:
                maintenance.LEAVING_FILE.unlink(missing_ok=True)
        elif old != member:
            _elect(settings, connection, row, drain)
        return {"old": old, "new": coordinator_of(observe(connection)["members"], settings.nodes)}


def _elect(settings: Settings, connection: Any, row: Mapping[str, Any], drain: int) -> None:
    """Make a member the primary, or see another member's call do so: all may be told at once."""
    try:
        set_as_primary(connection, row["id"], drain)
    except driver.Error:
        deadline = time.monotonic() + drain + ELECTED_SECONDS
        while not _is_primary(observe(connection), row):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def _is_primary(seen: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    return any(one["id"] == row["id"] and one["role"] == "PRIMARY" for one in seen["members"])


def switch_mode(
    settings: Settings, mode: str, member: str | None, patience: float, test: bool = False
) -> dict[str, Any]:
    """
    Switch the whole group between multi-primary and single-primary, online.
    """
    mode = checked_mode(mode)
    with exclusive(settings) as connection:
        seen = observe(connection)
        row = _view_row(settings, seen, member or settings.me)
        old = seen["mode"]
        if old != mode:
            what = f"the group is not switched to {mode}"
            schema_change.refuse_meanwhile(schema_change.current(connection), what)
            operation.refuse_meanwhile(operation.current(connection), what)
        if test:
            if old != mode == MODES[0]:
                _check_multi_primary(connection)
            return {"old": old, "new": mode}
        if old != mode:
            if coordinator_of(seen["members"], settings.nodes) == settings.me:
                _switch_mode(connection, mode, row["id"])
            else:
                _await_mode(connection, settings, mode, patience)
        return {"old": old, "new": observe(connection)["mode"]}
