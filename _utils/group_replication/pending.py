"""What differs between the option file and a running server, and what would bring it in."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from pillar_check import invalid
from salt.exceptions import CommandExecutionError

from group_replication.connection import local, rows
from group_replication.model import SINGLE_LEADER, Settings
from group_replication.options import options_of
from group_replication.running_options import (
    declared_single_leader,
    option_as_running,
    option_differences,
)

# What brings an option in. RESTART: mysqld's, one member after the other. GROUP: all members out of
# the group at once, since it takes none that differs. INITIAL: nothing, as the data directory was
# made with it. PERSISTED: RESET PERSIST, since mysqld-auto.cnf wins over every file.
RESTART, GROUP, INITIAL, PERSISTED = "restart", "group", "initial", "persisted"
GROUP_WIDE = (
    "group_replication_group_name",
    "group_replication_communication_stack",
    "group_replication_gtid_assignment_block_size",
    "group_replication_view_change_uuid",
    "default_table_encryption",
    SINGLE_LEADER,
)
# With another value than it was made with a data directory is not taken, and mysqld does not start.
AT_INITIALIZATION = (
    "lower_case_table_names",
    "innodb_page_size",
    "innodb_data_file_path",
    "innodb_data_home_dir",
    "innodb_undo_directory",
)
# With which it is made where nothing is said.
MADE_BY_DEFAULT = {"lower_case_table_names": "0", "innodb_page_size": "16384"}
# The group keeps these so in each member, by itself.
KEPT_BY_THE_GROUP = (
    "group_replication_enforce_update_everywhere_checks",
    "group_replication_single_primary_mode",
    SINGLE_LEADER,
)
# In no option file, and in mysqld-auto.cnf a second group at the next start of Group Replication
# that is not the keeper's or Salt's.
NEVER_PERSISTED = {"group_replication_bootstrap_group": "OFF"}


def class_of(option: str) -> str:
    """Return what brings an option in that cannot be set in a running server."""
    if option in AT_INITIALIZATION:
        return INITIAL
    return GROUP if option in GROUP_WIDE else RESTART


def pending_options(
    differ: Mapping[str, Mapping[str, Mapping[str, str]]],
    persisted: Mapping[str, Mapping[str, str]],
) -> dict[str, dict[str, str]]:
    """
    Return what waits, by option, and for what.

    differ
        As :py:func:`running_options.option_differences` returns it.

    persisted
        As :py:func:`overridden` returns it.

    Returns a dict of option to ``running``, ``file`` and ``class``; of one that is persisted also
    ``persisted``, its value in mysqld-auto.cnf.
    """
    found = {
        option: {"running": value["old"], "file": value["new"], "class": class_of(option)}
        for option, value in differ["restart"].items()
    }
    return {**found, **{option: dict(value) for option, value in persisted.items()}}


def overridden(
    options: Mapping[str, Any], running: Mapping[str, str], persisted: Mapping[str, str]
) -> dict[str, dict[str, str]]:
    """
    Return the options of the file that a persisted variable wins over, with another value.

    options
        As :py:func:`options.options_of` returns them.

    running, persisted
        The server's global variables, and those of mysqld-auto.cnf.
    """
    found = {}
    for option, declared in options.items():
        name = option.lower().replace("-", "_").removeprefix("loose_")
        if name not in persisted or name in KEPT_BY_THE_GROUP or isinstance(declared, list | tuple):
            continue
        # The server's form of a value shows how the file's is to be read.
        wanted = option_as_running(declared, persisted[name])
        if wanted != persisted[name]:
            found[name] = {
                "running": running.get(name, ""),
                "file": wanted,
                "class": PERSISTED,
                "persisted": persisted[name],
            }
    return found


def persisted_options(settings: Settings, connection: Any) -> dict[str, dict[str, str]]:
    """Return what mysqld-auto.cnf of the local server says otherwise than the option file."""
    persisted = {
        row["VARIABLE_NAME"].lower(): str(row["VARIABLE_VALUE"])
        for row in rows(
            connection,
            "SELECT VARIABLE_NAME, VARIABLE_VALUE FROM performance_schema.persisted_variables",
        )
    }
    if not persisted:
        return {}
    variables = {
        row["VARIABLE_NAME"].lower(): row["VARIABLE_VALUE"]
        for row in rows(
            connection,
            "SELECT VARIABLE_NAME, VARIABLE_VALUE FROM performance_schema.global_variables",
        )
    }
    version = settings.version or variables["version"].partition("-")[0]
    declared = {**NEVER_PERSISTED, **options_of(settings, version)}
    return overridden(declared, variables, persisted)


def pending_restart(
    settings: Settings, connection: Any, alike: Mapping[str, str]
) -> dict[str, dict[str, str]]:
    """
    Return what of the option file the local server does not run with, and what would bring it in.

    settings
        The group's settings.

    connection
        The local member's.

    alike
        What the group has in all its members, as ``observe`` returns it.
    """
    found = pending_options(
        option_differences(settings, connection), persisted_options(settings, connection)
    )
    has, declared = alike.get(SINGLE_LEADER), declared_single_leader(settings)
    if has not in (None, declared):
        found[SINGLE_LEADER] = {"running": str(has), "file": declared, "class": GROUP}
    return found


# How a comment begins about what waits, by what would bring it in.
WAITING = {
    RESTART: "Waiting for a restart of mysqld",
    GROUP: "Waiting for all members to be out of the group at once",
    INITIAL: "Chosen when the data directory was made; mysqld does not start with another value",
}


def not_set(differ: Mapping[str, Mapping[str, Any]]) -> str:
    """
    Say which options are not set in the running server, as the end of a comment.

    differ
        As :py:func:`running_options.option_differences` returns it, and where it has ``persisted``,
        what :py:func:`persisted_options` returns.
    """
    said = ""
    for kind, waiting in WAITING.items():
        shown = [
            f"{option} is {value['old']}, declared {value['new']}"
            for option, value in differ["restart"].items()
            if class_of(option) == kind
        ]
        said += f". {waiting}: {', '.join(shown)}" if shown else ""
    if differ["unknown"]:
        said += (
            ". Not known to the running server (misspelt, or of a plugin that is not loaded): "
            + ", ".join(differ["unknown"])
        )
    if differ.get("persisted"):
        said += ". Persisted in mysqld-auto.cnf, which wins over the file (RESET PERSIST): "
        said += ", ".join(
            f"{option} is {value['persisted']}, declared {value['file']}"
            for option, value in differ["persisted"].items()
        )
    return said


def refuse_other_than_made(settings: Settings, options: Mapping[str, Any]) -> None:
    """
    Refuse options with which the data directory of the local server would not be found or taken.

    Where no server answers there is none to ask: its own start is the judge.

    settings
        The group's settings.

    options
        As :py:func:`options.options_of` returns them.
    """
    declared = {name: options[name] for name in AT_INITIALIZATION if name in options}
    try:
        with local(settings) as connection:
            found = rows(
                connection,
                "SELECT VARIABLE_NAME, VARIABLE_VALUE, VARIABLE_PATH"
                " FROM performance_schema.global_variables"
                " JOIN performance_schema.variables_info USING (VARIABLE_NAME)"
                " WHERE VARIABLE_NAME IN %s",
                ((*AT_INITIALIZATION, "datadir"),),
            )
    except CommandExecutionError:
        return
    for row in found:
        name, running = row["VARIABLE_NAME"].lower(), row["VARIABLE_VALUE"]
        if name in MADE_BY_DEFAULT and row["VARIABLE_PATH"] == settings.config_file:
            # The file would say nothing of it any more.
            declared.setdefault(name, MADE_BY_DEFAULT[name])
        if name == "datadir":
            _refuse_other_directory(settings.data_directory, running)
        elif name in declared and option_as_running(declared[name], running) != running:
            raise invalid(
                f"mysql:options:{name}",
                options.get(name),
                f"'{running}', with which this data directory was made: mysqld would not start",
            )


def _refuse_other_directory(declared: str, running: str) -> None:
    """Refuse to name a directory beside the data: mysqld would start without it, or not at all."""
    # Either may be reached by a link.
    if os.path.realpath(declared) != os.path.realpath(running):
        raise invalid(
            "mysql:lookup:data_directory",
            declared,
            f"'{running.rstrip('/')}', where the running server has its data; who moves it has "
            f"mysqld stopped meanwhile",
        )
