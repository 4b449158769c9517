"""The declared options beside those of a running server, and which can be set there."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from salt.exceptions import CommandExecutionError

from group_replication import driver, left_options
from group_replication.connection import error_text, exclusive, rows, set_when_free
from group_replication.dynamic_variables import BLOCKS, ONLINE
from group_replication.model import SINGLE_LEADER, Settings
from group_replication.options import OFF, ON, options_of, own_options
from group_replication.versions import statement_for

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
# Both times are in whole seconds.
CLOCK_SECONDS = 2
UNITS = {unit: 1024**power for power, unit in enumerate("KMGTPE", start=1)}


def declared_single_leader(settings: Settings) -> str:
    """Return ON or OFF: whether a single Paxos leader is declared."""
    # Asked while a group is bootstrapped: what other options there are, and for which version, must
    # not matter here.
    option = f"loose_{SINGLE_LEADER}"
    declared = settings.options.get(option, own_options(settings)[option])
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
    started_with: Mapping[str, str] | None = None,
    made: Mapping[str, list[str]] | None = None,
) -> dict[str, dict[str, dict[str, str]]]:
    """
    Compare the option file with a running server's variables.

    options
        As :py:func:`options_of` returns them.

    variables
        The server's global variables, names in lower case.

    bounds
        Lowest and highest value of variables that are numbers.

    started_with
        The text of options that the server was started with, and made a form of its own of.

    made
        Of variables that were set, what was declared then and what the server made of it.

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
        pair = [str(declared), variables[name]]
        if (started_with or {}).get(name) == pair[0] or (made or {}).get(name) == pair:
            continue
        if name == "log_bin":
            # The variable of this name says only that there is one.
            name, declared = "log_bin_basename", str(Path(variables["datadir"], str(declared)))
        running = variables[name]
        if name == "datadir":
            # The server shows it with a slash.
            declared = f"{str(declared).rstrip('/')}/"
        low, high = bounds.get(name, (0, 0))
        wanted = option_as_running(declared, running, BLOCKS.get(name, 1), low, high)
        if name == "innodb_buffer_pool_size" and wanted.isdigit():
            # Always whole chunks in each instance.
            chunk = int(variables["innodb_buffer_pool_chunk_size"])
            whole = chunk * int(variables["innodb_buffer_pool_instances"])
            wanted = str(-(-int(wanted) // whole) * whole)
        if wanted != running:
            kind = "online" if name in ONLINE else "restart"
            found[kind][name] = {"old": running, "new": wanted}
    return found


def option_differences(settings: Settings, connection: Any) -> dict[str, dict[str, dict[str, str]]]:
    """Compare the declared options with those of the local server."""
    variables = {
        row["VARIABLE_NAME"].lower(): row["VARIABLE_VALUE"]
        for row in rows(
            connection,
            "SELECT VARIABLE_NAME, VARIABLE_VALUE FROM performance_schema.global_variables",
        )
    }
    running = variables["version"].partition("-")[0]
    bounds = {
        row["VARIABLE_NAME"].lower(): (int(row["MIN_VALUE"]), int(row["MAX_VALUE"]))
        for row in rows(
            connection,
            statement_for("bounds of variables", running)
            + " WHERE MIN_VALUE REGEXP '^-?[0-9]+$' AND MAX_VALUE REGEXP '^[0-9]+$'",
        )
    }
    options = options_of(settings, settings.version or running)
    sources = _sources(settings, connection)
    started_with = {
        name: text
        for name, text in _as_started(settings, connection).items()
        if sources.get(name, ("DYNAMIC", ""))[0] != "DYNAMIC"
    }
    found = differing_options(options, variables, bounds, started_with, left_options.made())
    for kind, names in left_options.left(
        left_options.named(options), left_options.noted(), sources, ONLINE, settings.config_file
    ).items():
        for name in names:
            if name not in GROUPS_OPTIONS:
                change = {"old": variables.get(name, ""), "new": left_options.DEFAULT}
                found[kind].setdefault(name, change)
    return found


def _as_started(settings: Settings, connection: Any) -> dict[str, str]:
    """Return what the option file says, by variable, if the server was started with it."""
    (row,) = rows(
        connection,
        "SELECT UNIX_TIMESTAMP() - VARIABLE_VALUE AS started FROM performance_schema.global_status"
        " WHERE VARIABLE_NAME = 'Uptime'",
    )
    file = Path(settings.config_file)
    try:
        if file.stat().st_mtime + CLOCK_SECONDS >= float(row["started"]):
            return {}
        lines = [line.partition(" = ") for line in file.read_text(encoding="utf-8").splitlines()]
    except OSError:
        return {}
    return left_options.by_name({name: value for name, equals, value in lines if equals})


def _sources(settings: Settings, connection: Any) -> dict[str, tuple[str, str]]:
    """Return whence the values are that the option file gave, or a statement."""
    return {
        row["name"].lower(): (row["source"], row["path"] or "")
        for row in rows(
            connection,
            "SELECT VARIABLE_NAME AS name, VARIABLE_SOURCE AS source, VARIABLE_PATH AS path"
            " FROM performance_schema.variables_info"
            " WHERE VARIABLE_SOURCE = 'DYNAMIC' OR VARIABLE_PATH = %s",
            (settings.config_file,),
        )
    }


def set_options(settings: Settings) -> dict[str, dict[str, str]]:
    """
    Set in the running server what the declared option file has and can be set without a restart.
    """
    with exclusive(settings) as connection:
        changes = option_differences(settings, connection)["online"]
        for name, change in changes.items():
            new = change["new"]
            if new == left_options.DEFAULT:
                # A name of this file's own table.
                set_when_free(connection, f"SET GLOBAL {name} = DEFAULT")
                continue
            number = re.fullmatch(r"-?\d+(\.\d+)?", new)
            value: Any = new if not number else float(new) if number[1] else int(new)
            try:
                set_when_free(connection, f"SET GLOBAL {name} = %s", (value,))
            except driver.Error as err:
                raise CommandExecutionError(f"{name} = {new}: {error_text(err)}") from err
        _note(connection, options_of(settings, settings.version), changes)
        return changes


def _note(
    connection: Any, options: Mapping[str, Any], changes: Mapping[str, Mapping[str, str]]
) -> None:
    """Remember the names of the file, and what the server made of what was set."""
    declared = {name: str(value) for name, value in left_options.by_name(options).items()}
    set_now = [name for name in changes if name in declared]
    shown = {
        row["VARIABLE_NAME"].lower(): row["VARIABLE_VALUE"]
        for row in rows(
            connection,
            "SELECT VARIABLE_NAME, VARIABLE_VALUE FROM performance_schema.global_variables"
            " WHERE VARIABLE_NAME IN %s",
            (set_now or [""],),
        )
    }
    # One that shows what it did before is still at it, such as a buffer pool that grows.
    left_options.note(
        declared,
        {name: [declared[name], new] for name, new in shown.items() if new != changes[name]["old"]},
    )
