"""What would stop a server from joining the group."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from salt.exceptions import CommandExecutionError

from group_replication.accounts import account_differences
from group_replication.connection import local, rows
from group_replication.decision import too_old
from group_replication.facts import MUST_MATCH
from group_replication.model import ONLINE, PRESENT, SINGLE_LEADER, Settings, joined
from group_replication.running_options import option_differences
from group_replication.versions import SUPPORTED, is_supported, statement_for, version_of

CHANNELS = ("group_replication_applier", "group_replication_recovery")

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

# How long a member's port may take to answer, when a start has failed.
PORT_SECONDS = 2
CHANNEL_ACCOUNT = "channel group_replication_recovery"

# Takes what is wrong: its name, its value, and what would be right.
Problem = Callable[[str, Any, str], None]


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
        What every member says of itself, as ``facts_of`` returns it.
    """
    found: list[dict[str, str]] = []

    def problem(what: str, value: Any, right: str) -> None:
        found.append({"what": what, "value": str(value or ""), "expected": right})

    mine, variables = seen[settings.me], instance.variables
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
    _check_variables(instance, mine["state"] in PRESENT, problem)
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
    for account, differing in instance.accounts.items():
        # What an account has beyond its need keeps no member out.
        if lacking := differing.get("missing"):
            problem(account, None, f"{joined(lacking)} (mysql_server.create_accounts)")
    return found


def _check_variables(instance: Instance, inside: bool, problem: Problem) -> None:
    """Name the variables that are not what a group takes, now or after a restart."""
    variables = instance.variables
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


def _check_addresses(settings: Settings, instance: Instance, problem: Problem) -> None:
    """Name what keeps the others from finding this server, or it from letting them in."""
    variables, address = instance.variables, settings.nodes[settings.me]
    host = variables.get("report_host") or ""
    if host != address:
        leads = [one for one in instance.report_addresses if one != host]
        loops = any(ipaddress.ip_address(one).is_loopback for one in instance.report_addresses)
        problem(
            "report_host",
            f"{host} ({joined(leads)})" if leads else host,
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
                "also " + joined(f"{settings.nodes[name]} of {name}" for name in shut),
            )


def _check_peers(
    settings: Settings, seen: Mapping[str, Mapping[str, Any]], problem: Problem
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
        if too_old(mine, group[name]):
            problem("version", mine["version"], f"not older than {name}'s {group[name]['version']}")
    for variable in MUST_MATCH:
        if variable == SINGLE_LEADER:
            continue
        wanted = {
            name: one["must_match"][variable]
            for name, one in group.items()
            if variable in one["must_match"]
        }
        value = mine["must_match"].get(variable)
        for name, right in wanted.items():
            if value not in (None, right):
                problem(variable, value, f"{right}, as {name} has it")
                break


def instance_of(settings: Settings) -> Instance:
    """Ask the local server what :py:func:`instance_problems` judges."""

    def pairs(connection: Any, sql: str) -> dict[str, str]:
        return {row["name"].lower(): row["value"] for row in rows(connection, sql)}

    def column(connection: Any, sql: str, values: Sequence[Any] = ()) -> list[str]:
        return [str(next(iter(row.values()))) for row in rows(connection, sql, values)]

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
        for row in rows(connection, statement):
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
            accounts=account_differences(connection, settings, "members"),
        )


def _addresses_of(host: str) -> list[str]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM) if host else []
    except (OSError, UnicodeError):
        return []
    return sorted({str(one[4][0]).partition("%")[0] for one in found})


def words_of(
    settings: Settings,
    problems: Sequence[Mapping[str, str]],
    differ: Mapping[str, Mapping[str, str]],
    closed: Mapping[str, str],
) -> str:
    """
    Say what may have kept a server from joining, as the end of a sentence; empty where nothing has.

    settings
        The group's settings; the keeper's have no password of the recovery account.

    problems
        As :py:func:`instance_problems` returns them.

    differ
        Options that are not set as declared: ``old`` and ``new`` of each.

    closed
        ONLINE members whose port for the group does not answer, and why.
    """
    found = [
        f"{one['what']} is {one['value'] or 'missing'}, expected {one['expected']}"
        for one in problems
        if one["what"] != CHANNEL_ACCOUNT or settings.recovery.password
    ]
    found += [
        f"{name} is {value['old'] or 'empty'}, declared {value['new']}"
        for name, value in differ.items()
    ]
    found += [
        f"{name} answers on port {settings.admin_port}, and not on {settings.port}, where members "
        f"speak to each other ({why})"
        for name, why in closed.items()
    ]
    return f" What may keep {settings.me} out: {'; '.join(found)}" if found else ""


def what_keeps_out(settings: Settings, seen: Mapping[str, Mapping[str, Any]]) -> str:
    """
    Look for what kept the local server from joining, after it was tried in vain.

    settings, seen
        As for :py:func:`instance_problems`.

    Returns the end of a sentence, or the empty text.
    """
    try:
        problems = instance_problems(settings, instance_of(settings), seen)
        with local(settings) as connection:
            options = option_differences(settings, connection)["online"]
    except CommandExecutionError as err:
        return f" What may keep {settings.me} out cannot be asked: {err}"
    differ = {name: value for name, value in options.items() if _for_a_start(name)}
    return words_of(settings, problems, differ, _closed(settings, seen))


def _for_a_start(option: str) -> bool:
    """Tell whether an option decides who is found and with what it is spoken to."""
    return option == "group_replication_group_seeds" or "ssl" in option


def _closed(settings: Settings, seen: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """The ONLINE members whose port for the group cannot be reached from here."""
    found = {}
    for name, one in seen.items():
        if name == settings.me or not one["answers"] or one["state"] != ONLINE:
            continue
        try:
            place = (settings.nodes[name], settings.port)
            with socket.create_connection(place, PORT_SECONDS):
                pass
        except OSError as err:
            found[name] = str(err)
    return found
