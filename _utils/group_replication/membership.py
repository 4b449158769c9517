"""A member's way into its group: the decision is made under the lock, and carried out."""

from __future__ import annotations

import contextlib
import functools
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from salt.exceptions import CommandExecutionError

from group_replication import (
    causes,
    cut_join,
    driver,
    errant,
    joining,
    maintenance,
    memory,
    recovery_login,
)
from group_replication.accounts import grantees, recovery_credentials
from group_replication.connection import (
    LOCK_SECONDS,
    NO_ANSWER,
    START_SECONDS,
    UnreachableError,
    error_text,
    exclusive,
    execute,
    local,
    machine_lock,
    peer,
    rows,
    set_when_free,
)
from group_replication.decision import decide_by
from group_replication.facts import USER_SCHEMAS, facts_of, observe, writable_by
from group_replication.gtid import format_gtids, parse_gtids
from group_replication.instance_check import what_keeps_out
from group_replication.model import MODES, ONLINE, SINGLE_LEADER, SYSTEM_SCHEMAS, Settings, joined
from group_replication.overrides import named_member, survivors_by, unpaused, with_overrides
from group_replication.recovery import (
    DonorBusyError,
    apply_received,
    clone,
    forget_transactions,
    give_up_received,
    stop_failed,
    wait_online,
)
from group_replication.running_options import declared_single_leader, switch_value
from group_replication.status import status_of
from group_replication.verdicts import (
    ACTIONS,
    BOOTSTRAPS,
    STARTS,
    Decide,
    as_verdict,
    held_by,
    unreachable_verdict,
    view_of,
)

log = logging.getLogger(__name__)

# How long the local mysqld may be away: it starts anew at the end of a clone, whoever made that.
AWAY_SECONDS = 30

BOOTSTRAP = "SET GLOBAL group_replication_bootstrap_group = "
FORCE_MEMBERS = "SET GLOBAL group_replication_force_members = "


def _set_mode(connection: Any, mode: str) -> None:
    """Set what this member starts with; the server takes the two options in one order only."""
    checks = "SET GLOBAL group_replication_enforce_update_everywhere_checks = "
    single = "SET GLOBAL group_replication_single_primary_mode = "
    if mode == MODES[0]:
        statements = [single + "OFF", checks + "ON"]
    else:
        statements = [checks + "OFF", single + "ON"]
    for statement in statements:
        set_when_free(connection, statement)


def _start(
    settings: Settings,
    connection: Any,
    mine: Mapping[str, Any],
    peers: Iterable[Mapping[str, Any]],
    *,
    as_first: bool,
    confirmed: Callable[[], None] = lambda: None,
) -> None:
    """
    Start Group Replication as the ONLINE peers have it; or with as_first as its first member.

    Before a bootstrap ``confirmed`` is called, which raises where it is not to be any more.
    """
    # A group keeps what it is, also when pillar or the option file is ahead of it.
    group = next((one for one in peers if one["state"] == ONLINE), None)
    mode = group["mode"] if group else settings.mode
    has = group["must_match"].get(SINGLE_LEADER) if group else declared_single_leader(settings)
    stop_failed(connection, mine)
    if mine["offline_mode"]:
        # Left by exit_state_action; a member that rejoins serves again.
        execute(connection, "SET GLOBAL offline_mode = OFF")
    if mine["mode"] != mode:
        _set_mode(connection, mode)
    if has and mine["must_match"].get(SINGLE_LEADER) not in (None, has):
        # A peer's text: it goes no further unless it is one of two words.
        set_when_free(
            connection, f"SET GLOBAL {SINGLE_LEADER} = {switch_value(SINGLE_LEADER, has)}"
        )
    # A start that fails leaves a server writable that was not read only before.
    execute(connection, "SET GLOBAL super_read_only = ON")
    # Left by a call that was given up on, it keeps Group Replication from starting.
    set_when_free(connection, FORCE_MEMBERS + "''")
    if not as_first:
        # A run that was killed in the middle of a bootstrap may have left it ON: this start would
        # make a second group.
        set_when_free(connection, BOOTSTRAP + "OFF")
        _join_group(connection)
        return
    try:
        set_when_free(connection, BOOTSTRAP + "ON")
        confirmed()
        _start_group_replication(connection)
    finally:
        try:
            set_when_free(connection, BOOTSTRAP + "OFF")
        except (driver.Error, OSError):
            # The connection went with the start; the option must not stay.
            with local(settings) as another:
                set_when_free(another, BOOTSTRAP + "OFF")


def _join_group(connection: Any) -> None:
    """
    Start Group Replication in a group that is there, once more where the view did not come.

    That was seen of a member that had left, joined and left again within seconds: the others go on
    with their view when it gives up after a minute, and let the next start in at once.
    """
    try:
        _start_group_replication(connection)
    except CommandExecutionError as err:
        if causes.NO_VIEW not in str(err):
            raise
        log.warning("%s; Group Replication is started once more", err)
        _start_group_replication(connection)


def _start_group_replication(connection: Any) -> None:
    """Start it; where the server says no more than that its log says why, say what that says."""
    begin = time.monotonic()
    try:
        execute(connection, "START GROUP_REPLICATION")
    except driver.Error as err:
        said = error_text(err)
        if not said.endswith(causes.SEE_LOG):
            raise
        # The second on which it began may be the end of what came before.
        seconds = time.monotonic() - begin + 1
        logged = causes.last_errors(functools.partial(rows, connection), seconds)
        raise CommandExecutionError(
            f"mysqld said: {said}" + (f" Its error log: {logged}" if logged else "")
        ) from err


class _LaterError(CommandExecutionError):
    """What was decided is not to be done now: what comes of others is seen to first."""


def _unchanged_since(settings: Settings, connection: Any, seen: Mapping[str, Any]) -> None:
    """Ask the others once more: answers may be half a minute old where one of them hangs."""
    names = changed_since(settings.me, seen, facts_of(settings, connection))
    if names:
        raise _LaterError(
            f"{settings.me} bootstraps nothing now: {joined(names)} said something else when that "
            "was decided; it is decided anew"
        )


def changed_since(
    me: str, before: Mapping[str, Mapping[str, Any]], now: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """
    Name the other members that have come, gone or got further since they were asked.

    me
        The member that would bootstrap the group.

    before, now
        As ``facts_of`` returns them.
    """
    told = ("answers", "state", "applier_on", "server_uuid", "gtid_executed", "gtid_received")
    return [
        name
        for name, one in now.items()
        if name != me and any(one.get(what) != before[name].get(what) for what in told)
    ]


def _start_as_decided(
    settings: Settings,
    connection: Any,
    seen: Mapping[str, Mapping[str, Any]],
    decision: Mapping[str, Any],
    lock_seconds: int,
) -> None:
    """Start Group Replication; where that fails, say also what may have kept the server out."""
    as_first, mine = decision["verdict"] in BOOTSTRAPS, seen[settings.me]

    def confirmed() -> None:
        _unchanged_since(settings, connection, seen)
        if decision["verdict"] == "reboot" and decision["received"]:
            # Given up by name: the applier would fail at it again. Not earlier, or it would be gone
            # also where the group is not begun now.
            give_up_received(connection)

    start = functools.partial(_start, settings, connection, mine, seen.values())
    try:
        if as_first:
            with joining.bootstrapping(settings, seen) as bootstraps_at:
                if bootstraps_at:
                    raise _LaterError(joining.bootstrapped(settings.me, bootstraps_at))
                start(as_first=True, confirmed=confirmed)
            return
        # A join that nobody lets in says so after a minute only.
        recovery_login.check(settings, seen, recovery_credentials(connection)[0])
        with joining.alone(settings, seen, max(lock_seconds, joining.WAIT_SECONDS)) as joiner_at:
            if joiner_at:
                raise _LaterError(joining.busy(settings.me, joiner_at))
            group = next(one for one in seen.values() if one["state"] == ONLINE)
            with cut_join.noted(mine["started"], view_of(group)):
                start(as_first=False)
    except _LaterError:
        raise
    except CommandExecutionError as err:
        raise CommandExecutionError(f"{err}{what_keeps_out(settings, seen)}") from err


def _remember(mine: Mapping[str, Any]) -> None:
    """Keep on the root disk that this machine is a member; a full disk is no reason to stop."""
    try:
        memory.remember(mine, memory.MEMBER_FILE)
    except OSError as err:
        log.warning("%s is not written: %s", memory.MEMBER_FILE, err)


def _act(
    settings: Settings,
    allowed: Sequence[str],
    patience: float = 60,
    lock_seconds: int = 0,
    decided: Decide = decide_by,
) -> dict[str, Any]:
    """Decide under the lock and do what was decided, if it is among what the caller allows."""
    with (
        local(settings, START_SECONDS) as connection,
        machine_lock(connection, lock_seconds) as locked,
    ):
        if not locked:
            return as_verdict("wait", f"another run on {settings.me} is at it")
        seen = facts_of(settings, connection)
        decision = decided(settings.me, settings.group, seen)
        verdict = decision["verdict"]
        if verdict == "member":
            _remember(seen[settings.me])
        if verdict not in allowed:
            return decision
        if verdict in STARTS and not recovery_credentials(connection):
            # A start without them ends only after a minute, and holds up whoever would set them.
            return as_verdict(
                "wait",
                f"{settings.me} has no credentials for channel group_replication_recovery; "
                "state mysql.accounts (mysql_server.create_accounts) sets them",
            )
        log.info("%s: %s", verdict, decision["why"])
        mine = seen[settings.me]
        if verdict == "stop":
            stop_failed(connection, mine)
        elif verdict == "accept":
            _accept(settings, seen, decision["errant"])
        elif verdict == "apply":
            apply_received(connection, decision["received"], patience)
        elif verdict == "clone":
            try:
                clone(settings, connection, mine, seen[decision["donor"]], patience)
                # What it had of another group is gone.
                maintenance.forget_fork()
            except DonorBusyError as err:
                return as_verdict("wait", str(err))
        else:
            try:
                _start_as_decided(settings, connection, seen, decision, lock_seconds)
            except _LaterError as err:
                return as_verdict("wait", str(err))
        return {**decision, "done": True}


def _accept(settings: Settings, seen: Mapping[str, Mapping[str, Any]], gtids: str) -> None:
    """Make errant transactions known to the group, by a member that takes writes."""
    writer = next((one for one in seen.values() if one["answers"] and writable_by(one)), None)
    if writer is None:
        raise CommandExecutionError("no member takes writes now; nothing was done")
    with peer(settings, writer["host"]) as connection:
        errant.make_known(functools.partial(execute, connection), parse_gtids(gtids))


def converge_by(
    settings: Settings,
    timeout: float,
    patience: float,
    decided: Decide = decide_by,
    afterwards: Decide = decide_by,
) -> dict[str, Any]:
    """
    Bring the local member into its group as it is decided, and wait until it is ONLINE.

    afterwards
        How it is decided once a member was cloned, which is not to be done twice.
    """
    begin = answered = time.monotonic()
    acted: list[str] = []
    while True:
        try:
            decision = _act(settings, ACTIONS, patience, decided=decided)
        except UnreachableError as err:
            decision = unreachable_verdict(settings.me, str(err))
        verdict, now = decision["verdict"], time.monotonic()
        if verdict != "unreachable":
            answered = now
        if decision.pop("done", False):
            acted.append(decision["why"])
            if verdict in ("clone", "accept"):
                # What was told is done; a second clone over the first one was not.
                decided = afterwards
        elif verdict == "recovering":
            wait_online(settings, patience)
        elif verdict == "refuse" or (
            verdict == "unreachable" and now - answered > min(AWAY_SECONDS, timeout)
        ):
            raise CommandExecutionError(decision["why"])
        elif verdict in ("member", "paused") or now - begin > timeout:
            return {**decision, "acted": acted}
        else:
            time.sleep(1)


def _once(
    settings: Settings,
    verdicts: Sequence[str],
    patience: float = 60,
    decided: Decide = decide_by,
) -> dict[str, Any]:
    # The keeper may be at it already: what it did counts as done.
    decision = _act(settings, verdicts, patience, LOCK_SECONDS, decided)
    if decision.pop("done", False) or decision["verdict"] in ("member", "recovering"):
        return decision
    raise CommandExecutionError(decision["why"])


def _empty(connection: Any, settings: Settings, version: str) -> None:
    kept = [(account.name, account.host) for account in grantees(settings, "members")]
    execute(connection, "SET SESSION sql_log_bin = OFF")
    # Parents and children may lie in different databases.
    execute(connection, "SET SESSION foreign_key_checks = OFF")
    try:
        execute(connection, "SET GLOBAL super_read_only = OFF")
        forget_transactions(connection, version)
        # Accounts first: a database that is left says that this has not ended.
        for row in rows(
            connection,
            "SELECT user AS name, host AS host FROM mysql.user WHERE user NOT LIKE"
            " 'mysql.%%' AND user NOT IN ('root', 'debian-sys-maint') AND (user, host) NOT IN %s",
            (kept,),
        ):
            execute(connection, "DROP USER %s@%s", (row["name"], row["host"]))
        for row in rows(connection, USER_SCHEMAS, (SYSTEM_SCHEMAS,)):
            execute(connection, f"DROP DATABASE `{row['name'].replace('`', '``')}`")
    finally:
        execute(connection, "SET GLOBAL super_read_only = ON")
        execute(connection, "SET SESSION foreign_key_checks = ON")
        execute(connection, "SET SESSION sql_log_bin = ON")


def bootstrap(settings: Settings, member: str) -> dict[str, Any]:
    """
    Bootstrap the group on this member, or reboot it, if the decision is that it shall.
    """
    named_member(member, settings.me, "bootstrapping")
    return _once(settings, ("bootstrap", "reboot"))


def join(
    settings: Settings,
    method: str,
    clone_over: str | None,
    patience: float,
    accept_errant: str | None = None,
) -> dict[str, Any]:
    """
    Join the local member to the group that the others have, and end a pause.
    """
    if settings.removed:
        raise CommandExecutionError(f"{settings.me} stays out of the group: {settings.removed}")
    decided = unpaused(with_overrides(settings.me, method, clone_over, accept_errant=accept_errant))
    decision = _once(settings, ("join", "clone", "accept"), patience, decided)
    done = {
        "clone": {"cloned": decision["donor"], "given_up": decision["errant"]},
        "accept": {"accepted": decision["errant"]},
    }.get(decision["verdict"])
    if done:
        decision = {**_once(settings, ("join",), patience, unpaused(decide_by)), **done}
    maintenance.PAUSE_FILE.unlink(missing_ok=True)
    maintenance.LEAVING_FILE.unlink(missing_ok=True)
    return decision


def force_quorum(
    settings: Settings,
    survivors: Sequence[str],
    dead: Sequence[str],
    patience: float,
    test: bool = False,
) -> dict[str, Any]:
    """
    Let the survivors of a group that lost its majority go on alone.
    """
    # The statement itself waits without end for a view that does not come.
    with exclusive(settings, patience) as connection:
        survivors_by(settings.me, settings.nodes, facts_of(settings, connection), survivors, dead)
        if test:
            return status_of(settings)
        places = ",".join(f"{settings.nodes[name]}:{settings.port}" for name in survivors)
        try:
            set_when_free(connection, FORCE_MEMBERS + "%s", (places,))
        except driver.OperationalError as err:
            if NO_ANSWER not in error_text(err):
                raise
            raise CommandExecutionError(
                f"no view of {joined(survivors)} alone within {patience:.0f} s; the server goes on "
                "with it, and mysql_gr.status shows when it is there"
            ) from err
        set_when_free(connection, FORCE_MEMBERS + "''")
    wait_online(settings, patience)
    return status_of(settings)


def reset_member(settings: Settings, member: str, test: bool = False) -> dict[str, str]:
    """
    Empty a member that is outside its group, so that it can join anew.
    """
    named_member(member, settings.me, "emptying")
    # Big databases take their time to be dropped.
    with exclusive(settings, None) as connection:
        seen = facts_of(settings, connection)
        decision = unpaused(decide_by)(settings.me, settings.group, seen)
        allowed = decision["verdict"] in ("join", "clone")
        if not allowed and decision["override"] != "clone_over":
            raise CommandExecutionError(f"{member} is not emptied: {decision['why']}")
        mine = seen[member]
        if not test:
            stop_failed(connection, mine)
            _empty(connection, settings, mine["version"])
            # Until here it says that this machine has to be filled again.
            memory.MEMBER_FILE.unlink(missing_ok=True)
            maintenance.forget_fork()
        return {"given_up": format_gtids(held_by(mine)), "errant": decision["errant"]}


def forget(settings: Settings, member: str, test: bool = False) -> dict[str, Any]:
    """
    Make this machine a new one: what it remembers of its group is forgotten, no data is touched.
    """
    named_member(member, settings.me, "forgetting")
    was = memory.remembered(memory.MEMBER_FILE)
    with contextlib.suppress(UnreachableError), local(settings) as connection:
        held = format_gtids(held_by(observe(connection)))
        if held:
            raise CommandExecutionError(
                f"{member} has its data ({held}); mysql_gr.reset_member empties a member"
            )
    if not test:
        memory.MEMBER_FILE.unlink(missing_ok=True)
        maintenance.forget_fork()
    return was
