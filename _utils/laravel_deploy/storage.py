"""The folders that the web server writes to: compared, and put in order by no link of its own."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from salt.exceptions import CommandExecutionError

from laravel_deploy.beneath import folder, is_folder, make_folders
from laravel_deploy.files import trusted, user_and_group
from laravel_deploy.shared_folders import storage_folders

# What Laravel expects there; the storage itself comes first.
FOLDERS = (
    "",
    "app",
    "app/public",
    "framework",
    "framework/cache",
    "framework/cache/data",
    "framework/sessions",
    "framework/views",
    "logs",
)


# Where the web server is another user: what it has to pass, and what it serves to all.
PASSED = ("", "app")
SERVED = "app/public"


def _mode(relative: str, mode: int, public: bool) -> int:
    """Return the mode of a folder."""
    if public and f"{relative}/".startswith(f"{SERVED}/"):
        return mode | 0o005
    return mode | 0o001 if public and relative in PASSED else mode


def update_storage(
    path: Path,
    wanted: Mapping[str, str],
    test: bool,
    public: bool = False,
    shared_folders: Sequence[str] = (),
) -> dict[str, dict[str, str]]:
    """
    Have the folders of a storage, with their owner and mode.

    path
        The storage, in a folder where root alone may write.

    wanted
        ``user``, ``group`` and ``mode``.

    test
        Only tell what would change.

    public
        Others than the group may read what is stored for all, in ``app/public``.

    shared_folders
        Folders of the code that releases have links to.

    Returns what changed: folder to ``{"old", "new"}``, such as ``www-data:www-data 0750``. Raises
    CommandExecutionError if one of them is a link or no folder; nothing is changed behind it.
    """
    path = trusted(path)
    owner, mode = user_and_group(wanted, path, missing_ok=test), int(wanted["mode"], 8)
    changes = {}
    for relative in (*FOLDERS, *storage_folders(shared_folders)):
        own = _mode(relative, mode, public)
        aim = f"{wanted['user']}:{wanted['group']} {own:04o}"
        found = _found(path, relative)
        told = "" if found is None else _spelled(found, owner, wanted)
        if told == aim:
            continue
        changes[str(path / relative)] = {"old": told, "new": aim}
        if not test:
            _put(path, relative, own, owner)
    return changes


def _spelled(found: os.stat_result, owner: tuple[int, int], wanted: Mapping[str, str]) -> str:
    """Return owner and mode of a folder: by name where they are as wanted, else by number."""
    user = wanted["user"] if found.st_uid == owner[0] else str(found.st_uid)
    group = wanted["group"] if found.st_gid == owner[1] else str(found.st_gid)
    return f"{user}:{group} {stat.S_IMODE(found.st_mode):04o}"


def _found(path: Path, relative: str) -> os.stat_result | None:
    """Return what is known of a folder; None if it is not there."""
    if not path.is_symlink() and not path.exists():
        return None
    parts = PurePosixPath(relative)
    for part in (*reversed(parts.parents), parts):
        if part == PurePosixPath():
            continue
        with folder(path, str(part.parent)) as at:
            if not _is_folder(at, path / part):
                return None
    with folder(path, relative) as at:
        return os.fstat(at)


def _is_folder(at: int, path: Path) -> bool:
    try:
        return is_folder(at, path.name)
    except CommandExecutionError as err:
        raise CommandExecutionError(f"{path.parent}/{err}") from err


def _put(path: Path, relative: str, mode: int, owner: tuple[int, int]) -> None:
    """Make a folder, and set owner and mode of this very folder."""
    with folder(path.parent) as above:
        make_folders(above, path.name, 0o700)
    with folder(path) as at:
        make_folders(at, relative, 0o700)
    with folder(path, relative) as at:
        os.fchown(at, *owner)
        os.fchmod(at, mode)
