"""Files of an application: read as they are, replaced whole or not at all."""

from __future__ import annotations

import contextlib
import grp
import pwd
import stat
from collections.abc import Mapping
from pathlib import Path

from salt.exceptions import CommandExecutionError
from whole_file import write_whole


def read_text(path: Path) -> str:
    """Return a file's text; bytes that are no UTF-8 survive a round trip."""
    try:
        # Line ends are kept as they are.
        return path.read_bytes().decode("utf-8", "surrogateescape")
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


def write_text(path: Path, text: str, wanted: Mapping[str, str]) -> None:
    """
    Replace a file in one step; it never exists with wider permissions than wanted.

    path, text
        Where and what. A link is followed; the directory has to exist.

    wanted
        ``user``, ``group`` and ``mode``, as :py:func:`ownership` returns them.

    Raises CommandExecutionError if a name is not known or the file cannot be written.
    """
    path = path.resolve()
    try:
        uid, gid = pwd.getpwnam(wanted["user"]).pw_uid, grp.getgrnam(wanted["group"]).gr_gid
    except KeyError as err:
        raise CommandExecutionError(f"{path} cannot be written: {err.args[0]}.") from err
    try:
        write_whole(path, text, int(wanted["mode"], 8), (uid, gid))
    except OSError as err:
        raise CommandExecutionError(f"{path} cannot be written: {err.strerror}.") from err
