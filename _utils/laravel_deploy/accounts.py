"""The accounts that an application's code runs as: never root's."""

from __future__ import annotations

import pwd

from salt.exceptions import CommandExecutionError, SaltInvocationError

# Nothing of the application runs as this one: what it could change, it could have root do.
REFUSED_UID = 0


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
