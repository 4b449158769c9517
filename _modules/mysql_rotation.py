"""
Rotate the passwords of a group's accounts.
===========================================

``plan`` and ``rotate`` are called on the machine of the Salt master, whose minion asks all others
through it: ``salt-run state.orchestrate orch.rotate`` does that. The new passwords come from each
minion's own pillar; none is in an argument, an answer or a log. The other functions are the steps
of that on one database machine; nobody has to call them by hand.

Settings come from pillar ``mysql`` and ``cluster`` (see ``pillar.example``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import minion_calls
from group_replication import lock, rotation
from group_replication.model import Settings
from group_replication.pillar import declared_nodes
from group_replication.rotation_run import Rotation
from group_replication.settings import current_settings
from minion_calls import Answer

__virtualname__ = "mysql_rotation"

# Held by a run for as long as it lives: the same as a rolling restart's.
LOCK_FILE = Path("/run/mysql-gr/operation")
LOOK_SECONDS = 2


def __virtual__() -> str:
    return __virtualname__


def _settings() -> Settings:
    """The settings of this minion."""
    return current_settings(__pillar__, __opts__["id"])


def _call(targets: Sequence[str], function: str, arguments: Mapping[str, Any]) -> dict[str, Answer]:
    """Call a function on minions, through the master of this machine."""
    return minion_calls.call(__opts__["conf_file"], targets, function, arguments)


def _rotation(without: Sequence[str] | None, alone: bool = True) -> Rotation:
    return Rotation(
        _call,
        declared_nodes(__pillar__, "db"),
        {role: list(declared_nodes(__pillar__, role)) for role in ("web", "backup")},
        # Beside a run of this machine that lives, its row is another one's.
        f"the master on {__opts__['id']}" if alone else "",
        without or (),
    )


def plan(without: Sequence[str] | None = None) -> dict[str, Any]:
    """
    Say whose passwords would be rotated, which machines would be told, and what stands in the way.

    without
        As for :py:func:`rotate`.

    Returns a dict: ``purpose``; ``change``, the accounts (their names in pillar) that have another
    password than pillar; ``tell``, the machines that would be told, in order; ``discard``, the
    accounts whose old password would be discarded at last; ``without``; ``gates``, what has to be
    so to "" or the sentence that says why it is not; ``refused``, the first of these or "";
    ``continues``, what was broken off and would be continued, or "". Raises SaltInvocationError for
    wrong arguments or a wrong table of nodes.

    CLI Example:

    .. code-block:: bash

        salt master mysql_rotation.plan
    """
    with lock.held(0, LOCK_FILE) as alone:
        pass
    return _rotation(without, alone).plan()


def rotate(without: Sequence[str] | None = None) -> dict[str, Any]:
    """
    Bring the passwords of pillar to the accounts and to all that uses them.

    Each account accepts two passwords until every machine uses the new one and has logged in with
    it; then the old one is discarded. The same call completes a run that ended early.

    without
        A list of machines that are away: they are not waited for, and each needs a highstate before
        it joins or serves again. Default: none, and a machine that is away is refused.

    Returns a dict: ``changed``, the accounts that got another password; ``told``, the machines that
    use it since; ``discarded``, the accounts whose old password is void since; ``gave_up``, a
    sentence about another operation that was broken off, or ""; ``problem``, why it was refused or
    ended early, or "". Raises SaltInvocationError for wrong arguments or a wrong table of nodes.

    CLI Example:

    .. code-block:: bash

        salt master mysql_rotation.rotate without='[db3]'
    """
    run = _rotation(without)
    # A run of this machine that has died holds it no more: the kernel has let go.
    with lock.held(LOOK_SECONDS, LOCK_FILE) as alone:
        if alone:
            return run.run()
    why = _rotation(without, alone=False).plan()["refused"] or "another run has just begun here"
    return {"changed": [], "told": [], "discarded": [], "gave_up": "", "problem": why}


def look(prints: bool = False) -> dict[str, Any]:
    """
    Return what a rotation asks of the local member; no password.

    prints
        Return a fingerprint of the application's password in pillar, too. Default False.

    Returns a dict: ``accounts``, of each account in pillar ``account``, ``current`` ("pillar" where
    its password is pillar's, "other", or "" without an account), ``retained`` (the same of the
    second password that it accepts, or "") and ``plugin``; ``print``, or ""; ``keeper`` and
    ``channel`` (bool), whether the keeper's file and the recovery's channel have pillar's. Raises
    CommandExecutionError when mysqld does not answer, SaltInvocationError for wrong settings.

    CLI Example:

    .. code-block:: bash

        salt 'db*' mysql_rotation.look
    """
    return rotation.look(_settings(), prints)


def retain(token: str) -> list[str]:
    """
    Give each account the password of pillar, and have the one before accepted, too.

    token
        The operation's own word.

    Returns the accounts (their names in pillar) that got another password. Raises
    CommandExecutionError beside another operation, on a member that does not make accounts, and for
    an account that has two passwords already, neither of them pillar's.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_rotation.retain 5e0c1b7a9d3f2846
    """
    return rotation.retain(_settings(), token)


def use(token: str) -> list[str]:
    """
    Have this machine use the passwords of pillar, once every member takes them.

    token
        The operation's own word.

    Returns what got another one: ``keeper`` (its file), ``channel`` (of the recovery). Raises
    CommandExecutionError where a member refuses one, before anything is written.

    CLI Example:

    .. code-block:: bash

        salt db2 mysql_rotation.use 5e0c1b7a9d3f2846
    """
    return rotation.use(_settings(), token)


def discard(token: str) -> list[str]:
    """
    Have the passwords of pillar alone accepted.

    token
        The operation's own word.

    Returns the accounts whose old password is void since. Raises CommandExecutionError as
    :py:func:`retain` does, and where an account's password is not pillar's.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_rotation.discard 5e0c1b7a9d3f2846
    """
    return rotation.discard(_settings(), token)
