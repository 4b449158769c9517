"""The file in place: what it holds, whose it is, and how it is replaced."""

from __future__ import annotations

import grp
import os
import pwd
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import salt.utils.files
from salt.exceptions import CommandExecutionError, SaltInvocationError
from whole_file import write_whole

CONFIG_FILE = "/etc/haproxy/haproxy.cfg"


def check_name(name: str) -> None:
    """Refuse a file that is not named by its absolute path."""
    if not name.startswith("/"):
        raise SaltInvocationError(f"name {name!r} is no absolute path: write it like {CONFIG_FILE}")


def _lookup(identifier: int, database: Callable[[int], Any]) -> str:
    try:
        return database(identifier)[0]
    except KeyError:
        return str(identifier)


def current(name: str) -> dict[str, Any] | None:
    """Return the file's text, user, group and mode, or None when there is no file."""
    path = Path(name)
    try:
        status = path.stat()
        text = path.read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return None
    except OSError as err:
        raise CommandExecutionError(f"{name} cannot be read: {err.strerror}") from err
    return {
        "text": text,
        "user": _lookup(status.st_uid, pwd.getpwuid),
        "group": _lookup(status.st_gid, grp.getgrgid),
        "mode": f"{status.st_mode & 0o7777:04o}",
    }


def read(name: str) -> dict[str, Any]:
    """Return the same of a file that has to be there."""
    found = current(name)
    if found is None:
        raise CommandExecutionError(f"{name} does not exist")
    return found


def owner_of(user: str, group: str, mode: str | int) -> dict[str, str]:
    """Return user, group and mode as :py:func:`current` has them."""
    normal = salt.utils.files.normalize_mode(mode)
    if not re.fullmatch(r"[0-7]{4}", normal):
        raise SaltInvocationError(f"mode {mode!r} is no file mode: write it like '0640'")
    return {"user": user, "group": group, "mode": normal}


def _ids(owner: Mapping[str, str]) -> tuple[int, int]:
    try:
        return pwd.getpwnam(owner["user"]).pw_uid, grp.getgrnam(owner["group"]).gr_gid
    except KeyError as err:
        raise CommandExecutionError(
            f"{owner['user']}:{owner['group']} cannot own the file: {err.args[0]}; "
            "install the haproxy package first, or name others"
        ) from err


def set_owner(name: str, owner: Mapping[str, str]) -> None:
    """Give the file, as it is, its owner and mode."""
    os.chown(name, *_ids(owner))
    Path(name).chmod(int(owner["mode"], 8))


def replace(name: str, text: str, owner: Mapping[str, str]) -> None:
    """Put the text in place in one step: a reader finds the old file or the new one, whole."""
    try:
        write_whole(Path(name), text, int(owner["mode"], 8), _ids(owner))
    except OSError as err:
        raise CommandExecutionError(f"{name} cannot be written: {err.strerror}") from err
