"""Files of an application: read as they are, replaced whole or not at all."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import stat
from collections.abc import Mapping
from pathlib import Path

from salt.exceptions import CommandExecutionError
from whole_file import write_whole

# As many links may lead to each other as the kernel takes.
LINKS = 40


def trusted(path: Path) -> Path:
    """
    Return a path without links, which nobody but root and the caller can lead elsewhere.

    path
        The path; what it names, and folders above, need not be there.

    Raises CommandExecutionError if somebody else could: a folder on the way, or in a folder for all
    such as /tmp a link, is of another user, or others may write to it.
    """
    ours, at, left, links = {0, os.geteuid()}, Path("/"), list(path.absolute().parts[1:]), 0
    while left:
        part = left.pop(0)
        if part == "..":
            at = at.parent
            continue
        _check_folder(at, path, ours)
        following = at / part
        try:
            info = following.lstat()
        except FileNotFoundError:
            return following.joinpath(*left)
        except OSError as err:
            raise CommandExecutionError(f"{path} cannot be reached: {err.strerror}.") from err
        if not stat.S_ISLNK(info.st_mode):
            at = following
            continue
        links += 1
        if links > LINKS or info.st_uid not in ours:
            raise CommandExecutionError(
                f"{path} is reached by the link {following} of user {info.st_uid}; expected one of "
                "root's, since root follows no other."
            )
        target = following.readlink()
        at = Path("/") if target.is_absolute() else at
        left = [*target.parts[1 if target.is_absolute() else 0 :], *left]
    return at


def _check_folder(at: Path, path: Path, ours: set[int]) -> None:
    """Refuse a folder on the way to a path that somebody else could change."""
    info = at.lstat()
    groups = {0, os.getegid()}
    open_to_others = info.st_mode & stat.S_IWOTH or (
        info.st_mode & stat.S_IWGRP and info.st_gid not in groups
    )
    if info.st_uid not in ours or (open_to_others and not info.st_mode & stat.S_ISVTX):
        raise CommandExecutionError(
            f"{path} is reached by {at}, which is of user {info.st_uid} with mode "
            f"{stat.S_IMODE(info.st_mode):04o}; expected a folder that root alone can change."
        )


def read_text(path: Path) -> str:
    """
    Return a file's text; bytes that are no UTF-8 survive a round trip.

    Raises CommandExecutionError if it cannot be read, or by :py:func:`trusted`.
    """
    try:
        # Line ends are kept as they are.
        return trusted(path).read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError as err:
        raise CommandExecutionError(f"{path} does not exist.") from err
    except OSError as err:
        raise CommandExecutionError(f"{path} cannot be read: {err.strerror}.") from err


def ownership(path: Path) -> dict[str, str]:
    """Return user, group and mode of a file by name; an id without a name as a number."""
    info = path.stat()
    user, group = str(info.st_uid), str(info.st_gid)
    with contextlib.suppress(KeyError):
        user = pwd.getpwuid(info.st_uid).pw_name
    with contextlib.suppress(KeyError):
        group = grp.getgrgid(info.st_gid).gr_name
    return {"user": user, "group": group, "mode": f"{stat.S_IMODE(info.st_mode):04o}"}


def user_and_group(
    wanted: Mapping[str, str], path: Path, missing_ok: bool = False
) -> tuple[int, int]:
    """
    Return the numbers of a user and a group.

    wanted
        ``user`` and ``group``, by name.

    path
        What is to be theirs, for the error.

    missing_ok
        A name that is not known yet has the number -1. Default: False, an error.

    Raises CommandExecutionError if a name is not known.
    """
    try:
        return pwd.getpwnam(wanted["user"]).pw_uid, grp.getgrnam(wanted["group"]).gr_gid
    except KeyError as err:
        if missing_ok:
            return -1, -1
        raise CommandExecutionError(f"{path} cannot be written: {err.args[0]}.") from err


def write_text(path: Path, text: str, wanted: Mapping[str, str]) -> None:
    """
    Replace a file in one step; it never exists with wider permissions than wanted.

    path, text
        Where and what. A link of root's is followed (:py:func:`trusted`); the directory has to
        exist.

    wanted
        ``user``, ``group`` and ``mode``, as :py:func:`ownership` returns them.

    Raises CommandExecutionError if a name is not known or the file cannot be written.
    """
    path = trusted(path)
    owner = user_and_group(wanted, path)
    try:
        write_whole(path, text, int(wanted["mode"], 8), owner)
    except OSError as err:
        raise CommandExecutionError(f"{path} cannot be written: {err.strerror}.") from err
