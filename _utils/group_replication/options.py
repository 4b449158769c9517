"""The server's option file: what the group needs, what pillar adds, and what contradicts."""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pillar_check import invalid, walk
from salt.exceptions import SaltInvocationError

from group_replication import relay_log, tls
from group_replication.auto_increment import check_step, offset_of, step_in, step_of
from group_replication.model import DATA_DIRECTORY, MODES, TIMINGS, Settings
from group_replication.versions import option_missing, options_for, today

# What mysqld takes for either in an option file.
ON, OFF = ("ON", "1", "TRUE"), ("OFF", "0", "FALSE")
# What pillar mysql:options may say of an option that the group depends on, and why.
# Nothing is right where there is no value.
NEEDS: dict[str, tuple[tuple[str, ...], str]] = {
    "group_replication_bootstrap_group": ((), "in a file it makes a second group at a restart"),
    "group_replication_force_members": ((), "in a file it keeps a member out of the group"),
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
    "group_replication_auto_increment_increment": (
        (),
        "auto_increment_increment is the step, also while Group Replication runs",
    ),
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
    "auto_increment_offset": "the member's address and auto_increment_increment",
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


def declared_options(pillar: Mapping[str, Any]) -> dict[str, Any]:
    """Return what pillar ``mysql:options`` gives, spelt as the file spells it."""
    key = "mysql:options"
    table = walk(pillar, key)
    if table is None:
        return {}
    if not isinstance(table, Mapping):
        raise invalid(key, table, "a mapping of server option to value")
    options: dict[str, Any] = {}
    for name, value in table.items():
        if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]*", name):
            raise SaltInvocationError(
                f"pillar {key} has an option named {name!r}; expected letters, digits, '_' or '-'"
            )
        spelt = _option_name(name)
        bare = spelt.removeprefix("loose_")
        if any(other.removeprefix("loose_") == bare for other in options):
            raise invalid(f"{key}:{name}", value, "an option once, in one spelling")
        many = isinstance(value, list)
        checked = [_option_value(f"{key}:{name}", one) for one in (value if many else [value])]
        if not checked:
            raise invalid(f"{key}:{name}", value, "one value at least")
        options[spelt] = checked if many else checked[0]
    return options


def _option_value(key: str, value: Any) -> str | int | float:
    if isinstance(value, bool):
        # YAML reads ON and OFF as these.
        return "ON" if value else "OFF"
    if isinstance(value, float) and not math.isfinite(value):
        raise invalid(key, value, "a finite number")
    if isinstance(value, int | float):
        return value
    if not isinstance(value, str):
        raise invalid(key, value, "text, a number, ON or OFF, or a list of these")
    if not value.isprintable() or value != value.strip():
        raise invalid(key, value, "one line without blanks around it")
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    if "#" in value and not quoted:
        raise invalid(key, value, "it in quotes of its own: a # begins a comment in the file")
    return value


def check_needs(settings: Settings) -> None:
    """Refuse options that contradict what the group needs or what other keys say."""
    own = {name.removeprefix("loose_"): one for name, one in own_options(settings).items()}
    for name, value in settings.options.items():
        bare = name.removeprefix("loose_")
        key, said = f"mysql:options:{bare}", str(value).strip("'\"")
        for prefix, means in (("skip_", "OFF"), ("disable_", "OFF"), ("enable_", "ON")):
            inner = today(bare.removeprefix(prefix))
            if bare.startswith(prefix) and bare not in NEEDS and inner in {*NEEDS, "log_bin"}:
                bare, said = inner, means
        bare = today(bare)
        if bare.startswith(FILTERS):
            raise invalid(key, value, "to be left out: the group takes no filters")
        if bare == "log_bin" and said.upper() in (*ON, *OFF):
            raise invalid(
                key, value, "the base name of files: the binary log is on unless told otherwise"
            )
        if bare == "auto_increment_increment":
            check_step(key, value, settings.nodes)
        if bare == "bind_address":
            address = settings.nodes[settings.me]
            if not {address, "*", "0.0.0.0", "::"} & set(re.split(r"\s*,\s*", said)):  # noqa: S104
                raise invalid(key, value, f"{address} among them, where the others reach it")
        if (
            bare == "transaction_isolation"
            and said.upper() == "SERIALIZABLE"
            and settings.mode == MODES[0]
        ):
            raise invalid(
                key,
                value,
                "READ-COMMITTED, REPEATABLE-READ or READ-UNCOMMITTED: in multi-primary mode the "
                "server refuses every commit of a SERIALIZABLE transaction",
            )
        if bare == "require_secure_transport" and said.upper() in ON and not settings.certificates:
            raise invalid(
                key, value, "OFF: without certificates (cluster:tls) the application has no TLS"
            )
        if bare == "datadir" and str(Path(said)) != settings.data_directory:
            raise invalid(
                key,
                value,
                f"'{settings.data_directory}', which follows from mysql:lookup:data_directory",
            )
        if bare in NEEDS:
            right, why = NEEDS[bare]
            if not right:
                raise invalid(key, value, f"to be left out: {why}")
            if said.upper() not in right:
                raise invalid(key, value, f"{' or '.join(right)}: {why}")
        if bare in DERIVED and not _same(said, str(own[bare])):
            raise invalid(key, value, f"'{own[bare]}', which follows from {DERIVED[bare]}")


def _same(one: str, other: str) -> bool:
    return (
        any(one.upper() in words and other.upper() in words for words in (ON, OFF))
        or one.lower() == other.lower()
    )


def check_versions(options: Mapping[str, Any], version: str) -> None:
    """Refuse declared options that a version does not have."""
    for name, value in options.items():
        bare = name.removeprefix("loose_")
        right = option_missing(bare, version)
        if right:
            raise invalid(f"mysql:options:{bare}", value, right)


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
    options = own_options(settings) | options_for(version)
    check_versions(settings.options, version)
    for name, value in settings.options.items():
        bare = name.removeprefix("loose_")
        if bare == "plugin_load_add":
            more = value if isinstance(value, list) else [value]
            options[bare] = [*options[bare], *(one for one in more if one not in options[bare])]
        else:
            options[bare if bare in options else name] = value
    return options


def _auto_increment(settings: Settings) -> dict[str, int]:
    """The step and the member's offset, the same while it is in the group and out, in each mode."""
    bare = {name.removeprefix("loose_"): one for name, one in settings.options.items()}
    step = step_in(bare.get("auto_increment_increment")) or step_of(settings.nodes)
    return {
        "auto_increment_increment": step,
        "auto_increment_offset": offset_of(settings.nodes[settings.me], step),
    }


def own_options(settings: Settings) -> dict[str, Any]:
    """Return what the option file has of all versions, before pillar's own options."""
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
        # More than a balancer's three sections send here together (maxconn of the balancer).
        "max_connections": 500,
        # Accounts are given by address; no name service can slow a connection down or stop it.
        "skip_name_resolve": "ON",
        # An acknowledged commit is on disk.
        "sync_binlog": 1,
        "innodb_flush_log_at_trx_commit": 1,
        # Group Replication takes these over only where both are 1, and then by server_id and steps
        # of 7: members seven addresses apart would give out the same values. Before the seeds: a
        # member has its step before it lets a new one in.
        **_auto_increment(settings),
        # Named, or the files would follow the machine's name and be lost with it.
        "relay_log": relay_log.BASE_NAME,
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
        **_fixed_options(gr),
        **(_tls_options(gr, settings.verify) if settings.certificates else {}),
        **{f"{gr}{name}": value for name, value in TIMINGS[settings.timings].items()},
    }


def _tls_options(gr: str, verify: bool) -> dict[str, Any]:
    """What is shown to clients, administrators and members, and whether members are verified."""
    options: dict[str, Any] = {}
    # Without files of its own the administrators' door shows none where the main one has some.
    for prefix in ("ssl", "admin_ssl", f"{gr}recovery_ssl", "loose_clone_ssl"):
        options |= {
            f"{prefix}_ca": tls.CA_FILE,
            f"{prefix}_cert": tls.CERTIFICATE_FILE,
            f"{prefix}_key": tls.KEY_FILE,
        }
    if verify:
        # Members dial each other by the addresses that the table of nodes has.
        options |= {
            f"{gr}ssl_mode": "VERIFY_IDENTITY",
            f"{gr}recovery_ssl_verify_server_cert": "ON",
        }
    return options


def _fixed_options(gr: str) -> dict[str, Any]:
    """Options of Group Replication that are the same on every member, whatever is declared."""
    return {
        # Traffic of the group and of distributed recovery is encrypted; the default only since 9.5.
        f"{gr}ssl_mode": "REQUIRED",
        f"{gr}recovery_use_ssl": "ON",
        # A member that left by fault accepts no clients, and can still be looked into.
        f"{gr}exit_state_action": "OFFLINE_MODE",
        # A new primary answers when it has applied what the old one left; the default since 8.4.
        f"{gr}consistency": "BEFORE_ON_PRIMARY_FAILOVER",
        # The keeper lets an expelled member rejoin, after asking the others. The server's own
        # tries know no evidence, and a try that waits for a view holds up what would help.
        f"{gr}autorejoin_tries": 0,
        # In single-primary mode the primary is the single Paxos leader, and a lost secondary holds
        # up nothing; in multi-primary mode all members are leaders. A member that joins takes
        # what the group has (SINGLE_LEADER).
        f"{gr}paxos_single_leader": "ON",
    }
