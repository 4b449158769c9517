"""The accounts that an application's code runs as: never root's."""

from __future__ import annotations

import grp
import pwd
from pathlib import Path

from salt.exceptions import CommandExecutionError, SaltInvocationError

from laravel_deploy.layout import SHARED, root_of

# Nothing of the application runs as this one: what it could change, it could have root do.
REFUSED_UID = 0
# Where no storage says whose an application is.
WEB_SERVER = ("www-data", "www-data")


def owner_of(directory: str) -> tuple[str, str]:
    """
    Return the user that an application's code runs as, and its group: those of its storage.

    directory
        The folder of its releases, or one of these; any other folder is the web server's.
    """
    try:
        info = (root_of(Path(directory)) / SHARED / "storage").lstat()
        found = pwd.getpwuid(info.st_uid).pw_name, grp.getgrgid(info.st_gid).gr_name
    except (OSError, KeyError):
        return WEB_SERVER
    return found if info.st_uid != REFUSED_UID else WEB_SERVER


def runs_as(directory: str, user: str | None, group: str = "") -> tuple[str | None, str]:
    """
    Return as whom an application's code runs, where the call may say so.

    directory
        As for :py:func:`owner_of`.

    user, group
        What the call says; the empty text for what :py:func:`owner_of` returns.
    """
    own = owner_of(directory)
    return own[0] if user == "" else user, group or own[1]


def unprivileged_ids(user: str | None, role: str) -> tuple[int, int]:
    """
    Return the numbers of a user and of its group.

    user
        The user's name.

    role
        What it is wanted for, in the words of the error.

    Raises SaltInvocationError for root or no user at all, CommandExecutionError for a user that the
    system does not know.
    """
    if not user:
        raise SaltInvocationError(
            f"user is {user!r}, wanted for {role}; expected the name of a user other than root."
        )
    try:
        entry = pwd.getpwnam(user)
    except KeyError as err:
        raise CommandExecutionError(
            f"user is {user!r}, wanted for {role}; the system has no such user."
        ) from err
    if entry.pw_uid == REFUSED_UID:
        raise SaltInvocationError(
            f"user is {user!r}, wanted for {role}; expected another user than root, since nothing "
            "of the application runs as root."
        )
    return entry.pw_uid, entry.pw_gid
