"""The units of workers and of the scheduler on this machine: compared, made, ended, and shown."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from salt.exceptions import CommandExecutionError

from laravel_deploy.failures import awaiting_database
from laravel_deploy.files import read_text, write_text
from laravel_deploy.layout import CURRENT
from laravel_deploy.processes import releases_of
from laravel_deploy.programs import run_program
from laravel_deploy.workers import WORKERS, Names, Units

UNITS = Path("/etc/systemd/system")
OWNER = {"user": "root", "group": "root", "mode": "0644"}
# Of a unit's states those in which it does its work, or is about to.
UP = ("active", "activating", "reloading")
# It ends the job that it has.
ENDING = "deactivating"
# How long a worker may take to stay up, and how often it is looked at.
SETTLE_SECONDS = 8.0
LOOK_SECONDS = 0.5
SHOWN = ("Id", "ActiveState", "SubState", "MainPID", "NRestarts", "UnitFileState")
AGE = ("Id", "NeedDaemonReload", "ExecMainStartTimestamp")
# What a run leaves behind that ended before it had told systemd, or the workers.
NOT_LOADED, NOT_TAKEN = "present, not loaded", "running what was before"

RunAll = Callable[..., dict[str, Any]]


def unit_files(patterns: Sequence[str]) -> dict[str, str]:
    """Return the files of units that are there, by name: those that fit one of these patterns."""
    if not UNITS.is_dir():
        return {}
    names = sorted(path.name for path in UNITS.iterdir() if path.is_file())
    return {
        name: read_text(UNITS / name) for name in names if any(fnmatch(name, o) for o in patterns)
    }


def _systemctl(run_all: RunAll, *arguments: str, fails: bool = False) -> str:
    done = run_program(
        run_all,
        ["systemctl", *arguments],
        # As long as the longest job.
        timeout=None,
    )
    if done["retcode"] and not fails:
        said = " ".join(f"{done['stderr'] or done['stdout']}".split())[:500]
        raise CommandExecutionError(f"systemctl {' '.join(arguments)} failed: {said}")
    return str(done["stdout"])


def _states(run_all: RunAll, names: Names) -> dict[str, tuple[str, str]]:
    """Return the state and the sub-state of each unit of an application that systemd has loaded."""
    listed = _systemctl(
        run_all, "list-units", "--all", "--plain", "--no-legend", "--full", *names.ours, fails=True
    )
    rows = (line.split() for line in listed.splitlines())
    return {row[0]: (row[2], row[3]) for row in rows if len(row) > 3}


def _enabled(names: Names) -> set[str]:
    """Return the units of an application that start with the machine."""
    found = {path.name for path in UNITS.glob("*.wants/*") if path.is_symlink()}
    return {name for name in found if any(fnmatch(name, one) for one in names.ours)}


def differences(wanted: Units, run_all: RunAll) -> dict[str, dict[str, str]]:
    """
    Return how this machine's units differ from those wanted.

    wanted
        The units as they should be.

    run_all
        Salt's cmd.run_all.

    Returns path or unit to ``{"old", "new"}``: ``absent``, ``other settings`` and ``present`` of a
    file, ``stopped`` and ``running`` of what has to run; also what systemd or a worker has not
    taken of an earlier change.
    """
    names = wanted.names
    there, states, enabled = unit_files(names.ours), _states(run_all, names), _enabled(names)
    changes = {}
    for name in sorted({*wanted.files, *there}):
        old, new = there.get(name), wanted.files.get(name)
        if old != new:
            changes[str(UNITS / name)] = {
                "old": "absent" if old is None else "present" if new is None else "other settings",
                "new": "absent" if new is None else "present",
            }
    running = {name for name, (active, _) in states.items() if active in UP}
    # What a timer starts runs or does not as the time is.
    running.discard(f"{names.schedule}.service")
    # Told to start anew, and at its last job: whoever starts it would wait for that.
    running |= {name for name in wanted.running if states.get(name, ("", ""))[0] == ENDING}
    for name in sorted({*wanted.running, *running, *enabled}):
        new = "running" if name in wanted.running else "stopped"
        is_up, starts = name in running, name in enabled
        if (new == "running") != (is_up and starts) or (new == "stopped" and (is_up or starts)):
            old = "running" if is_up and starts else "stopped"
            if is_up != starts:
                old = "running until the next boot" if is_up else "stopped until the next boot"
            changes[name] = {"old": old, "new": new}
    unread, older = _not_taken(wanted, states, run_all)
    for name in sorted(unread):
        changes.setdefault(str(UNITS / name), {"old": NOT_LOADED, "new": "present"})
    for name in sorted(older):
        if str(UNITS / _file(name)) not in changes:
            changes.setdefault(name, {"old": NOT_TAKEN, "new": "running"})
    return changes


def _not_taken(
    wanted: Units, states: Mapping[str, tuple[str, str]], run_all: RunAll
) -> tuple[set[str], set[str]]:
    """Return the files that systemd has not read as they are, and the workers older than what they
    are to run; one that ends its job will be started anew."""
    names = sorted(name for name in states if _file(name) in wanted.files)
    if not names:
        return set(), set()
    unread, older = set(), set()
    for values in _shown(run_all, AGE, names):
        unit = values.get("Id", "")
        if values.get("NeedDaemonReload") == "yes":
            unread.add(_file(unit))
        began = values.get("ExecMainStartTimestamp", "").removeprefix("@")
        is_up = unit.startswith(wanted.names.prefix) and states.get(unit, ("", ""))[0] in UP
        if is_up and began.isdigit() and int(began):
            reads = [UNITS / _file(unit), *map(Path, wanted.reads)]
            # It is told in whole seconds.
            if _changed_since(reads, int(began) + 1):
                older.add(unit)
    return unread, older


def _changed_since(paths: Iterable[Path], moment: float) -> bool:
    """Tell whether one of these, links themselves, is newer; one from the future tells nothing."""
    for path in paths:
        try:
            at = path.lstat().st_mtime
        except OSError:
            continue
        if moment <= at <= time.time():
            return True
    return False


def update_units(wanted: Units, run_all: RunAll, test: bool) -> dict[str, dict[str, str]]:
    """
    Have the units as wanted, and running; a job under way is ended by nothing of this.

    wanted, run_all
        As for :py:func:`differences`.

    test
        Only tell what would change.

    Returns what :py:func:`differences` did. Raises CommandExecutionError if one does not stay up.
    """
    changes = differences(wanted, run_all)
    if changes and not test:
        _end(changes, wanted, run_all)
        files = [Path(path).name for path in changes if Path(path).is_absolute()]
        for name in files:
            if changes[str(UNITS / name)]["old"] == NOT_LOADED:
                continue
            if name in wanted.files:
                write_text(UNITS / name, wanted.files[name], OWNER)
            else:
                (UNITS / name).unlink()
        if files:
            _systemctl(run_all, "daemon-reload")
        starting = [
            name
            for name, change in changes.items()
            if change["new"] == "running" and change["old"] != NOT_TAKEN
        ]
        if starting:
            _systemctl(run_all, "enable", "--now", *starting)
        others = ("other settings", NOT_LOADED)
        restarted = [
            _pattern(name, wanted.names)
            for name in files
            if changes[str(UNITS / name)]["old"] in others
        ]
        restarted += [name for name, change in changes.items() if change["old"] == NOT_TAKEN]
        if any(restarted):
            _systemctl(run_all, "try-restart", "--no-block", *filter(None, restarted))
    if not test:
        _check(wanted, run_all)
    return changes


def _end(changes: dict[str, dict[str, str]], wanted: Units, run_all: RunAll) -> None:
    """Stop what is to run no more. Where its file goes, too, its job is waited for: without the
    file systemd would not know how long that may take."""
    leaving = [name for name, change in changes.items() if change["new"] == "stopped"]
    if not leaving:
        return
    _systemctl(run_all, "disable", "--no-reload", *leaving)
    kept = [name for name in leaving if _file(name) in wanted.files]
    if kept:
        _systemctl(run_all, "stop", "--no-block", *kept)
    gone = [name for name in leaving if name not in kept]
    if gone:
        _systemctl(run_all, "stop", *gone)
        _systemctl(run_all, "reset-failed", *gone, fails=True)


def _file(unit: str) -> str:
    """Return the file that a unit is made of."""
    head, at, _ = unit.partition("@")
    return f"{head}@.service" if at else unit


def _pattern(file: str, names: Names) -> str:
    """Return the pattern of the units of a file; nothing where they need no restart."""
    if file == f"{names.schedule}.service":
        return ""
    return file.replace("@.", "@*.")


def _check(wanted: Units, run_all: RunAll) -> None:
    """Refuse a unit that does not stay up."""
    deadline = time.monotonic() + SETTLE_SECONDS
    down = _down(wanted, run_all)
    while down and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
        down = _down(wanted, run_all)
    if down:
        # Mostly it is the database, without which no worker can ask for jobs.
        raise awaiting_database(
            f"{', '.join(down)} does not stay up; `journalctl -u {down[0]}` says why."
        )


def _down(wanted: Units, run_all: RunAll) -> list[str]:
    if not wanted.running:
        return []
    states = _states(run_all, wanted.names)
    # One that ends its last job is started again when it has.
    well = (*UP, ENDING)
    return [
        name
        for name in wanted.running
        if states.get(name, ("", ""))[0] not in well or states[name][1] == "auto-restart"
    ]


def restart_workers(run_all: RunAll, root: Path) -> None:
    """
    Have an application's workers start anew, with the release and configuration that serve now.

    run_all
        Salt's cmd.run_all.

    root
        The folder of its releases: the units that run in it are its own, whatever they are called.

    Each ends the job that it has, and takes no other; nobody waits for that here. A worker hears it
    by a signal: nothing is asked of a cache or a database, which a rollback may have to do without.
    """
    own = [name for name, text in unit_files([WORKERS]).items() if _runs_in(text, root / CURRENT)]
    if own:
        _systemctl(
            run_all, "try-restart", "--no-block", *(name.replace("@.", "@*.") for name in own)
        )


def _runs_in(text: str, folder: Path) -> bool:
    """Tell whether a unit's file has it run in a folder."""
    found = (line.partition("=")[::2] for line in text.splitlines())
    return any(
        key == "WorkingDirectory" and Path(value.replace("%%", "%")) == folder
        for key, value in found
    )


def unit_status(run_all: RunAll, releases: str, names: Names) -> list[dict[str, Any]]:
    """
    Return what an application's units do now.

    run_all
        Salt's cmd.run_all.

    releases
        The folder of the releases.

    names
        What its units are called.

    Returns what ``laravel_worker.status`` does.
    """
    units = sorted({*_states(run_all, names), *_enabled(names)})
    if not units:
        return []
    shown = _shown(run_all, SHOWN, units)
    running = releases_of([values.get("MainPID", "") for values in shown], releases, run_all)
    found = []
    for values in shown:
        pid = values.get("MainPID", "")
        found.append(
            {
                "unit": values.get("Id", ""),
                "state": f"{values.get('ActiveState')} ({values.get('SubState')})",
                "enabled": values.get("UnitFileState") in ("enabled", "enabled-runtime"),
                "restarts": int(values.get("NRestarts") or 0),
                "pid": int(pid or 0),
                "release": running.get(pid, ""),
            }
        )
    return found


def _shown(
    run_all: RunAll, properties: Sequence[str], names: Sequence[str]
) -> list[dict[str, str]]:
    """Return properties of units, one dictionary each; times as ``@`` and seconds."""
    given = (f"--property={','.join(properties)}", "--timestamp=unix")
    shown = _systemctl(run_all, "show", *given, *names)
    blocks = shown.strip().split("\n\n")
    return [dict(line.partition("=")[::2] for line in block.splitlines()) for block in blocks]
