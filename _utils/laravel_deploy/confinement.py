"""A command that runs other people's code: as its user, without a network, and to its end."""

from __future__ import annotations

from collections.abc import Sequence

# Some tools serve themselves what they build: the command has its own loopback, and nothing else.
LOOPBACK = ("sh", "-c", 'ip link set lo up 2> /dev/null; exec "$@"', "sh")

# Who is served meanwhile comes first.
PRIORITY = ("nice", "-n", "10")


def confined(
    command: Sequence[str], user: str | int, group: str | int, *, network: bool = False
) -> list[str]:
    """
    Return a command of root's that runs a command as a user that gains no rights by it.

    command
        The program with its arguments.

    user, group
        As whom it runs; it has no other groups.

    network
        The command reaches what the machine reaches. Without, it reaches itself alone.

    The command is the first process of its own, so that all that it started ends with it. It has
    less of the processors than what serves.
    """
    parts = ("--ipc", "--pid", "--fork", "--kill-child", *(() if network else ("--net",)))
    identity = ("--reuid", f"{user}", "--regid", f"{group}", "--clear-groups", "--no-new-privs")
    own = () if network else LOOPBACK
    return ["unshare", *parts, "--", *own, *PRIORITY, "setpriv", *identity, "--", *command]
