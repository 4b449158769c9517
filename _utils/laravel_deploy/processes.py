"""In which release processes run: a worker may be at a job of before the switch."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from salt.exceptions import CommandExecutionError

from laravel_deploy.programs import run_program

PROC = Path("/proc")
# In the place of a release: it runs artisan somewhere, and nobody here may see where.
HIDDEN = "?"
# Says of each process where it runs.
ASK = 'for pid; do echo "$pid $(readlink /proc/$pid/cwd)"; done'

RunAll = Callable[..., dict[str, Any]]


def releases_of(processes: Sequence[str], releases: str, run_all: RunAll) -> dict[str, str]:
    """
    Return the releases that processes run in, by the number of each.

    processes
        Their numbers; others than numbers, and processes that are gone, are passed over.

    releases
        The folder of the releases.

    run_all
        Salt's cmd.run_all.

    A process that runs in none is left out. One of artisan's is HIDDEN where nobody can see it.
    """
    folders: dict[str, str] = {}
    hidden: dict[tuple[int, int], list[str]] = {}
    for pid in processes:
        if not pid.isdigit():
            continue
        try:
            folders[pid] = os.readlink(PROC / pid / "cwd")  # noqa: PTH115
        except PermissionError:
            # In a container root may lack SYS_PTRACE. Then only the user of a process sees it.
            if owner := _artisan_s(pid):
                hidden.setdefault(owner, []).append(pid)
        except OSError:
            continue
    for owner, pids in hidden.items():
        folders |= _asked_as(owner, pids, run_all)
    found = {
        pid: HIDDEN if not where else _release(where, releases) for pid, where in folders.items()
    }
    return {pid: name for pid, name in found.items() if name}


def occupied(releases: str, run_all: RunAll) -> set[str]:
    """
    Return the releases that somebody runs in: a worker may be at a job of before the switch.

    releases, run_all
        As for :py:func:`releases_of`.

    Raises CommandExecutionError if that cannot be known.
    """
    found = releases_of(os.listdir(PROC), releases, run_all)  # noqa: PTH208
    hidden = sorted((pid for pid, name in found.items() if name == HIDDEN), key=int)
    if hidden:
        raise CommandExecutionError(
            f"Nobody can see in which release artisan runs (process {', '.join(hidden)}); expected "
            "root to have the capability SYS_PTRACE."
        )
    return {*found.values()}


def _release(where: str, releases: str) -> str:
    folder, _, name = where.rpartition("/")
    return name if folder == releases else ""


def _artisan_s(pid: str) -> tuple[int, int] | None:
    """Return whose process it is, the numbers of user and group, if it runs artisan."""
    try:
        words = (PROC / pid / "cmdline").read_bytes().split(b"\0")
        info = (PROC / pid).stat()
    except OSError:
        return None
    is_artisan = any(word.rpartition(b"/")[2] == b"artisan" for word in words)
    return (info.st_uid, info.st_gid) if is_artisan else None


def _asked_as(owner: tuple[int, int], pids: Sequence[str], run_all: RunAll) -> dict[str, str]:
    """Return where processes run, as their own user sees it; nothing of one that hides it."""
    user, group = map(str, owner)
    done = run_program(
        run_all,
        [
            *("setpriv", "--reuid", user, "--regid", group, "--clear-groups", "--no-new-privs"),
            *("--", "sh", "-c", ASK, "sh", *pids),
        ],
        cwd="/",
        clean_env=True,
    )
    told = dict(line.partition(" ")[::2] for line in str(done["stdout"]).splitlines())
    # One that has ended meanwhile is nowhere.
    return {pid: told.get(pid, "") for pid in pids if (PROC / pid).exists()}
