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
import difflib
import functools
import ipaddress
import json
import logging
import math
import re
import shutil
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard, TypeVar

from group_replication import causes, lock, memory
from group_replication.files import write_whole
from group_replication.gtid import (
    GtidSet,
    count_gtids,
    format_gtids,
    parse_gtids,
    subtract_gtids,
    union_gtids,
)
from group_replication.tables import by_address, difference, hosts_of, is_listed
from group_replication.versions import (
    OLDEST,
    SUPPORTED,
    is_supported,
    option_missing,
    options_for,
    statement_for,
    version_of,
    version_of_package,
)
from group_replication.versions import today as _today
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

MODES = ("multi-primary", "single-primary")
# How long a silent member is waited for (pillar mysql:group:timings); the first is the default.
# After 5 s without a word a member is UNREACHABLE, and these say what follows. docs/bench.md has
# what each took for dead.
TIMINGS: dict[str, dict[str, int]] = {
    # For one LAN: a member that is gone is out within seconds.
    "fast": {
        # It is expelled at once. Any value from 1 to 14 costs 15 s more, since the server looks at
        # a suspicion again only after that time.
        "member_expel_timeout": 0,
        # A member without majority gives up after this many seconds instead of never: its clients
        # are told, and the others may lead the group again.
        "unreachable_majority_timeout": 10,
        # What was said in those seconds is kept for who comes back; the server's default of 1 GiB
        # is more than a small machine has.
        "message_cache_size": 128 * 1024**2,
    },
    # For networks and machines with pauses: a member may be silent for 20 s and stays.
    "tolerant": {
        # The longest time that costs no more than the shortest above 0.
        "member_expel_timeout": 14,
        # Above the 20 s after which a member is out: a pause that ends in time puts nobody out.
        "unreachable_majority_timeout": 30,
        # Four times as long a silence to make up for.
        "message_cache_size": 512 * 1024**2,
    },
}
# How many messages a group agrees on at once, where pillar mysql:group:write_concurrency does not
# say; docs/bench.md has what each costs.
WRITE_CONCURRENCY = {
    # With 10, the server's own default, members that write a lot wait for a place behind one that
    # says nothing; the server takes that for a slow network, and waits the longer for that member.
    "multi-primary": 50,
    # The primary alone leads. Where it is lost, so many messages are filled in for, some at a time.
    "single-primary": 10,
}
# What the server takes.
WRITE_CONCURRENCY_RANGE = (10, 200)
MEMBERS_MIN, MEMBERS_MAX = 3, 9
# Group Replication's own word for a member's state, and ours for one that cannot be asked.
ONLINE, RECOVERING, OFFLINE, ERROR = "ONLINE", "RECOVERING", "OFFLINE", "ERROR"
UNREACHABLE, UNKNOWN = "UNREACHABLE", "UNKNOWN"
PRESENT = (ONLINE, RECOVERING)

# Where the server's package has it.
DATA_DIRECTORY = "/var/lib/mysql"
SETTINGS_FILE = Path("/etc/mysql-gr/settings.json")
PAUSE_FILE = Path("/var/lib/mysql-gr/paused")
# In /run: a machine that boots drains nothing. The first says until when, the second why.
LEAVING_FILE = Path("/run/mysql-gr/leaving")
DRAINED_FILE = Path("/run/mysql-gr/drained")
SYSTEM_SCHEMAS = ("mysql", "sys", "information_schema", "performance_schema")
USER_SCHEMAS = (
    "SELECT schema_name AS name FROM information_schema.schemata"
    " WHERE schema_name NOT IN %s ORDER BY 1"
)
# A statement that makes or alters a table, and what in it is no keyword.
STATEMENT = re.compile(
    r"\s*(create(?: temporary)?|alter) table (?:if not exists )?([`\w.]+)(.*)", re.I | re.S
)
QUOTED = re.compile(r"'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.)*\"")
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


# Named tuples and no dataclasses: those look their module up in sys.modules, where the loader has
# not put it yet.
class Account(NamedTuple):
    """A MySQL account: its name and, where it has one, its password."""

    name: str
    password: str = ""

    def __repr__(self) -> str:
        return f"Account({self.name!r})"


class Settings(NamedTuple):
    """All that is declared about the group, checked; see ``pillar.example`` for each key."""

    me: str
    group: str
    mode: str
    nodes: dict[str, str]
    subnet: str
    admin: Account
    recovery: Account
    application: Account
    database: str = ""
    port: int = 3306
    admin_port: int = 33062
    health_port: int = 9200
    socket: str = "/run/mysqld/mysqld.sock"
    health_user: str = "mysql-gr-health"
    health_clients: tuple[str, ...] = ()
    options: Mapping[str, Any] = {}
    version: str = ""
    drain: int = 10
    timings: str = "fast"
    write_concurrency: int | None = None
    data_directory: str = DATA_DIRECTORY
    # Why this member is none of the declared ones any more, or the empty text.
    removed: str = ""


def _invalid(key: str, value: Any, right: str) -> SaltInvocationError:
    return SaltInvocationError(f"pillar {key} is {_shown(value)}; expected {right}")


def _shown(value: Any) -> str:
    if value is None:
        return "missing"
    if isinstance(value, Mapping | list | tuple | set):
        # What it holds may be secret.
        return f"a {type(value).__name__}"
    text = str(value)
    return f"'{text}'" if text.isprintable() else repr(text)


def _walk(pillar: Mapping[str, Any], key: str) -> Any:
    value: Any = pillar
    for part in key.split(":"):
        if not isinstance(value, Mapping) or part not in value:
            return None
        value = value[part]
    return value


# Every key that is read here, so that a misspelt one is no silent default. None: a value.
KEYS: dict[str, Any] = {
    "cluster": {
        "subnet": None,
        "health_port": None,
        "health_clients": None,
        "virtual_address": None,
        "virtual_router_id": None,
        "nodes": None,
    },
    "mysql": {
        "group": {"name": None, "mode": None, "timings": None, "write_concurrency": None},
        "accounts": {
            "admin": {"name": None, "password": None},
            "recovery": {"name": None, "password": None},
            "application": {"name": None, "password": None, "database": None},
        },
        "port": None,
        "admin_port": None,
        "socket": None,
        "version": None,
        "options": None,
        "drain": None,
        "lookup": {
            "package": None,
            "core_package": None,
            "service": None,
            "config_file": None,
            "data_directory": None,
            "library": None,
        },
    },
}
NODE_KEYS = ("ip", "role")
ROLES = ("master", "db", "proxy", "web")


def _check_keys(value: Any, known: Mapping[str, Any], place: str) -> None:
    """Refuse what is no mapping or has a key that nothing reads; no value is shown."""
    if value is None:
        return
    if not isinstance(value, Mapping):
        raise SaltInvocationError(
            f"pillar {place} is a {type(value).__name__}; expected a mapping with {_names(known)}"
        )
    for key, inner in value.items():
        if key not in known:
            near = difflib.get_close_matches(str(key), known, 1, 0.5)
            raise SaltInvocationError(
                f"pillar {place}:{key} is a key that nothing reads; expected "
                + (f"{place}:{near[0]}" if near else f"one of {_names(known)}")
            )
        if known[key] is not None:
            _check_keys(inner, known[key], f"{place}:{key}")


# What CHANGE REPLICATION SOURCE takes; kept for all accounts, so that there is one rule.
PASSWORD_MIN, PASSWORD_MAX = 12, 32


def _password(pillar: Mapping[str, Any], key: str) -> str:
    value = _walk(pillar, key)
    if (
        not isinstance(value, str)
        or not PASSWORD_MIN <= len(value) <= PASSWORD_MAX
        or not value.isprintable()
    ):
        # The value itself is never shown, however wrong it is.
        shown = "missing" if value is None else "not that"
        raise SaltInvocationError(
            f"pillar {key} is {shown}; expected a password of {PASSWORD_MIN} to {PASSWORD_MAX} "
            "characters, as vagrant/prepare.py makes it"
        )
    return value


def _is_number(value: Any, least: int, most: int) -> TypeGuard[int]:
    # YAML's yes and no are numbers to Python.
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _port(pillar: Mapping[str, Any], key: str, default: int) -> int:
    value = _walk(pillar, key)
    if value is None:
        return default
    if not _is_number(value, 1, 65535):
        raise _invalid(key, value, "a port number from 1 to 65535")
    return value


DRAIN_MAX = 600


def _drain_seconds(key: str, value: Any, default: int) -> int:
    if value is None:
        return default
    if not _is_number(value, 0, DRAIN_MAX):
        raise SaltInvocationError(
            f"{key} is '{value}'; expected a whole number of seconds from 0 to {DRAIN_MAX}"
        )
    return value


def _account_name(pillar: Mapping[str, Any], role: str, default: str) -> str:
    key = f"mysql:accounts:{role}:name"
    value = _walk(pillar, key)
    if value is None:
        return default
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9_.-]{1,32}", value):
        raise _invalid(key, value, "1 to 32 letters, digits, '_', '.' or '-'")
    return value


def _network(pillar: Mapping[str, Any]) -> ipaddress.IPv4Network:
    subnet = _walk(pillar, "cluster:subnet")
    try:
        return ipaddress.IPv4Network(subnet if isinstance(subnet, str) else "")
    except ValueError:
        raise _invalid(
            "cluster:subnet",
            subnet,
            "an IPv4 network such as 172.28.17.0/24 (MySQL limits accounts to networks of IPv4 "
            "only, so IPv6 is not supported)",
        ) from None


def _host_address(
    key: str, value: Any, network: ipaddress.IPv4Network, seen: Mapping[str, str]
) -> str:
    """Return an address of the subnet that none of those seen so far is."""
    try:
        address = ipaddress.IPv4Address(value if isinstance(value, str) else "")
    except ValueError:
        raise _invalid(key, value, "an IP address, of IPv4") from None
    ends = (network.network_address, network.broadcast_address)
    if address not in network or (network.prefixlen < 31 and address in ends):
        raise _invalid(key, value, f"an address of a host in cluster:subnet {network}")
    if str(address) in seen:
        raise _invalid(key, value, f"an address that is not {seen[str(address)]}'s already")
    return str(address)


def declared_nodes(pillar: Mapping[str, Any], role: str | None) -> dict[str, str]:
    """
    Return the addresses of the declared nodes of one role, in declared order.

    pillar
        The pillar, with ``cluster:subnet`` and ``cluster:nodes``.

    role
        The role to keep: ``db``, ``proxy``, ``web`` or ``master``; None keeps all.

    Returns a dict of node id to IP address. Raises SaltInvocationError for a table that is missing
    or has an unknown role or key, an address that is none of the subnet's, or one address twice.
    """
    network = _network(pillar)
    table = _walk(pillar, "cluster:nodes")
    if not isinstance(table, Mapping) or not table:
        raise _invalid("cluster:nodes", table, "a mapping of node id to {ip: …, role: …}")
    seen: dict[str, str] = {}
    nodes = {}
    for name, node in table.items():
        key = f"cluster:nodes:{name}"
        if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
            raise SaltInvocationError(
                f"pillar cluster:nodes has a node named {name!r}; expected a minion's id: text of "
                "letters, digits, '.', '_' or '-'"
            )
        _check_keys(node, dict.fromkeys(NODE_KEYS), key)
        ip, its_role = _walk(table, f"{name}:ip"), _walk(table, f"{name}:role")
        address = _host_address(f"{key}:ip", ip, network, seen)
        if its_role not in ROLES:
            raise _invalid(f"{key}:role", its_role, f"one of {_names(ROLES)}")
        seen[address] = name
        if role in (None, its_role):
            nodes[name] = address
    return nodes


class Balancer(NamedTuple):
    """Where the databases are reached, and by which machines."""

    # Proxies in declared order, by node id.
    proxies: dict[str, str]
    # The address that moves between them; the empty text where none is declared.
    virtual_address: str
    virtual_router_id: int

    @property
    def address(self) -> str:
        """What clients connect to: the virtual address, or the first proxy's, or the empty text."""
        return self.virtual_address or next(iter(self.proxies.values()), "")


def declared_balancer(pillar: Mapping[str, Any]) -> Balancer:
    """
    Check what the pillar declares of the balancer and return it.

    pillar
        The pillar, with ``cluster``.

    Returns a :py:class:`Balancer`. Raises SaltInvocationError for a table of nodes that is wrong, a
    virtual address that is none of the subnet's or a node's own, or a wrong router id.
    """
    _check_keys(pillar.get("cluster"), KEYS["cluster"], "cluster")
    proxies = declared_nodes(pillar, "proxy")
    address = _walk(pillar, "cluster:virtual_address")
    if address is not None:
        seen = {ip: name for name, ip in declared_nodes(pillar, None).items()}
        address = _host_address("cluster:virtual_address", address, _network(pillar), seen)
    router = _walk(pillar, "cluster:virtual_router_id")
    if router is None:
        router = 51
    if not _is_number(router, 1, 255):
        raise _invalid("cluster:virtual_router_id", router, "a whole number from 1 to 255")
    return Balancer(proxies, address or "", router)


def settings_from(pillar: Mapping[str, Any], me: str) -> Settings:
    """
    Check the pillar and return what it declares of the group.

    pillar
        The minion's pillar, with ``cluster`` and ``mysql``.

    me
        The minion's id, which must be a declared node of role ``db``.

    Returns a :py:class:`Settings`. Raises SaltInvocationError naming the key, its value and what
    would be right, for whatever is malformed, misspelt or contradicts itself.
    """
    for key, known in KEYS.items():
        _check_keys(pillar.get(key), known, key)
    nodes = declared_nodes(pillar, "db")
    if not MEMBERS_MIN <= len(nodes) <= MEMBERS_MAX:
        raise _invalid(
            "cluster:nodes",
            f"{len(nodes)} nodes with role db ({', '.join(nodes)})",
            f"{MEMBERS_MIN} to {MEMBERS_MAX} of them: Group Replication takes no more members, "
            "and fewer cannot lose one",
        )
    if me not in nodes:
        raise _invalid("cluster:nodes", ", ".join(nodes), f"a node '{me}' with role db")
    settings = Settings(
        me=me,
        group=_group_name(pillar),
        mode=_one_of(pillar, "mysql:group:mode", MODES),
        timings=_one_of(pillar, "mysql:group:timings", tuple(TIMINGS)),
        write_concurrency=_write_concurrency(pillar),
        nodes=nodes,
        subnet=str(_network(pillar)),
        admin=Account(
            _account_name(pillar, "admin", "mysql_gr_admin"),
            _password(pillar, "mysql:accounts:admin:password"),
        ),
        recovery=Account(
            _account_name(pillar, "recovery", "mysql_gr_recovery"),
            _password(pillar, "mysql:accounts:recovery:password"),
        ),
        application=Account(
            _account_name(pillar, "application", "haproxy_root"),
            _password(pillar, "mysql:accounts:application:password"),
        ),
        database=_database(pillar),
        port=_port(pillar, "mysql:port", 3306),
        admin_port=_port(pillar, "mysql:admin_port", 33062),
        health_port=_port(pillar, "cluster:health_port", 9200),
        socket=_path(pillar, "mysql:socket", "/run/mysqld/mysqld.sock"),
        health_clients=(*declared_balancer(pillar).proxies.values(), *_health_clients(pillar)),
        options=_options(pillar),
        version=_declared_version(pillar),
        drain=_drain_seconds("pillar mysql:drain", _walk(pillar, "mysql:drain"), 10),
        data_directory=str(Path(_path(pillar, "mysql:lookup:data_directory", DATA_DIRECTORY))),
    )
    _check_lookup(pillar)
    _check_distinct(settings)
    _check_needs(settings)
    if settings.version:
        _check_versions(settings.options, settings.version)
    return settings


def _one_of(pillar: Mapping[str, Any], key: str, right: Sequence[str]) -> str:
    value = _walk(pillar, key)
    if value is None:
        return right[0]
    if value not in right:
        raise _invalid(key, value, " or ".join(right))
    return str(value)


def _write_concurrency(pillar: Mapping[str, Any]) -> int | None:
    key = "mysql:group:write_concurrency"
    value = _walk(pillar, key)
    if value is None:
        return None
    least, most = WRITE_CONCURRENCY_RANGE
    if not _is_number(value, least, most):
        raise _invalid(key, value, f"a number from {least} to {most}")
    return value


def _group_name(pillar: Mapping[str, Any]) -> str:
    value = _walk(pillar, "mysql:group:name")
    pattern = r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise _invalid("mysql:group:name", value, "a UUID as uuidgen prints it")
    return value.lower()


def _database(pillar: Mapping[str, Any]) -> str:
    key = "mysql:accounts:application:database"
    value = _walk(pillar, key)
    if value is None:
        return "realworld"
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9_]{1,64}", value):
        raise _invalid(key, value, "1 to 64 letters, digits or '_'")
    if value.lower() in SYSTEM_SCHEMAS:
        raise _invalid(key, value, "a database that is none of the server's own")
    return value


def _path(pillar: Mapping[str, Any], key: str, default: str) -> str:
    value = _walk(pillar, key)
    if value is None:
        return default
    # 107 bytes is what a socket's address holds.
    if not isinstance(value, str) or not re.fullmatch(r"/[A-Za-z0-9._/@+-]{1,106}", value):
        raise _invalid(key, value, f"an absolute path such as {default}")
    return value


def _health_clients(pillar: Mapping[str, Any]) -> tuple[str, ...]:
    key = "cluster:health_clients"
    value = _walk(pillar, key)
    if value is None:
        return ()
    right = "a list of IPv4 addresses and networks, such as [172.28.17.9, 10.1.0.0/24]"
    if not isinstance(value, list):
        raise _invalid(key, value, right)
    for one in value:
        try:
            ipaddress.IPv4Network(one if isinstance(one, str) else "")
        except ValueError:
            raise _invalid(key, one, right) from None
    return tuple(value)


def _declared_version(pillar: Mapping[str, Any]) -> str:
    value = _walk(pillar, "mysql:version")
    if value is None:
        return ""
    if not isinstance(value, str) or not re.fullmatch(r"\d{1,3}(\.\d{1,3}){1,2}", value):
        raise _invalid("mysql:version", value, "quoted text such as '8.4' or '9.7.4'")
    if not is_supported(version_of(value)):
        raise _invalid("mysql:version", value, SUPPORTED)
    return value


def _check_lookup(pillar: Mapping[str, Any]) -> None:
    for name in KEYS["mysql"]["lookup"]:
        key = f"mysql:lookup:{name}"
        value = _walk(pillar, key)
        if name in ("config_file", "data_directory", "library"):
            _path(pillar, key, "/usr/local/lib/mysql-gr")
        elif value is not None and not (
            isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.+@_-]*", value)
        ):
            raise _invalid(key, value, f"the name of a {name}")


def _check_distinct(settings: Settings) -> None:
    ports = {
        "mysql:port": settings.port,
        "mysql:admin_port": settings.admin_port,
        "cluster:health_port": settings.health_port,
    }
    roles = {role: getattr(settings, role) for role in ("admin", "recovery", "application")}
    names = {f"mysql:accounts:{role}:name": account.name for role, account in roles.items()}
    for values, right in ((ports, "a port of its own"), (names, "an account of its own")):
        for key, value in values.items():
            same = next(other for other, one in values.items() if one == value)
            if same != key:
                raise _invalid(key, value, f"{right}: {same} is the same")
    for key, name in names.items():
        if name in ("root", settings.health_user) or name.startswith("mysql."):
            raise _invalid(key, name, "an account that is none of the server's own")
    by_password: dict[str, str] = {}
    for role, account in roles.items():
        key = f"mysql:accounts:{role}:password"
        same = by_password.setdefault(account.password, key)
        if same != key:
            raise SaltInvocationError(
                f"pillar {key} is the same as {same}; expected a password of its own"
            )


# --- options that pillar gives -------------------------------------------------------------------

# What mysqld takes for either in an option file.
ON, OFF = ("ON", "1", "TRUE"), ("OFF", "0", "FALSE")
# What pillar mysql:options may say of an option that the group depends on, and why.
# Nothing is right where there is no value.
NEEDS: dict[str, tuple[tuple[str, ...], str]] = {
    "group_replication_bootstrap_group": ((), "in a file it makes a second group at a restart"),
    "group_replication_start_on_boot": (OFF, "what has asked the other members starts it"),
    "group_replication_communication_stack": (("MYSQL",), "members speak over the server's port"),
    "group_replication_recovery_use_ssl": (ON, "the recovery account requires TLS"),
    "group_replication_ssl_mode": (
        ("REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY"),
        "the recovery account requires TLS",
    ),
    "gtid_mode": (("ON",), "the group is made of GTIDs"),
    "enforce_gtid_consistency": (ON, "the group is made of GTIDs"),
    "log_replica_updates": (ON, "members recover from each other's binary logs"),
    "binlog_format": (("ROW",), "the group certifies rows"),
    "transaction_write_set_extraction": (("XXHASH64",), "the group certifies rows"),
    "master_info_repository": (("TABLE",), "the group keeps it in a table"),
    "relay_log_info_repository": (("TABLE",), "the group keeps it in a table"),
    "replica_preserve_commit_order": (ON, "commits appear in one order on all members"),
    "replica_parallel_type": (("LOGICAL_CLOCK",), "commits appear in one order on all members"),
    "super_read_only": (ON, "a member outside the group must not take a write"),
    "read_only": (ON, "a member outside the group must not take a write"),
    "performance_schema": (ON, "members are asked through it what they are"),
    "skip_networking": (OFF, "members reach each other over the network"),
    "skip_grant_tables": (OFF, "it lets everybody in"),
    "server_uuid": ((), "each server makes its own and keeps it in auto.cnf"),
    "plugin_load": ((), "it unloads what the group needs; plugin_load_add adds to that"),
    "initialize": ((), "it makes a new data directory"),
    "initialize_insecure": ((), "it makes a new data directory"),
    "group_replication_paxos_single_leader": ((*ON, *OFF), "it is a switch"),
    "default_storage_engine": (("INNODB",), "the group takes rows of InnoDB alone"),
    "binlog_do_db": ((), "the group must not lack transactions"),
    "binlog_ignore_db": ((), "the group must not lack transactions"),
}
FILTERS = "replicate_"
# Options that follow from other keys, and from which.
DERIVED = {
    "server_id": "the member's address",
    "report_host": "cluster:nodes",
    "report_port": "mysql:port",
    "port": "mysql:port",
    "socket": "mysql:socket",
    "admin_address": "cluster:nodes",
    "admin_port": "mysql:admin_port",
    "group_replication_group_name": "mysql:group:name",
    "group_replication_local_address": "cluster:nodes and mysql:port",
    "group_replication_group_seeds": "cluster:nodes and mysql:port",
    "group_replication_single_primary_mode": "mysql:group:mode",
    "group_replication_enforce_update_everywhere_checks": "mysql:group:mode",
}
# Options of plugins, which are not loaded while a data directory is initialised.
PLUGINS = ("group_replication_", "clone_")


def _option_name(text: str) -> str:
    """An option as the file spells it: one spelling for all that mysqld takes for the same."""
    name = text.replace("-", "_").lower()
    bare = name.removeprefix("loose_")
    return f"loose_{bare}" if bare.startswith(PLUGINS) else name


def _options(pillar: Mapping[str, Any]) -> dict[str, Any]:
    key = "mysql:options"
    table = _walk(pillar, key)
    if table is None:
        return {}
    if not isinstance(table, Mapping):
        raise _invalid(key, table, "a mapping of server option to value")
    options: dict[str, Any] = {}
    for name, value in table.items():
        if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]*", name):
            raise SaltInvocationError(
                f"pillar {key} has an option named {name!r}; expected letters, digits, '_' or '-'"
            )
        spelt = _option_name(name)
        bare = spelt.removeprefix("loose_")
        if any(other.removeprefix("loose_") == bare for other in options):
            raise _invalid(f"{key}:{name}", value, "an option once, in one spelling")
        many = isinstance(value, list)
        checked = [_option_value(f"{key}:{name}", one) for one in (value if many else [value])]
        if not checked:
            raise _invalid(f"{key}:{name}", value, "one value at least")
        options[spelt] = checked if many else checked[0]
    return options


def _option_value(key: str, value: Any) -> str | int | float:
    if isinstance(value, bool):
        # YAML reads ON and OFF as these.
        return "ON" if value else "OFF"
    if isinstance(value, float) and not math.isfinite(value):
        raise _invalid(key, value, "a finite number")
    if isinstance(value, int | float):
        return value
    if not isinstance(value, str):
        raise _invalid(key, value, "text, a number, ON or OFF, or a list of these")
    if not value.isprintable() or value != value.strip():
        raise _invalid(key, value, "one line without blanks around it")
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    if "#" in value and not quoted:
        raise _invalid(key, value, "it in quotes of its own: a # begins a comment in the file")
    return value


def _check_needs(settings: Settings) -> None:
    """Refuse options that contradict what the group needs or what other keys say."""
    own = {name.removeprefix("loose_"): one for name, one in _own_options(settings).items()}
    for name, value in settings.options.items():
        bare = name.removeprefix("loose_")
        key, said = f"mysql:options:{bare}", str(value).strip("'\"")
        for prefix, means in (("skip_", "OFF"), ("disable_", "OFF"), ("enable_", "ON")):
            inner = _today(bare.removeprefix(prefix))
            if bare.startswith(prefix) and bare not in NEEDS and inner in {*NEEDS, "log_bin"}:
                bare, said = inner, means
        bare = _today(bare)
        if bare.startswith(FILTERS):
            raise _invalid(key, value, "to be left out: the group takes no filters")
        if bare == "log_bin" and said.upper() in (*ON, *OFF):
            raise _invalid(
                key, value, "the base name of files: the binary log is on unless told otherwise"
            )
        if bare == "bind_address":
            address = settings.nodes[settings.me]
            if not {address, "*", "0.0.0.0", "::"} & set(re.split(r"\s*,\s*", said)):  # noqa: S104
                raise _invalid(key, value, f"{address} among them, where the others reach it")
        if (
            bare == "transaction_isolation"
            and said.upper() == "SERIALIZABLE"
            and settings.mode == MODES[0]
        ):
            raise _invalid(
                key,
                value,
                "READ-COMMITTED, REPEATABLE-READ or READ-UNCOMMITTED: in multi-primary mode the "
                "server refuses every commit of a SERIALIZABLE transaction",
            )
        if bare == "datadir" and str(Path(said)) != settings.data_directory:
            raise _invalid(
                key,
                value,
                f"'{settings.data_directory}', which follows from mysql:lookup:data_directory",
            )
        if bare in NEEDS:
            right, why = NEEDS[bare]
            if not right:
                raise _invalid(key, value, f"to be left out: {why}")
            if said.upper() not in right:
                raise _invalid(key, value, f"{' or '.join(right)}: {why}")
        if bare in DERIVED and not _same(said, str(own[bare])):
            raise _invalid(key, value, f"'{own[bare]}', which follows from {DERIVED[bare]}")


def _same(one: str, other: str) -> bool:
    return (
        any(one.upper() in words and other.upper() in words for words in (ON, OFF))
        or one.lower() == other.lower()
    )


def _check_versions(options: Mapping[str, Any], version: str) -> None:
    for name, value in options.items():
        bare = name.removeprefix("loose_")
        right = option_missing(bare, version)
        if right:
            raise _invalid(f"mysql:options:{bare}", value, right)


# --- settings, stored ----------------------------------------------------------------------------


REMOVED = "pillar cluster:nodes no longer declares it"


def settings_of_removed(
    pillar: Mapping[str, Any], me: str, stored: Settings | None
) -> Settings | None:
    """
    Return the settings of a member that the table of nodes no longer declares.

    pillar
        The minion's pillar: the other members are those that it declares now.

    me
        The minion's id.

    stored
        What the keeper's file says, from when the member was declared; None where there is none.

    Returns None when ``me`` is declared, or never was a member. Raises SaltInvocationError as
    :py:func:`settings_from` does: a table that is wrong removes nobody.
    """
    nodes = declared_nodes(pillar, "db")
    if me in nodes or stored is None or me not in stored.nodes:
        return None
    current = settings_from(pillar, next(iter(nodes), me))
    return current._replace(me=me, nodes={**current.nodes, me: stored.nodes[me]}, removed=REMOVED)


def settings_as_json(settings: Settings) -> str:
    """
    Return what the keeper needs of the settings, as :py:func:`settings_from_json` reads it.

    The passwords of the recovery and application accounts stay out: the keeper uses neither.
    """
    kept = settings._asdict()
    kept["admin"] = settings.admin._asdict()
    for role in ("recovery", "application"):
        kept[role] = {"name": kept[role].name, "password": ""}
    return json.dumps(kept, indent=2) + "\n"


def settings_from_json(text: str) -> Settings:
    """
    Return the settings that :py:func:`settings_as_json` wrote.
    """
    data = json.loads(text)
    for role in ("admin", "recovery", "application"):
        data[role] = Account(**data[role])
    data["health_clients"] = tuple(data["health_clients"])
    # A file of a later version says more than this one reads.
    return Settings(**{name: value for name, value in data.items() if name in Settings._fields})


def _stored_settings() -> Settings | None:
    """What the keeper's file says, where it is."""
    if not SETTINGS_FILE.exists():
        return None
    return settings_from_json(SETTINGS_FILE.read_text(encoding="utf-8"))


def _settings() -> Settings:
    """The settings of this minion: from its pillar, or where it has none (masterless), the file."""
    if "mysql" in __pillar__:
        me = __opts__["id"]
        # A minion that is declared needs no file, whatever is in it.
        stored = None if me in declared_nodes(__pillar__, "db") else _stored_settings()
        return settings_of_removed(__pillar__, me, stored) or settings_from(__pillar__, me)
    stored = _stored_settings()
    if stored:
        return stored
    raise SaltInvocationError(
        f"neither pillar mysql nor {SETTINGS_FILE} is there: "
        f"does pillar/top.sls give minion '{__opts__['id']}' the mysql pillar?"
    )


def server_id_of(address: str) -> int:
    """
    Return a server id that no other member can have: the number that the IPv4 address is.

    address
        The member's address.
    """
    return int(ipaddress.IPv4Address(address))


def options_of(settings: Settings, version: str = "") -> dict[str, Any]:
    """
    Return the server's option file for these settings.

    settings
        The group's settings.

    version
        The server's version. Default: not known, which leaves out what not all versions have.

    Returns a dict of option name to value, in the order of the file; a list is an option that
    stands several times. What pillar ``mysql:options`` names comes last and wins. Raises
    SaltInvocationError for an option there that the version does not have.
    """
    options = _own_options(settings) | options_for(version)
    _check_versions(settings.options, version)
    for name, value in settings.options.items():
        bare = name.removeprefix("loose_")
        if bare == "plugin_load_add":
            more = value if isinstance(value, list) else [value]
            options[bare] = [*options[bare], *(one for one in more if one not in options[bare])]
        else:
            options[bare if bare in options else name] = value
    return options


def _own_options(settings: Settings) -> dict[str, Any]:
    address = settings.nodes[settings.me]
    multi = settings.mode == MODES[0]
    # The plugin is not loaded while a data directory is initialised: hence "loose".
    gr = "loose_group_replication_"
    return {
        "server_id": server_id_of(address),
        "bind_address": f"{address},127.0.0.1",
        "port": settings.port,
        "socket": settings.socket,
        # One key says where the data is, to the server as to the states.
        **(
            {"datadir": settings.data_directory}
            if settings.data_directory != DATA_DIRECTORY
            else {}
        ),
        "report_host": address,
        "report_port": settings.port,
        # A door for the operator and for the other members when max_connections is exhausted.
        "admin_address": address,
        "admin_port": settings.admin_port,
        "create_admin_listener_thread": "ON",
        "mysqlx": "OFF",
        # More than a balancer's three sections send here together (maxconn in pillar/haproxy.sls).
        "max_connections": 500,
        # Accounts are given by address; no name service can slow a connection down or stop it.
        "skip_name_resolve": "ON",
        # An acknowledged commit is on disk.
        "sync_binlog": 1,
        "innodb_flush_log_at_trx_commit": 1,
        # Named, or the files would follow the machine's name and be lost with it.
        "relay_log": "relay-bin",
        "gtid_mode": "ON",
        "enforce_gtid_consistency": "ON",
        # Commits appear in one order on all members.
        "replica_preserve_commit_order": "ON",
        # A member outside the group must not take a write, whatever brought it there.
        "super_read_only": "ON",
        # Group Replication refuses writes to tables without a primary key; this refuses the table.
        "sql_require_primary_key": "ON",
        "plugin_load_add": ["group_replication.so", "mysql_clone.so"],
        f"{gr}group_name": settings.group,
        # Group Replication is started by what has asked the other members first, never by mysqld.
        f"{gr}start_on_boot": "OFF",
        f"{gr}communication_stack": "MYSQL",
        f"{gr}local_address": f"{address}:{settings.port}",
        f"{gr}group_seeds": ",".join(f"{ip}:{settings.port}" for ip in settings.nodes.values()),
        f"{gr}single_primary_mode": "OFF" if multi else "ON",
        f"{gr}enforce_update_everywhere_checks": "ON" if multi else "OFF",
        # Traffic of the group and of distributed recovery is encrypted; the default only since 9.5.
        f"{gr}ssl_mode": "REQUIRED",
        f"{gr}recovery_use_ssl": "ON",
        # A member that left by fault accepts no clients, and can still be looked into.
        f"{gr}exit_state_action": "OFFLINE_MODE",
        # A new primary answers when it has applied what the old one left; the default since 8.4.
        f"{gr}consistency": "BEFORE_ON_PRIMARY_FAILOVER",
        # The keeper takes an expelled member in again, after asking the others. The server's own
        # tries know no evidence, and a try that waits for a view holds up what would help.
        f"{gr}autorejoin_tries": 0,
        # In single-primary mode one member leads what the group agrees on, the primary, and a lost
        # secondary holds up nothing; in multi-primary mode all lead. Who joins takes what the group
        # has (SINGLE_LEADER).
        f"{gr}paxos_single_leader": "ON",
        **{f"{gr}{name}": value for name, value in TIMINGS[settings.timings].items()},
    }


# --- the decision --------------------------------------------------------------------------------

# What is to be done, and by whom:
#   member      nothing: this is a member of a group with a majority
#   recovering  nothing yet: distributed recovery is under way
#   join        start Group Replication here
#   clone       copy a member's data onto this empty server; joining comes after it
#   create      create the group here, for the first time
#   lead        create the group here again after all members were down
#   stop        end what is left of the old group here, so that nothing of it reaches a new one
#   apply       apply what was received before the crash, so that it counts
#   wait        another member acts, or has to finish first
#   uncertain   some declared member does not answer: it may be alive
#   paused      the operator took this member out on purpose
#   silent      the local mysqld does not answer
#   refuse      an operator has to look: the sentence says at what
STARTS = ("create", "lead", "join", "clone")
ACTIONS = (*STARTS, "stop", "apply")
PENDING = ("wait", "uncertain", "recovering")


def has_quorum(members: Iterable[Mapping[str, Any]]) -> bool:
    """
    Tell whether a view has a majority.

    members
        The view's rows, each with ``state``. RECOVERING counts as present; UNREACHABLE counts among
        those that a majority is needed of; a row OFFLINE or ERROR is none of the group's.
    """
    states = [member["state"] for member in members]
    present = sum(state in PRESENT for state in states)
    return present * 2 > present + sum(state == UNREACHABLE for state in states)


def _held(facts: Mapping[str, Any]) -> GtidSet:
    return union_gtids(parse_gtids(facts["gtid_executed"]), parse_gtids(facts["gtid_received"]))


def _verdict(verdict: str, why: str, **more: Any) -> dict[str, Any]:
    answer = {"verdict": verdict, "why": why, "leader": None}
    return {**answer, "donor": None, "errant": "", "received": "", "overruled_by": "", **more}


def _silent_verdict(me: str, error: str) -> dict[str, Any]:
    return _verdict("silent", f"mysqld on {me} does not answer: {error}")


def _names(names: Iterable[str]) -> str:
    return ", ".join(names)


def _decide_in_group(
    mine: Mapping[str, Any], me: str, group: str, online: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any] | None:
    """The rows for a member that Group Replication runs on."""
    if mine["state"] == RECOVERING:
        return _verdict("recovering", f"{me} is RECOVERING: distributed recovery is under way")
    if mine["state"] != ONLINE:
        return None
    if mine["group"] != group:
        return _verdict(
            "refuse", f"{me} is ONLINE in group {mine['group']}, but {group} is declared"
        )
    if not mine["quorum"]:
        gone = [member["host"] for member in mine["members"] if member["state"] == UNREACHABLE]
        return _verdict(
            "refuse",
            f"{me} is ONLINE without a majority: {_names(gone)} UNREACHABLE; it takes no writes",
        )
    other = {
        name: facts["view_id"]
        for name, facts in online.items()
        if name != me and _view(facts) != _view(mine)
    }
    if other:
        return _verdict(
            "refuse",
            f"two groups with one name: {me} is in view {mine['view_id']}, "
            + _names(f"{name} in view {view}" for name, view in other.items()),
        )
    return _verdict("member", f"{me} is ONLINE in group {group}, which has a majority")


def _view(facts: Mapping[str, Any]) -> str:
    """What is the same in all views of one group's life: the part before the counter."""
    return str(facts["view_id"]).partition(":")[0]


def _decide_with_group(
    mine: Mapping[str, Any], me: str, group: str, online: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """The rows for a member outside the group, while others are ONLINE."""
    foreign = {name: facts["group"] for name, facts in online.items() if facts["group"] != group}
    if foreign:
        return _verdict(
            "refuse",
            _names(f"{name} is ONLINE in group {other}" for name, other in foreign.items())
            + f", but {group} is declared",
        )
    views = {name: _view(facts) for name, facts in online.items()}
    if len(set(views.values())) > 1:
        return _verdict(
            "refuse",
            "two groups with one name: "
            + _names(f"{name} is in view {facts['view_id']}" for name, facts in online.items()),
        )
    led = {name: facts for name, facts in online.items() if facts["quorum"]}
    if not led:
        return _verdict("refuse", f"{_names(online)}: ONLINE, but without a majority")
    if not is_listed(mine["host"], [facts["declared"] for facts in led.values()]):
        # Not to refuse: a new member's highstate may be ahead of the others'.
        return _verdict(
            "wait",
            f"{_names(led)}: ONLINE, and no table of nodes there has {me} ({mine['host']}); it "
            "joins once one has, which a highstate of those members brings, if pillar "
            "cluster:nodes declares it",
        )
    twins = [name for name, one in online.items() if one["server_uuid"] == mine["server_uuid"]]
    if twins:
        return _verdict(
            "refuse",
            f"{me} has the server_uuid of {_names(twins)}: a copied disk. Stop mysqld on {me}, "
            "remove auto.cnf from its data directory, and start it again",
        )
    shadow = [
        name
        for name, facts in led.items()
        if any(
            member["id"] == mine["server_uuid"] or member["host"] == mine["host"]
            for member in facts["members"]
        )
    ]
    if shadow:
        return _verdict(
            "wait",
            f"{_names(shadow)} still has the previous incarnation of {me} in its view; "
            f"{me} joins when it is expelled",
        )
    # A group goes by its lowest version, also while it is upgraded member by member.
    lowest = min(led, key=lambda name: version_of(led[name]["version"]))
    if _too_old(mine, led[lowest]):
        return _verdict(
            "refuse",
            f"{me} runs {mine['version']}, which is older than {lowest}'s "
            f"{led[lowest]['version']}: the group takes no version older than its lowest",
        )
    held = union_gtids(*[_held(facts) for facts in led.values()])
    errant = format_gtids(subtract_gtids(_held(mine), held))
    if errant:
        return _verdict(
            "refuse",
            f"{me} has transactions that the group does not have: {errant}; "
            "nothing is wiped unasked",
            errant=errant,
            overruled_by="clone_over",
        )
    if _held(mine):
        return _decide_incremental(mine, me, group, led)
    return _decide_empty(mine, me, group, led, held)


def _too_old(mine: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Tell whether a group with the other member would refuse this one for its version."""
    left, right = version_of(mine["version"]), version_of(other["version"])
    # Within a series any patch level may join, in the series that promise so.
    return left < right and not (left[:2] == right[:2] and left >= OLDEST)


def _purged(
    mine: Mapping[str, Any], led: Mapping[str, Mapping[str, Any]]
) -> dict[str, GtidSet] | None:
    """What each member has purged that this one needs, if that is so for all of them."""
    needed = {
        name: subtract_gtids(parse_gtids(one["gtid_purged"]), parse_gtids(mine["gtid_executed"]))
        for name, one in led.items()
    }
    return needed if all(needed.values()) else None


def _decide_incremental(
    mine: Mapping[str, Any], me: str, group: str, led: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """The rows for a member with a part of the group's history."""
    purged = _purged(mine, led)
    if purged:
        return _verdict(
            "refuse",
            f"every ONLINE member has purged binary logs that {me} needs ("
            + _names(f"{name}: {format_gtids(gtids)}" for name, gtids in purged.items())
            + f"), and {me} is not empty: only a clone over it would do "
            f"(mysql_gr.join method=clone clone_over={me})",
            overruled_by="clone_over",
        )
    return _verdict(
        "join",
        f"{_names(led)} ONLINE in group {group} with a majority: {me} joins{_because(mine)}",
    )


# From so many transactions on, an empty member is copied to it instead of replaying them all.
CLONE_TRANSACTIONS = 1_000_000


def _decide_empty(
    mine: Mapping[str, Any],
    me: str,
    group: str,
    led: Mapping[str, Mapping[str, Any]],
    held: GtidSet,
) -> dict[str, Any]:
    """The rows for a member without any transaction: incremental or by clone."""
    if mine["schemas"]:
        return _verdict(
            "refuse",
            f"{me} has data that no transaction accounts for ({_names(mine['schemas'])}), which "
            "the group does not know; move it out of the way, or clone over it "
            f"(mysql_gr.join method=clone clone_over={me})",
            overruled_by="clone_over",
        )
    if mine["remembered"]:
        return _verdict("refuse", memory.lost(me, mine["remembered"]), overruled_by="clone_over")
    purged, many = _purged(mine, led), count_gtids(held) > CLONE_TRANSACTIONS
    donor = donor_for(mine, led) if purged or many else None
    if donor:
        reason = (
            "no ONLINE member has all binary logs any more"
            if purged
            else f"more than {CLONE_TRANSACTIONS} transactions would have to be replayed"
        )
        return _verdict("clone", f"{me} is empty and clones {donor}: {reason}", donor=donor)
    if purged:
        return _verdict(
            "refuse",
            f"every ONLINE member has purged binary logs that {me} needs, and none can be cloned: "
            + _names(f"{name} runs {one['version']}" for name, one in led.items())
            + f", {me} runs {mine['version']}",
        )
    return _verdict("join", f"{_names(led)} ONLINE in group {group} with a majority: {me} joins")


def donor_for(mine: Mapping[str, Any], led: Mapping[str, Mapping[str, Any]]) -> str | None:
    """
    Return which member to clone: the last declared one of a version that can be, or None.

    The first declared ones are those that the balancer sends writes to.

    mine
        What this member says of itself.

    led
        Declared name to what each ONLINE member says of itself.
    """
    able = [name for name, one in led.items() if _clones(mine["version"], one["version"])]
    return able[-1] if able else None


def _clones(mine: str, other: str) -> bool:
    """Tell whether one version clones another: the same one, or the same series since 8.0.37."""
    left, right = version_of(mine), version_of(other)
    return left == right or (left[:2] == right[:2] and min(left, right) >= (8, 0, 37))


def _ending(me: str, facts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any] | None:
    """
    The rows for members that have not ended their part in an old group.

    One that lost its majority is out for its clients long before its group communication has ended.
    Until then it has messages of the old group under way, and a new group of the same name takes
    them: one of its members, and not the others (seen).
    """
    running = {
        name: one["state"]
        for name, one in facts.items()
        if one["answers"] and (one["running"] or one["state"] != OFFLINE)
    }
    if me in running:
        return _verdict(
            "stop", f"{me} is {running[me]}: its part in the old group is ended before a new one"
        )
    if running:
        return _verdict(
            "wait", f"{_names(running)}: its part in the old group ends before a new one is made"
        )
    return None


def _because(one: Mapping[str, Any]) -> str:
    """The applier's last error as the end of a sentence, where there is one."""
    return f" (its applier said: {one['applier_error']})" if one["applier_error"] else ""


def _apply(me: str, mine: Mapping[str, Any], received: str) -> dict[str, Any]:
    """The row for a member that received what is not applied yet."""
    return _verdict(
        "apply",
        f"{me} received {received} and has not applied it yet{_because(mine)}",
        received=received,
        overruled_by="force_member",
    )


def _unbuilt(
    mine: Mapping[str, Any], group: str, silent: Mapping[str, Mapping[str, Any]], declared: int
) -> list[str]:
    """
    The silent members that are declared and were never built, as far as this one remembers.

    One that joined while this one was out may have gone on with others: so most of the declared
    members have to answer.
    """
    if (declared - len(silent)) * 2 <= declared:
        return []
    return [
        name
        for name, one in silent.items()
        if memory.never_seen(mine["remembered"], group, one.get("host"))
    ]


def _decide_without_group(
    mine: Mapping[str, Any], me: str, group: str, facts: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """The rows for the time when nobody is ONLINE: who creates the group, or leads it again?"""
    recovering = [name for name, one in facts.items() if one["state"] == RECOVERING]
    if recovering:
        return _verdict("wait", f"{_names(recovering)} RECOVERING: what comes of it is awaited")
    silent = {name: one["error"] for name, one in facts.items() if not one["answers"]}
    unbuilt = _unbuilt(mine, group, {name: facts[name] for name in silent}, len(facts))
    if unbuilt and len(unbuilt) == len(silent):
        facts = {name: one for name, one in facts.items() if name not in unbuilt}
    elif silent:
        return _verdict(
            "uncertain",
            "no answer from "
            + _names(f"{name} ({error})" for name, error in silent.items())
            + ": it may be alive, so the group is neither created nor led without it",
            overruled_by="force_member",
        )
    ending = _ending(me, facts)
    if ending:
        return ending
    held = {name: parse_gtids(one["gtid_executed"]) for name, one in facts.items()}
    everything = union_gtids(*held.values())
    # What nobody executed and somebody received is applied first, so that what is executed is all.
    received = {
        name: subtract_gtids(parse_gtids(one["gtid_received"]), everything)
        for name, one in facts.items()
    }
    if received[me]:
        return _apply(me, mine, format_gtids(received[me]))
    if any(received.values()):
        return _verdict(
            "wait",
            _names(
                f"{name} applies {format_gtids(gtids)} first{_because(facts[name])}"
                for name, gtids in received.items()
                if gtids
            ),
            overruled_by="force_member",
        )
    complete = [name for name in facts if not subtract_gtids(everything, held[name])]
    if not complete:
        lacking = _names(
            f"{name} lacks {format_gtids(subtract_gtids(everything, held[name]))}" for name in facts
        )
        return _verdict(
            "refuse",
            f"no member has what all have together: {lacking}",
            overruled_by="force_member",
        )
    differs = difference(
        mine["declared"] or (),
        {name: one["declared"] for name, one in facts.items() if name != me and mine["declared"]},
    )
    if differs:
        return _verdict(
            "refuse",
            f"the tables of nodes differ, and each decides by its own: {differs}, unlike {me}; "
            "a highstate of all database machines makes them one",
            overruled_by="force_member",
        )
    # By what all see alike: the order of a table is each member's own.
    leader = min(complete, key=lambda name: by_address(facts[name]["host"]))
    first = not any(source.partition(":")[0] == group for source in everything)
    act = "create" if first else "lead"
    was = mine["remembered"]
    if first and leader == me and was and (was["group"] in ("", group) or not held[me]):
        return _verdict("refuse", memory.lost(me, was))
    if first and leader == me and not held[me] and mine["schemas"]:
        return _verdict(
            "refuse",
            f"{me} has data that no transaction accounts for ({_names(mine['schemas'])}): members "
            "that join would lack it; dump it, drop it, and load it into the group",
        )
    reason = (
        "all declared members answered and none ever held a transaction of the group"
        if first
        else "all declared members answered, none is ONLINE, and it holds all that any of them has"
    )
    if unbuilt:
        reason = (
            f"all declared members but {_names(unbuilt)} answered, which {me} never saw in the "
            "group; none is ONLINE, and it holds all that any of them has"
        )
    does = "creates the group" if first else "leads the group again"
    if leader == me:
        return _verdict(act, f"{me} {does}: {reason}", leader=me)
    return _verdict(
        "wait",
        f"{leader} {does}, {me} waits for it: {reason}",
        leader=leader,
        overruled_by="force_member",
    )


def decide_by(me: str, group: str, facts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """
    Decide what a member is to do from what is known of all (docs/decisions.md has the table).

    me
        The declared name of the member that asks.

    group
        The declared UUID of the group.

    facts
        Declared name to what :py:func:`facts` found, in declared order, ``me`` among them.

    Returns a dict: ``verdict`` (one of member, recovering, join, clone, create, lead, stop, apply,
    wait, uncertain, paused, silent, refuse), ``why`` (the sentence for the operator), ``leader``
    (who creates or leads, or None), ``donor`` (who is cloned, or None), ``errant`` (GTIDs that only
    this member has, or ""), ``received`` (GTIDs to be applied, or "") and ``overruled_by`` (the
    argument with which an operator can decide otherwise: ``clone_over`` of :py:func:`join`,
    ``force_member`` of :py:func:`recover`, or "").
    """
    mine = facts[me]
    if not mine["answers"]:
        return _silent_verdict(me, mine["error"])
    online = {name: one for name, one in facts.items() if one["answers"] and one["state"] == ONLINE}
    inside = _decide_in_group(mine, me, group, online)
    if inside is not None:
        return inside
    if mine["paused"]:
        return _verdict("paused", f"{me} stays out of the group: {mine['paused']}")
    if online:
        return _decide_with_group(mine, me, group, online)
    return _decide_without_group(mine, me, group, facts)


METHODS = ("auto", "incremental", "clone")


def join_by(
    me: str,
    group: str,
    facts: Mapping[str, Mapping[str, Any]],
    method: str = "auto",
    clone_over: str | None = None,
) -> dict[str, Any]:
    """
    Decide as :py:func:`decide_by`, for an operator who says how this member is to come in.

    method
        ``auto``: as decided. ``incremental``: never by clone. ``clone``: by clone, of an empty
        member only.

    clone_over
        This member's name, to clone over what it has.
    """
    decision = decide_by(me, group, facts)
    if method == "auto" or decision["verdict"] not in ("join", "clone", "refuse"):
        return decision
    mine = facts[me]
    led = {
        name: one
        for name, one in facts.items()
        if one["answers"] and one["state"] == ONLINE and one["quorum"]
    }
    if method == "incremental":
        if decision["verdict"] != "clone":
            return decision
        if _purged(mine, led):
            return _verdict("refuse", f"{me} cannot join incrementally: {decision['why']}")
        return _verdict("join", f"{me} joins incrementally, as told", leader=None)
    if decision["verdict"] == "refuse" and decision["overruled_by"] != "clone_over":
        return decision
    donor = donor_for(mine, led)
    if donor is None:
        return _verdict("refuse", f"no ONLINE member can be cloned by version {mine['version']}")
    has = format_gtids(_held(mine)) or _names(mine["schemas"])
    if mine["remembered"] and not has and clone_over != me:
        return decision
    if has and clone_over != me:
        alone = decision["errant"]
        return _verdict(
            "refuse",
            f"{me} is not empty ({has}"
            + (f"; the group does not have {alone}" if alone else "")
            + f"): a clone gives that up only with clone_over={me}",
            errant=decision["errant"],
            overruled_by="clone_over",
        )
    lost = decision["errant"] or "nothing that the group does not have"
    return _verdict(
        "clone",
        f"{me} clones {donor}, as told" + (f", and gives up {lost}" if has else ""),
        donor=donor,
        errant=decision["errant"],
    )


def recover_by(
    me: str,
    group: str,
    facts: Mapping[str, Mapping[str, Any]],
    force_member: str | None = None,
) -> dict[str, Any]:
    """
    Decide as :py:func:`decide_by`, for an operator who may name who leads after a full outage.

    force_member
        This member's name, to lead where the facts alone do not allow it: a declared member does
        not answer, or histories diverged. What only others have is then refused when they return.
    """
    decision = decide_by(me, group, facts)
    if force_member != me or decision["overruled_by"] != "force_member":
        return decision
    ending = _ending(me, facts)
    if ending:
        return ending
    mine = facts[me]
    received = subtract_gtids(
        parse_gtids(mine["gtid_received"]), parse_gtids(mine["gtid_executed"])
    )
    only = format_gtids(received)
    # It is given up once the applier has said that it cannot.
    if only and not mine["applier_error"]:
        return _apply(me, mine, only)
    silent = [name for name, one in facts.items() if not one["answers"]]
    without = {
        name: format_gtids(subtract_gtids(_held(one), parse_gtids(mine["gtid_executed"])))
        for name, one in facts.items()
        if one["answers"] and name != me
    }
    known = [f"gives up {only}, which it received and cannot apply{_because(mine)}"] if only else []
    known += [f"without {gtids}, which {name} has" for name, gtids in without.items() if gtids]
    if silent:
        known.append(f"without an answer from {_names(silent)}")
    return _verdict(
        "lead",
        f"{me} leads the group again, as told" + "".join(f"; {part}" for part in known),
        leader=me,
        received=only,
    )


def survivors_by(
    me: str,
    nodes: Mapping[str, str],
    facts: Mapping[str, Mapping[str, Any]],
    survivors: Sequence[str],
    dead: Sequence[str],
) -> None:
    """
    Check that a group without majority may be forced to go on with the survivors alone.

    me
        The declared name of the member that would do it.

    nodes
        Declared names and addresses.

    facts
        As :py:func:`facts` returns them.

    survivors, dead
        Declared names, as the operator gives them: together every declared member, each once.

    Raises SaltInvocationError for names that do not add up, CommandExecutionError where what is
    seen contradicts them.
    """
    if sorted([*survivors, *dead]) != sorted(nodes):
        raise SaltInvocationError(
            f"survivors is '{_names(survivors)}' and dead is '{_names(dead)}'; expected each "
            f"declared member once, in one of them: {_names(nodes)}"
        )
    if me not in survivors:
        raise SaltInvocationError(
            f"survivors is '{_names(survivors)}', but this is {me}; expected a call to a survivor"
        )
    mine = facts[me]
    if mine["state"] != ONLINE:
        raise CommandExecutionError(
            f"{me} is {mine['state']}: there is no view to force. After a full outage "
            f"mysql_gr.recover force_member={me} leads the group again"
        )
    if mine["quorum"]:
        raise CommandExecutionError(f"{me} is in a view with a majority: nothing is to be forced")
    alive = [name for name in dead if facts[name]["answers"]]
    if alive:
        raise CommandExecutionError(
            f"dead is '{_names(dead)}', but {_names(alive)} answers: it is alive, and would go on "
            "as a second group"
        )
    for name in survivors:
        one = facts[name]
        if not one["answers"] or one["state"] != ONLINE or _view(one) != _view(mine):
            raise CommandExecutionError(
                f"survivors has '{name}', which is "
                + (f"{one['state']} in view {one['view_id']}" if one["answers"] else one["error"])
                + f"; expected a member ONLINE in {me}'s view {mine['view_id']}"
            )
    unreachable = {m["host"] for m in mine["members"] if m["state"] == UNREACHABLE}
    reached = [name for name in survivors if nodes[name] in unreachable]
    if reached:
        raise CommandExecutionError(
            f"survivors has {_names(reached)}, which {me} cannot reach: it would not go on with it"
        )


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


def write_concurrency_for(settings: Settings, mode: str) -> int:
    """
    Return how many messages the group is to agree on at once.

    settings
        The group's settings.

    mode
        What the group is, whatever is declared.
    """
    return settings.write_concurrency or WRITE_CONCURRENCY[mode]


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
                f"{_names(missing)}: {clerk or 'a primary'} makes it for the group, and it did not "
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
        raise SaltInvocationError(f"role is {role!r}; expected one of {_names(ROLES)}")
    if _walk(__pillar__, "cluster:nodes") is None:
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
    wanted = settings_as_json(_settings())
    try:
        return SETTINGS_FILE.read_text(encoding="utf-8") != wanted
    except FileNotFoundError:
        return True


def store_settings() -> None:
    """
    Write the keeper's file, readable only by root, whole or not at all.

    Raises SaltInvocationError for wrong settings.

    CLI Example:

    .. code-block:: bash

        salt 'db*' mysql_gr.store_settings
    """
    write_whole(SETTINGS_FILE, settings_as_json(_settings()), 0o600)


# --- looking -------------------------------------------------------------------------------------


def writable_by(facts: Mapping[str, Any]) -> bool:
    """
    Tell whether a member takes writes, from what it says of itself.

    facts
        One member's part of :py:func:`facts`.
    """
    return (
        readable_by(facts)
        and facts["role"] == "PRIMARY"
        and not facts["super_read_only"]
        and not facts["stopping"]
    )


def readable_by(facts: Mapping[str, Any]) -> bool:
    """
    Tell whether a member may be read: ONLINE, with a majority, and not in offline mode.

    facts
        One member's part of :py:func:`facts`.
    """
    return facts["state"] == ONLINE and facts["quorum"] and not facts["offline_mode"]


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
    held = union_gtids(*(_held(one) for one in led))
    errant = {
        name: format_gtids(subtract_gtids(_held(one), held))
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
    if mine["quorum"] and single_leader not in (None, _declared_single_leader(settings)):
        problems.append(
            f"the group has {SINGLE_LEADER} {single_leader}, and "
            f"{_declared_single_leader(settings)} is declared: it takes that when it is led again, "
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
    held = {name: _held(one) for name, one in facts.items() if one["answers"]}
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


# What a server must be to join: variable, what is right, in words for the operator. A variable that
# a version lacks is as it should be there. Checksums and row images may be any since 8.0.21.
REQUIRED = {
    "performance_schema": ("ON", "1"),
    "gtid_mode": ("ON",),
    "enforce_gtid_consistency": ("ON",),
    "log_bin": ("ON", "1"),
    "log_replica_updates": ("ON", "1"),
    "binlog_format": ("ROW",),
    "transaction_write_set_extraction": ("XXHASH64", "MURMUR32"),
    "master_info_repository": ("TABLE",),
    "relay_log_info_repository": ("TABLE",),
    "replica_preserve_commit_order": ("ON", "1"),
    "replica_parallel_type": ("LOGICAL_CLOCK",),
    "super_read_only": ("ON", "1"),
    "group_replication_start_on_boot": ("OFF",),
    "group_replication_bootstrap_group": ("OFF",),
}
# Decided when a group is created or led: who joins takes it from the group.
SINGLE_LEADER = "group_replication_paxos_single_leader"
# What Group Replication wants to be equal in all members; it refuses one that differs.
ALIKE = (
    "lower_case_table_names",
    "default_table_encryption",
    "group_replication_gtid_assignment_block_size",
    SINGLE_LEADER,
    "group_replication_view_change_uuid",
)
CHANNELS = ("group_replication_applier", "group_replication_recovery")


class Instance(NamedTuple):
    """What a server says of itself that its peers need not know."""

    # Global variables, names in lower case, and those that are kept over a restart.
    variables: Mapping[str, str]
    persisted: Mapping[str, str] = {}
    # The state of the plugin; empty: not there.
    plugin: str = ""
    # Channels of asynchronous replication, and filters of all replication.
    channels: Sequence[str] = ()
    filters: Sequence[str] = ()
    # Where report_host leads.
    report_addresses: Sequence[str] = ()
    # As account_differences returns it.
    accounts: Mapping[str, Mapping[str, Sequence[str]]] = {}


def _allowed(address: str, allowlist: str) -> bool:
    """Tell whether group_replication_ip_allowlist covers an address; names in it are not asked."""
    ip = ipaddress.IPv4Address(address)
    if allowlist.upper() == "AUTOMATIC":
        return ip.is_private
    networks = []
    for word in allowlist.split(","):
        with contextlib.suppress(ValueError):
            networks.append(ipaddress.ip_network(word.strip(), strict=False))
    return any(ip in network for network in networks)


def instance_problems(
    settings: Settings, instance: Instance, seen: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, str]]:
    """
    Name all that would stop a server from joining, from what is known of it.

    settings
        The group's settings.

    instance
        What the server says of itself.

    seen
        What every member says of itself, as :py:func:`facts` returns it.
    """
    found: list[dict[str, str]] = []

    def problem(what: str, value: Any, right: str) -> None:
        found.append({"what": what, "value": str(value or ""), "expected": right})

    mine, variables = seen[settings.me], instance.variables
    inside = mine["state"] in PRESENT
    version = version_of(mine["version"])
    if not is_supported(version):
        problem("version", mine["version"], SUPPORTED)
    declared = version_of(settings.version) if settings.version else ()
    if version[: len(declared)] != declared:
        problem("version", mine["version"], f"{settings.version}, as mysql:version says")
    if instance.plugin != "ACTIVE":
        problem(
            "plugin group_replication",
            instance.plugin,
            "ACTIVE (plugin_load_add in the option file, or INSTALL PLUGIN)",
        )
    for name, right in REQUIRED.items():
        # A member of the group has been made writable by it.
        if (
            name in variables
            and variables[name] not in right
            and not (inside and name == "super_read_only")
        ):
            problem(name, variables[name], right[0])
        if name in instance.persisted and instance.persisted[name] not in right:
            danger = (
                ": DANGEROUS, at its next start this server makes a second group"
                if name == "group_replication_bootstrap_group"
                else ", which wins over the option file at the next start"
            )
            problem(
                f"persisted {name}",
                instance.persisted[name],
                f"{right[0]} (RESET PERSIST {name}){danger}",
            )
    _check_addresses(settings, instance, problem)
    if variables.get("group_replication_group_name", settings.group) != settings.group:
        problem(
            "group_replication_group_name",
            variables["group_replication_group_name"],
            settings.group,
        )
    for channel in instance.channels:
        problem("replication channel", channel, "none beside the group's own (RESET REPLICA ALL)")
    for one in instance.filters:
        problem("replication filter", one, "none: a group takes no filters")
    _check_peers(settings, seen, problem)
    for account, lacking in instance.accounts.items():
        problem(account, None, f"{_names(lacking['missing'])} (mysql_gr.create_accounts)")
    return found


def _check_addresses(
    settings: Settings, instance: Instance, problem: Callable[[str, Any, str], None]
) -> None:
    """Name what keeps the others from finding this server, or it from letting them in."""
    variables, address = instance.variables, settings.nodes[settings.me]
    host = variables.get("report_host") or ""
    if host != address:
        leads = [one for one in instance.report_addresses if one != host]
        loops = any(ipaddress.ip_address(one).is_loopback for one in instance.report_addresses)
        problem(
            "report_host",
            f"{host} ({_names(leads)})" if leads else host,
            f"{address}, as cluster:nodes says"
            + ("; a loopback address leads the others to themselves" if loops else ""),
        )
    if variables.get("report_port") not in (None, "0", str(settings.port)):
        problem("report_port", variables["report_port"], str(settings.port))
    # The stack of the server's own connections asks accounts, not addresses.
    if variables.get("group_replication_communication_stack") == "XCOM":
        allowlist = variables.get("group_replication_ip_allowlist", "")
        shut = [name for name, ip in settings.nodes.items() if not _allowed(ip, allowlist)]
        if shut:
            problem(
                "group_replication_ip_allowlist",
                allowlist,
                "also " + _names(f"{settings.nodes[name]} of {name}" for name in shut),
            )


def _check_peers(
    settings: Settings,
    seen: Mapping[str, Mapping[str, Any]],
    problem: Callable[[str, Any, str], None],
) -> None:
    """Name what is the same as another's and must not be, and what must be and is not."""
    mine = seen[settings.me]
    others = {name: one for name, one in seen.items() if name != settings.me and one["answers"]}
    for name, one in others.items():
        if one["server_uuid"] == mine["server_uuid"]:
            problem("server_uuid", mine["server_uuid"], f"one that is not {name}'s: a copied disk")
        if one["server_id"] == mine["server_id"]:
            problem("server_id", mine["server_id"], f"one that is not {name}'s")
    group = {name: one for name, one in others.items() if one["state"] == ONLINE} or others
    if group:
        name = min(group, key=lambda n: version_of(group[n]["version"]))
        if _too_old(mine, group[name]):
            problem("version", mine["version"], f"not older than {name}'s {group[name]['version']}")
    for variable in ALIKE:
        if variable == SINGLE_LEADER:
            continue
        wanted = {
            name: one["alike"][variable] for name, one in group.items() if variable in one["alike"]
        }
        value = mine["alike"].get(variable)
        for name, right in wanted.items():
            if value not in (None, right):
                problem(variable, value, f"{right}, as {name} has it")
                break


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
    mode = _mode(mode or settings.mode)
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
    mode = _mode(mode or _settings().mode)
    return [problem for one in statements for problem in _check_statement(one, mode)]


def _check_statement(statement: str, mode: str) -> list[dict[str, str]]:
    """Return what one statement would make that a group in this mode cannot write to."""
    found = STATEMENT.match(" ".join(statement.split()))
    if not found or found[1].lower() == "create temporary":
        return []
    table, rest = found[2].replace("`", ""), QUOTED.sub("''", found[3])
    # Of another table it has the key that that one has.
    creates = found[1].lower() == "create" and not re.match(r"\s*(like|select|as)\b", rest, re.I)
    problems = []
    if creates and not re.search(r"\bprimary key\b", rest, re.I):
        problems.append(("no primary key", "it is made without a primary key"))
    if not creates and re.search(r"\bdrop primary key\b(?!.*\badd primary key\b)", rest, re.I):
        problems.append(("no primary key", "its primary key is dropped"))
    engine = re.search(r"\bengine\s*=?\s*(\w+)", rest, re.I)
    if engine and engine[1].lower() != "innodb":
        problems.append(("engine", f"{engine[1]}, not InnoDB"))
    if mode == MODES[0]:
        rules = re.findall(r"\bon (?:delete|update) (?:cascade|set null)\b", rest, re.I)
        if rules:
            problems.append(
                ("cascading foreign key", f"{', '.join(rules).lower()}, in {mode} mode")
            )
    return [{"table": table, "problem": what, "detail": why} for what, why in problems]


def _mode(mode: str) -> str:
    if mode not in MODES:
        raise SaltInvocationError(f"mode is '{mode}'; expected {MODES[0]} or {MODES[1]}")
    return mode


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


def _declared_single_leader(settings: Settings) -> str:
    # Asked while a group is led: what other options there are, and for which version, must not
    # matter here.
    option = f"loose_{SINGLE_LEADER}"
    declared = settings.options.get(option, _own_options(settings)[option])
    return switch_value(SINGLE_LEADER, option_as_running(declared, "ON"))


def switch_value(name: str, value: Any) -> str:
    """
    Return ON or OFF, which alone goes into a statement as it is.

    name
        The variable.

    value
        As pillar or another member says it. Raises CommandExecutionError when it is neither.
    """
    if value not in ("ON", "OFF"):
        raise CommandExecutionError(f"{name} is {value!r}; expected ON or OFF")
    return str(value)


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
    has = group["alike"].get(SINGLE_LEADER) if group else _declared_single_leader(settings)
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
        if _held(mine):
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


Decide = Callable[[str, str, Mapping[str, Mapping[str, Any]]], dict[str, Any]]


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
            return _verdict("wait", f"another run on {settings.me} is at it")
        seen = _facts(settings, connection)
        decision = decided(settings.me, settings.group, seen)
        verdict = decision["verdict"]
        if verdict == "member":
            _remember(seen[settings.me])
        if verdict not in allowed:
            return decision
        if verdict in STARTS and not _recovery_credentials(connection):
            # A start without them ends only after a minute, and holds up whoever would set them.
            return _verdict(
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
                return _verdict("wait", str(err))
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
            decision = _silent_verdict(settings.me, str(err))
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


def _named_member(given: str, me: str, doing: str, argument: str = "member") -> None:
    if given != me:
        raise SaltInvocationError(
            f"{argument} is '{given}', but this is {me}; expected {argument}={me}: "
            f"{doing} is done only to a member that the call names"
        )


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
    _named_member(member, settings.me, "bootstrapping")
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
    decided = _unpaused(overruling(settings.me, method, clone_over))
    decision = _once(settings, ("join", "clone"), patience, decided)
    if decision["verdict"] == "clone":
        cloned = {"cloned": decision["donor"], "given_up": decision["errant"]}
        decision = {**_once(settings, ("join",), patience, _unpaused(decide_by)), **cloned}
    PAUSE_FILE.unlink(missing_ok=True)
    LEAVING_FILE.unlink(missing_ok=True)
    return decision


def overruling(
    me: str,
    method: str = "auto",
    clone_over: str | None = None,
    force_member: str | None = None,
) -> Decide:
    """
    Return how to decide with an operator's arguments, once those are checked.

    Raises SaltInvocationError for what does not fit together, or names another member than ``me``.
    """
    if method not in METHODS:
        raise SaltInvocationError(f"method is '{method}'; expected {', '.join(METHODS)}")
    for argument, value in (("clone_over", clone_over), ("force_member", force_member)):
        if value is not None:
            _named_member(value, me, "giving data up", argument)
    if clone_over is not None and method != "clone":
        raise SaltInvocationError(
            f"clone_over is '{clone_over}' and method is '{method}'; expected method=clone with it"
        )
    if force_member is None:
        return functools.partial(join_by, method=method, clone_over=clone_over)
    if method != "auto":
        raise SaltInvocationError(
            f"method is '{method}' and force_member is '{force_member}'; expected one of them: "
            "who leads does not join"
        )
    return functools.partial(recover_by, force_member=force_member)


def _unpaused(decided: Decide) -> Decide:
    """Decide as if this member were not paused: the call is the end of the pause."""

    def deciding(me: str, group: str, facts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        return decided(me, group, {**facts, me: {**facts[me], "paused": ""}})

    return deciding


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
                f"no view of {_names(survivors)} alone within {patience:.0f} s; the server goes on "
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
    _named_member(member, settings.me, "emptying")
    # Big databases take their time to be dropped.
    with _exclusive(settings, None) as connection:
        seen = _facts(settings, connection)
        decision = _unpaused(decide_by)(settings.me, settings.group, seen)
        allowed = decision["verdict"] in ("join", "clone")
        if not allowed and decision["overruled_by"] != "clone_over":
            raise CommandExecutionError(f"{member} is not emptied: {decision['why']}")
        mine = seen[member]
        if not dry_run:
            _stop_failed(connection, mine)
            _empty(connection, settings, mine["version"])
            # Until here it says that this machine has to be filled again.
            memory.MEMBER_FILE.unlink(missing_ok=True)
        return {"given_up": format_gtids(_held(mine)), "errant": decision["errant"]}


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
    _named_member(member, settings.me, "forgetting")
    was = memory.remembered(memory.MEMBER_FILE)
    with contextlib.suppress(UnreachableError), local(settings) as connection:
        held = format_gtids(_held(observe(connection)))
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
    _named_member(member, settings.me, "leaving")
    seconds, why = _drain_seconds("drain", drain, settings.drain), _given(reason)
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
                + (_because(seen) if seen["answers"] else "")
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
            + _names(online)
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
    mode = _mode(mode)
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
    _named_member(member, settings.me, "draining")
    wait, new, old = _drain_seconds("seconds", seconds, settings.drain), _given(reason), drained()
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


def removal_problem(me: str, facts: Mapping[str, Mapping[str, Any]]) -> str:
    """
    Say why a member that is no longer declared must not be taken out, or return the empty text.

    me
        The name of the member that is to go.

    facts
        As :py:func:`facts` returns them: of the members that are declared, and of ``me``.
    """
    mine = facts[me]
    others = {name: one for name, one in facts.items() if name != me and one["answers"]}
    stay = {one["host"]: name for name, one in others.items()}
    if mine["state"] in PRESENT:
        rest = [member for member in mine["members"] if member["id"] != mine["server_uuid"]]
        if not has_quorum(rest) or not any(
            member["state"] == ONLINE and member["host"] in stay for member in rest
        ):
            return (
                f"without {me} the group would have no majority of members that are declared and "
                f"ONLINE: it sees {_names(m['host'] + ' ' + m['state'] for m in rest) or 'nobody'}"
            )
    elif (
        mine["answers"]
        and _held(mine)
        and not any(one["state"] == ONLINE and one["quorum"] for one in others.values())
    ):
        return (
            f"no declared member is ONLINE in a group with a majority, and {me} may hold "
            "transactions that no other has; it is removed once the group is there"
        )
    return ""


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
    _named_member(member, settings.me, "removing")
    seconds = _drain_seconds("drain", drain, settings.drain)
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

# What is set in a running server without a restart, each with the size that the server rounds it
# to; another option that differs waits for a restart of mysqld. None of these touches what the
# group decides: its mode, who may write, who creates it.
ONLINE_OPTIONS = {
    "group_replication_autorejoin_tries": 1,
    "group_replication_consistency": 1,
    "group_replication_exit_state_action": 1,
    "group_replication_flow_control_applier_threshold": 1,
    "group_replication_flow_control_certifier_threshold": 1,
    "group_replication_flow_control_mode": 1,
    "group_replication_group_seeds": 1,
    "group_replication_member_expel_timeout": 1,
    "group_replication_member_weight": 1,
    "group_replication_message_cache_size": 1,
    "group_replication_start_on_boot": 1,
    "group_replication_unreachable_majority_timeout": 1,
    "binlog_expire_logs_seconds": 1,
    "innodb_flush_log_at_trx_commit": 1,
    "innodb_io_capacity": 1,
    "innodb_io_capacity_max": 1,
    "innodb_lock_wait_timeout": 1,
    "interactive_timeout": 1,
    "lock_wait_timeout": 1,
    "log_error_verbosity": 1,
    "long_query_time": 1,
    "max_allowed_packet": 1024,
    "max_connect_errors": 1,
    "max_connections": 1,
    "max_user_connections": 1,
    "net_read_timeout": 1,
    "net_write_timeout": 1,
    "slow_query_log": 1,
    "sql_require_primary_key": 1,
    "sync_binlog": 1,
    "table_open_cache": 1,
    "thread_cache_size": 1,
    "wait_timeout": 1,
}
# What the group itself sets in its members: differing is no fault.
GROUPS_OPTIONS = (
    "group_replication_bootstrap_group",
    "group_replication_enforce_update_everywhere_checks",
    SINGLE_LEADER,
    "group_replication_single_primary_mode",
    "offline_mode",
    "read_only",
    "super_read_only",
)
UNITS = {unit: 1024**power for power, unit in enumerate("KMGTPE", start=1)}


def option_as_running(
    declared: Any, running: str, block: int = 1, low: int = 0, high: int = 0
) -> str:
    """
    Return a declared option as the server would show it: the running value where they are the same.

    declared
        The value in the option file: ``ON`` or 1, ``128M``, a list with commas.

    running
        The server's own value, which shows the variable's kind.

    block
        The server rounds a number down to a multiple of this.

    low, high
        The server's own bounds of a number; ``high`` 0 where it has none.
    """
    text = str(declared).strip()
    if running.upper() in ("ON", "OFF") and text.upper() in ON + OFF:
        return "ON" if text.upper() in ON else "OFF"
    if re.fullmatch(r"-?\d+", running):
        size = re.fullmatch(r"(-?\d+)([KMGTPE]?)", text.upper())
        if not size:
            return {**dict.fromkeys(ON, "1"), **dict.fromkeys(OFF, "0")}.get(text.upper(), text)
        number = int(size[1]) * UNITS.get(size[2], 1) // block * block
        return str(max(low, min(number, high)) if high else number)
    with contextlib.suppress(ValueError):
        if float(text) == float(running):
            return running
    # Names of the server's own are capitals in any case and any order; other text is exact.
    wanted, shown = (re.sub(r"\s*,\s*", ",", one.strip()) for one in (text, running))
    if re.fullmatch(r"[A-Z0-9_,-]*[A-Z][A-Z0-9_,-]*", shown):
        wanted = wanted.upper()
        if sorted(wanted.split(",")) == sorted(shown.split(",")):
            return running
    return running if wanted == shown else wanted


def differing_options(
    options: Mapping[str, Any],
    variables: Mapping[str, str],
    bounds: Mapping[str, tuple[int, int]],
) -> dict[str, dict[str, dict[str, str]]]:
    """
    Compare the option file with a running server's variables.

    options
        As :py:func:`options_of` returns them.

    variables
        The server's global variables, names in lower case.

    bounds
        Lowest and highest value of variables that are numbers.

    Returns a dict: ``online`` (what can be set now), ``restart`` (what waits for a restart of
    mysqld) and ``unknown`` (what this server has no variable for), each a dict of variable to
    ``old`` and ``new``.
    """
    found: dict[str, dict[str, dict[str, str]]] = {"online": {}, "restart": {}, "unknown": {}}
    for option, declared in options.items():
        name = option.lower().replace("-", "_").removeprefix("loose_")
        # mysqld judges all others itself (check_cmd of the option file) and passes these over.
        if name not in variables and option.startswith("loose_"):
            found["unknown"][name] = {"old": "", "new": str(declared)}
        if name not in variables or name in GROUPS_OPTIONS or isinstance(declared, (list, tuple)):
            continue
        if name == "log_bin":
            # The variable of this name says only that there is one.
            name, declared = "log_bin_basename", str(Path(variables["datadir"], str(declared)))
        running = variables[name]
        if name == "datadir":
            # The server shows it with a slash.
            declared = f"{str(declared).rstrip('/')}/"
        low, high = bounds.get(name, (0, 0))
        wanted = option_as_running(declared, running, ONLINE_OPTIONS.get(name, 1), low, high)
        if name == "innodb_buffer_pool_size" and wanted.isdigit():
            # Always whole chunks in each instance.
            chunk = int(variables["innodb_buffer_pool_chunk_size"])
            whole = chunk * int(variables["innodb_buffer_pool_instances"])
            wanted = str(-(-int(wanted) // whole) * whole)
        if wanted != running:
            kind = "online" if name in ONLINE_OPTIONS else "restart"
            found[kind][name] = {"old": running, "new": wanted}
    return found


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
