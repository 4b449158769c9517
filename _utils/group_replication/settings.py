"""Settings of the group: from pillar, of a member that is removed, and in the keeper's file."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pillar_check import check_keys, invalid, is_number, walk
from salt.exceptions import SaltInvocationError

from group_replication import files
from group_replication.certificates import declared as declared_tls
from group_replication.files import write_whole
from group_replication.model import (
    COMPARE_INTERVALS,
    CONFIG_FILE,
    DATA_DIRECTORY,
    MEMBERS_MAX,
    MEMBERS_MIN,
    MODES,
    REMOVED,
    SYSTEM_SCHEMAS,
    TIMINGS,
    WRITE_CONCURRENCY_RANGE,
    Account,
    Application,
    Settings,
)
from group_replication.options import check_needs, check_versions, declared_options
from group_replication.own_table import SCHEMA
from group_replication.pillar import (
    BACKUP_ACCOUNT,
    FURTHER,
    KEYS,
    declared_balancer,
    declared_nodes,
    one_of,
    path,
    port,
    subnet_of,
)
from group_replication.versions import SUPPORTED, is_supported, version_of

# The accounts; the admin's password alone is in the keeper's file.
ROLES = ("admin", "recovery", "application", "schema", "backup")
# The roles of a further application are `applications:NAME:application` and `:schema`.
FURTHER_ROLES = ("application", "schema")
# What the application may get by pillar. It changes no schema and grants nothing.
GRANTABLE = (
    *("SELECT", "INSERT", "UPDATE", "DELETE", "EXECUTE", "SHOW VIEW"),
    *("CREATE TEMPORARY TABLES", "LOCK TABLES"),
)

SETTINGS_FILE = files.SETTINGS_FILE

# What CHANGE REPLICATION SOURCE takes; kept for all accounts, so that there is one rule.
PASSWORD_MIN, PASSWORD_MAX = 12, 32

DRAIN_MAX = 600


def _password(pillar: Mapping[str, Any], key: str) -> str:
    value = walk(pillar, key)
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


def drain_seconds(key: str, value: Any, default: int) -> int:
    """Return seconds to drain, once they are a number that may be, or the default."""
    if value is None:
        return default
    if not is_number(value, 0, DRAIN_MAX):
        raise SaltInvocationError(
            f"{key} is '{value}'; expected a whole number of seconds from 0 to {DRAIN_MAX}"
        )
    return value


def _account_name(pillar: Mapping[str, Any], role: str, default: str) -> str:
    key = f"mysql:accounts:{role}:name"
    value = walk(pillar, key)
    if value is None:
        return default
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9_.-]{1,32}", value):
        raise invalid(key, value, "1 to 32 letters, digits, '_', '.' or '-'")
    return value


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
        check_keys(pillar.get(key), known, key)
    nodes = _members(pillar, me)
    settings = Settings(
        me=me,
        group=_group_name(pillar),
        mode=one_of(pillar, "mysql:group:mode", MODES),
        timings=one_of(pillar, "mysql:group:timings", tuple(TIMINGS)),
        write_concurrency=_write_concurrency(pillar),
        nodes=nodes,
        subnet=str(subnet_of(pillar)),
        admin=_account(pillar, "admin", "mysql_gr_admin"),
        recovery=_account(pillar, "recovery", "mysql_gr_recovery"),
        application=_account(pillar, "application", "haproxy_root"),
        schema=_account(pillar, "schema", "schema_change"),
        backup=_backup_account(pillar),
        database=_database(pillar, "application", "realworld"),
        grants=_grants(pillar, "application"),
        applications=_applications(pillar),
        port=port(pillar, "mysql:port", 3306),
        admin_port=port(pillar, "mysql:admin_port", 33062),
        health_port=port(pillar, "cluster:health_port", 9200),
        socket=path(pillar, "mysql:socket", "/run/mysqld/mysqld.sock"),
        health_clients=(*declared_balancer(pillar).proxies.values(), *_health_clients(pillar)),
        options=declared_options(pillar),
        version=_declared_version(pillar),
        drain=drain_seconds("pillar mysql:drain", walk(pillar, "mysql:drain"), 10),
        data_directory=str(Path(path(pillar, "mysql:lookup:data_directory", DATA_DIRECTORY))),
        config_file=path(pillar, "mysql:lookup:config_file", CONFIG_FILE),
        compare_interval=_compare_interval(pillar),
        compare_load=_compare_load(pillar),
        certificates=declared_tls(pillar).source != "none",
        verify=declared_tls(pillar).verify,
    )
    _check_lookup(pillar)
    _check_distinct(settings)
    check_needs(settings)
    if settings.version:
        check_versions(settings.options, settings.version)
    return settings


def _members(pillar: Mapping[str, Any], me: str) -> dict[str, str]:
    """The group's declared members, this one among them."""
    nodes = declared_nodes(pillar, "db")
    if not MEMBERS_MIN <= len(nodes) <= MEMBERS_MAX:
        raise invalid(
            "cluster:nodes",
            f"{len(nodes)} nodes with role db ({', '.join(nodes)})",
            f"{MEMBERS_MIN} to {MEMBERS_MAX} of them: Group Replication takes no more members, "
            "and fewer cannot lose one",
        )
    if me not in nodes:
        raise invalid("cluster:nodes", ", ".join(nodes), f"a node '{me}' with role db")
    return nodes


def _account(pillar: Mapping[str, Any], role: str, default: str) -> Account:
    return Account(
        _account_name(pillar, role, default), _password(pillar, f"mysql:accounts:{role}:password")
    )


def _applications(pillar: Mapping[str, Any]) -> tuple[Application, ...]:
    """What further applications have, in declared order."""
    key = "mysql:accounts:applications"
    declared = walk(pillar, key)
    if declared is not None and not isinstance(declared, Mapping):
        raise invalid(key, declared, "a mapping of applications' names to their accounts")
    found = []
    for name, told in (declared or {}).items():
        if not isinstance(name, str) or not re.fullmatch(r"[a-z][a-z0-9_]{0,17}", name):
            raise invalid(key, name, "names as pillar laravel:applications has them")
        check_keys(told, FURTHER, f"{key}:{name}")
        own = f"applications:{name}"
        found.append(
            Application(
                name,
                _account(pillar, f"{own}:application", name),
                _account(pillar, f"{own}:schema", f"{name}_schema"),
                _database(pillar, f"{own}:application", name),
                _grants(pillar, f"{own}:application"),
            )
        )
    return tuple(found)


def accounts_of(settings: Settings) -> dict[str, Account]:
    """Return all accounts that pillar names, by their place below ``mysql:accounts``."""
    found = {role: getattr(settings, role) for role in ROLES}
    for one in settings.applications:
        for role in FURTHER_ROLES:
            found[f"applications:{one.name}:{role}"] = getattr(one, role)
    return {role: account for role, account in found.items() if account.name}


def _backup_account(pillar: Mapping[str, Any]) -> Account:
    """The account of a machine of role backup, once pillar gives it a password."""
    if walk(pillar, "mysql:accounts:backup:password") is None:
        return Account("")
    return _account(pillar, "backup", BACKUP_ACCOUNT)


def _write_concurrency(pillar: Mapping[str, Any]) -> int | None:
    key = "mysql:group:write_concurrency"
    value = walk(pillar, key)
    if value is None:
        return None
    least, most = WRITE_CONCURRENCY_RANGE
    if not is_number(value, least, most):
        raise invalid(key, value, f"a number from {least} to {most}")
    return value


def _compare_interval(pillar: Mapping[str, Any]) -> str:
    key = "mysql:compare:interval"
    value = walk(pillar, key)
    if value is None:
        return next(iter(COMPARE_INTERVALS))
    if value is False:
        return ""
    if not isinstance(value, str) or value not in COMPARE_INTERVALS:
        raise invalid(key, value, f"{', '.join(COMPARE_INTERVALS)}, or false for never")
    return value


def _compare_load(pillar: Mapping[str, Any]) -> float:
    key = "mysql:compare:load"
    value = walk(pillar, key)
    if value is None:
        return 0.1
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0.01 <= value <= 1:
        raise invalid(key, value, "a number from 0.01 to 1")
    return float(value)


def _group_name(pillar: Mapping[str, Any]) -> str:
    value = walk(pillar, "mysql:group:name")
    pattern = r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise invalid("mysql:group:name", value, "a UUID as uuidgen prints it")
    return value.lower()


def _database(pillar: Mapping[str, Any], role: str, default: str) -> str:
    key = f"mysql:accounts:{role}:database"
    value = walk(pillar, key)
    if value is None:
        return default
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9_]{1,64}", value):
        raise invalid(key, value, "1 to 64 letters, digits or '_'")
    if value.lower() in (*SYSTEM_SCHEMAS, SCHEMA):
        raise invalid(key, value, "a database that is none of the server's own, nor the group's")
    return value


def _grants(pillar: Mapping[str, Any], role: str) -> dict[str, tuple[str, ...]]:
    key = f"mysql:accounts:{role}:grants"
    value = walk(pillar, key)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise invalid(key, value, "objects with their privileges, such as reports.*: [SELECT]")
    found = {}
    for target, privileges in value.items():
        name = re.fullmatch(r"([A-Za-z0-9_]{1,64})\.(\*|[A-Za-z0-9_]{1,64})", str(target))
        if not name or name[1].lower() in (*SYSTEM_SCHEMAS, SCHEMA):
            raise invalid(key, target, "a database.* or database.table of an application's own")
        if not isinstance(privileges, list) or not set(map(str, privileges)) <= set(GRANTABLE):
            raise invalid(f"{key}:{target}", privileges, f"a list of {', '.join(GRANTABLE)}")
        # Only where all tables are meant, an underscore stands for any character.
        whole = name[2] == "*"
        database = re.sub("_", r"\\_", name[1]) if whole else name[1]
        found[f"`{database}`.{'*' if whole else f'`{name[2]}`'}"] = tuple(privileges)
    return found


def _health_clients(pillar: Mapping[str, Any]) -> tuple[str, ...]:
    key = "cluster:health_clients"
    value = walk(pillar, key)
    if value is None:
        return ()
    right = "a list of IPv4 addresses and networks, such as [172.28.17.9, 10.1.0.0/24]"
    if not isinstance(value, list):
        raise invalid(key, value, right)
    for one in value:
        try:
            ipaddress.IPv4Network(one if isinstance(one, str) else "")
        except ValueError:
            raise invalid(key, one, right) from None
    return tuple(value)


def _declared_version(pillar: Mapping[str, Any]) -> str:
    value = walk(pillar, "mysql:version")
    if value is None:
        return ""
    if not isinstance(value, str) or not re.fullmatch(r"\d{1,3}(\.\d{1,3}){1,2}", value):
        raise invalid("mysql:version", value, "quoted text such as '8.4' or '9.7.4'")
    if not is_supported(version_of(value)):
        raise invalid("mysql:version", value, SUPPORTED)
    return value


def _check_lookup(pillar: Mapping[str, Any]) -> None:
    for name in KEYS["mysql"]["lookup"]:
        key = f"mysql:lookup:{name}"
        value = walk(pillar, key)
        if name in ("config_file", "data_directory", "library"):
            path(pillar, key, "/usr/local/lib/mysql-gr")
        elif value is not None and not (
            isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.+@_-]*", value)
        ):
            raise invalid(key, value, f"the name of a {name}")


def _check_distinct(settings: Settings) -> None:
    ports = {
        "mysql:port": settings.port,
        "mysql:admin_port": settings.admin_port,
        "cluster:health_port": settings.health_port,
    }
    roles = accounts_of(settings)
    names = {f"mysql:accounts:{role}:name": account.name for role, account in roles.items()}
    databases = {"mysql:accounts:application:database": settings.database}
    for one in settings.applications:
        databases[f"mysql:accounts:applications:{one.name}:application:database"] = one.database
    for values, right in (
        (ports, "a port of its own"),
        (names, "an account of its own"),
        (databases, "a database of its own"),
    ):
        for key, value in values.items():
            same = next(other for other, one in values.items() if one == value)
            if same != key:
                raise invalid(key, value, f"{right}: {same} is the same")
    for key, name in names.items():
        if name in ("root", settings.health_user) or name.startswith("mysql."):
            raise invalid(key, name, "an account that is none of the server's own")
    by_password: dict[str, str] = {}
    for role, account in roles.items():
        key = f"mysql:accounts:{role}:password"
        same = by_password.setdefault(account.password, key)
        if same != key:
            raise SaltInvocationError(
                f"pillar {key} is the same as {same}; expected a password of its own"
            )


def settings_of_removed(
    pillar: Mapping[str, Any], me: str, stored: Settings | None
) -> Settings | None:
    """
    Return the settings of a member that the table of nodes no longer declares.

    It is given no secrets any more: what it needs to leave is in the keeper's file.

    pillar
        The minion's pillar, with ``cluster``: the other members are those that it declares now.

    me
        The minion's id.

    stored
        What the keeper's file says, from when the member was declared; None where there is none.

    Returns None when ``me`` is declared, or never was a member. Raises SaltInvocationError for a
    table that is wrong or too small: it removes nobody.
    """
    nodes = declared_nodes(pillar, "db")
    if me in nodes or stored is None or me not in stored.nodes:
        return None
    others = _members(pillar, next(iter(nodes), me))
    return stored._replace(me=me, nodes={**others, me: stored.nodes[me]}, removed=REMOVED)


def settings_as_json(settings: Settings) -> str:
    """
    Return what the keeper needs of the settings, as :py:func:`settings_from_json` reads it.

    The passwords of all accounts but the admin's stay out, and further applications: the keeper
    uses none of them.
    """
    kept = settings._asdict()
    kept["admin"] = settings.admin._asdict()
    for role in ROLES[1:]:
        kept[role] = {"name": kept[role].name, "password": ""}
    del kept["applications"]
    return json.dumps(kept, indent=2) + "\n"


def settings_from_json(text: str) -> Settings:
    """
    Return the settings that :py:func:`settings_as_json` wrote.
    """
    data = json.loads(text)
    for role in ROLES:
        # A file of an earlier version knows fewer.
        if role in data:
            data[role] = Account(**data[role])
    data["health_clients"] = tuple(data["health_clients"])
    # A file of a later version says more than this one reads.
    return Settings(**{name: value for name, value in data.items() if name in Settings._fields})


def stored_settings() -> Settings | None:
    """What the keeper's file says, where it is."""
    if not SETTINGS_FILE.exists():
        return None
    return settings_from_json(SETTINGS_FILE.read_text(encoding="utf-8"))


def current_settings(pillar: Mapping[str, Any], me: str) -> Settings:
    """
    Return the settings of a minion: from its pillar, or where it has none (masterless), the file.

    pillar
        The minion's pillar.

    me
        The minion's id.

    Raises SaltInvocationError where neither is there, and as :py:func:`settings_from` does.
    """
    # A minion that is declared needs no file, whatever is in it.
    if walk(pillar, "cluster:nodes") and me not in declared_nodes(pillar, "db"):
        removed = settings_of_removed(pillar, me, stored_settings())
        if removed:
            return removed
    if "mysql" in pillar:
        return settings_from(pillar, me)
    stored = stored_settings()
    if stored:
        return stored
    raise SaltInvocationError(
        f"neither pillar mysql nor {SETTINGS_FILE} is there: "
        f"does pillar cluster:nodes name minion '{me}', with role db?"
    )


def settings_file_differs(settings: Settings) -> bool:
    """
    Tell whether the keeper's file does not say what the settings are.
    """
    wanted = settings_as_json(settings)
    try:
        return SETTINGS_FILE.read_text(encoding="utf-8") != wanted
    except FileNotFoundError:
        return True


def write_settings(settings: Settings) -> None:
    """
    Write the keeper's file, readable only by root, whole or not at all.
    """
    write_whole(SETTINGS_FILE, settings_as_json(settings), 0o600)


def agent_settings(settings: Settings) -> dict[str, Any]:
    """
    Return what the health agent needs to know: where to listen, whom to ask as whom, who may ask.
    """
    return {
        "address": settings.nodes[settings.me],
        "port": settings.health_port,
        "socket": settings.socket,
        "user": settings.health_user,
        "clients": ["127.0.0.1", settings.nodes[settings.me], *settings.health_clients],
    }


def comparison_settings(settings: Settings) -> dict[str, Any]:
    """
    Return what the timer of the comparison needs to know: how often, and spread over which time.
    """
    seconds = COMPARE_INTERVALS.get(settings.compare_interval, 0)
    return {"interval": settings.compare_interval, "delay": seconds // 24}
