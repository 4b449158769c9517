"""A new data directory: made whole or not at all, and never in place of another."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from salt.exceptions import CommandExecutionError

from group_replication import memory

INITIALIZE_SECONDS = 300

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
    """
    place = Path(directory)
    found = _entries(place) if place.is_dir() else set()
    return ASIDE not in found and bool(found)


def initialize(
    directory: str,
    option_file: str,
    user: str,
    test: bool,
    *,
    me: str,
    retcode: Callable[..., int],
    run_all: Callable[..., Mapping[str, Any]],
) -> None:
    """
    Make a new data directory, as ``mysql_server.initialize`` describes it; nothing is replaced.

    It is made aside and then moved to its place, so that a run that was broken off leaves nothing
    that a server would start with: Debian's own initialisation ends itself by a statement, on a
    busy machine before the server has made its system views.

    me
        The minion's id.

    retcode, run_all
        Run a command, as Salt's ``cmd`` does: for its exit code, or for its output, too.
    """
    place, aside = Path(directory), Path(directory, ASIDE)
    whole = aside / "whole"
    was = memory.remembered(memory.MEMBER_FILE)
    if was and not whole.is_dir():
        raise CommandExecutionError(f"{directory} is empty: {memory.lost(me, was)}")
    if test:
        return
    place.mkdir(mode=0o700, exist_ok=True)
    shutil.chown(place, user, user)
    _check_place(directory, whole, retcode)
    if not whole.is_dir():
        _initialize_aside(aside, option_file, user, run_all)
    for path in sorted(whole.iterdir()):
        path.rename(place / path.name)
    shutil.rmtree(aside)


def _check_place(directory: str, whole: Path, retcode: Callable[..., int]) -> None:
    """Refuse a directory that holds anything, and one that a server runs in."""
    others = sorted(_entries(Path(directory)) - {ASIDE})
    if others and not whole.is_dir():
        raise CommandExecutionError(
            f"{directory} holds {others[0]}; a data directory is made only in an empty one"
        )
    if retcode(["pgrep", "--exact", "mysqld"], ignore_retcode=True) == 0:
        raise CommandExecutionError(
            f"a mysqld runs on this machine, while its data directory {directory} is "
            f"{'not whole' if others else 'empty'}; stop it first"
        )


def _initialize_aside(
    aside: Path, option_file: str, user: str, run_all: Callable[..., Mapping[str, Any]]
) -> None:
    if aside.exists():
        shutil.rmtree(aside)
    aside.mkdir(mode=0o700)
    accounts, data, errors = aside / "accounts.sql", aside / "data", aside / "error.log"
    accounts.write_text(FIRST_ACCOUNTS, encoding="utf-8")
    shutil.chown(aside, user, user)
    done = run_all(
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
