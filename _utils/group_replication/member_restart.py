"""One member is restarted, or what an interrupted restart left is brought to its end."""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

from salt.exceptions import CommandExecutionError

from group_replication import operation
from group_replication.connection import UnreachableError, answered, local, rows
from group_replication.facts import facts_of, look, observe, unreachable, writable_by
from group_replication.maintenance import drained
from group_replication.membership import converge_by
from group_replication.model import ONLINE, PRESENT, Settings, joined
from group_replication.overrides import named_member
from group_replication.pending import pending_restart
from group_replication.rolling import QUEUE_MAX, RESTARTING, Work, gates, refusal, step_of
from group_replication.settings import settings_file_differs

# What was written to the row reaches this member with the other transactions of the group.
LAG_SECONDS = 10.0
# How long a server that was told to start may be away: its recovery after a crash, too.
START_SECONDS = 300.0
ONLINE_SECONDS = 180.0
PATIENCE_SECONDS = 60.0
# A group that a member has left says so at once.
LEFT_SECONDS = 15.0
# How long a member that is ONLINE may take until its queue is short and its agent says yes.
SERVING_SECONDS = 120.0
KNOWN = (
    *("answers", "error", "host", "state", "role", "mode", "view_id", "quorum", "members"),
    *("queued", "super_read_only", "offline_mode", "stopping", "paused", "operation"),
    "schema_change",
)


def started_at(connection: Any) -> int:
    """
    Return when the server was started, in seconds of its own clock.

    Both numbers are of the statement's one moment, so that this stays the same in a server's life,
    also when the clock is set.
    """
    found = rows(
        connection,
        "SELECT UNIX_TIMESTAMP() - CAST(VARIABLE_VALUE AS SIGNED) AS started"
        " FROM performance_schema.global_status WHERE VARIABLE_NAME = 'Uptime'",
    )
    return int(found[0]["started"])


def _cloning(connection: Any) -> bool:
    """Tell whether this server is copied, or copies another one."""
    return bool(
        rows(
            connection,
            "SELECT 1 FROM performance_schema.clone_status WHERE STATE = 'In Progress' UNION ALL"
            " SELECT 1 FROM performance_schema.threads WHERE PROCESSLIST_COMMAND = 'Clone' LIMIT 1",
        )
    )


def refused_options(run: Callable[..., Any], program: str = "mysqld", *more: str) -> str:
    """
    Return why mysqld would not start with the option files that are in place, or the empty text.

    run
        Salt's cmd.run_all.

    program, more
        Which mysqld is asked, with options beside the service's.
    """
    command = [program, "--defaults-group-suffix=-service", "--user=mysql", "--validate-config"]
    done = run([*command, *more], python_shell=False, ignore_retcode=True)
    said = f"{done['stdout']}\n{done['stderr']}".strip()
    return "" if done["retcode"] == 0 else said or f"mysqld ended with {done['retcode']}"


def readiness(settings: Settings, validate: Callable[[], str] | None = None) -> dict[str, Any]:
    """
    Return what the local member knows that a restart of any member depends on.

    settings
        The group's settings.

    validate
        Asks mysqld whether it would take its options; returns why not, or "". Default: not asked.

    Returns a dict: KNOWN of the member's facts, ``drained``, ``drain``, ``settled``, ``started``,
    ``cloning``, ``pending`` and ``invalid``; of a server that does not answer ``answers``,
    ``error``, ``state`` and ``paused`` alone.
    """
    try:
        with local(settings) as connection:
            seen = look(settings, connection)
            return {
                **{name: seen[name] for name in KNOWN},
                "drained": drained(),
                "drain": settings.drain,
                "settled": not settings_file_differs(settings),
                "started": started_at(connection),
                "cloning": _cloning(connection),
                "pending": pending_restart(settings, connection, seen["must_match"]),
                "invalid": validate() if validate else "",
            }
    except CommandExecutionError as err:
        return unreachable(str(err))


def restart(
    settings: Settings,
    member: str,
    token: str,
    restart_service: Callable[[], Any],
    start_service: Callable[[], Any],
) -> dict[str, Any]:
    """
    Restart the local member for an operation, and wait until it serves again.

    settings
        The group's settings.

    member
        This member's declared name.

    token
        The operation's own word, whose present step is this member's restart.

    restart_service, start_service
        Tell the service manager; its stop drains the member and lets it leave.

    A mysqld that has started anew since the operation began is not restarted again: whoever was
    killed in the middle calls this again.
    """
    named_member(member, settings.me, "restarting")
    begin = time.monotonic()
    try:
        with local(settings) as connection:
            ready = observe(connection)["state"] == ONLINE and _is_due(settings, connection, token)
    except UnreachableError:
        # Left so by a run, or a machine, that was stopped in between.
        start_service()
        ready = False
    if ready:
        check_others(settings, token)
        restart_service()
    come_back(settings)
    return {
        "member": member,
        "restarted": ready,
        "state": ONLINE,
        "seconds": round(time.monotonic() - begin, 1),
    }


def come_back(settings: Settings) -> None:
    """Wait until the local server answers, is a member and serves; raise when it does not."""
    answered(settings, START_SECONDS, started_at)
    decision = converge_by(settings, ONLINE_SECONDS, PATIENCE_SECONDS)
    if decision["verdict"] != "member":
        raise CommandExecutionError(f"{settings.me} does not come back: {decision['why']}")
    _await_serving(settings)


def _is_due(settings: Settings, connection: Any, token: str) -> bool:
    """Tell whether the operation wants a restart of this member that it has not had yet."""
    row = turn_of(settings, connection, token)
    return operation.began_of(row).get(settings.me) == started_at(connection)


def turn_of(
    settings: Settings, connection: Any, token: str, work: Work = RESTARTING
) -> operation.Operation:
    """Return the operation's row once its step is this member's; raise when that does not come."""
    deadline = time.monotonic() + LAG_SECONDS
    while True:
        row = operation.current(connection)
        if row and row.token == token and row.step == step_of(settings.me, work):
            return row
        if time.monotonic() >= deadline:
            told = operation.sentence(row) if row else "there is no operation"
            raise CommandExecutionError(
                f"it is not {settings.me}'s turn to be {work.past}: {told}. "
                f"salt-run state.orchestrate orch.{work.verb} {work.verb}s members"
            )
        time.sleep(0.3)


def check_others(settings: Settings, token: str, work: Work = RESTARTING) -> None:
    """Ask the others once more, themselves: what the operation was told is some seconds old."""
    why = refusal(gates(settings.nodes, facts_of(settings), token=token))
    if why:
        raise CommandExecutionError(f"{settings.me} is not {work.past}: {why}")


def still_seen(settings: Settings) -> str:
    """Who has this member in its view though it has stopped, or the empty text."""
    address = settings.nodes[settings.me]
    deadline = time.monotonic() + LEFT_SECONDS
    while True:
        seeing = [
            name
            for name, one in facts_of(settings).items()
            if name != settings.me
            and any(
                row["host"] == address and row["state"] in PRESENT for row in one.get("members", ())
            )
        ]
        if not seeing:
            return ""
        if time.monotonic() >= deadline:
            return f"{joined(seeing)} still has it in the group after {LEFT_SECONDS:.0f} s"
        time.sleep(1)


def unclean(service: str, shown: Mapping[str, Any]) -> str:
    """
    Return why a service did not end by itself when it was stopped, or the empty text.

    service
        Its name.

    shown
        What Salt's service.show says of it.
    """
    if shown.get("ActiveState") == "inactive":
        return ""
    return f"{service} is {shown.get('ActiveState')} ({shown.get('Result')}) after it was stopped"


def _agent_refuses(settings: Settings, writable: bool) -> str:
    """Why the health agent would have a balancer send nobody here, or the empty text."""
    question = "writable" if writable else "readable"
    url = f"http://{settings.nodes[settings.me]}:{settings.health_port}/{question}"
    try:
        with urllib.request.urlopen(url, timeout=3) as answer:
            return "" if answer.status == 200 else f"{url} says {answer.status}"
    except (OSError, ValueError) as err:
        return f"{url}: {err}"


def _await_serving(settings: Settings) -> None:
    """Wait until the member has applied what came meanwhile, and the balancer is told so."""
    deadline = time.monotonic() + SERVING_SECONDS
    while True:
        with local(settings) as connection:
            seen = observe(connection)
        queued = seen["queued"]
        why = f"it has {queued} transactions to apply" if queued > QUEUE_MAX else ""
        why = why or _agent_refuses(settings, writable_by(seen))
        if not why:
            return
        if time.monotonic() >= deadline:
            raise CommandExecutionError(
                f"{settings.me} is ONLINE and does not serve within {SERVING_SECONDS:.0f} s: {why}"
            )
        time.sleep(0.5)
