"""The accounts of the group and of its application: least privileges, compared and made."""

from __future__ import annotations

import ipaddress
import re
import time
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from salt.exceptions import CommandExecutionError, SaltInvocationError

from group_replication import comparison, operation, schema_change
from group_replication.connection import exclusive, execute, local, rows
from group_replication.facts import observe
from group_replication.model import OFFLINE, ONLINE, Application, Settings, joined
from group_replication.own_table import SCHEMA, has_table
from group_replication.passwords import is_made_of
from group_replication.versions import version_of

SCOPES = ("members", "application")


class Grantee(NamedTuple):
    """An account as it should be: where it may come from and what it may do."""

    name: str
    host: str
    grants: dict[str, tuple[str, ...]]
    password: str = ""
    # Instead of a password: the operating system's user that mysqld sees behind the socket.
    os_user: str = ""
    tls: bool = False

    def __repr__(self) -> str:
        return f"{self.name}@{self.host}"


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
        clients = [
            account
            for one in applications_of(settings)
            for account in (_application(one, inside), _schema(one, inside))
        ]
        return [*clients, *([_backup(settings, inside)] if settings.backup.password else [])]
    if scope != "members":
        raise SaltInvocationError(f"scope is '{scope}'; expected {' or '.join(SCOPES)}")
    return _members(settings, inside)


def applications_of(settings: Settings) -> list[Application]:
    """Return what the group has for each application, the first one first."""
    first = Application(
        "", settings.application, settings.schema, settings.database, settings.grants
    )
    return [first, *settings.applications]


ROWS = ("SELECT", "INSERT", "UPDATE", "DELETE")
# A program that logs in can change no password, and nobody else may end its account.
LASTING = (
    "PASSWORD EXPIRE NEVER FAILED_LOGIN_ATTEMPTS 0 PASSWORD_LOCK_TIME 0 ACCOUNT UNLOCK"
    # One that has expired is mended by the same password, whatever password_history says.
    " PASSWORD HISTORY 0 PASSWORD REUSE INTERVAL 0 DAY"
)
# Without EVENT, and so never what the server shows as ALL PRIVILEGES.
DEFINITIONS = (
    *("CREATE", "ALTER", "DROP", "INDEX", "REFERENCES", "CREATE VIEW", "SHOW VIEW", "TRIGGER"),
    *("CREATE ROUTINE", "ALTER ROUTINE", "EXECUTE"),
    *("CREATE TEMPORARY TABLES", "LOCK TABLES"),
)


def _application(one: Application, inside: str) -> Grantee:
    # No SUPER and no CONNECTION_ADMIN: a member that leaves must be able to refuse it. It changes
    # no schema: beside writes on another member that would put rows into wrong columns.
    # An underscore alone would stand for any character.
    own = f"`{escaped(one.database)}`.*"
    grants = {target: tuple(privileges) for target, privileges in one.grants.items()}
    return Grantee(
        one.application.name,
        inside,
        {**grants, own: tuple(dict.fromkeys((*ROWS, *grants.get(own, ()))))},
        password=one.application.password,
    )


def _schema(one: Application, inside: str) -> Grantee:
    return Grantee(
        one.schema.name,
        inside,
        {
            f"`{escaped(one.database)}`.*": ROWS + DEFINITIONS,
            # Where it asks for the group to have one writer meanwhile.
            "`mysql_gr`.`schema_change`": ("SELECT", "INSERT", "UPDATE"),
        },
        password=one.schema.password,
    )


def _backup(settings: Settings, inside: str) -> Grantee:
    # It reads all, as a replica does, and writes nothing; where members are, it follows by itself.
    return Grantee(
        settings.backup.name,
        inside,
        {
            "*.*": ("REPLICATION SLAVE", "BACKUP_ADMIN"),
            "`performance_schema`.*": ("SELECT",),
        },
        password=settings.backup.password,
        tls=True,
    )


def _members(settings: Settings, inside: str) -> list[Grantee]:
    return [
        Grantee(
            settings.admin.name,
            inside,
            {
                "*.*": (
                    # The admin port, and a way in when the member has gone to offline mode.
                    *("SERVICE_CONNECTION_ADMIN", "CONNECTION_ADMIN"),
                    # What members are, and whether they hold the same rows and definitions: views,
                    # triggers and events are each shown by a privilege of their own alone.
                    *("SELECT", "SHOW VIEW", "TRIGGER", "EVENT"),
                    # An empty transaction for an errant one, of the same GTID.
                    "SESSION_VARIABLES_ADMIN",
                ),
            },
            password=settings.admin.password,
            tls=True,
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
            tls=True,
        ),
        Grantee(
            settings.health_user,
            "localhost",
            {
                "`performance_schema`.`replication_group_members`": ("SELECT",),
                "`performance_schema`.`replication_group_member_stats`": ("SELECT",),
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
            # A privilege for single columns has commas of its own.
            words = re.split(r",\s*(?![^()]*\))", match[1])
            found |= {(word.strip(), match[2]) for word in words}
    return found


def surplus(wanted: Grantee, granted: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """
    Return the (privilege, object) pairs that an account has and does not need.

    wanted
        The account as it should be.

    granted
        As :py:func:`parse_grants` has them.
    """
    needed = {(one, target) for target, several in wanted.grants.items() for one in several}
    return sorted(
        pair for pair in granted if pair[0] not in ("USAGE", "PROXY") and pair not in needed
    )


def account_differences(
    connection: Any, settings: Settings, scope: str
) -> dict[str, dict[str, list[str]]]:
    """What is missing and what is too much, by account: nothing for one that is as it should be."""
    missing: dict[str, dict[str, list[str]]] = {}
    for wanted in grantees(settings, scope):
        found = _differences_of(connection, wanted)
        if found:
            missing[str(wanted)] = found
    if scope == "application":
        for kind, name, there in (
            *(
                ("database", one.database, _has_database(connection, one.database))
                for one in applications_of(settings)
            ),
            ("table", "mysql_gr.schema_change", has_table(connection, schema_change.TABLE)),
            ("table", "mysql_gr.comparison", has_table(connection, comparison.TABLE)),
            ("table", "mysql_gr.operation", has_table(connection, operation.TABLE)),
        ):
            if not there:
                missing[f"{kind} {name}"] = {"missing": [kind]}
    if scope == "members" and not rows(
        connection,
        "SELECT 1 FROM mysql.slave_master_info WHERE Channel_name = 'group_replication_recovery'"
        " AND User_name = %s AND User_password = %s",
        (settings.recovery.name, settings.recovery.password),
    ):
        missing["channel group_replication_recovery"] = {"missing": ["credentials"]}
    return missing


def _differences_of(connection: Any, wanted: Grantee) -> dict[str, list[str]]:
    """What one account lacks, and what it has beyond its need."""
    known = rows(
        connection,
        "SELECT plugin, account_locked AS locked, password_expired AS expired, ssl_type AS tls,"
        " password_lifetime AS lifetime,"
        " User_attributes->'$.Password_locking.failed_login_attempts' AS attempts,"
        " authentication_string AS entry FROM mysql.user"
        " WHERE user = %s AND host = %s",
        (wanted.name, wanted.host),
    )
    if not known:
        return {"missing": ["account"]}
    granted = _granted(connection, wanted)
    lacking = [
        f"{privilege} ON {target}"
        for target, privileges in wanted.grants.items()
        for privilege in privileges
        if not is_granted(privilege, target, granted)
    ]
    lacking += attributes_lacking(wanted, known[0])
    # Not by a login: the password before this one may still be accepted, too.
    if wanted.password and not is_made_of(known[0]["entry"], wanted.password):
        lacking.append("password")
    too_much = [f"{privilege} ON {target}" for privilege, target in surplus(wanted, granted)]
    found = {"missing": lacking, "unneeded": too_much}
    return {what: names for what, names in found.items() if names}


def _granted(connection: Any, wanted: Grantee) -> set[tuple[str, str]]:
    # With ANSI_QUOTES the server shows names in other quotes.
    execute(
        connection,
        "SET SESSION sql_mode = REPLACE(REPLACE(@@sql_mode, 'ANSI_QUOTES', ''), 'ANSI', '')",
    )
    shown = rows(connection, "SHOW GRANTS FOR %s@%s", (wanted.name, wanted.host))
    return parse_grants(next(iter(row.values())) for row in shown)


def attributes_lacking(wanted: Grantee, known: Mapping[str, Any]) -> list[str]:
    """
    Return what keeps an account from being used as it is meant, whatever its privileges are.

    wanted
        The account as it should be.

    known
        Its row of ``mysql.user``: ``plugin``, ``locked``, ``expired``, ``lifetime`` (days; 0 for
        ever, None as the server's option says), ``attempts`` (logins that may fail), ``tls``.
    """
    plugin = "auth_socket" if wanted.os_user else "caching_sha2_password"
    lacking = []
    if known["plugin"] != plugin:
        lacking.append(f"plugin {plugin}")
    if known["locked"] == "Y":
        lacking.append("an account that is not locked")
    if known["expired"] == "Y":
        lacking.append("a password that has not expired")
    if known["lifetime"] != 0:
        # None: default_password_lifetime counts, which somebody may set at any time.
        lacking.append("a password that does not expire")
    if int(known["attempts"] or 0):
        # Whoever reaches the port could lock out a member or the application.
        lacking.append("no lock after failed logins")
    if wanted.tls and not known["tls"]:
        lacking.append("REQUIRE SSL")
    return lacking


def _has_database(connection: Any, name: str) -> bool:
    return bool(
        rows(
            connection,
            "SELECT 1 FROM information_schema.schemata WHERE schema_name = %s",
            (name,),
        )
    )


def _identified(wanted: Grantee) -> tuple[str, tuple[str, ...]]:
    """The clause that says how an account proves itself, and its values."""
    if wanted.os_user:
        return "IDENTIFIED WITH auth_socket AS %s", (wanted.os_user,)
    return "IDENTIFIED WITH caching_sha2_password BY %s", (wanted.password,)


def _make_accounts(connection: Any, settings: Settings, scope: str) -> None:
    """Make a scope's accounts and privileges; the statements can be repeated."""
    if scope == "application":
        for one in applications_of(settings):
            execute(connection, f"CREATE DATABASE IF NOT EXISTS `{one.database}`")
        execute(connection, f"CREATE DATABASE IF NOT EXISTS `{SCHEMA}`")
        execute(connection, schema_change.DEFINITION)
        execute(connection, comparison.DEFINITION)
        execute(connection, operation.DEFINITION)
    for wanted in grantees(settings, scope):
        _make_account(connection, wanted)


def _make_account(connection: Any, wanted: Grantee) -> None:
    clause, values = _identified(wanted)
    # Members speak TLS to each other; clients come through the balancer as they like.
    clause += f"{' REQUIRE SSL' if wanted.tls else ''} {LASTING}"
    who = (wanted.name, wanted.host)
    execute(connection, f"CREATE USER IF NOT EXISTS %s@%s {clause}", (*who, *values))
    differing = _differences_of(connection, wanted)
    if any(" ON " not in one for one in differing.get("missing", [])):
        execute(connection, f"ALTER USER %s@%s {clause}", (*who, *values))
    # Before anything is taken, too: an account that is in use never lacks what it needs for long.
    _grant(connection, wanted)
    too_much = surplus(wanted, _granted(connection, wanted))
    for privilege, target in too_much:
        execute(connection, f"REVOKE {privilege} ON {target} FROM %s@%s", who)
    if too_much:
        # ALL PRIVILEGES takes with it what is needed.
        _grant(connection, wanted)


def _grant(connection: Any, wanted: Grantee) -> None:
    who = (wanted.name, wanted.host)
    for target, privileges in wanted.grants.items():
        execute(connection, f"GRANT {', '.join(privileges)} ON {target} TO %s@%s", who)


def set_recovery_credentials(connection: Any, settings: Settings) -> None:
    """Have the local member log in at others with the recovery account's name and password."""
    execute(
        connection,
        "CHANGE REPLICATION SOURCE TO SOURCE_USER = %s, SOURCE_PASSWORD = %s"
        " FOR CHANNEL 'group_replication_recovery'",
        (settings.recovery.name, settings.recovery.password),
    )


def coordinator_of(members: Iterable[Mapping[str, Any]], nodes: Mapping[str, str]) -> str | None:
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


def make_accounts_outside(connection: Any, settings: Settings) -> None:
    """Make the members' own accounts on a member outside the group, without a transaction."""
    execute(connection, "SET SESSION sql_log_bin = OFF")
    try:
        # read_only stays ON: only this administrative connection can write meanwhile.
        execute(connection, "SET GLOBAL super_read_only = OFF")
        _make_accounts(connection, settings, "members")
    finally:
        execute(connection, "SET GLOBAL super_read_only = ON")


def _await_accounts(connection: Any, settings: Settings, scope: str, patience: float) -> None:
    deadline = time.monotonic() + patience
    while True:
        missing = account_differences(connection, settings, scope)
        missing.pop("channel group_replication_recovery", None)
        if not missing:
            return
        coordinator = coordinator_of(observe(connection)["members"], settings.nodes)
        if time.monotonic() > deadline:
            raise CommandExecutionError(
                f"{joined(missing)}: {coordinator or 'a primary'} makes it for the group, and it "
                f"did not arrive on {settings.me} within {patience:.0f} s"
            )
        time.sleep(0.5)


def recovery_credentials(connection: Any) -> list[dict[str, Any]]:
    """Name and password of the recovery account, in one row; none on a server that is new.

    The keeper's settings hold no password of this account; the server's own table does.
    """
    return rows(
        connection,
        "SELECT User_name AS name, User_password AS password FROM mysql.slave_master_info"
        " WHERE Channel_name = 'group_replication_recovery' AND User_name <> ''",
    )


def create_accounts(settings: Settings, scope: str, patience: float) -> None:
    """
    Make what is missing of a scope's accounts, without an errant transaction.

    settings, scope
        As for :py:func:`grantees`.

    patience
        Seconds to wait for what another member makes.
    """
    grantees(settings, scope)
    with exclusive(settings) as connection:
        seen = observe(connection)
        if seen["state"] == OFFLINE:
            if scope != "members":
                raise CommandExecutionError(
                    f"{settings.me} is OFFLINE; database and account of the application are made "
                    "in the group, once it is there"
                )
            make_accounts_outside(connection, settings)
        elif coordinator_of(seen["members"], settings.nodes) == settings.me:
            _make_accounts(connection, settings, scope)
        else:
            _await_accounts(connection, settings, scope, patience)
        if scope == "members":
            set_recovery_credentials(connection, settings)


def current_coordinator(settings: Settings) -> str | None:
    """
    Return which member makes what is made once in the group, as the local one sees it.
    """
    with local(settings) as connection:
        return coordinator_of(observe(connection)["members"], settings.nodes)
