"""
Look at a MySQL Group Replication group and take one member through its life.
=============================================================================

The module asks every declared member what it is, decides by one pure function
(:py:func:`decide_by`) what the local member is to do, and does that: create the group, lead it
again, join it, or wait.
Whatever is not proven is taken as unknown, and the unknown is never taken as dead.

Settings come from pillar ``mysql`` and ``cluster`` (see ``pillar.example``); on a database machine
they lie too in ``/etc/mysql-gr/settings.json``, where the keeper reads them, which brings a member
back after a boot or a crash without a Salt master.

The local member is asked over its socket as ``root``, which MySQL knows by the operating system's
user; the others over their admin port, which answers when ``max_connections`` is exhausted.
"""

from __future__ import annotations

import contextlib
import functools
import ipaddress
import logging
import re
import shutil
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from group_replication import causes, lock, memory
from group_replication.decision import decide_by
from group_replication.facts import ALIKE, has_quorum, writable_by
from group_replication.files import write_whole
from group_replication.gtid import format_gtids, parse_gtids, subtract_gtids, union_gtids
from group_replication.instance_check import Instance, instance_problems
from group_replication.model import (
    ERROR,
    MODES,
    OFFLINE,
    ONLINE,
    PRESENT,
    RECOVERING,
    SINGLE_LEADER,
    SYSTEM_SCHEMAS,
    UNKNOWN,
    Settings,
    joined,
    write_concurrency_for,
)
from group_replication.options import options_of
from group_replication.overrides import (
    named_member,
    overruling,
    removal_problem,
    survivors_by,
    unpaused,
)
from group_replication.pillar import ROLES, declared_balancer, declared_nodes, walk
from group_replication.running_options import (
    declared_single_leader,
    differing_options,
    switch_value,
)
from group_replication.schema_check import check_statement, checked_mode
from group_replication.settings import (
    current_settings,
    drain_seconds,
    settings_file_differs,
    write_settings,
)
from group_replication.tables import by_address, difference, hosts_of
from group_replication.verdicts import (
    ACTIONS,
    STARTS,
    Decide,
    as_verdict,
    because,
    held_by,
    silent_verdict,
)
from group_replication.versions import (
    SUPPORTED,
    is_supported,
    statement_for,
    version_of,
    version_of_package,
)
from salt.exceptions import CommandExecutionError, SaltInvocationError

try:
    import pymysql
    import pymysql.cursors

    HAS_PYMYSQL = True
except ImportError:
    HAS_PYMYSQL = False

log = logging.getLogger(__name__)

__virtualname__ = "mysql_gr"

# What Salt offers as mysql_gr.*; the other public functions are pure or serve the keeper and the
# health agent, which import this file as a library.
__load__ = [
    "account_differences",
    "balancer",
    "bootstrap",
    "check_instance",
    "check_schema",
    "check_statements",
    "clerk",
    "compare_gtids",
    "converge",
    "create_accounts",
    "decide",
    "drain",
    "drained",
    "facts",
    "force_quorum",
    "forget",
    "gtid_executed",
    "health_settings",
    "initialize",
    "initialized",
    "join",
    "leave",
    "members",
    "nodes",
    "option_differences",
    "pause",
    "paused",
    "primary",
    "recover",
    "removal",
    "remove",
    "reset_member",
    "server_options",
    "set_options",
    "set_primary",
    "settings_differ",
    "status",
    "store_settings",
    "switch_mode",
    "undrain",
    "unpause",
    "wait_online",
]


PAUSE_FILE = Path("/var/lib/mysql-gr/paused")
# In /run: a machine that boots drains nothing. The first says until when, the second why.
LEAVING_FILE = Path("/run/mysql-gr/leaving")
DRAINED_FILE = Path("/run/mysql-gr/drained")
USER_SCHEMAS = (
    "SELECT schema_name AS name FROM information_schema.schemata"
    " WHERE schema_name NOT IN %s ORDER BY 1"
)
# The server's code for it, as _said writes codes.
TOO_MANY_CONNECTIONS = "(1040)"
# The server sets one option of Group Replication at a time, and none while that starts or stops.
SETTING_ANOTHER = "(3724)"
# The client's own, when a statement took longer than it waits; of a server that died meanwhile it
# says no "timed out".
NO_ANSWER = "(timed out) (2013)"
# The server's code for "too many concurrent clone operations": it gives one at a time.
DONOR_BUSY = "3634"
CONNECT_SECONDS = 3
QUERY_SECONDS = 5
# A change of view holds the local server's answers up for seconds; that is no silence.
LOCAL_SECONDS = 30
INITIALIZE_SECONDS = 300
# What START GROUP_REPLICATION may take: it waits a minute for a view before it gives up.
START_SECONDS = 150
# How long an operator's call waits for another run that is starting it.
LOCK_SECONDS = 120
# How long the local mysqld may be away: it starts anew at the end of a clone, whoever made that.
AWAY_SECONDS = 30
# What STOP GROUP_REPLICATION may take before mysqld is stopped without it.
STOP_SECONDS = 60
# By then a balancer that asks five times a second has seen that this member is leaving.
NOTICE_SECONDS = 1.0
# How long commits that are under way may hold up a member that leaves.
COMMIT_SECONDS = 5
# Group communication keeps the group's last four compositions, and calls who is in any of them:
# three more after the one without a member push out the last one with it.
RECONFIGURATIONS = 3
# By then one of them has taken effect.
SETTLE_SECONDS = 0.5
# A mysqld that is alive greets at once.
GREETING_SECONDS = 1.0


def __virtual__() -> str:
    return __virtualname__


# --- settings ------------------------------------------------------------------------------------


# --- options that pillar gives -------------------------------------------------------------------


# --- settings, stored ----------------------------------------------------------------------------


def _settings() -> Settings:
    """The settings of this minion."""
    return current_settings(__pillar__, __opts__["id"])


# --- the decision --------------------------------------------------------------------------------


# --- connections ---------------------------------------------------------------------------------


def _tls() -> ssl.SSLContext:
    # Encrypted, not verified: each server made its certificate itself.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class UnreachableError(CommandExecutionError):
    """There is no connection to a server, for whatever reason."""


class DonorBusyError(CommandExecutionError):
    """The member that is to be cloned is being cloned by another one."""


@contextlib.contextmanager
def connect(query_seconds: float | None = QUERY_SECONDS, **where: Any) -> Iterator[Any]:
    """
    Return a context with a connection: deadlines on every step, the server's errors as Salt's own.

    query_seconds
        How long one statement may take; None for as long as it takes. Default 5.

    where
        The place and the account, in PyMySQL's words.
    """
    if not HAS_PYMYSQL:
        raise CommandExecutionError(
            "Salt's Python has no PyMySQL; `salt-call pip.install PyMySQL` installs it"
        )
    try:
        connection = pymysql.connect(
            autocommit=True,
            charset="utf8mb4",
            cursorclass=pymysql.cursors.DictCursor,
            connect_timeout=CONNECT_SECONDS,
            read_timeout=query_seconds,
            write_timeout=query_seconds,
            # What stays on the machine needs none, and PyMySQL would read all certificates of the
            # host for each try: 7 ms of processor time.
            ssl_disabled="unix_socket" in where,
            **where,
        )
    except (pymysql.Error, OSError) as err:
        place = where.get("unix_socket") or f"{where.get('host')}:{where.get('port')}"
        raise UnreachableError(f"cannot connect to mysqld at {place}: {_said(err)}") from err
    try:
        with connection:
            yield connection
    except (pymysql.Error, OSError) as err:
        raise CommandExecutionError(f"mysqld said: {_said(err)}") from err


def _said(err: Exception) -> str:
    """The server's words without the tuple that PyMySQL puts them in."""
    code = err.args[0] if err.args else 0
    text = err.args[1] if len(err.args) > 1 else str(err)
    return f"{text} ({code})" if isinstance(code, int) and code else str(text)


def local(
    settings: Settings, query_seconds: float | None = LOCAL_SECONDS, user: str = "root"
) -> contextlib.AbstractContextManager[Any]:
    """
    Return a context with a connection to the local member over its socket.

    settings
        The group's settings.

    query_seconds
        How long one statement may take; None for as long as it takes. Default 30.

    user
        The account, which mysqld checks against the operating system's user. Default root.
    """
    return connect(query_seconds, unix_socket=settings.socket, user=user)


Answer = TypeVar("Answer")


def _answered(settings: Settings, seconds: float, question: Callable[[Any], Answer]) -> Answer:
    """Ask the local server; one that is away is asked again for so long."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            with local(settings) as connection:
                return question(connection)
        except UnreachableError:
            if time.monotonic() >= deadline:
                raise
        time.sleep(0.5)


def _peer(settings: Settings, address: str) -> Any:
    return connect(
        host=address,
        port=settings.admin_port,
        user=settings.admin.name,
        password=settings.admin.password,
        ssl=_tls(),
    )


def _rows(connection: Any, sql: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values or None)
        return list(cursor.fetchall())


def _do(connection: Any, sql: str, values: Sequence[Any] = ()) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, values or None)


def is_stopping(connection: Any) -> bool:
    """
    Tell whether ``STOP GROUP_REPLICATION`` is at work.

    Nothing else tells: for seconds the member is still ONLINE and not read only, and yet its
    commits fail, and most other questions about the group wait for its end.

    connection
        As for :py:func:`observe`.
    """
    return bool(
        _rows(
            connection,
            "SELECT 1 FROM performance_schema.events_statements_current"
            " WHERE EVENT_NAME = 'statement/sql/group_replication_stop' AND END_EVENT_ID IS NULL"
            " LIMIT 1",
        )
    )


def observe(connection: Any, before: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """
    Ask one server what it is; the same questions to the local one and to the others.

    connection
        An open connection, of root, of the admin account or of the health agent's.

    before
        What was observed last, for who cannot wait: it stands in for the answers that a server
        gives only once its Group Replication has stopped. Default: wait for them.

    Returns one member's part of :py:func:`facts`.
    """
    stopping = is_stopping(connection)
    if stopping and before:
        return {**before, "stopping": True}
    server = _rows(
        connection,
        "SELECT @@server_uuid AS server_uuid, @@server_id AS server_id, @@version AS version,"
        " @@report_host AS host,"
        " @@port AS port, @@super_read_only AS super_read_only, @@offline_mode AS offline_mode,"
        " @@gtid_executed AS gtid_executed, @@gtid_purged AS gtid_purged",
    )[0]
    variables = {
        row["VARIABLE_NAME"]: row["VARIABLE_VALUE"]
        for row in _rows(
            connection,
            "SELECT VARIABLE_NAME, VARIABLE_VALUE FROM performance_schema.global_variables"
            " WHERE VARIABLE_NAME IN %s",
            (
                (
                    "group_replication_group_name",
                    "group_replication_group_seeds",
                    "group_replication_single_primary_mode",
                    *ALIKE,
                ),
            ),
        )
    }
    members = [
        {
            "id": row["MEMBER_ID"],
            "host": row["MEMBER_HOST"],
            "port": row["MEMBER_PORT"],
            "state": row["MEMBER_STATE"],
            "role": row["MEMBER_ROLE"] or None,
            "version": row["MEMBER_VERSION"] or None,
        }
        for row in _rows(
            connection,
            "SELECT MEMBER_ID, MEMBER_HOST, MEMBER_PORT, MEMBER_STATE, MEMBER_ROLE, MEMBER_VERSION"
            " FROM performance_schema.replication_group_members ORDER BY MEMBER_HOST, MEMBER_PORT",
        )
        if row["MEMBER_ID"]
    ]
    stats = _rows(
        connection,
        "SELECT VIEW_ID AS view_id, COUNT_TRANSACTIONS_REMOTE_IN_APPLIER_QUEUE AS queued"
        " FROM performance_schema.replication_group_member_stats"
        " WHERE MEMBER_ID = @@server_uuid",
    )
    received = _rows(
        connection,
        "SELECT RECEIVED_TRANSACTION_SET AS gtids, SERVICE_STATE AS state"
        " FROM performance_schema.replication_connection_status"
        " WHERE CHANNEL_NAME = 'group_replication_applier'",
    )
    mine = next((member for member in members if member["id"] == server["server_uuid"]), None)
    mode = variables.get("group_replication_single_primary_mode")
    return {
        "answers": True,
        "error": "",
        "paused": "",
        "applier_error": "",
        "remembered": {},
        "schemas": [],
        "server_uuid": server["server_uuid"],
        "server_id": server["server_id"],
        "alike": {name: variables[name] for name in ALIKE if name in variables},
        # As the group's view has it: without the distribution's suffix.
        "version": str(server["version"]).partition("-")[0],
        "host": server["host"],
        "port": server["port"],
        "super_read_only": bool(server["super_read_only"]),
        "offline_mode": bool(server["offline_mode"]),
        "stopping": stopping,
        "group": variables.get("group_replication_group_name") or None,
        # The table of nodes that this server was last told of.
        "declared": hosts_of(variables.get("group_replication_group_seeds") or "") or None,
        "mode": None if mode is None else MODES[mode == "ON"],
        "state": mine["state"] if mine else OFFLINE,
        "role": mine["role"] if mine else None,
        "members": members,
        "quorum": mine is not None and mine["state"] in PRESENT and has_quorum(members),
        "view_id": (stats[0]["view_id"] if stats else "") or None,
        "queued": stats[0]["queued"] if stats else 0,
        "gtid_executed": re.sub(r"\s", "", server["gtid_executed"]),
        "gtid_purged": re.sub(r"\s", "", server["gtid_purged"]),
        # Also while a member that is out of its group has not ended its part in it.
        "running": bool(received) and received[0]["state"] == "ON",
        "gtid_received": re.sub(r"\s", "", (received[0]["gtids"] or "") if received else ""),
    }


def is_first_online(facts: Mapping[str, Any]) -> bool:
    """
    Tell whether it is this member that sets for the whole group what any one may set.

    facts
        What :py:func:`observe` says of this member.

    Returns True for the first by address of those that are ONLINE, while there is a majority.
    """
    online = sorted(member["host"] for member in facts["members"] if member["state"] == ONLINE)
    return facts["quorum"] and online[:1] == [facts["host"]]


def answers(host: str, port: int) -> bool:
    """
    Tell whether a call to a member is answered: by its server, or by its machine with a refusal.

    host, port
        Where it is called.
    """
    try:
        # With skip_name_resolve no server minds who hangs up after its greeting.
        with socket.create_connection((host, port), timeout=GREETING_SECONDS) as peer:
            peer.recv(1)
    except ConnectionError:
        return True
    except OSError:
        return False
    return True


def silent_of(hosts: Sequence[str], port: int) -> list[str]:
    """
    Return those of some members that answer no call, within a second for all of them.

    hosts, port
        Where they are called.
    """
    with ThreadPoolExecutor(max_workers=len(hosts) or 1) as pool:
        replies = pool.map(lambda host: answers(host, port), hosts)
        return [host for host, reply in zip(hosts, replies, strict=True) if not reply]


def write_concurrency(connection: Any) -> int:
    """
    Return how many messages the group agrees on at once.

    connection
        An open connection to an ONLINE member whose group has a majority.

    Raises CommandExecutionError with the server's words when the group cannot say it now.
    """
    row = _rows(connection, "SELECT group_replication_get_write_concurrency() AS number")[0]
    return int(row["number"])


def set_write_concurrency(connection: Any, number: int) -> None:
    """
    Set how many messages the group agrees on at once: a reconfiguration, also if it is so already.

    connection
        An open connection to an ONLINE member, of an account with GROUP_REPLICATION_ADMIN.

    number
        From 10 to 200.

    Raises CommandExecutionError with the server's words when the group cannot do it now.
    """
    _rows(connection, "SELECT group_replication_set_write_concurrency(%s)", (number,))
    time.sleep(SETTLE_SECONDS)


def forget_removed(connection: Any, number: int) -> None:
    """
    Let group communication forget members that were removed from the group.

    It goes on calling who was removed, and the whole group stands still for one to three seconds
    each time that nobody answers, as nobody does for a machine without power or network. It ends
    when the group was reconfigured some times since, and setting the write concurrency is a
    reconfiguration that changes nothing else.

    connection, number
        As for :py:func:`set_write_concurrency`, which also says what it raises.
    """
    for _ in range(RECONFIGURATIONS):
        set_write_concurrency(connection, number)


def places_written(connection: Any) -> list[str]:
    """
    Return the directories that a commit writes to.

    connection
        An open connection.
    """
    row = _rows(connection, "SELECT @@datadir AS data, @@log_bin_basename AS logs")[0]
    return sorted({str(Path(row["data"])), str(Path(row["logs"]).parent)})


def _silent(error: str) -> dict[str, Any]:
    return {"answers": False, "error": error, "state": UNKNOWN, "paused": ""}


def _reason(path: Path) -> str:
    """What an operator gave as the reason of a pause or a drain, or the empty text."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return ""


def _paused() -> str:
    """Why this member is paused, or the empty text; a file that says nothing is a pause, too."""
    try:
        # Whoever kept it out meant it, though a full disk took the words.
        return PAUSE_FILE.read_text(encoding="utf-8").strip() or f"{PAUSE_FILE} gives no reason"
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as err:
        return f"{PAUSE_FILE} cannot be read: {err}"


def _given(reason: str) -> str:
    if not reason or not reason.strip():
        raise SaltInvocationError("reason is empty; expected a few words that others will read")
    return reason.strip()


def _kept_out(settings: Settings) -> str:
    """Why this member stays out of the group, or the empty text."""
    leaving_now = "it is leaving just now" if leaving() else ""
    return _paused() or settings.removed or leaving_now


def _applier(connection: Any) -> dict[str, str]:
    """What the health agent does not ask."""
    return {"applier_error": causes.applier_error(functools.partial(_rows, connection))}


def _local_knowledge(settings: Settings) -> dict[str, Any]:
    """What the local machine knows and its server does not."""
    return {
        "paused": _kept_out(settings),
        "remembered": memory.remembered(memory.MEMBER_FILE),
        "declared": sorted(settings.nodes.values(), key=by_address),
    }


def _look(settings: Settings, connection: Any = None) -> dict[str, Any]:
    """What the local member says of itself, with what only its own machine knows."""
    if connection is None:
        try:
            with local(settings) as connection:
                return _look(settings, connection)
        except CommandExecutionError as err:
            if TOO_MANY_CONNECTIONS not in str(err):
                raise
        # The socket is taken like any other place; the administrators' door is not.
        with _peer(settings, settings.nodes[settings.me]) as connection:
            return {**observe(connection), **_applier(connection), **_local_knowledge(settings)}
    schemas = _rows(connection, USER_SCHEMAS, (SYSTEM_SCHEMAS,))
    return {
        **observe(connection),
        **_applier(connection),
        **_local_knowledge(settings),
        "schemas": [row["name"] for row in schemas],
    }


def _facts(settings: Settings, connection: Any = None) -> dict[str, dict[str, Any]]:
    """What every declared member says of itself, all asked at once."""

    def ask(name: str) -> dict[str, Any]:
        try:
            if name == settings.me:
                return _look(settings, connection)
            with _peer(settings, settings.nodes[name]) as peer:
                return {**observe(peer), **_applier(peer)}
        except CommandExecutionError as err:
            return {**_silent(str(err)), "host": settings.nodes[name]}

    with ThreadPoolExecutor(max_workers=len(settings.nodes)) as pool:
        return dict(zip(settings.nodes, pool.map(ask, settings.nodes), strict=True))


def _is_changing(connection: Any) -> bool:
    """Tell whether a start or a stop of Group Replication is at work, whoever began it."""
    return bool(
        _rows(
            connection,
            "SELECT 1 FROM performance_schema.events_statements_current"
            " WHERE EVENT_NAME IN ('statement/sql/group_replication_start',"
            " 'statement/sql/group_replication_stop') AND END_EVENT_ID IS NULL LIMIT 1",
        )
    )


@contextlib.contextmanager
def _locked(connection: Any, seconds: float) -> Iterator[bool]:
    """Hold this machine's lock, once another run and what a killed one left under way are done."""
    deadline = time.monotonic() + seconds
    with lock.held(seconds, lock.LOCK_FILE) as taken:
        while taken and _is_changing(connection):
            if time.monotonic() >= deadline:
                taken = False
                break
            time.sleep(0.5)
        yield taken


@contextlib.contextmanager
def _exclusive(settings: Settings, query_seconds: float | None = START_SECONDS) -> Iterator[Any]:
    """A local connection that holds the lock, once another run is done with it."""
    wait = LOCK_SECONDS if query_seconds is None else min(LOCK_SECONDS, int(query_seconds))
    with local(settings, query_seconds) as connection, _locked(connection, wait) as locked:
        if not locked:
            raise CommandExecutionError(f"another run on {settings.me} is at it; nothing was done")
        yield connection


# --- accounts ------------------------------------------------------------------------------------


class Grantee(NamedTuple):
    """An account as it should be: where it may come from and what it may do."""

    name: str
    host: str
    grants: dict[str, tuple[str, ...]]
    password: str = ""
    # Instead of a password: the operating system's user that mysqld sees behind the socket.
    os_user: str = ""

    def __repr__(self) -> str:
        return f"{self.name}@{self.host}"


SCOPES = ("members", "application")


def grantees(settings: Settings, scope: str) -> list[Grantee]:
    """
    Return the accounts of a scope, each with the least it needs.

    settings
        The group's settings.

    scope
        ``members``: what the group itself needs, made on each member before it joins.
        ``application``: what its clients need, made once in the group.
    """
    network = ipaddress.ip_network(settings.subnet)
    inside = f"{network.network_address}/{network.netmask}"
    if scope == "application":
        schema = ("SELECT", "INSERT", "UPDATE", "DELETE")
        migrations = ("CREATE", "ALTER", "DROP", "INDEX", "REFERENCES")
        return [
            Grantee(
                settings.application.name,
                inside,
                # No SUPER and no CONNECTION_ADMIN: a member that leaves must be able to refuse it.
                # An underscore alone would stand for any character.
                {f"`{escaped(settings.database)}`.*": schema + migrations},
                password=settings.application.password,
            )
        ]
    if scope != "members":
        raise SaltInvocationError(f"scope is '{scope}'; expected {' or '.join(SCOPES)}")
    return [
        Grantee(
            settings.admin.name,
            inside,
            {
                # The admin port, and a way in when the member has gone to offline mode.
                "*.*": ("SERVICE_CONNECTION_ADMIN", "CONNECTION_ADMIN"),
                "`performance_schema`.*": ("SELECT",),
            },
            password=settings.admin.password,
        ),
        Grantee(
            settings.recovery.name,
            inside,
            {
                "*.*": (
                    "REPLICATION SLAVE",
                    "BACKUP_ADMIN",
                    "CONNECTION_ADMIN",
                    "GROUP_REPLICATION_STREAM",
                )
            },
            password=settings.recovery.password,
        ),
        Grantee(
            settings.health_user,
            "localhost",
            {
                "`performance_schema`.`replication_group_members`": ("SELECT",),
                "`performance_schema`.`replication_group_member_stats`": ("SELECT",),
                "`performance_schema`.`replication_connection_status`": ("SELECT",),
                "`performance_schema`.`global_variables`": ("SELECT",),
                "`performance_schema`.`events_statements_current`": ("SELECT",),
            },
            os_user=settings.health_user,
        ),
    ]


def escaped(database: str) -> str:
    """Return a database's name as a grant has it, where ``_`` and ``%`` stand for others."""
    return re.sub(r"([_%])", r"\\\1", database)


def is_granted(privilege: str, target: str, granted: Iterable[tuple[str, str]]) -> bool:
    """
    Tell whether a privilege is among those granted, also by one that holds it.

    privilege, target
        As :py:func:`parse_grants` has them.

    granted
        What that returns.
    """
    held = set(granted)
    # At the same level ALL holds each; a table's or database's is held by the server's, too.
    ways = [(privilege, target), ("ALL PRIVILEGES", target)]
    if target != "*.*":
        ways += [(privilege, "*.*"), ("ALL PRIVILEGES", "*.*")]
    return any(way in held for way in ways)


def parse_grants(lines: Iterable[str]) -> set[tuple[str, str]]:
    """
    Return the (privilege, object) pairs that SHOW GRANTS prints.

    lines
        Its lines: ``GRANT SELECT, INSERT ON `db`.* TO `user`@`host```.
    """
    found = set()
    for line in lines:
        match = re.match(r"GRANT (.+?) ON (\S+) TO ", line)
        if match:
            found |= {(word.strip(), match[2]) for word in match[1].split(",")}
    return found


def _account_differences(
    connection: Any, settings: Settings, scope: str
) -> dict[str, dict[str, list[str]]]:
    """What is missing, by account: nothing for one that is as it should be."""
    missing: dict[str, dict[str, list[str]]] = {}
    # With ANSI_QUOTES the server shows names in other quotes.
    _do(
        connection,
        "SET SESSION sql_mode = REPLACE(REPLACE(@@sql_mode, 'ANSI_QUOTES', ''), 'ANSI', '')",
    )
    for wanted in grantees(settings, scope):
        known = _rows(
            connection,
            "SELECT plugin FROM mysql.user WHERE user = %s AND host = %s",
            (wanted.name, wanted.host),
        )
        if not known:
            missing[str(wanted)] = {"missing": ["account"]}
            continue
        shown = _rows(connection, "SHOW GRANTS FOR %s@%s", (wanted.name, wanted.host))
        granted = parse_grants(next(iter(row.values())) for row in shown)
        lacking = [
            f"{privilege} ON {target}"
            for target, privileges in wanted.grants.items()
            for privilege in privileges
            if not is_granted(privilege, target, granted)
        ]
        if wanted.password and not _password_accepted(settings, wanted):
            lacking.append("password")
        if lacking:
            missing[str(wanted)] = {"missing": lacking}
    if scope == "application" and not _rows(
        connection,
        "SELECT 1 FROM information_schema.schemata WHERE schema_name = %s",
        (settings.database,),
    ):
        missing[f"database {settings.database}"] = {"missing": ["database"]}
    if scope == "members" and not _rows(
        connection,
        "SELECT 1 FROM mysql.slave_master_info WHERE Channel_name = 'group_replication_recovery'"
        " AND User_name = %s AND User_password = %s",
        (settings.recovery.name, settings.recovery.password),
    ):
        missing["channel group_replication_recovery"] = {"missing": ["credentials"]}
    return missing


def _password_accepted(settings: Settings, account: Grantee) -> bool:
    try:
        with connect(
            host=settings.nodes[settings.me],
            port=settings.port,
            user=account.name,
            password=account.password,
            ssl=_tls(),
        ):
            return True
    except CommandExecutionError as err:
        # Only "access denied" speaks of the password; a full or closed server says nothing of it.
        return "(1045)" not in str(err)


def _identified(wanted: Grantee) -> tuple[str, tuple[str, ...]]:
    """The clause that says how an account proves itself, and its values."""
    if wanted.os_user:
        return "IDENTIFIED WITH auth_socket AS %s", (wanted.os_user,)
    return "IDENTIFIED WITH caching_sha2_password BY %s", (wanted.password,)


def _make_accounts(connection: Any, settings: Settings, scope: str) -> None:
    """Make a scope's accounts and privileges; the statements can be repeated."""
    if scope == "application":
        _do(connection, f"CREATE DATABASE IF NOT EXISTS `{settings.database}`")
    for wanted in grantees(settings, scope):
        clause, values = _identified(wanted)
        # Members speak TLS to each other; clients come through the balancer as they like.
        require = " REQUIRE SSL" if scope == "members" and wanted.password else ""
        who = (wanted.name, wanted.host)
        _do(connection, f"CREATE USER IF NOT EXISTS %s@%s {clause}{require}", (*who, *values))
        if wanted.password and not _password_accepted(settings, wanted):
            _do(connection, f"ALTER USER %s@%s {clause}{require}", (*who, *values))
        for target, privileges in wanted.grants.items():
            _do(connection, f"GRANT {', '.join(privileges)} ON {target} TO %s@%s", who)


def _set_recovery_credentials(connection: Any, settings: Settings) -> None:
    _do(
        connection,
        "CHANGE REPLICATION SOURCE TO SOURCE_USER = %s, SOURCE_PASSWORD = %s"
        " FOR CHANNEL 'group_replication_recovery'",
        (settings.recovery.name, settings.recovery.password),
    )


def clerk_of(members: Iterable[Mapping[str, Any]], nodes: Mapping[str, str]) -> str | None:
    """
    Return which member makes what is made once in a group: the first declared writable primary.

    Two members that made it at once would conflict, since statements like CREATE USER on several
    members of a multi-primary group have no order.

    members
        The view's rows.

    nodes
        Declared names and addresses, in declared order.
    """
    online = [member for member in members if member["state"] == ONLINE]
    versions = [version_of(member["version"]) for member in online if member["version"]]
    # While a multi-primary group is upgraded, those above its lowest version are read only.
    primaries = {
        member["host"]
        for member in online
        if member["role"] == "PRIMARY"
        and (not member["version"] or version_of(member["version"]) == min(versions))
    }
    return next((name for name, address in nodes.items() if address in primaries), None)


def clerk() -> str | None:
    """
    Return which member makes what is made once in the group, such as the application's account.

    Returns the declared name of the first primary; None outside a group, or where no primary is
    declared. Raises CommandExecutionError when mysqld does not answer, SaltInvocationError for
    wrong settings.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_gr.clerk
    """
    settings = _settings()
    with local(settings) as connection:
        return clerk_of(observe(connection)["members"], settings.nodes)


def account_differences(
    scope: str = "members", timeout: float = 0
) -> dict[str, dict[str, list[str]]]:
    """
    Return what is missing of a scope's accounts on the local member.

    scope
        ``members`` (default): the accounts that the group itself needs.
        ``application``: the application's database and account.

    timeout
        Seconds to wait for a server that does not answer, as while a clone restarts it. Default 0.

    Returns a dict of account (or ``database …``, ``channel …``) to ``{"missing": [what]}``; empty
    when all is there. No password is in it. Raises CommandExecutionError when mysqld does not
    answer, SaltInvocationError for wrong settings or scope.

    CLI Example:

    .. code-block:: bash

        salt 'db*' mysql_gr.account_differences application
    """
    settings = _settings()
    return _answered(
        settings, timeout, lambda connection: _account_differences(connection, settings, scope)
    )


def create_accounts(scope: str = "members", patience: float = 30) -> None:
    """
    Make what is missing of a scope's accounts, without an errant transaction.

    Outside the group, a member's own accounts are made with its binary log off. Inside, one member
    makes them for all (:py:func:`clerk_of`), and the others wait until they arrive.

    scope
        ``members`` (default) or ``application``.

    patience
        Seconds to wait for what another member makes. Default 30.

    Returns nothing. Raises CommandExecutionError when the member is in no state to, or the wait
    was in vain; SaltInvocationError for wrong settings or scope.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_gr.create_accounts application
    """
    settings = _settings()
    grantees(settings, scope)
    with _exclusive(settings) as connection:
        seen = observe(connection)
        if seen["state"] == OFFLINE:
            if scope != "members":
                raise CommandExecutionError(
                    f"{settings.me} is OFFLINE; database and account of the application are made "
                    "in the group, once it is there"
                )
            _make_accounts_outside(connection, settings)
        elif clerk_of(seen["members"], settings.nodes) == settings.me:
            _make_accounts(connection, settings, scope)
        else:
            _await_accounts(connection, settings, scope, patience)
        if scope == "members":
            _set_recovery_credentials(connection, settings)


def _make_accounts_outside(connection: Any, settings: Settings) -> None:
    _do(connection, "SET SESSION sql_log_bin = OFF")
    try:
        # read_only stays ON: only this administrative connection can write meanwhile.
        _do(connection, "SET GLOBAL super_read_only = OFF")
        _make_accounts(connection, settings, "members")
    finally:
        _do(connection, "SET GLOBAL super_read_only = ON")


def _await_accounts(connection: Any, settings: Settings, scope: str, patience: float) -> None:
    deadline = time.monotonic() + patience
    while True:
        missing = _account_differences(connection, settings, scope)
        missing.pop("channel group_replication_recovery", None)
        if not missing:
            return
        clerk = clerk_of(observe(connection)["members"], settings.nodes)
        if time.monotonic() > deadline:
            raise CommandExecutionError(
                f"{joined(missing)}: {clerk or 'a primary'} makes it for the group, and it did not "
                f"arrive on {settings.me} within {patience:.0f} s"
            )
        time.sleep(0.5)


def health_settings() -> dict[str, Any]:
    """
    Return what the health agent needs to know: where to listen, whom to ask as whom, who may ask.

    Returns a dict: ``address``, ``port``, ``socket``, ``user``, ``clients`` (addresses and
    networks); no password. Raises SaltInvocationError for wrong settings.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_gr.health_settings
    """
    settings = _settings()
    return {
        "address": settings.nodes[settings.me],
        "port": settings.health_port,
        "socket": settings.socket,
        "user": settings.health_user,
        "clients": ["127.0.0.1", settings.nodes[settings.me], *settings.health_clients],
    }


def nodes(role: str | None = None) -> dict[str, str]:
    """
    Return the declared nodes with their addresses, in declared order.

    role
        Only those of this role: ``db``, ``proxy``, ``web`` or ``master``. Default: all.

    Returns a dict of node id to address, empty where pillar declares no nodes. Raises
    SaltInvocationError for an unknown role or a wrong table.

    CLI Example:

    .. code-block:: bash

        salt web mysql_gr.nodes role=web
    """
    if role not in (None, *ROLES):
        raise SaltInvocationError(f"role is {role!r}; expected one of {joined(ROLES)}")
    if walk(__pillar__, "cluster:nodes") is None:
        return {}
    return declared_nodes(__pillar__, role)


def balancer() -> dict[str, Any]:
    """
    Return where the databases are reached: the virtual address, if pillar declares one, or else the
    first proxy's.

    Returns a dict: ``address`` (the empty text without any proxy), ``virtual_address`` (the empty
    text where none is declared), ``virtual_router_id``, and ``proxies``, a dict of node id to
    address in declared order. Raises SaltInvocationError for a wrong pillar.

    CLI Example:

    .. code-block:: bash

        salt web mysql_gr.balancer
    """
    declared = declared_balancer(__pillar__)
    return {**declared._asdict(), "address": declared.address}


def settings_differ() -> bool:
    """
    Tell whether the keeper's file does not say what pillar declares.

    Raises SaltInvocationError for wrong settings.

    CLI Example:

    .. code-block:: bash

        salt 'db*' mysql_gr.settings_differ
    """
    return settings_file_differs(_settings())


def store_settings() -> None:
    """
    Write the keeper's file, readable only by root, whole or not at all.

    Raises SaltInvocationError for wrong settings.

    CLI Example:

    .. code-block:: bash

        salt 'db*' mysql_gr.store_settings
    """
    write_settings(_settings())


# --- looking -------------------------------------------------------------------------------------


def _named(settings: Settings, members: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A view's members with the name that each is declared by, or None."""
    names = {address: name for name, address in settings.nodes.items()}
    return [{"name": names.get(member["host"]), **member} for member in members]


def status(extended: bool = False) -> dict[str, Any]:
    """
    Return what the local member knows of itself and its group.

    extended
        Ask the other declared members too, look into channels and clone, and name what is not as it
        should be. Default False.

    Returns a dict: ``group`` (UUID), ``mode`` (multi-primary or single-primary), ``quorum`` (bool),
    ``view_id`` (str or None), ``member`` and ``members`` (``name`` as declared or None, ``id``,
    ``host``, ``port``, ``state``, ``role``, ``version``), ``writable`` (bool), ``gtid_executed``,
    ``paused`` and ``drained`` (why the operator keeps the member out, or clients from it, or "").
    Outside a group the shape is the same: state OFFLINE, no members, and what is declared for group
    and mode.

    Extended, also: ``problems`` (a list of sentences, empty when all is well), ``verdict`` and
    ``why`` (as :py:func:`decide`), ``applier`` (``running``, ``queued`` transactions,
    ``lag_seconds`` behind the commit of what is being applied, ``error``), ``recovery``
    (``running``, ``error``), ``clone`` (``state``, ``source``, ``bytes``, ``expected_bytes``,
    ``error``; empty when there was none), ``rejoining`` (the server's own auto-rejoin, bool),
    ``conflicts`` (transactions that certification refused), ``write_concurrency`` (messages that
    the group agrees on at once; None outside a majority), ``errant`` (name to GTIDs that only a
    member outside the group has), ``absent`` (names that are declared and not in the group) and
    ``undeclared`` (addresses that are in the group and not declared).

    Raises CommandExecutionError when mysqld does not answer, SaltInvocationError for wrong
    settings.

    CLI Example:

    .. code-block:: bash

        salt 'db*' mysql_gr.status
        salt 'db*' mysql_gr.status extended=True
    """
    settings = _settings()
    seen = _look(settings)
    plain = _status_from(settings, seen)
    if not extended:
        return plain
    everyone = {**_facts(settings), settings.me: seen}
    with local(settings) as connection:
        channels = _channels(connection)
        channels["write_concurrency"] = _write_concurrency_now(connection, seen)
    found = diagnosis(settings, everyone, channels)
    if plain["drained"]:
        found["problems"].append(f"{settings.me} is drained: {plain['drained']}")
    return {**plain, **found}


def _status_from(settings: Settings, seen: Mapping[str, Any]) -> dict[str, Any]:
    inside = seen["state"] != OFFLINE
    member = {
        "name": settings.me,
        "id": seen["server_uuid"],
        "host": seen["host"],
        "port": seen["port"],
        "state": seen["state"],
        "role": seen["role"],
        "version": seen["version"],
    }
    return {
        "group": (seen["group"] if inside else None) or settings.group,
        "mode": (seen["mode"] if inside else None) or settings.mode,
        "quorum": seen["quorum"],
        "view_id": seen["view_id"],
        "member": member,
        "members": _named(settings, seen["members"]) if inside else [],
        "writable": writable_by(seen),
        "gtid_executed": seen["gtid_executed"],
        "paused": seen["paused"],
        "drained": drained(),
    }


def _write_concurrency_now(connection: Any, seen: Mapping[str, Any]) -> int | None:
    if seen["state"] != ONLINE or not seen["quorum"]:
        return None
    try:
        return write_concurrency(connection)
    except pymysql.Error:
        # The member has left since it was looked at.
        return None


def _channels(connection: Any) -> dict[str, Any]:
    """What the local server says of its channels, its last clone and its own tries to rejoin."""
    connections = {
        row["CHANNEL_NAME"].removeprefix("group_replication_"): row
        for row in _rows(
            connection,
            "SELECT CHANNEL_NAME, SERVICE_STATE, LAST_ERROR_MESSAGE"
            " FROM performance_schema.replication_connection_status"
            " WHERE CHANNEL_NAME LIKE 'group\\_replication\\_%'",
        )
    }
    appliers: dict[str, dict[str, Any]] = {}
    for row in _rows(
        connection,
        "SELECT s.CHANNEL_NAME AS channel, s.SERVICE_STATE AS state,"
        " COALESCE(NULLIF(MAX(w.LAST_ERROR_MESSAGE), ''), MAX(c.LAST_ERROR_MESSAGE), '') AS error,"
        " MAX(IF(w.APPLYING_TRANSACTION = '', 0, TIMESTAMPDIFF(MICROSECOND,"
        "  w.APPLYING_TRANSACTION_ORIGINAL_COMMIT_TIMESTAMP, NOW(6)) / 1000000)) AS lag_seconds"
        " FROM performance_schema.replication_applier_status s"
        " LEFT JOIN performance_schema.replication_applier_status_by_worker w USING (CHANNEL_NAME)"
        " LEFT JOIN performance_schema.replication_applier_status_by_coordinator c"
        "  USING (CHANNEL_NAME)"
        " WHERE s.CHANNEL_NAME LIKE 'group\\_replication\\_%' GROUP BY 1, 2",
    ):
        appliers[row["channel"].removeprefix("group_replication_")] = row
    stats = _rows(
        connection,
        "SELECT COUNT_TRANSACTIONS_REMOTE_IN_APPLIER_QUEUE AS queued,"
        " COUNT_CONFLICTS_DETECTED AS conflicts"
        " FROM performance_schema.replication_group_member_stats"
        " WHERE MEMBER_ID = @@server_uuid",
    )
    applier, recovery = appliers.get("applier", {}), appliers.get("recovery", {})
    clone = _clone_status(connection)
    copied = _rows(
        connection,
        "SELECT SUM(DATA) AS bytes, SUM(ESTIMATE) AS expected"
        " FROM performance_schema.clone_progress",
    )[0]
    return {
        "applier": {
            "running": applier.get("state") == "ON",
            "queued": stats[0]["queued"] if stats else 0,
            "lag_seconds": round(float(applier.get("lag_seconds") or 0), 3),
            "error": applier.get("error", ""),
        },
        "recovery": {
            "running": recovery.get("state") == "ON",
            "error": recovery.get("error")
            or connections.get("recovery", {}).get("LAST_ERROR_MESSAGE", ""),
        },
        "clone": {
            "state": clone["STATE"],
            "source": clone["SOURCE"],
            "bytes": int(copied["bytes"] or 0),
            "expected_bytes": int(copied["expected"] or 0),
            "error": clone["ERROR_MESSAGE"],
        }
        if clone
        else {},
        "rejoining": bool(
            _rows(
                connection,
                "SELECT 1 FROM performance_schema.events_stages_current"
                " WHERE EVENT_NAME LIKE '%auto-rejoin%'",
            )
        ),
        "conflicts": stats[0]["conflicts"] if stats else 0,
    }


def diagnosis(
    settings: Settings, seen: Mapping[str, Mapping[str, Any]], channels: Mapping[str, Any]
) -> dict[str, Any]:
    """
    Say what is not as it should be, in sentences, from what is known of all members.

    settings
        The group's settings.

    seen
        As :py:func:`facts` returns it.

    channels
        The local server's ``applier``, ``recovery``, ``clone``, ``rejoining``, ``conflicts`` and
        ``write_concurrency``.

    Returns what :py:func:`status` adds when it is extended.
    """
    me, mine = settings.me, seen[settings.me]
    decision = decide_by(me, settings.group, seen)
    problems = [] if decision["verdict"] == "member" else [decision["why"]]
    answering = {name: one for name, one in seen.items() if one["answers"]}
    led = [one for one in answering.values() if one["state"] == ONLINE and one["quorum"]]
    held = union_gtids(*(held_by(one) for one in led))
    errant = {
        name: format_gtids(subtract_gtids(held_by(one), held))
        for name, one in answering.items()
        if led and one["state"] not in PRESENT
    }
    errant = {name: gtids for name, gtids in errant.items() if gtids}
    hosts = [member["host"] for member in mine["members"]] if mine["quorum"] else []
    absent = [name for name, address in settings.nodes.items() if hosts and address not in hosts]
    undeclared = [host for host in hosts if host not in settings.nodes.values()]
    for name, one in seen.items():
        problems += _member_problems(name, one, name in absent, errant.get(name, ""))
    problems += [f"{host} is in the group and not declared" for host in undeclared]
    tables = {name: one["declared"] for name, one in answering.items() if name != me}
    differs = difference(mine["declared"] or (), tables if mine["declared"] else {})
    if differs:
        problems.append(f"the tables of nodes differ: {differs}, unlike {me}")
    if mine["quorum"] and mine["mode"] != settings.mode:
        problems.append(f"the group is {mine['mode']}, and {settings.mode} is declared")
    single_leader = mine["alike"].get(SINGLE_LEADER)
    if mine["quorum"] and single_leader not in (None, declared_single_leader(settings)):
        problems.append(
            f"the group has {SINGLE_LEADER} {single_leader}, and "
            f"{declared_single_leader(settings)} is declared: it takes that when it is led again, "
            "once all members have been out of it"
        )
    concurrency = channels["write_concurrency"]
    right = concurrency and write_concurrency_for(settings, mine["mode"])
    if concurrency != right:
        problems.append(
            f"the group's write concurrency is {concurrency} instead of {right}: "
            "the first ONLINE member's keeper sets it"
        )
    if mine["state"] in PRESENT and not channels["applier"]["running"]:
        problems.append(f"{me}'s applier does not run: {channels['applier']['error'] or 'stopped'}")
    if mine["state"] not in PRESENT and channels["applier"]["error"]:
        problems.append(
            f"{me}'s applier stopped: {channels['applier']['error']}; a member whose "
            f"content differs is mended by mysql_gr.join method=clone clone_over={me}"
        )
    if mine["state"] == RECOVERING and channels["recovery"]["error"]:
        problems.append(f"{me}'s recovery: {channels['recovery']['error']}")
    if channels["clone"].get("state") == "Failed":
        problems.append(f"{me}'s last clone failed: {channels['clone']['error']}")
    if channels["rejoining"]:
        problems.append(f"{me} is in the server's own auto-rejoin, which asks no other member")
    return {
        "problems": problems,
        "verdict": decision["verdict"],
        "why": decision["why"],
        **channels,
        "errant": errant,
        "absent": absent,
        "undeclared": undeclared,
    }


def _member_problems(name: str, one: Mapping[str, Any], absent: bool, errant: str) -> list[str]:
    """What is not as it should be with one member, from what it says of itself."""
    if not one["answers"]:
        return [f"{name} does not answer: {one['error']}"]
    problems = []
    if absent:
        problems.append(f"{name} is declared and not in the group: it is {one['state']}")
    if errant:
        problems.append(f"{name} has transactions that the group does not have: {errant}")
    primary_here = one["state"] == ONLINE and one["role"] == "PRIMARY"
    if not one["super_read_only"] and not primary_here:
        place = f"{one['state']} {one['role'] or ''}".strip()
        problems.append(f"{name} is {place} and would take writes: super_read_only is OFF")
    if one["super_read_only"] and primary_here and one["quorum"]:
        problems.append(f"{name} is primary and takes no writes: super_read_only is ON")
    if one["offline_mode"] and one["state"] in PRESENT:
        problems.append(f"{name} is {one['state']} and takes no clients: offline_mode is ON")
    return problems


def members() -> list[dict[str, Any]]:
    """
    Return the members of the group as the local one sees them.

    Returns a list of dicts: ``name`` as declared or None, ``id``, ``host``, ``port``, ``state``,
    ``role``, ``version``; empty outside a group. Raises as :py:func:`status`.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_gr.members
    """
    return status()["members"]


def primary() -> list[dict[str, Any]]:
    """
    Return the members that are primary: one in single-primary mode, all in multi-primary.

    Returns a list of dicts as :py:func:`members`; empty outside a group. Raises as
    :py:func:`status`.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_gr.primary
    """
    return [member for member in members() if member["role"] == "PRIMARY"]


def gtid_executed() -> str:
    """
    Return the local member's executed GTID set, "" when it has executed none.

    Raises as :py:func:`status`.

    CLI Example:

    .. code-block:: bash

        salt 'db*' mysql_gr.gtid_executed
    """
    return status()["gtid_executed"]


def facts() -> dict[str, dict[str, Any]]:
    """
    Return what each declared member says of itself, asked now and all at once.

    Returns a dict of declared name to a dict: ``answers`` (bool) and ``error`` (why not); of one
    that answers also ``state``, ``role``, ``group``, ``mode``, ``view_id``, ``members``,
    ``quorum``, ``declared`` (the addresses that it takes for the group's), ``server_uuid``,
    ``server_id``, ``alike`` (variables that are equal in a group),
    ``version``, ``host``, ``port``, ``super_read_only``, ``offline_mode``, ``stopping`` (its group
    is being left), ``gtid_executed``, ``gtid_purged``, ``gtid_received``, ``queued`` (transactions
    of others that wait to be applied), ``applier_error`` (why its applier stopped last, or "") and
    ``running`` (its part in a group has not ended); of the local one ``remembered`` (what its
    machine knows of its membership).

    Raises SaltInvocationError for wrong settings; a member that does not answer raises nothing.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_gr.facts
    """
    return _facts(_settings())


def compared(facts: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """
    Return who has which transactions, from what the members say of themselves.

    facts
        As :py:func:`facts` returns them; members that do not answer are left out.
    """
    held = {name: held_by(one) for name, one in facts.items() if one["answers"]}
    everything = union_gtids(*held.values())
    answer = {}
    for name in held:
        others = union_gtids(*(held[other] for other in held if other != name))
        answer[name] = {
            "executed": facts[name]["gtid_executed"],
            "unapplied": format_gtids(
                subtract_gtids(held[name], parse_gtids(facts[name]["gtid_executed"]))
            ),
            "lacks": format_gtids(subtract_gtids(everything, held[name])),
            "alone": format_gtids(subtract_gtids(held[name], others)),
        }
    return answer


def compare_gtids() -> dict[str, dict[str, str]]:
    """
    Ask all declared members and say who has which transactions.

    Returns a dict of declared name to a dict of GTID sets: ``executed``; ``unapplied``, received
    and not yet executed; ``lacks``, what others have and it does not; ``alone``, what no other has:
    errant transactions, if the member is outside the group. Members that do not answer are left
    out. Raises SaltInvocationError for wrong settings.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_gr.compare_gtids
    """
    return compared(facts())


CHANNELS = ("group_replication_applier", "group_replication_recovery")


def _instance(settings: Settings) -> Instance:
    """Ask the local server what :py:func:`instance_problems` judges."""

    def pairs(connection: Any, sql: str) -> dict[str, str]:
        return {row["name"].lower(): row["value"] for row in _rows(connection, sql)}

    def column(connection: Any, sql: str, values: Sequence[Any] = ()) -> list[str]:
        return [str(next(iter(row.values()))) for row in _rows(connection, sql, values)]

    with local(settings) as connection:
        variables = pairs(
            connection,
            "SELECT VARIABLE_NAME AS name, VARIABLE_VALUE AS value"
            " FROM performance_schema.global_variables",
        )
        plugin = column(
            connection,
            "SELECT PLUGIN_STATUS FROM information_schema.plugins"
            " WHERE PLUGIN_NAME = 'group_replication'",
        )
        filters = column(
            connection,
            "SELECT CONCAT(FILTER_NAME, ' ', FILTER_RULE)"
            " FROM performance_schema.replication_applier_global_filters",
        )
        # No variable tells what the binary log leaves out.
        statement = statement_for("binary log status", variables["version"])
        for row in _rows(connection, statement):
            filters += [
                f"{name.upper()} {row[name]}"
                for name in ("Binlog_Do_DB", "Binlog_Ignore_DB")
                if row[name]
            ]
        return Instance(
            variables=variables,
            persisted=pairs(
                connection,
                "SELECT VARIABLE_NAME AS name, VARIABLE_VALUE AS value"
                " FROM performance_schema.persisted_variables",
            ),
            plugin=plugin[0] if plugin else "",
            channels=column(
                connection,
                "SELECT CONCAT(IF(CHANNEL_NAME = '', 'default', CHANNEL_NAME), ' from ',"
                " IFNULL(HOST, '?'))"
                " FROM performance_schema.replication_connection_configuration"
                " WHERE CHANNEL_NAME NOT IN %s",
                (CHANNELS,),
            ),
            filters=filters,
            report_addresses=_addresses_of(variables.get("report_host") or ""),
            accounts=_account_differences(connection, settings, "members"),
        )


def _addresses_of(host: str) -> list[str]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM) if host else []
    except (OSError, UnicodeError):
        return []
    return sorted({str(one[4][0]).partition("%")[0] for one in found})


def check_instance() -> list[dict[str, str]]:
    """
    Name all that would stop the local server from joining the group; nothing is changed.

    Returns a list of dicts, empty when all is well: ``what``, ``value`` as it is, ``expected``.
    Whether its transactions let it join says :py:func:`decide`. Raises CommandExecutionError when
    mysqld does not answer, SaltInvocationError for wrong settings.

    CLI Example:

    .. code-block:: bash

        salt 'db*' mysql_gr.check_instance
    """
    settings = _settings()
    return instance_problems(settings, _instance(settings), _facts(settings))


def check_schema(mode: str | None = None) -> list[dict[str, str]]:
    """
    Name the tables that a group cannot write to.

    mode
        The mode to judge for, multi-primary or single-primary. Default: the declared one.

    Returns a list of dicts, empty when all is well: ``table`` (``schema.table``), ``problem``
    (``no primary key``, ``engine``, ``cascading foreign key``) and ``detail``. A unique key of
    columns that cannot be NULL does for a primary key. Raises CommandExecutionError when mysqld
    does not answer, SaltInvocationError for a wrong mode.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_gr.check_schema mode=multi-primary
    """
    settings = _settings()
    mode = checked_mode(mode or settings.mode)
    with local(settings, 60) as connection:
        return _check_schema(connection, mode)


def check_statements(statements: list[str], mode: str | None = None) -> list[dict[str, str]]:
    """
    Name what statements would make that a group cannot write to; none of them is run.

    What :py:func:`check_schema` looks for in a schema, this looks for in the statements that would
    make one. A primary key has to be in the statement that makes the table: with
    ``sql_require_primary_key`` the server refuses it otherwise.

    statements
        SQL, one statement each; what makes or alters no table is passed over.

    mode
        The mode to judge for, multi-primary or single-primary. Default: the declared one.

    Returns a list of dicts, empty when all is well: ``table``, ``problem`` (``no primary key``,
    ``engine``, ``cascading foreign key``) and ``detail``. Raises SaltInvocationError for a wrong
    mode.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_gr.check_statements '["CREATE TABLE t (a INT)"]'
    """
    mode = checked_mode(mode or _settings().mode)
    return [problem for one in statements for problem in check_statement(one, mode)]


def _check_schema(connection: Any, mode: str) -> list[dict[str, str]]:
    found = [
        {"table": row["name"], "problem": "engine", "detail": f"{row['engine']}, not InnoDB"}
        for row in _rows(
            connection,
            "SELECT CONCAT(table_schema, '.', table_name) AS name, engine AS engine"
            " FROM information_schema.tables WHERE table_type = 'BASE TABLE' AND engine != 'InnoDB'"
            " AND table_schema NOT IN %s ORDER BY 1",
            (SYSTEM_SCHEMAS,),
        )
    ]
    found += [
        {
            "table": row["name"],
            "problem": "no primary key",
            "detail": "neither a primary key nor a unique key without NULL",
        }
        for row in _rows(
            connection,
            "SELECT CONCAT(t.table_schema, '.', t.table_name) AS name"
            " FROM information_schema.tables t WHERE t.table_type = 'BASE TABLE'"
            " AND t.table_schema NOT IN %s AND NOT EXISTS"
            " (SELECT 1 FROM information_schema.statistics s"
            "  WHERE s.table_schema = t.table_schema AND s.table_name = t.table_name"
            "  AND s.non_unique = 0 GROUP BY s.index_name HAVING SUM(s.nullable = 'YES') = 0)"
            " ORDER BY 1",
            (SYSTEM_SCHEMAS,),
        )
    ]
    if mode == MODES[0]:
        found += [
            {
                "table": row["name"],
                "problem": "cascading foreign key",
                "detail": f"{row['key_name']}: on delete {row['on_delete']},"
                f" on update {row['on_update']}",
            }
            for row in _rows(
                connection,
                "SELECT CONCAT(constraint_schema, '.', table_name) AS name,"
                " constraint_name AS key_name, delete_rule AS on_delete, update_rule AS on_update"
                " FROM information_schema.referential_constraints"
                " WHERE (delete_rule IN ('CASCADE', 'SET NULL')"
                "  OR update_rule IN ('CASCADE', 'SET NULL'))"
                " AND constraint_schema NOT IN %s ORDER BY 1, 2",
                (SYSTEM_SCHEMAS,),
            )
        ]
    return found


def decide(
    method: str = "auto", clone_over: str | None = None, force_member: str | None = None
) -> dict[str, Any]:
    """
    Ask all declared members and say what the local one is to do; nothing is done.

    method, clone_over, force_member
        As for :py:func:`converge`: what it would do with them.

    Returns what :py:func:`decide_by` does: ``verdict``, ``why``, ``leader``, ``donor``, ``errant``,
    ``received`` and ``overruled_by``. Raises SaltInvocationError for wrong settings or arguments.

    CLI Example:

    .. code-block:: bash

        salt 'db*' mysql_gr.decide
        salt db2 mysql_gr.decide force_member=db2
    """
    settings = _settings()
    decided = overruling(settings.me, method, clone_over, force_member)
    return decided(settings.me, settings.group, _facts(settings))


def server_options(package: str = "mysql-server") -> dict[str, Any]:
    """
    Return the server's options as pillar declares them, in the order of the option file.

    They are those of the version that pillar ``mysql:version`` says, or else of the package that
    is installed, or else of the one that would be; the file is written before the package is there.

    package
        The package's name. Default mysql-server.

    Returns a dict of option to value; a list is an option that stands several times. Raises
    SaltInvocationError for wrong settings, an option that the version does not have, and a version
    that is not supported.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_gr.server_options
    """
    settings = _settings()
    return options_of(settings, settings.version or _package_version(package))


def _package_version(package: str) -> str:
    """The version that a package holds; the empty text when there is none, or it is a pointer."""
    if package.startswith("default-"):
        return ""
    found = __salt__["pkg.version"](package) or __salt__["pkg.latest_version"](
        package, cache_valid_time=3600
    )
    if isinstance(found, Mapping):
        # So Salt answers for a name that apt does not know.
        found = found.get(package)
    version = version_of_package(found or "")
    if version and not is_supported(version_of(version)):
        raise SaltInvocationError(f"package {package} has version '{found}'; expected {SUPPORTED}")
    return version


# --- a new data directory ------------------------------------------------------------------------

# Inside the data directory, which may be a file system of its own, and given up at the end.
ASIDE = ".initializing"
# What Debian's package does for its own scripts and for root, who is known by the operating system.
FIRST_ACCOUNTS = """\
INSTALL PLUGIN auth_socket SONAME 'auth_socket.so';
ALTER USER 'root'@'localhost' IDENTIFIED WITH 'auth_socket';
CREATE USER 'debian-sys-maint'@'localhost' IDENTIFIED WITH 'auth_socket' AS 'root';
GRANT ALL ON *.* TO 'debian-sys-maint'@'localhost' WITH GRANT OPTION;
"""


def _entries(directory: Path) -> set[str]:
    """What a directory holds, but for what every new file system has."""
    return {path.name for path in directory.iterdir()} - {"lost+found"}


def initialized(directory: str) -> bool:
    """
    Tell whether a data directory has been made, whole.

    directory
        Its path.

    Returns True for a directory that holds anything, but for ``lost+found`` and an initialisation
    that was broken off.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_gr.initialized /var/lib/mysql
    """
    place = Path(directory)
    found = _entries(place) if place.is_dir() else set()
    return ASIDE not in found and bool(found)


def initialize(
    directory: str, option_file: str, user: str = "mysql", dry_run: bool = False
) -> None:
    """
    Make a new data directory, with the accounts that Debian's package makes; nothing is replaced.

    It is made aside and then moved to its place, so that a run that was broken off leaves nothing
    that a server would start with: Debian's own initialisation ends itself by a statement, on a
    busy machine before the server has made its system views.

    directory
        Its path; it is empty, or not there.

    option_file
        The server's options, some of which can be chosen only now.

    user
        Whom it belongs to. Default mysql.

    dry_run
        Check whether this machine may have a new one, and do nothing. Default False.

    Raises CommandExecutionError when this machine was a member, whose data is missing then
    (:py:func:`forget`), the directory is not empty, a server runs in it, or mysqld cannot do it.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_gr.initialize /var/lib/mysql /etc/mysql/mysql.conf.d/zz-group-replication.cnf
    """
    place, aside = Path(directory), Path(directory, ASIDE)
    whole = aside / "whole"
    was = memory.remembered(memory.MEMBER_FILE)
    if was and not whole.is_dir():
        raise CommandExecutionError(f"{directory} is empty: {memory.lost(__opts__['id'], was)}")
    if dry_run:
        return
    place.mkdir(mode=0o700, exist_ok=True)
    shutil.chown(place, user, user)
    others = sorted(_entries(place) - {ASIDE})
    if others and not whole.is_dir():
        raise CommandExecutionError(
            f"{directory} holds {others[0]}; a data directory is made only in an empty one"
        )
    if __salt__["cmd.retcode"](["pgrep", "--exact", "mysqld"], ignore_retcode=True) == 0:
        raise CommandExecutionError(
            f"a mysqld runs on this machine, while its data directory {directory} is "
            f"{'not whole' if others else 'empty'}; stop it first"
        )
    if not whole.is_dir():
        _initialize_aside(aside, option_file, user)
    for path in sorted(whole.iterdir()):
        path.rename(place / path.name)
    shutil.rmtree(aside)


def _initialize_aside(aside: Path, option_file: str, user: str) -> None:
    if aside.exists():
        shutil.rmtree(aside)
    aside.mkdir(mode=0o700)
    accounts, data, errors = aside / "accounts.sql", aside / "data", aside / "error.log"
    accounts.write_text(FIRST_ACCOUNTS, encoding="utf-8")
    shutil.chown(aside, user, user)
    done = __salt__["cmd.run_all"](
        [
            "mysqld",
            f"--defaults-extra-file={option_file}",
            "--initialize-insecure",
            f"--user={user}",
            f"--datadir={data}",
            f"--init-file={accounts}",
            f"--log-error={errors}",
        ],
        python_shell=False,
        timeout=INITIALIZE_SECONDS,
    )
    said = errors.read_text(encoding="utf-8") if errors.exists() else ""
    wrong = [line for line in said.splitlines() if "[ERROR]" in line]
    if done["retcode"] != 0 or wrong:
        raise CommandExecutionError(
            f"mysqld could not make a data directory in {aside.parent} "
            f"(exit code {done['retcode']}): {' '.join(wrong) or done['stderr'] or done['stdout']}"
        )
    data.rename(aside / "whole")


# --- acting --------------------------------------------------------------------------------------


def _set_mode(connection: Any, mode: str) -> None:
    """Set what this member starts with; the server takes the two options in one order only."""
    checks = "SET GLOBAL group_replication_enforce_update_everywhere_checks = "
    single = "SET GLOBAL group_replication_single_primary_mode = "
    if mode == MODES[0]:
        statements = [single + "OFF", checks + "ON"]
    else:
        statements = [checks + "OFF", single + "ON"]
    for statement in statements:
        _set_when_free(connection, statement)


BOOTSTRAP = "SET GLOBAL group_replication_bootstrap_group = "
FORCE_MEMBERS = "SET GLOBAL group_replication_force_members = "


def _set_when_free(connection: Any, statement: str, values: Sequence[Any] = ()) -> None:
    """Set an option of Group Replication, once the server is at no other one any more."""
    deadline = time.monotonic() + LOCAL_SECONDS
    while True:
        try:
            return _do(connection, statement, values)
        except pymysql.Error as err:
            if SETTING_ANOTHER not in _said(err) or time.monotonic() > deadline:
                raise
        time.sleep(0.5)


def _stop_failed(connection: Any, mine: Mapping[str, Any]) -> None:
    """Stop what is left of Group Replication on a member that is out of its group."""
    if mine["state"] == ERROR or mine["running"]:
        _do(connection, "STOP GROUP_REPLICATION")


def _start(
    settings: Settings,
    connection: Any,
    mine: Mapping[str, Any],
    peers: Iterable[Mapping[str, Any]],
    *,
    bootstrap: bool,
) -> None:
    """Start Group Replication as the ONLINE peers have it; with bootstrap, as the first member."""
    # A group keeps what it is, also when pillar or the option file is ahead of it.
    group = next((one for one in peers if one["state"] == ONLINE), None)
    mode = group["mode"] if group else settings.mode
    has = group["alike"].get(SINGLE_LEADER) if group else declared_single_leader(settings)
    _stop_failed(connection, mine)
    if mine["offline_mode"]:
        # Left by exit_state_action; a member that is let in again serves again.
        _do(connection, "SET GLOBAL offline_mode = OFF")
    if mine["mode"] != mode:
        _set_mode(connection, mode)
    if has and mine["alike"].get(SINGLE_LEADER) not in (None, has):
        # A peer's text: it goes no further unless it is one of two words.
        _set_when_free(
            connection, f"SET GLOBAL {SINGLE_LEADER} = {switch_value(SINGLE_LEADER, has)}"
        )
    # A start that fails leaves a server writable that was not read only before.
    _do(connection, "SET GLOBAL super_read_only = ON")
    # Left by a call that was given up on, it keeps Group Replication from starting.
    _set_when_free(connection, FORCE_MEMBERS + "''")
    if not bootstrap:
        # A run that was killed in the middle of a bootstrap may have left it ON: this start would
        # make a second group.
        _set_when_free(connection, BOOTSTRAP + "OFF")
        _start_group_replication(connection)
        return
    try:
        _set_when_free(connection, BOOTSTRAP + "ON")
        _start_group_replication(connection)
    finally:
        try:
            _set_when_free(connection, BOOTSTRAP + "OFF")
        except (pymysql.Error, OSError):
            # The connection went with the start; the option must not stay.
            with local(settings) as another:
                _set_when_free(another, BOOTSTRAP + "OFF")


def _start_group_replication(connection: Any) -> None:
    """Start it; where the server says no more than that its log says why, say what that says."""
    try:
        _do(connection, "START GROUP_REPLICATION")
    except pymysql.Error as err:
        said = _said(err)
        if not said.endswith(causes.SEE_LOG):
            raise
        logged = causes.last_errors(functools.partial(_rows, connection))
        raise CommandExecutionError(
            f"mysqld said: {said}" + (f" Its error log: {logged}" if logged else "")
        ) from err


def _give_up_received(connection: Any) -> None:
    _do(connection, "SET SESSION sql_log_bin = OFF")
    try:
        _do(connection, "SET GLOBAL super_read_only = OFF")
        _do(connection, "RESET REPLICA ALL FOR CHANNEL 'group_replication_applier'")
    finally:
        _do(connection, "SET GLOBAL super_read_only = ON")
        _do(connection, "SET SESSION sql_log_bin = ON")


def _apply_received(connection: Any, received: str, patience: float) -> None:
    """Apply what the applier channel received before a crash, with Group Replication stopped."""
    channel = "FOR CHANNEL 'group_replication_applier'"
    ask = functools.partial(_rows, connection)
    _do(connection, f"START REPLICA SQL_THREAD {channel}")
    try:
        progress, since = None, time.monotonic()
        while True:
            now = _rows(connection, "SELECT GTID_SUBTRACT(%s, @@gtid_executed) AS s", (received,))
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
        _do(connection, f"STOP REPLICA SQL_THREAD {channel}")


def _recovery_credentials(connection: Any) -> list[dict[str, Any]]:
    """Name and password of the recovery account, in one row; none on a server that is new.

    The keeper's settings hold no password of this account; the server's own table does.
    """
    return _rows(
        connection,
        "SELECT User_name AS name, User_password AS password FROM mysql.slave_master_info"
        " WHERE Channel_name = 'group_replication_recovery' AND User_name <> ''",
    )


def _clone(
    settings: Settings,
    connection: Any,
    mine: Mapping[str, Any],
    donor: Mapping[str, Any],
    patience: float,
) -> None:
    """Copy a member's data over this server's, with which mysqld then starts anew."""
    _stop_failed(connection, mine)
    (recovery,) = _recovery_credentials(connection)
    place = f"{donor['host']}:{donor['port']}"
    _do(connection, "SET GLOBAL clone_valid_donor_list = %s", (place,))
    before = _clone_status(connection).get("BEGIN_TIME")

    def copy() -> str:
        try:
            with local(settings, None) as copying:
                _do(
                    copying,
                    f"CLONE INSTANCE FROM %s@%s:{int(donor['port'])} IDENTIFIED BY %s REQUIRE SSL",
                    (recovery["name"], donor["host"], recovery["password"]),
                )
        except CommandExecutionError as err:
            # It always ends with the server's restart, and so with the connection's loss.
            return str(err)
        return ""

    # What is there is dropped first, which super_read_only forbids; read_only stays ON.
    _do(connection, "SET GLOBAL super_read_only = OFF")
    try:
        if held_by(mine):
            # A copy that is cut off has dropped data already.
            _forget_transactions(connection, mine["version"])
        with ThreadPoolExecutor(max_workers=1) as pool:
            copied = pool.submit(copy)
            try:
                _await_progress(settings, patience, lambda seen, clone: copied.done())
            except CommandExecutionError:
                _kill_clone(settings)
                raise
    finally:
        # Where it succeeded the server has started anew, read only by its option file.
        with contextlib.suppress(CommandExecutionError), local(settings) as another:
            _do(another, "SET GLOBAL super_read_only = ON")
    said = copied.result()
    _await_progress(settings, patience, lambda seen, clone: seen["answers"])
    with local(settings) as again:
        now = _clone_status(again)
    if now.get("BEGIN_TIME") == before or now.get("STATE") != "Completed":
        why = now.get("ERROR_MESSAGE") or said
        if DONOR_BUSY in why:
            raise DonorBusyError(f"another member clones {place}; {settings.me} waits for its end")
        raise CommandExecutionError(f"{settings.me} could not clone {place}: {why}")


def _clone_status(connection: Any) -> dict[str, Any]:
    """The last clone on this server, or nothing."""
    rows = _rows(
        connection,
        "SELECT BEGIN_TIME, END_TIME, STATE, SOURCE, ERROR_NO, ERROR_MESSAGE"
        " FROM performance_schema.clone_status ORDER BY ID DESC LIMIT 1",
    )
    return rows[0] if rows else {}


def _kill_clone(settings: Settings) -> None:
    with contextlib.suppress(CommandExecutionError), local(settings) as connection:
        for row in _rows(connection, "SELECT PID AS pid FROM performance_schema.clone_status"):
            with contextlib.suppress(pymysql.Error):
                _do(connection, "KILL QUERY %s", (row["pid"],))


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
        _locked(connection, lock_seconds) as locked,
    ):
        if not locked:
            return as_verdict("wait", f"another run on {settings.me} is at it")
        seen = _facts(settings, connection)
        decision = decided(settings.me, settings.group, seen)
        verdict = decision["verdict"]
        if verdict == "member":
            _remember(seen[settings.me])
        if verdict not in allowed:
            return decision
        if verdict in STARTS and not _recovery_credentials(connection):
            # A start without them ends only after a minute, and holds up whoever would set them.
            return as_verdict(
                "wait",
                f"{settings.me} has no credentials for channel group_replication_recovery; "
                "state mysql.accounts (mysql_gr.create_accounts) sets them",
            )
        log.info("%s: %s", verdict, decision["why"])
        mine = seen[settings.me]
        if verdict == "stop":
            _stop_failed(connection, mine)
        elif verdict == "apply":
            _apply_received(connection, decision["received"], patience)
        elif verdict == "clone":
            try:
                _clone(settings, connection, mine, seen[decision["donor"]], patience)
            except DonorBusyError as err:
                return as_verdict("wait", str(err))
        else:
            if verdict == "lead" and decision["received"]:
                # Given up by name: the applier would fail at it again.
                _give_up_received(connection)
            _start(settings, connection, mine, seen.values(), bootstrap=verdict != "join")
        return {**decision, "done": True}


def converge(
    timeout: float = 180,
    patience: float = 60,
    method: str = "auto",
    clone_over: str | None = None,
    force_member: str | None = None,
) -> dict[str, Any]:
    """
    Bring the local member into its group as the decision says, and wait until it is ONLINE.

    timeout
        Seconds to wait while the decision is to wait for others. Default 180.

    patience
        Seconds without progress after which applying, cloning or recovering is given up. Default
        60.

    method, clone_over
        As for :py:func:`join`.

    force_member
        As for :py:func:`recover`.

    Returns the last decision, whose ``verdict`` is ``member`` (also when nothing was to be done),
    or ``wait``, ``uncertain`` or ``paused`` when the time ran out on it, with ``acted``, the list
    of what was done. Raises CommandExecutionError when the decision is to refuse, or the local
    mysqld is away for half a minute; SaltInvocationError for wrong settings or arguments.

    CLI Example:

    .. code-block:: bash

        salt 'db*' mysql_gr.converge timeout=60
    """
    settings = _settings()
    decided = overruling(settings.me, method, clone_over, force_member)
    return converge_by(settings, timeout, patience, decided)


def converge_by(
    settings: Settings, timeout: float, patience: float, decided: Decide = decide_by
) -> dict[str, Any]:
    """
    Do what :py:func:`converge` says, for settings that are at hand.
    """
    begin = answered = time.monotonic()
    acted: list[str] = []
    while True:
        try:
            decision = _act(settings, ACTIONS, patience, decided=decided)
        except UnreachableError as err:
            decision = silent_verdict(settings.me, str(err))
        verdict, now = decision["verdict"], time.monotonic()
        if verdict != "silent":
            answered = now
        if decision.pop("done", False):
            acted.append(decision["why"])
            if verdict == "clone":
                # What was told is done; a second clone over the first one was not.
                decided = decide_by
        elif verdict == "recovering":
            _wait_online(settings, patience)
        elif verdict == "refuse" or (
            verdict == "silent" and now - answered > min(AWAY_SECONDS, timeout)
        ):
            raise CommandExecutionError(decision["why"])
        elif verdict in ("member", "paused") or now - begin > timeout:
            return {**decision, "acted": acted}
        else:
            time.sleep(1)


def bootstrap(member: str) -> dict[str, Any]:
    """
    Create the group on this member, or lead it again, if the decision is that it shall.

    member
        This member's declared name: a group is created only by a call that names who does it.

    Returns the decision that was carried out (``verdict`` create or lead). Raises
    CommandExecutionError when the decision is another one, with its sentence; SaltInvocationError
    when ``member`` is not this one.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_gr.bootstrap member=db1
    """
    settings = _settings()
    named_member(member, settings.me, "bootstrapping")
    return _once(settings, ("create", "lead"))


def join(
    method: str = "auto", clone_over: str | None = None, patience: float = 60
) -> dict[str, Any]:
    """
    Take the local member into the group that the others have, and end a pause.

    method
        ``auto`` (default): incremental where the group has the binary logs that are needed; an
        empty member clones where it has not, or where that would replay a million transactions.
        ``incremental``: never by clone. ``clone``: by clone, of an empty member only.

    clone_over
        This member's declared name: with ``method=clone``, what it has is given up for a copy of
        another member. There is no other way to that.

    patience
        Seconds without progress after which a clone is given up. Default 60.

    Returns the decision that was carried out (``verdict`` join), or ``member`` or ``recovering``
    where it was or came in without this call; after a clone with ``cloned``, the donor's name, and
    ``given_up``, the GTIDs that only this member had. :py:func:`wait_online` waits for the end of
    distributed recovery. Raises CommandExecutionError when the decision is another one, with its
    sentence, or a clone fails; SaltInvocationError for a wrong method or name.

    CLI Example:

    .. code-block:: bash

        salt db2 mysql_gr.join
        salt db3 mysql_gr.join method=clone clone_over=db3
    """
    settings = _settings()
    if settings.removed:
        raise CommandExecutionError(f"{settings.me} stays out of the group: {settings.removed}")
    decided = unpaused(overruling(settings.me, method, clone_over))
    decision = _once(settings, ("join", "clone"), patience, decided)
    if decision["verdict"] == "clone":
        cloned = {"cloned": decision["donor"], "given_up": decision["errant"]}
        decision = {**_once(settings, ("join",), patience, unpaused(decide_by)), **cloned}
    PAUSE_FILE.unlink(missing_ok=True)
    LEAVING_FILE.unlink(missing_ok=True)
    return decision


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


def recover(
    force_member: str | None = None, timeout: float = 180, patience: float = 60
) -> dict[str, Any]:
    """
    Bring the group back after all members were down: as decided, or led by a named member.

    force_member
        This member's declared name: it leads although a declared member does not answer, or
        although others have transactions that it has not, or received some that they cannot apply.
        What it received itself is applied first; once its applier has failed at that, the next call
        gives it up, and names it. Those are refused when they return, with
        what only they have named; nothing of theirs is wiped. Only for when it is known that the
        silent ones do not run on as a group.

    timeout
        Seconds to wait while the decision is to wait for others. Default 180.

    patience
        Seconds without progress after which applying or recovering is given up. Default 60.

    Returns as :py:func:`converge` does. Raises CommandExecutionError when the decision is to
    refuse, SaltInvocationError when ``force_member`` is not this one.

    CLI Example:

    .. code-block:: bash

        salt 'db*' mysql_gr.recover
        salt db2 mysql_gr.recover force_member=db2
    """
    return converge(timeout, patience, force_member=force_member)


def force_quorum(
    survivors: Sequence[str],
    dead: Sequence[str],
    patience: float = 120,
    dry_run: bool = False,
) -> dict[str, Any]:
    """
    Let the survivors of a group that lost its majority go on alone.

    survivors
        The declared names of the members that go on; this one is among them, and each is ONLINE in
        one view.

    dead
        The declared names of all others, which the operator has seen to be dead: none may answer.

    patience
        Seconds to wait for the new view. Default 120: the group's communication looks for members
        that died a moment ago for a minute.

    dry_run
        Check all that is checked, and do nothing. Default False.

    Returns what :py:func:`status` does. Raises SaltInvocationError when the names do not add up,
    CommandExecutionError when a dead one answers, a survivor does not, there is a majority, or the
    new view does not come in time.
    Source: https://dev.mysql.com/doc/refman/9.7/en/group-replication-network-partitioning.html

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_gr.force_quorum survivors='[db1]' dead='[db2, db3]'
    """
    settings = _settings()
    # The statement itself waits without end for a view that does not come.
    with _exclusive(settings, patience) as connection:
        survivors_by(settings.me, settings.nodes, _facts(settings, connection), survivors, dead)
        if dry_run:
            return status()
        places = ",".join(f"{settings.nodes[name]}:{settings.port}" for name in survivors)
        try:
            _set_when_free(connection, FORCE_MEMBERS + "%s", (places,))
        except pymysql.OperationalError as err:
            if NO_ANSWER not in _said(err):
                raise
            raise CommandExecutionError(
                f"no view of {joined(survivors)} alone within {patience:.0f} s; the server goes on "
                "with it, and mysql_gr.status shows when it is there"
            ) from err
        _set_when_free(connection, FORCE_MEMBERS + "''")
    _wait_online(settings, patience)
    return status()


def reset_member(member: str, dry_run: bool = False) -> dict[str, str]:
    """
    Empty a member that is outside its group, so that it can come in anew.

    Its databases, its accounts but those of the group's own, its transactions and what it received
    are gone. The group must be there, with a majority, to bring them back by recovery or clone.

    member
        This member's declared name: it is emptied only by a call that names it.

    dry_run
        Say what would be given up, and do nothing. Default False.

    Returns a dict: ``given_up``, what it had executed and received, and ``errant``, what of it the
    group does not have. Raises CommandExecutionError when the member is in the group, or no group
    with a majority is there; SaltInvocationError when ``member`` is not this one.

    CLI Example:

    .. code-block:: bash

        salt db3 mysql_gr.reset_member member=db3
    """
    settings = _settings()
    named_member(member, settings.me, "emptying")
    # Big databases take their time to be dropped.
    with _exclusive(settings, None) as connection:
        seen = _facts(settings, connection)
        decision = unpaused(decide_by)(settings.me, settings.group, seen)
        allowed = decision["verdict"] in ("join", "clone")
        if not allowed and decision["overruled_by"] != "clone_over":
            raise CommandExecutionError(f"{member} is not emptied: {decision['why']}")
        mine = seen[member]
        if not dry_run:
            _stop_failed(connection, mine)
            _empty(connection, settings, mine["version"])
            # Until here it says that this machine has to be filled again.
            memory.MEMBER_FILE.unlink(missing_ok=True)
        return {"given_up": format_gtids(held_by(mine)), "errant": decision["errant"]}


def _forget_transactions(connection: Any, version: str) -> None:
    """
    Let a server forget what it executed and received, before its data goes.

    A run that breaks off between the two leaves data that no transaction accounts for, which is
    refused. The other way round it would leave transactions without their data: that joins.
    """
    _do(connection, "RESET REPLICA ALL FOR CHANNEL 'group_replication_applier'")
    _do(connection, statement_for("reset binary logs", version))


def _empty(connection: Any, settings: Settings, version: str) -> None:
    kept = [(account.name, account.host) for account in grantees(settings, "members")]
    _do(connection, "SET SESSION sql_log_bin = OFF")
    # Parents and children may lie in different databases.
    _do(connection, "SET SESSION foreign_key_checks = OFF")
    try:
        _do(connection, "SET GLOBAL super_read_only = OFF")
        _forget_transactions(connection, version)
        # Accounts first: a database that is left says that this has not ended.
        for row in _rows(
            connection,
            "SELECT user AS name, host AS host FROM mysql.user WHERE user NOT LIKE"
            " 'mysql.%%' AND user NOT IN ('root', 'debian-sys-maint') AND (user, host) NOT IN %s",
            (kept,),
        ):
            _do(connection, "DROP USER %s@%s", (row["name"], row["host"]))
        for row in _rows(connection, USER_SCHEMAS, (SYSTEM_SCHEMAS,)):
            _do(connection, f"DROP DATABASE `{row['name'].replace('`', '``')}`")
    finally:
        _do(connection, "SET GLOBAL super_read_only = ON")
        _do(connection, "SET SESSION foreign_key_checks = ON")
        _do(connection, "SET SESSION sql_log_bin = ON")


def forget(member: str, dry_run: bool = False) -> dict[str, Any]:
    """
    Make this machine a new one: what it remembers of its group is forgotten, no data is touched.

    It is for a machine whose data is lost for good: without this call its empty data directory is
    taken for a missing disk, and neither is a new one made, nor does it come in empty or create a
    group.

    member
        This member's declared name: it is forgotten only by a call that names it.

    dry_run
        Say what would be forgotten, and do nothing. Default False.

    Returns what was remembered: ``group``, ``server_uuid``, ``view_id``, ``members`` and ``seen``;
    empty where it was no member. Raises CommandExecutionError when mysqld answers and has
    transactions; SaltInvocationError when ``member`` is not this one.

    CLI Example:

    .. code-block:: bash

        salt db3 mysql_gr.forget member=db3
    """
    settings = _settings()
    named_member(member, settings.me, "forgetting")
    was = memory.remembered(memory.MEMBER_FILE)
    with contextlib.suppress(UnreachableError), local(settings) as connection:
        held = format_gtids(held_by(observe(connection)))
        if held:
            raise CommandExecutionError(
                f"{member} has its data ({held}); mysql_gr.reset_member empties a member"
            )
    if not dry_run:
        memory.MEMBER_FILE.unlink(missing_ok=True)
    return was


def pause(reason: str) -> dict[str, str]:
    """
    Keep every automation here from taking this member into the group, until :py:func:`unpause`.

    A member that is ONLINE stays so; one that is outside, or goes, stays outside.

    reason
        What status, decisions and the keeper's log say about it.

    Returns a dict: ``old`` and ``new`` reason. Raises SaltInvocationError without a reason.

    CLI Example:

    .. code-block:: bash

        salt db3 mysql_gr.pause 'memory is replaced tonight'
    """
    old, new = _paused(), _given(reason)
    write_whole(PAUSE_FILE, new + "\n")
    return {"old": old, "new": new}


def paused() -> str:
    """
    Return why the operator keeps this member out of the group, or "".

    CLI Example:

    .. code-block:: bash

        salt 'db*' mysql_gr.paused
    """
    return _paused()


def unpause() -> dict[str, str]:
    """
    End a pause; the keeper takes the member in again if it is outside.

    Returns a dict: ``old`` and ``new`` reason, the new one empty.

    CLI Example:

    .. code-block:: bash

        salt db3 mysql_gr.unpause
    """
    old = _paused()
    PAUSE_FILE.unlink(missing_ok=True)
    return {"old": old, "new": ""}


def leave(
    member: str, reason: str = "left by mysql_gr.leave", drain: int | None = None
) -> dict[str, Any]:
    """
    Take the local member out of the group and keep it out until :py:func:`join`.

    Before it leaves, a primary hands over, the balancer sends no new connections, and
    transactions get the time to end.

    member
        This member's declared name.

    reason
        What status, decisions and the keeper's log say about it.

    drain
        Seconds that transactions get at most. 0 leaves at once. Default: pillar ``mysql:drain``.

    Returns a dict: ``old`` and ``new`` state. Raises CommandExecutionError when mysqld refuses,
    SaltInvocationError when ``member`` is not this one.

    CLI Example:

    .. code-block:: bash

        salt db3 mysql_gr.leave member=db3 reason='memory is replaced'
    """
    settings = _settings()
    named_member(member, settings.me, "leaving")
    seconds, why = drain_seconds("drain", drain, settings.drain), _given(reason)
    # The statement that takes a primary away waits as long as transactions may.
    with (
        _exclusive(settings, START_SECONDS + seconds) as connection,
        # Before it leaves, so that the keeper does not take it in again at once.
        _kept_if_done(PAUSE_FILE, why),
    ):
        return _leave(settings, connection, seconds)


@contextlib.contextmanager
def _kept_if_done(path: Path, reason: str) -> Iterator[None]:
    """Write an operator's reason for what is done meanwhile; what fails leaves the old one."""
    old = path.read_text(encoding="utf-8") if path.exists() else None
    write_whole(path, reason + "\n")
    try:
        yield
    except BaseException:
        if old is None:
            path.unlink(missing_ok=True)
        else:
            write_whole(path, old)
        raise


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
                seen = {**observe(connection), **_applier(connection)}
                cloned = _rows(
                    connection, "SELECT SUM(DATA) AS bytes FROM performance_schema.clone_progress"
                )[0]["bytes"]
        except CommandExecutionError as err:
            # mysqld restarts itself at the end of a clone.
            seen, cloned = _silent(str(err)), None
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
            )
        time.sleep(0.5)


def _wait_online(settings: Settings, patience: float) -> dict[str, Any]:
    return _await_progress(settings, patience, lambda seen, _: seen["state"] == ONLINE)


def wait_online(patience: float = 60) -> dict[str, Any]:
    """
    Wait until the local member is ONLINE, for as long as its recovery makes progress.

    patience
        Seconds without a transaction or a cloned byte more after which it is given up. Default 60.

    Returns what :py:func:`status` does. Raises CommandExecutionError when progress stops.

    CLI Example:

    .. code-block:: bash

        salt db2 mysql_gr.wait_online patience=120
    """
    _wait_online(_settings(), patience)
    return status()


def _view_row(settings: Settings, seen: Mapping[str, Any], member: str) -> Mapping[str, Any]:
    """The row of a declared member in a view that has a majority."""
    if seen["state"] != ONLINE or not seen["quorum"]:
        raise CommandExecutionError(
            f"{settings.me} is {seen['state']}{'' if seen['quorum'] else ' without a majority'}; "
            "the group is changed from a member that is ONLINE with one"
        )
    row = next((r for r in seen["members"] if r["host"] == settings.nodes.get(member)), None)
    if row is None or row["state"] != ONLINE:
        online = [r["name"] or r["host"] for r in _named(settings, seen["members"])]
        raise SaltInvocationError(
            f"member is '{member}', which is not ONLINE in the group; expected one of "
            + joined(online)
        )
    return row


def set_primary(member: str, drain: int = 10, dry_run: bool = False) -> dict[str, Any]:
    """
    Make a member the primary of a single-primary group.

    Called on the primary itself, it lets the balancer send it nobody new before it hands over: new
    connections wait there for the new primary, and none meets one that takes no more writes.

    member
        The declared name of the member that is to lead; any ONLINE member can be told.

    drain
        Seconds that running transactions get to end before they are rolled back. Default 10.

    dry_run
        Check all that is checked, and do nothing. Default False.

    Returns a dict: ``old`` and ``new``, the primaries' declared names; the same when nothing was to
    be done. Raises CommandExecutionError when the group is multi-primary, has no majority or
    refuses; SaltInvocationError when the member is none of the group's.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_gr.set_primary db2 drain=5
    """
    settings = _settings()
    with _exclusive(settings, START_SECONDS + drain) as connection:
        seen = observe(connection)
        row = _view_row(settings, seen, member)
        if seen["mode"] != MODES[1]:
            raise CommandExecutionError(
                "the group is multi-primary: every member is primary; "
                "mysql_gr.switch_mode single-primary makes it one"
            )
        old = clerk_of(seen["members"], settings.nodes)
        if dry_run:
            return {"old": old, "new": member}
        if old == settings.me != member:
            _flag_leaving(drain + STOP_SECONDS)
            try:
                _wait_idle(settings, connection, drain)
                _set_as_primary(connection, row["id"], drain)
            finally:
                LEAVING_FILE.unlink(missing_ok=True)
        elif old != member:
            _set_as_primary(connection, row["id"], drain)
        return {"old": old, "new": clerk_of(observe(connection)["members"], settings.nodes)}


def switch_mode(
    mode: str, member: str | None = None, patience: float = 60, dry_run: bool = False
) -> dict[str, Any]:
    """
    Switch the whole group between multi-primary and single-primary, online.

    One member does it (:py:func:`clerk_of`); called on another, this waits until it has arrived.

    mode
        multi-primary or single-primary.

    member
        The member that is to be primary in single-primary mode. Default: the one that does it.

    patience
        Seconds to wait for the member that does it. Default 60.

    dry_run
        Check all that is checked, and do nothing. Default False.

    Returns a dict: ``old`` and ``new`` mode; the same when nothing was to be done. Raises
    CommandExecutionError when the schema has what multi-primary cannot take (each table is named),
    the group has no majority or refuses, or the wait was in vain; SaltInvocationError for a wrong
    mode or member.

    CLI Example:

    .. code-block:: bash

        salt 'db*' mysql_gr.switch_mode single-primary
    """
    settings = _settings()
    mode = checked_mode(mode)
    with _exclusive(settings) as connection:
        seen = observe(connection)
        row = _view_row(settings, seen, member or settings.me)
        old = seen["mode"]
        if dry_run:
            if old != mode == MODES[0]:
                _check_multi_primary(connection)
            return {"old": old, "new": mode}
        if old != mode:
            if clerk_of(seen["members"], settings.nodes) == settings.me:
                _switch_mode(connection, mode, row["id"])
            else:
                _await_mode(connection, settings, mode, patience)
        return {"old": old, "new": observe(connection)["mode"]}


def _switch_mode(connection: Any, mode: str, primary_id: str) -> None:
    if mode == MODES[1]:
        _rows(
            connection, "SELECT group_replication_switch_to_single_primary_mode(%s)", (primary_id,)
        )
        return
    _check_multi_primary(connection)
    _rows(connection, "SELECT group_replication_switch_to_multi_primary_mode()")


def _check_multi_primary(connection: Any) -> None:
    problems = _check_schema(connection, MODES[0])
    if problems:
        raise CommandExecutionError(
            "multi-primary cannot take "
            + "; ".join(f"{p['table']} ({p['problem']}: {p['detail']})" for p in problems)
        )


def _await_mode(connection: Any, settings: Settings, mode: str, patience: float) -> None:
    deadline = time.monotonic() + patience
    while observe(connection)["mode"] != mode:
        if time.monotonic() > deadline:
            clerk = clerk_of(observe(connection)["members"], settings.nodes)
            raise CommandExecutionError(
                f"{clerk or 'a primary'} switches the group to {mode}; "
                f"it did not arrive on {settings.me} within {patience:.0f} s"
            )
        time.sleep(0.5)


# --- leaving -------------------------------------------------------------------------------------


def leaving() -> bool:
    """
    Tell whether the local member is leaving its group just now.
    """
    try:
        # The file says until when at the longest: one that a killed call left counts no more.
        return time.monotonic() < float(LEAVING_FILE.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return False


def _flag_leaving(seconds: float) -> None:
    write_whole(LEAVING_FILE, f"{time.monotonic() + seconds:.3f}\n")


def not_for_new() -> str:
    """
    Say why a balancer should send the local member nobody new, or return the empty text.
    """
    why = drained()
    return "leaving" if leaving() else f"drained: {why}" if why else ""


def drain(member: str, reason: str, seconds: int | None = None) -> dict[str, Any]:
    """
    Let the balancer send the local member nobody new, until :py:func:`undrain` or a boot.

    The member stays in its group and sessions go on. A primary of a single-primary group hands over
    first. Nothing here looks at the other members: with all of them drained nobody is served.

    member
        This member's declared name: a call to all members at once is refused by all but one.

    reason
        What status and the health agent say about it.

    seconds
        How long to wait until no client is in a transaction. Default: pillar ``mysql:drain``.

    Returns a dict: ``old`` and ``new`` reason, and ``busy``, how many sessions of clients are still
    in a transaction. Raises CommandExecutionError when mysqld does not answer, SaltInvocationError
    without a reason, or when ``member`` is not this one.

    CLI Example:

    .. code-block:: bash

        salt db3 mysql_gr.drain member=db3 reason='a new kernel'
    """
    settings = _settings()
    named_member(member, settings.me, "draining")
    wait, new, old = drain_seconds("seconds", seconds, settings.drain), _given(reason), drained()
    with (
        _exclusive(settings, START_SECONDS + wait) as connection,
        _kept_if_done(DRAINED_FILE, new),
    ):
        if observe(connection)["state"] == ONLINE:
            _drain(settings, connection, wait)
        return {"old": old, "new": new, "busy": _busy(settings, connection)}


def drained() -> str:
    """
    Return why the operator lets the balancer send this member nobody new, or "".

    CLI Example:

    .. code-block:: bash

        salt 'db*' mysql_gr.drained
    """
    return _reason(DRAINED_FILE)


def undrain() -> dict[str, str]:
    """
    End a drain: the balancer sends this member clients again.

    Returns a dict: ``old`` and ``new`` reason, the new one empty.

    CLI Example:

    .. code-block:: bash

        salt db3 mysql_gr.undrain
    """
    old = drained()
    DRAINED_FILE.unlink(missing_ok=True)
    return {"old": old, "new": ""}


def _busy(settings: Settings, connection: Any) -> int:
    """How many sessions of clients are in a transaction or a statement."""
    own = ("root", settings.admin.name, settings.recovery.name, settings.health_user)
    return _rows(
        connection,
        "SELECT COUNT(*) AS busy FROM performance_schema.threads t"
        " LEFT JOIN information_schema.innodb_trx x ON x.trx_mysql_thread_id = t.processlist_id"
        " WHERE t.name = 'thread/sql/one_connection' AND COALESCE(t.processlist_user, '') NOT IN %s"
        " AND (x.trx_id IS NOT NULL OR t.processlist_command NOT IN ('Sleep', 'Daemon'))",
        (own,),
    )[0]["busy"]


def heir_of(settings: Settings, seen: Mapping[str, Any]) -> str | None:
    """
    Return the id of the member that is to be primary when this one leaves, or None.

    settings
        The group's settings.

    seen
        What the local member says of itself. Only a primary of a single-primary group hands over.
    """
    if seen["mode"] != MODES[1] or seen["role"] != "PRIMARY" or not seen["quorum"]:
        return None
    ids = {
        member["host"]: member["id"]
        for member in seen["members"]
        if member["state"] == ONLINE and member["id"] != seen["server_uuid"]
    }
    return next((ids[host] for host in settings.nodes.values() if host in ids), None)


def _wait_idle(settings: Settings, connection: Any, seconds: int) -> None:
    """Wait until the balancer sends nobody new and no client is in a transaction, or time is up."""
    begin = time.monotonic()
    while time.monotonic() - begin < seconds:
        if time.monotonic() - begin > NOTICE_SECONDS and not _busy(settings, connection):
            return
        # InnoDB shows its transactions anew only to who has not looked for a tenth of a second.
        time.sleep(0.25)


def _drain(settings: Settings, connection: Any, seconds: int) -> None:
    """Wait until nobody is in the way; a primary hands over then.

    Until another member has taken over, new connections wait at the balancer.
    """
    _wait_idle(settings, connection, seconds)
    heir = heir_of(settings, observe(connection))
    if heir:
        try:
            _set_as_primary(connection, heir, seconds)
        except pymysql.Error as err:
            log.warning("the primary is not handed over: %s", _said(err))


def _set_as_primary(connection: Any, member_id: str, seconds: int) -> None:
    _rows(connection, "SELECT group_replication_set_as_primary(%s, %s)", (member_id, seconds))


def _leave(settings: Settings, connection: Any, seconds: int, flag_stays: bool = False) -> Any:
    """Drain the local member and take it out of its group; return its old and new state."""
    old = observe(connection)["state"]
    _flag_leaving(seconds + STOP_SECONDS + LOCK_SECONDS)
    try:
        if old == ONLINE and seconds:
            _drain(settings, connection, seconds)
        if old != OFFLINE:
            # Commits under way end before the group is left: one that waits for certification
            # then holds up the server for a minute.
            _do(connection, "SET SESSION lock_wait_timeout = %s", (COMMIT_SECONDS,))
            with contextlib.suppress(pymysql.OperationalError, pymysql.InternalError):
                _do(connection, "SET GLOBAL super_read_only = ON")
            _do(connection, "STOP GROUP_REPLICATION")
        _do(connection, "SET GLOBAL super_read_only = ON")
        return {"old": old, "new": observe(connection)["state"]}
    finally:
        if not flag_stays:
            LEAVING_FILE.unlink(missing_ok=True)


def leave_before_stop(settings: Settings) -> dict[str, Any]:
    """
    Drain the local member and take it out of its group, since mysqld is about to stop.

    Until the server has stopped no keeper takes the member in again: who stops it removes the flag.

    settings
        The group's settings.

    Returns a dict: ``old`` and ``new`` state. Raises CommandExecutionError when mysqld does not
    answer or refuses.
    """
    with (
        local(settings, max(STOP_SECONDS, settings.drain + QUERY_SECONDS)) as connection,
        # Another run that is starting the group here does not hold up a stop.
        _locked(connection, 3),
    ):
        return _leave(settings, connection, settings.drain, flag_stays=True)


def _removed_settings() -> Settings:
    settings = _settings()
    if not settings.removed:
        raise SaltInvocationError(
            f"pillar cluster:nodes declares {settings.me}; expected a member whose line is deleted "
            "there: mysql_gr.leave takes out one that is declared"
        )
    return settings


def removal() -> dict[str, Any]:
    """
    Say what is to be done about a member that the table of nodes no longer declares.

    Returns a dict: ``state`` of the local member, ``settled`` (bool: it is outside, and its keeper
    knows that it stays there) and ``problem`` (why it must not go now, or ""). Raises
    SaltInvocationError when it is declared, never was a member, or the table is wrong.

    CLI Example:

    .. code-block:: bash

        salt db4 mysql_gr.removal
    """
    settings = _removed_settings()
    seen = _facts(settings)
    state = seen[settings.me]["state"]
    settled = state in (OFFLINE, UNKNOWN) and not settings_differ()
    return {
        "state": state,
        "settled": settled,
        "problem": "" if settled else removal_problem(settings.me, seen),
    }


def remove(member: str, drain: int | None = None) -> dict[str, Any]:
    """
    Take a member out that the table of nodes no longer declares; its data is not touched.

    It drains, leaves and stays out until it is declared again.

    member
        This member's name.

    drain
        Seconds that transactions get at most. 0 leaves at once. Default: pillar ``mysql:drain``.

    Returns a dict: ``old`` and ``new`` state, UNKNOWN where mysqld does not answer. Raises
    CommandExecutionError when the rest would have no majority, or mysqld refuses;
    SaltInvocationError when the member is declared or ``member`` is not this one.

    CLI Example:

    .. code-block:: bash

        salt db4 mysql_gr.remove member=db4
    """
    settings = _removed_settings()
    named_member(member, settings.me, "removing")
    seconds = drain_seconds("drain", drain, settings.drain)
    now = removal()
    if now["problem"]:
        raise CommandExecutionError(now["problem"])
    # First, so that the keeper does not take it in again at once.
    store_settings()
    if now["state"] == UNKNOWN:
        return {"old": UNKNOWN, "new": UNKNOWN}
    with _exclusive(settings) as connection:
        return _leave(settings, connection, seconds)


# --- options of the running server ---------------------------------------------------------------


def _option_differences(
    settings: Settings, connection: Any
) -> dict[str, dict[str, dict[str, str]]]:
    variables = {
        row["VARIABLE_NAME"].lower(): row["VARIABLE_VALUE"]
        for row in _rows(
            connection,
            "SELECT VARIABLE_NAME, VARIABLE_VALUE FROM performance_schema.global_variables",
        )
    }
    bounds = {
        row["VARIABLE_NAME"].lower(): (int(row["MIN_VALUE"]), int(row["MAX_VALUE"]))
        for row in _rows(
            connection,
            "SELECT VARIABLE_NAME, MIN_VALUE, MAX_VALUE FROM performance_schema.variables_info"
            " WHERE MIN_VALUE REGEXP '^-?[0-9]+$' AND MAX_VALUE REGEXP '^[0-9]+$'",
        )
    }
    running = variables["version"].partition("-")[0]
    options = options_of(settings, settings.version or running)
    return differing_options(options, variables, bounds)


def option_differences(timeout: float = 0) -> dict[str, dict[str, dict[str, str]]]:
    """
    Compare the declared option file with what the running server has.

    Values are compared in the server's own form; what the group sets in its members (mode, read
    only, bootstrap) is left out.

    timeout
        As for :py:func:`account_differences`.

    Returns a dict: ``online`` (what :py:func:`set_options` would set), ``restart`` (what waits for
    a restart of mysqld) and ``unknown`` (what the running server has no variable for: misspelt, or
    of a plugin that is not loaded), each a dict of variable to ``old`` and ``new``. Raises
    CommandExecutionError when mysqld does not answer, SaltInvocationError for wrong settings.

    CLI Example:

    .. code-block:: bash

        salt 'db*' mysql_gr.option_differences
    """
    settings = _settings()
    return _answered(
        settings, timeout, lambda connection: _option_differences(settings, connection)
    )


def set_options() -> dict[str, dict[str, str]]:
    """
    Set in the running server what the declared option file has and can be set without a restart.

    Returns a dict of variable to ``old`` and ``new``, empty when nothing was to be done. Raises
    CommandExecutionError when mysqld does not answer or refuses, SaltInvocationError for wrong
    settings.

    CLI Example:

    .. code-block:: bash

        salt 'db*' mysql_gr.set_options
    """
    settings = _settings()
    with _exclusive(settings) as connection:
        changes = _option_differences(settings, connection)["online"]
        for name, change in changes.items():
            new = change["new"]
            number = re.fullmatch(r"-?\d+(\.\d+)?", new)
            value: Any = new if not number else float(new) if number[1] else int(new)
            try:
                _set_when_free(connection, f"SET GLOBAL {name} = %s", (value,))
            except pymysql.Error as err:
                raise CommandExecutionError(f"{name} = {new}: {_said(err)}") from err
        return changes
