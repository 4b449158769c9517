"""
Let one operation at a time be at the members of a group.
=========================================================

An operation, such as a rolling restart, has a row in ``mysql_gr.operation``: its owner, its
purpose, its present step, and a deadline that it moves on. ``mysql_gr.status`` shows it. Meanwhile
another one is refused, and so is what would disturb it. The row outlives the program that wrote it:
who calls the same operation again continues it.

These functions are the steps of orchestrations; nobody has to call them by hand.

Settings come from pillar ``mysql`` and ``cluster`` (see ``pillar.example``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from group_replication import member_restart, operation
from group_replication.connection import local
from group_replication.model import Settings
from group_replication.settings import current_settings

__virtualname__ = "mysql_operation"


def __virtual__() -> str:
    return __virtualname__


def _settings() -> Settings:
    """The settings of this minion."""
    return current_settings(__pillar__, __opts__["id"])


def _refused_options() -> str:
    """Why mysqld would not start with the option files that are in place, or the empty text."""
    return member_restart.refused_options(__salt__["cmd.run_all"])


def readiness(validate: bool = False) -> dict[str, Any]:
    """
    Return what the local member knows that a restart of any member depends on.

    validate
        Ask mysqld, too, whether it would start with its option files. Default False.

    Returns a dict: ``answers`` (bool), ``error`` (why not), ``state`` and ``paused``; of a server
    that answers also ``role``, ``mode``, ``view_id``, ``quorum``, ``members``, ``queued``,
    ``host``, ``super_read_only``, ``offline_mode`` and ``stopping`` as ``mysql_gr.facts`` has them,
    ``schema_change`` and ``operation`` (their rows, or None), ``drained`` (why, or ""), ``drain``
    (seconds), ``settled`` (bool: it had its highstate since the pillar was changed), ``started``
    (when mysqld was started, in seconds of its own clock), ``cloning`` (bool), ``pending`` (as
    ``pending_restart`` of ``mysql_gr.status``) and ``invalid`` (mysqld's words, or ""). Raises
    SaltInvocationError for wrong settings.

    CLI Example:

    .. code-block:: bash

        salt 'db*' mysql_operation.readiness validate=True
    """
    return member_restart.readiness(_settings(), _refused_options if validate else None)


def begin(purpose: str, owner: str, began: Mapping[str, Any], test: bool = False) -> dict[str, Any]:
    """
    Claim the one operation of the group, or continue what was broken off.

    purpose
        What is done, in words; who says the same words continues it.

    owner
        Who does it: one that is at no other operation.

    began
        Member to when its mysqld was started (``started`` of :py:func:`readiness`).

    test
        Check all that is checked, and do nothing. Default False.

    Returns a dict: ``token``, ``began`` and ``step`` (of what is continued, or as given and ""),
    ``continues`` (bool) and ``gave_up`` (a sentence about another operation that was broken off, or
    ""). Raises CommandExecutionError, naming owner, purpose, step and deadline, while another one
    is under way, where this member is not writable, and where there is no table for it yet.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_operation.begin purpose='a trial' owner=me began='{}' test=True
    """
    with local(_settings()) as connection:
        return operation.begin(connection, purpose, owner, began, test)


def proceed(token: str, step: str, seconds: int = operation.LEASE_SECONDS) -> None:
    """
    Say what an operation is at, and move its deadline on.

    token
        As :py:func:`begin` returned it.

    step
        What is done now, in words.

    seconds
        How long that may take. Default 120.

    Returns nothing. Raises CommandExecutionError when the operation is another one's by now, or
    this member is not writable.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_operation.proceed 5e0c1b7a9d3f2846 'restart db3'
    """
    with local(_settings()) as connection:
        operation.proceed(connection, token, step, seconds)


def break_off(token: str) -> None:
    """
    Let an operation be in nobody's way any more; who calls the same one continues it.

    token
        As :py:func:`begin` returned it.

    Returns nothing. Raises CommandExecutionError where this member is not writable.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_operation.break_off 5e0c1b7a9d3f2846
    """
    with local(_settings()) as connection:
        operation.break_off(connection, token)


def end(token: str) -> None:
    """
    Say that an operation is over.

    token
        As :py:func:`begin` returned it; another one's is left alone.

    Returns nothing. Raises CommandExecutionError where this member is not writable.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_operation.end 5e0c1b7a9d3f2846
    """
    with local(_settings()) as connection:
        operation.end(connection, token)
