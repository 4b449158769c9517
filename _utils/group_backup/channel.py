"""The channel by which the machine follows its group: looked at, made, and how far it is behind."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from group_replication import tls as server_tls
from group_replication.connection import (
    UnreachableError,
    connect,
    execute,
    rows,
    tls,
)
from group_replication.gtid import count_gtids, parse_gtids, subtract_gtids
from group_replication.model import SYSTEM_SCHEMAS, Account
from group_replication.rotation import DENIED, ORCHESTRATION
from salt.exceptions import CommandExecutionError

from group_backup import following
from group_backup.following import CLONE, CONNECT, FOLLOWS, REFUSED, Decision, Group, Here
from group_backup.model import CHANNEL, Settings

RESTART_SECONDS = 300
START_SECONDS = 30
# What a clone brings of the member that it was taken of, and this machine never uses.
FOREIGN_CHANNELS = ("group_replication_recovery", "group_replication_applier")
MEMBERS = (
    "SELECT MEMBER_HOST AS host, MEMBER_PORT AS port, MEMBER_STATE AS state, MEMBER_ROLE AS role"
    " FROM performance_schema.replication_group_members"
)
STATE = """
SELECT config.HOST AS host, config.PORT AS port, receiver.SERVICE_STATE AS receiver,
       receiver.RECEIVED_TRANSACTION_SET AS received,
       receiver.LAST_ERROR_MESSAGE AS receiver_error, applier.SERVICE_STATE AS applier,
       (SELECT MAX(LAST_ERROR_MESSAGE) FROM performance_schema.replication_applier_status_by_worker
         WHERE CHANNEL_NAME = config.CHANNEL_NAME) AS applier_error,
       (SELECT UNIX_TIMESTAMP(MAX(LAST_APPLIED_TRANSACTION_ORIGINAL_COMMIT_TIMESTAMP))
          FROM performance_schema.replication_applier_status_by_worker
         WHERE CHANNEL_NAME = config.CHANNEL_NAME) AS applied
  FROM performance_schema.replication_connection_configuration AS config
  JOIN performance_schema.replication_connection_status AS receiver USING (CHANNEL_NAME)
  JOIN performance_schema.replication_applier_status AS applier USING (CHANNEL_NAME)
 WHERE config.CHANNEL_NAME = %s
"""


def local(settings: Settings, query_seconds: float | None = 30) -> Any:
    """Return a context with a connection to the machine's own server, as root by its socket."""
    return connect(query_seconds, unix_socket=settings.socket, user="root")


def ask(settings: Settings, said: list[str] | None = None) -> Group | None:
    """
    Return what the first member that answers and is ONLINE says of its group, or None.

    settings
        The backup machine's settings.

    said
        Gets a sentence for each member that was asked in vain.
    """
    said = [] if said is None else said
    for address in settings.nodes.values():
        try:
            with _session(settings, address) as connection:
                (own,) = rows(
                    connection,
                    "SELECT @@GLOBAL.gtid_executed AS executed, @@GLOBAL.gtid_purged AS purged,"
                    " @@GLOBAL.group_replication_group_name AS name",
                )
                online = following.online_first_idle(rows(connection, MEMBERS), settings.nodes)
        except CommandExecutionError as err:
            said.append(str(err))
            continue
        if own["name"] == settings.group and address in map(settings.nodes.get, online):
            return Group(own["executed"], own["purged"], tuple(online))
        said.append(f"{address} is not ONLINE in the group")
    return None


def refuse_unrotated(settings: Settings, before: Account | None) -> None:
    """
    Refuse a password of pillar that the group does not have, where the machine has used another.

    settings
        The backup machine's settings, with the password of pillar.

    before
        The account that it has used; None for a new machine, whose account may be yet to come.

    A group of which no member answers refuses nothing.
    """
    if before in (None, settings.account):
        return
    refused = False
    for address in settings.nodes.values():
        try:
            with _session(settings, address):
                return
        except CommandExecutionError as err:
            refused = refused or DENIED in str(err)
    if refused:
        raise CommandExecutionError(
            f"pillar has another password than the group for {settings.account.name}: "
            f"{ORCHESTRATION} changes it on all machines. Nothing was changed here"
        )


def _session(settings: Settings, address: str) -> Any:
    """Return a context with a connection to a member, as the account of the backups."""
    return connect(
        host=address,
        port=settings.port,
        user=settings.account.name,
        password=settings.account.password,
        ssl=tls(settings.trusted),
    )


def state(connection: Any) -> dict[str, Any]:
    """Return the channel's threads, source, sets and errors; empty where there is no channel."""
    found = rows(connection, STATE, (CHANNEL,))
    return found[0] if found else {}


def _is_declared(connection: Any, settings: Settings) -> bool:
    """Tell whether the channel logs in as declared, and follows the whole group."""
    return bool(
        rows(
            connection,
            "SELECT 1 FROM mysql.slave_master_info JOIN"
            " performance_schema.replication_asynchronous_connection_failover_managed AS managed"
            " ON managed.CHANNEL_NAME = slave_master_info.Channel_name"
            " WHERE managed.CHANNEL_NAME = %s AND User_name = %s AND User_password = %s"
            " AND Enabled_ssl AND Ssl_ca = %s AND Ssl_verify_server_cert = %s"
            " AND managed.MANAGED_NAME = %s",
            (
                *(CHANNEL, settings.account.name, settings.account.password),
                *(settings.trusted, int(settings.verify), settings.group),
            ),
        )
    )


def here(connection: Any, settings: Settings) -> Here:
    """Return what the machine's own server says of itself."""
    (own,) = rows(connection, "SELECT @@GLOBAL.gtid_executed AS executed")
    schemas = rows(
        connection,
        "SELECT SCHEMA_NAME AS name FROM information_schema.schemata WHERE SCHEMA_NAME NOT IN %s",
        (SYSTEM_SCHEMAS,),
    )
    now = state(connection)
    return Here(
        executed=own["executed"],
        schemas=tuple(row["name"] for row in schemas),
        declared=bool(now) and _is_declared(connection, settings),
        # A receiver that looks for a source is at work.
        running=bool(now) and now["receiver"] != "OFF" and now["applier"] == "ON",
    )


def decide(settings: Settings, overwrite: bool = False) -> Decision:
    """Ask both sides, and return what makes the machine follow its group."""
    with local(settings) as connection:
        now = here(connection, settings)
    said: list[str] = []
    found = following.decide(now, ask(settings, said), overwrite, "; ".join(said))
    # Whoever began to verify members that have no certificate yet would have no source.
    wrong = {} if found.verdict == FOLLOWS or now.declared else not_verified(settings)
    if wrong:
        told = "; ".join(f"{name}: {why}" for name, why in wrong.items())
        return Decision(
            REFUSED,
            f"pillar cluster:tls has members verified, and these cannot be yet: {told}. "
            "`salt-run state.orchestrate orch.certificates` brings certificates to all first",
        )
    return found


def not_verified(settings: Settings) -> dict[str, str]:
    """Return which members answer and cannot be verified, and why; none where none has to be."""
    if not settings.verify:
        return {}
    return server_tls.not_verified(dict(settings.nodes), settings.port, settings.trusted)


def _source(settings: Settings, online: Sequence[str]) -> str:
    """Return the first ONLINE member that can be verified, where that has to be."""
    wrong = not_verified(settings)
    for name in online:
        if name not in wrong:
            return name
    raise CommandExecutionError(
        f"no ONLINE member can be verified: {'; '.join(f'{n}: {why}' for n, why in wrong.items())}"
    )


def follow(settings: Settings, overwrite: bool = False) -> Decision:
    """
    Make the machine follow its group, by a clone where it holds nothing.

    settings
        The backup machine's settings.

    overwrite
        Whether its data may be replaced by the group's where it cannot follow.

    Returns what was done. Raises CommandExecutionError where it is refused or did not come about.
    """
    decision = decide(settings, overwrite)
    if decision.verdict == REFUSED:
        raise CommandExecutionError(f"{settings.me} does not follow its group: {decision.why}")
    if decision.verdict not in (CLONE, CONNECT):
        return decision
    group = ask(settings)
    if group is None:
        raise CommandExecutionError("no declared member is ONLINE that could be followed")
    source = _source(settings, group.online)
    if decision.verdict == CLONE:
        _clone(settings, source)
    with local(settings) as connection:
        _connect(connection, settings, source)
        _await_running(connection)
    return decision


def _clone(settings: Settings, donor: str) -> None:
    """Replace what the server holds by what a member holds; systemd starts it again."""
    place = f"{settings.nodes[donor]}:{settings.port}"
    with local(settings) as connection:
        before = _last_clone(connection)
    try:
        with _replaceable(settings), local(settings, None) as connection:
            execute(connection, "SET GLOBAL clone_valid_donor_list = %s", (place,))
            if settings.verify:
                # The server asks for the authority alone; the address was verified a moment ago.
                execute(connection, "SET GLOBAL clone_ssl_ca = %s", (settings.trusted,))
            # Without REQUIRE SSL it would fall back to clear text.
            execute(
                connection,
                "CLONE INSTANCE FROM %s@%s:%s IDENTIFIED BY %s REQUIRE SSL",
                (
                    settings.account.name,
                    settings.nodes[donor],
                    settings.port,
                    settings.account.password,
                ),
            )
    except CommandExecutionError as err:
        # At its end the server restarts, which ends the connection; 3707: systemd starts it.
        if not any(code in str(err) for code in ("(2013)", "(2006)", "(3707)")):
            raise

    def cloned(connection: Any) -> str:
        last = _last_clone(connection)
        if not last or last["begun"] == before.get("begun"):
            return "the server says nothing of it"
        return "" if last["state"] == "Completed" else f"{last['state']}: {last['error']}"

    _await(settings, cloned, RESTART_SECONDS, f"the clone of {donor} did not come to its end")


@contextlib.contextmanager
def _replaceable(settings: Settings) -> Iterator[None]:
    """Let what the server holds be replaced: super_read_only forbids that; read_only stays ON."""
    with local(settings) as connection:
        if state(connection):
            execute(connection, "STOP REPLICA FOR CHANNEL %s", (CHANNEL,))
        execute(connection, "SET GLOBAL super_read_only = OFF")
    try:
        yield
    finally:
        # A server that is restarting gets it of its option file.
        with contextlib.suppress(CommandExecutionError), local(settings) as connection:
            execute(connection, "SET GLOBAL super_read_only = ON")


def _last_clone(connection: Any) -> dict[str, Any]:
    """Return what the server says of its last clone; empty where there was none."""
    found = rows(
        connection,
        "SELECT STATE AS state, ERROR_MESSAGE AS error, CAST(BEGIN_TIME AS CHAR) AS begun"
        " FROM performance_schema.clone_status",
    )
    return found[0] if found else {}


def _await(settings: Settings, question: Callable[[Any], str], seconds: float, error: str) -> None:
    deadline, said = time.monotonic() + seconds, ""
    while True:
        try:
            with local(settings) as connection:
                said = question(connection)
        except UnreachableError as err:
            said = str(err)
        if not said:
            return
        if time.monotonic() > deadline:
            raise CommandExecutionError(f"{error} within {seconds:.0f} s: {said}")
        time.sleep(0.5)


def _connect(connection: Any, settings: Settings, source: str) -> None:
    """Make the channel: it changes its source by itself when that one leaves the group."""
    known = {
        row["name"]
        for row in rows(
            connection,
            "SELECT CHANNEL_NAME AS name"
            " FROM performance_schema.replication_connection_configuration",
        )
    }
    for name in known.intersection(FOREIGN_CHANNELS):
        execute(connection, "RESET REPLICA ALL FOR CHANNEL %s", (name,))
    if CHANNEL in known:
        execute(connection, "STOP REPLICA FOR CHANNEL %s", (CHANNEL,))
    address = settings.nodes[source]
    execute(
        connection,
        "CHANGE REPLICATION SOURCE TO SOURCE_HOST = %s, SOURCE_PORT = %s, SOURCE_USER = %s,"
        " SOURCE_PASSWORD = %s, SOURCE_AUTO_POSITION = 1, SOURCE_SSL = 1, SOURCE_SSL_CA = %s,"
        # It holds for each source that the channel changes to by itself.
        " SOURCE_SSL_VERIFY_SERVER_CERT = %s,"
        " SOURCE_CONNECTION_AUTO_FAILOVER = 1, SOURCE_CONNECT_RETRY = 1, SOURCE_RETRY_COUNT = 2,"
        " REQUIRE_ROW_FORMAT = 1, GTID_ONLY = 1 FOR CHANNEL %s",
        (
            *(address, settings.port, settings.account.name, settings.account.password),
            *(settings.trusted, int(settings.verify), CHANNEL),
        ),
    )
    for row in rows(
        connection,
        "SELECT MANAGED_NAME AS name"
        " FROM performance_schema.replication_asynchronous_connection_failover_managed"
        " WHERE CHANNEL_NAME = %s",
        (CHANNEL,),
    ):
        rows(
            connection,
            "SELECT asynchronous_connection_failover_delete_managed(%s, %s)",
            (CHANNEL, row["name"]),
        )
    rows(
        connection,
        "SELECT asynchronous_connection_failover_add_managed"
        "(%s, 'GroupReplication', %s, %s, %s, '', 80, 60)",
        (CHANNEL, settings.group, address, settings.port),
    )
    execute(connection, "START REPLICA FOR CHANNEL %s", (CHANNEL,))


def _await_running(connection: Any) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        now = state(connection)
        if now.get("receiver") == "ON" and now["applier"] == "ON":
            return
        if time.monotonic() > deadline:
            said = now.get("receiver_error") or now.get("applier_error") or "it says nothing"
            raise CommandExecutionError(f"the channel does not run after {START_SECONDS} s: {said}")
        time.sleep(0.5)


def behind(settings: Settings) -> dict[str, Any]:
    """
    Return how far the machine is behind its group.

    Returns a dict: ``receiver`` and ``applier`` (ON, OFF or CONNECTING), ``source`` (a declared
    name), ``error``, ``executed`` (GTID set), ``not_received`` and ``not_applied`` (numbers of
    transactions, None where no member answers), ``seconds`` (float: the age of the last applied
    transaction while one is outstanding, or else 0; None where that is not known).
    """
    group = ask(settings)
    with local(settings) as connection:
        now = state(connection)
        (own,) = rows(
            connection, "SELECT @@GLOBAL.gtid_executed AS executed, UNIX_TIMESTAMP(NOW(6)) AS now"
        )
    names = {address: name for name, address in settings.nodes.items()}
    executed = parse_gtids(own["executed"])
    received = parse_gtids(now["received"]) if now else {}
    not_applied = count_gtids(subtract_gtids(received, executed))
    not_received, seconds = None, None
    if group is not None:
        rest = subtract_gtids(parse_gtids(group.executed), executed)
        not_received = count_gtids(subtract_gtids(rest, received))
        if not rest:
            seconds = 0.0
        elif now and now["applied"]:
            seconds = max(0.0, round(float(own["now"]) - float(now["applied"]), 1))
    return {
        "receiver": now.get("receiver", "OFF"),
        "applier": now.get("applier", "OFF"),
        "source": names.get(now.get("host", ""), ""),
        "error": now.get("receiver_error") or now.get("applier_error") or "",
        "executed": own["executed"].replace("\n", ""),
        "not_received": not_received,
        "not_applied": not_applied,
        "seconds": seconds,
    }


def resume(connection: Any) -> None:
    """Start the applier, which a drill that was killed may have left standing."""
    now = state(connection)
    if now and now["applier"] != "ON":
        execute(connection, "START REPLICA SQL_THREAD FOR CHANNEL %s", (CHANNEL,))


def pause(connection: Any) -> None:
    """Stop the applier; what the group writes is received meanwhile."""
    execute(connection, "STOP REPLICA SQL_THREAD FOR CHANNEL %s", (CHANNEL,))
