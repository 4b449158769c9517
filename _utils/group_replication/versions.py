"""What each supported version of MySQL has: options, statements, and how versions compare."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from salt.exceptions import SaltInvocationError

# The first of 8.0 that a group takes in whatever patch the others have.
OLDEST = (8, 0, 35)

# After 9.7 the numbers are a year and a month.
FIRST_YEAR = 26

BOUNDS = "SELECT VARIABLE_NAME, MIN_VALUE, MAX_VALUE FROM performance_schema.variables_"


class Difference(NamedTuple):
    """An option or a statement that not every supported version of MySQL has."""

    name: str
    # The first version that has it, and the first that has it no more; empty: no such limit.
    since: tuple[int, ...] = ()
    removed: tuple[int, ...] = ()
    # What to write in its place, in words for the operator.
    instead: str = ""
    # What the option file says where the version has it; a statement's words.
    value: str = ""
    statement: bool = False


# Names that are in no row are the same in all supported versions, as far as this module uses them.
DIFFERENCES = (
    # Until 8.3 the default keeps less apart than the group's own certification does.
    Difference(
        "binlog_transaction_dependency_tracking",
        removed=(8, 4),
        instead="nothing (WRITESET is all there is)",
        value="WRITESET",
    ),
    Difference(
        "replica_parallel_type",
        removed=(9, 5),
        instead="nothing (LOGICAL_CLOCK is all there is)",
        value="LOGICAL_CLOCK",
    ),
    Difference("query_cache_size", removed=(8, 0, 3), instead="nothing"),
    Difference("query_cache_type", removed=(8, 0, 3), instead="nothing"),
    Difference("tx_isolation", removed=(8, 0, 3), instead="transaction_isolation"),
    Difference("tx_read_only", removed=(8, 0, 3), instead="transaction_read_only"),
    Difference("log_warnings", removed=(8, 0, 3), instead="log_error_verbosity"),
    Difference("old_passwords", removed=(8, 0, 11), instead="nothing"),
    Difference("expire_logs_days", removed=(8, 2), instead="binlog_expire_logs_seconds"),
    Difference("abort_slave_event_count", removed=(8, 2), instead="nothing"),
    Difference("disconnect_slave_event_count", removed=(8, 2), instead="nothing"),
    Difference("skip_host_cache", removed=(8, 3), instead="host_cache_size=0"),
    Difference("character_set_client_handshake", removed=(8, 3), instead="nothing"),
    Difference("skip_character_set_client_handshake", removed=(8, 3), instead="nothing"),
    Difference("group_replication_ip_whitelist", removed=(8, 3), instead="nothing"),
    Difference("log_bin_use_v1_row_events", removed=(8, 3), instead="nothing"),
    Difference("master_info_repository", removed=(8, 3), instead="nothing (it is a table)"),
    Difference("relay_log_info_repository", removed=(8, 3), instead="nothing (it is a table)"),
    Difference("relay_log_info_file", removed=(8, 3), instead="nothing (it is a table)"),
    Difference("slave_rows_search_algorithms", removed=(8, 3), instead="nothing"),
    Difference("transaction_write_set_extraction", removed=(8, 3), instead="nothing"),
    Difference("admin_ssl", removed=(8, 4), instead="admin_tls_version=''"),
    Difference("ssl", removed=(8, 4), instead="tls_version=''"),
    Difference("skip_ssl", removed=(8, 4), instead="tls_version=''"),
    Difference("avoid_temporal_upgrade", removed=(8, 4), instead="nothing"),
    Difference("show_old_temporals", removed=(8, 4), instead="nothing"),
    Difference("default_authentication_plugin", removed=(8, 4), instead="authentication_policy"),
    Difference("group_replication_recovery_complete_at", removed=(8, 4), instead="nothing"),
    Difference("mysql_native_password", (8, 4), (9, 0), instead="caching_sha2_password accounts"),
    Difference(
        "group_replication_allow_local_lower_version_join", removed=(9, 5), instead="nothing"
    ),
    Difference("rpl_semi_sync_master_enabled", removed=(9, 5), instead="nothing in a group"),
    Difference("rpl_semi_sync_slave_enabled", removed=(9, 5), instead="nothing in a group"),
    # Rejected by 9.7; what replaces them is in every supported version, so all of 9 goes without.
    Difference("innodb_log_file_size", removed=(9,), instead="innodb_redo_log_capacity"),
    Difference("innodb_log_files_in_group", removed=(9,), instead="innodb_redo_log_capacity"),
    Difference("temptable_use_mmap", removed=(9,), instead="temptable_max_mmap=0"),
    Difference("tls_certificates_enforced_validation", (8, 1)),
    Difference("set_operations_buffer_size", (8, 2)),
    Difference("explain_json_format_version", (8, 3)),
    Difference("group_replication_preemptive_garbage_collection", (8, 4)),
    Difference("group_replication_preemptive_garbage_collection_rows_threshold", (8, 4)),
    Difference("restrict_fk_on_non_standard_key", (8, 4)),
    Difference("activate_mandatory_roles", (9, 5)),
    Difference("caching_sha2_password_storage_format", (9, 7)),
    Difference("enable_cascade_triggers", (9, 7)),
    Difference("replica_allow_higher_version_source", (9, 7)),
    Difference("binary log status", removed=(8, 2), value="SHOW MASTER STATUS", statement=True),
    Difference("binary log status", (8, 2), value="SHOW BINARY LOG STATUS", statement=True),
    Difference("reset binary logs", removed=(8, 2), value="RESET MASTER", statement=True),
    Difference("reset binary logs", (8, 2), value="RESET BINARY LOGS AND GTIDS", statement=True),
    # The columns are deprecated where they were first.
    Difference("bounds of variables", removed=(9,), value=f"{BOUNDS}info", statement=True),
    Difference("bounds of variables", (9,), value=f"{BOUNDS}metadata", statement=True),
)


def version_of(text: str) -> tuple[int, ...]:
    """
    Return a version as numbers that compare: 8.0.35, 9.7.4 and 26.7.0 in that order.

    text
        As the server says it, with a suffix or not.
    """
    numbers = re.match(r"\d+(?:\.\d+)*", text)
    if not numbers:
        raise SaltInvocationError(f"'{text}' is no version of MySQL; expected 9.7.4 or the like")
    return tuple(int(number) for number in numbers[0].split("."))


def clones(mine: str, other: str) -> bool:
    """Tell whether one version clones another: the same one, or the same series since 8.0.37."""
    left, right = version_of(mine), version_of(other)
    return left == right or (left[:2] == right[:2] and min(left, right) >= (8, 0, 37))


def dotted(version: Iterable[int]) -> str:
    return ".".join(map(str, version))


SUPPORTED = f"MySQL {dotted(OLDEST)} or later, 8.4, 9.x, or {FIRST_YEAR}.7 and later"


def is_supported(version: tuple[int, ...]) -> bool:
    """
    Tell whether a version is one that these options and statements are known for.

    version
        Its numbers; a series without a patch level is the last of that series.
    """
    return (version >= OLDEST or version == OLDEST[: len(version)]) and not (
        9 < version[0] < FIRST_YEAR
    )


def version_of_package(text: str) -> str:
    """
    Return the version of MySQL that a package holds.

    text
        The package's version, with epoch and revision or not: ``1:8.0.46-0ubuntu0.24.04.1``.
    """
    return re.split(r"[-+~]", text.rpartition(":")[2])[0]


def has(row: Difference, version: str) -> bool:
    if not version:
        return not row.since and not row.removed
    numbers = version_of(version)
    if numbers == OLDEST[: len(numbers)]:
        numbers = OLDEST
    return row.since <= numbers and not (row.removed and row.removed <= numbers)


def options_for(version: str) -> dict[str, str]:
    """
    Return the options that the option file has for this version and not for all others.

    version
        The server's, such as 8.0.46 or 8.4; the empty text, if it is not known, gives none.
    """
    return {
        row.name: row.value
        for row in DIFFERENCES
        if row.value and not row.statement and has(row, version)
    }


def statement_for(name: str, version: str) -> str:
    """
    Return the words of a statement that differ by version.

    name
        What the statement is for, as the table of differences calls it.

    version
        The server's.
    """
    return next(
        row.value for row in DIFFERENCES if row.statement and row.name == name and has(row, version)
    )


def option_missing(name: str, version: str) -> str:
    """
    Say what to write in place of an option that this version does not have; "" if it has it.

    name
        The option, with underscores and without ``loose_``.

    version
        The server's; the empty text, if it is not known: then only what all have is there.
    """
    # The names with "slave" went with the ones with "replica", where there are two.
    names = (name, today(name))
    row = next((r for r in DIFFERENCES if not r.statement and r.name in names), None)
    if row is None or has(row, version):
        return ""
    limits = [f"since {dotted(row.since)}"] if row.since else []
    limits += [f"until {dotted(row.removed)}, where it was removed"] if row.removed else []
    there = f"the option is there {' and '.join(limits)}"
    if not version:
        return f"mysql:version to be given too, since {there}"
    return f"{row.instead or 'nothing'} in its place for MySQL {version}: {there}"


def today(name: str) -> str:
    """The name that an option with an older one has now; the server takes both for the same."""
    return name.replace("slave", "replica", 1)
