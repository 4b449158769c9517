"""
Look at a MySQL Group Replication group and take one member through its life.
=============================================================================

The module asks every declared member what it is, decides what the local member is to do, and does
that. Whatever is not proven is taken as unknown, and the unknown is never taken as dead.

Settings come from pillar ``mysql`` and ``cluster`` (see ``pillar.example``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from group_replication import accounts, failures, membership, recovery, switchover
from group_replication.facts import facts_of
from group_replication.model import Settings
from group_replication.overrides import with_overrides
from group_replication.settings import current_settings
from group_replication.status import compared, status_of

__virtualname__ = "mysql_gr"


def __virtual__() -> str:
    return __virtualname__


def _settings() -> Settings:
    """The settings of this minion."""
    return current_settings(__pillar__, __opts__["id"])


def status(extended: bool = False) -> dict[str, Any]:
    """
    Return what the local member knows of itself and its group.

    extended
        Ask the other declared members too, look into channels and clone, and name what is not as it
        should be. Default False.

    Returns a dict: ``group`` (UUID), ``mode`` (multi-primary or single-primary), ``quorum`` (bool),
    ``view_id`` (str or None), ``member`` and ``members`` (``name`` as declared or None, ``id``,
    ``host``, ``port``, ``state``, ``role``, ``version``), ``writable`` (bool), ``gtid_executed``,
    ``paused`` and ``drained`` (why the operator keeps the member out, or clients from it, or ""),
    ``failing`` (what the keeper does not try just now, since it failed twice, or ""), ``fenced``
    (why the member serves nobody: another group has this one's name, and goes on, or ""),
    ``schema_change`` and ``operation`` (who changes the schema, or is at the members, and how far
    that is, or ""). Outside a group the shape is the same: state OFFLINE, no members, and what is
    declared for group and mode.

    Extended, also: ``problems`` (a list of sentences, empty when all is well), ``verdict`` and
    ``why`` (as :py:func:`decide`), ``applier`` (``running``, ``queued`` transactions,
    ``lag_seconds`` behind the commit of what is being applied, ``error``), ``recovery``
    (``running``, ``error``), ``clone`` (``state``, ``source``, ``bytes``, ``expected_bytes``,
    ``error``; empty when there was none), ``rejoining`` (the server's own auto-rejoin, bool),
    ``conflicts`` (transactions that certification refused), ``write_concurrency`` (messages that
    the group agrees on at once; None outside a majority), ``errant`` (name to GTIDs that only a
    member outside the group has), ``absent`` (names that are declared and not in the group),
    ``undeclared`` (addresses that are in the group and not declared), ``comparison`` (the last
    comparison of all rows and definitions: ``ended`` and ``failed``, times or "", ``error``,
    ``members``, ``seconds``, how many ``tables`` and ``rows``, and how many rows (``differences``)
    and ``definitions`` differ, were ``undecided`` or ``skipped``; empty outside a group, or where
    there was none) and ``pending_restart`` (by option: ``running``, ``file``, and in ``class`` what
    brings it in: ``restart``, ``group``, ``initial`` or ``persisted``, see docs/operations.md).

    Raises CommandExecutionError without mysqld's answer, SaltInvocationError for wrong settings.

    CLI Example:

    .. code-block:: bash

        salt 'db*' mysql_gr.status
        salt 'db*' mysql_gr.status extended=True
    """
    return status_of(_settings(), extended)


def primary() -> list[dict[str, Any]]:
    """
    Return the members that are primary: one in single-primary mode, all in multi-primary.

    Returns a list of dicts as ``members`` of :py:func:`status`; empty outside a group. Raises as
    that does.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_gr.primary
    """
    return [member for member in status()["members"] if member["role"] == "PRIMARY"]


def coordinator() -> str | None:
    """
    Return which member makes what is made once in the group, such as the application's account.

    Returns the declared name of the first primary; None outside a group, or where no primary is
    declared. Raises CommandExecutionError when mysqld does not answer, SaltInvocationError for
    wrong settings.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_gr.coordinator
    """
    return accounts.current_coordinator(_settings())


def facts() -> dict[str, dict[str, Any]]:
    """
    Return what each declared member says of itself, asked now and all at once.

    Returns a dict of declared name to a dict: ``answers`` (bool) and ``error`` (why not); of one
    that answers also ``state``, ``role``, ``group``, ``mode``, ``view_id``, ``members``,
    ``quorum``, ``declared`` (the addresses that it takes for the group's), ``server_uuid``,
    ``server_id``, ``must_match`` (variables that must be equal in a group),
    ``version``, ``host``, ``port``, ``super_read_only``, ``offline_mode``, ``stopping`` (its group
    is being left), ``gtid_executed``, ``gtid_purged``, ``gtid_received``, ``queued`` (transactions
    of others that wait to be applied), ``applier_error`` and ``recovery_error`` (why its applier or
    distributed recovery stopped last, or ""), ``commit_wait`` (seconds for which a client's commit
    has been waiting), ``started`` (when mysqld was, seconds since 1970),
    ``overdue`` (seconds for which the group should have agreed on a message of its own) and
    ``applier_on`` (its part in a group has not ended); of the local one ``remembered`` (what its
    machine knows of its membership), ``held_back`` (``why`` it must not join
    yet, and the ``view`` of which group; or nothing) and ``fork``
    (what it has seen of another group with this one's name).

    Raises SaltInvocationError for wrong settings; a member that does not answer raises nothing.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_gr.facts
    """
    return facts_of(_settings())


def compare_gtids() -> dict[str, dict[str, str]]:
    """
    Ask all declared members and say who has which transactions.

    Returns a dict of declared name to a dict of GTID sets: ``executed``; ``unapplied``, received
    and not yet executed; ``lacks``, what others have and it does not; ``alone``, what no other has:
    errant transactions, if the member is outside the group. Members that do not answer are left
    out. Raises SaltInvocationError for wrong settings.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_gr.compare_gtids
    """
    return compared(facts())


def decide(
    method: str = "auto",
    clone_over: str | None = None,
    force_member: str | None = None,
    accept_errant: str | None = None,
) -> dict[str, Any]:
    """
    Ask all declared members and say what the local one is to do; nothing is done.

    method, clone_over, force_member, accept_errant
        As for :py:func:`converge`: what it would do with them.

    Returns a dict: ``verdict``, ``why``, ``bootstrap_member``, ``donor``, ``errant``, ``harmless``
    (it is known of all of those that they change no rows), ``received``, ``override`` and
    ``failing``: why the keeper does not do it just now, since it has failed twice for one lasting
    reason, or "". Raises SaltInvocationError for wrong settings or arguments.

    CLI Example:

    .. code-block:: bash

        salt 'db*' mysql_gr.decide
        salt db2 mysql_gr.decide force_member=db2
    """
    settings = _settings()
    decided = with_overrides(settings.me, method, clone_over, force_member, accept_errant)
    decision = decided(settings.me, settings.group, facts_of(settings))
    return {**decision, "failing": failures.failing(failures.FAILURE_FILE)}


def converge(
    timeout: float = 180,
    patience: float = 60,
    method: str = "auto",
    clone_over: str | None = None,
    force_member: str | None = None,
    accept_errant: str | None = None,
) -> dict[str, Any]:
    """
    Bring the local member into its group as the decision says, and wait until it is ONLINE.

    timeout
        Seconds to wait while the decision is to wait for others. Default 180.

    patience
        Seconds without progress after which applying, cloning or recovering is given up. Default
        60.

    method, clone_over, accept_errant
        As for :py:func:`join`.

    force_member
        As for :py:func:`recover`.

    Returns the last decision, whose ``verdict`` is ``member`` (also when nothing was to be done),
    or ``wait``, ``uncertain`` or ``paused`` when the time ran out on it, with ``acted``, the list
    of what was done. Raises CommandExecutionError when the decision is to refuse, or the local
    mysqld is away for half a minute; SaltInvocationError for wrong settings or arguments.

    CLI Example:

    .. code-block:: bash

        salt 'db*' mysql_gr.converge timeout=60
    """
    settings = _settings()
    decided = with_overrides(settings.me, method, clone_over, force_member, accept_errant)
    return membership.converge_by(settings, timeout, patience, decided)


def bootstrap(member: str) -> dict[str, Any]:
    """
    Bootstrap the group on this member, or reboot it, if the decision is that it shall.

    member
        This member's declared name: a group is bootstrapped only by a call that names the member.

    Returns the decision that was carried out (``verdict`` bootstrap or reboot). Raises
    CommandExecutionError when the decision is another one, with its sentence; SaltInvocationError
    when ``member`` is not this one.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_gr.bootstrap member=db1
    """
    return membership.bootstrap(_settings(), member)


def join(
    method: str = "auto",
    clone_over: str | None = None,
    patience: float = 60,
    accept_errant: str | None = None,
) -> dict[str, Any]:
    """
    Join the local member to the group that the others have, and end a pause.

    method
        ``auto`` (default): incremental where the group has the binary logs that are needed; an
        empty member clones where it has not, or where that would replay a million transactions.
        ``incremental``: never by clone. ``clone``: by clone, of an empty member only.

    clone_over
        This member's declared name: with ``method=clone``, what it has is given up for a copy of
        another member. There is no other way to that.

    patience
        Seconds without progress after which a clone is given up. Default 60.

    accept_errant
        This member's declared name: the group gets its errant transactions as empty ones, where it
        is known of all of them that they change no rows (FLUSH, ANALYZE, OPTIMIZE, REPAIR, by the
        member's binary logs). Nothing is copied, and nothing given up.

    Returns the decision that was carried out (``verdict`` join), or ``member`` or ``recovering``
    where it was or joined without this call; after a clone with ``cloned``, the donor's name, and
    ``given_up``, the GTIDs that only this member had; with ``accepted``, those that the group got.
    :py:func:`wait_online` waits for the end of
    distributed recovery. Raises CommandExecutionError when the decision is another one, with its
    sentence, or a clone fails; SaltInvocationError for a wrong method or name.

    CLI Example:

    .. code-block:: bash

        salt db2 mysql_gr.join
        salt db3 mysql_gr.join method=clone clone_over=db3
        salt db3 mysql_gr.join accept_errant=db3
    """
    return membership.join(_settings(), method, clone_over, patience, accept_errant)


def recover(
    force_member: str | None = None, timeout: float = 180, patience: float = 60
) -> dict[str, Any]:
    """
    Reboot the group after a complete outage: as decided, or by a named member.

    force_member
        This member's declared name: it reboots the group although a declared member does not
        answer, or although others have transactions that it has not, or cannot apply some that they
        received. What it received itself is applied first; once its applier has failed at that, the
        next call gives it up, and names it. Members with errant transactions are refused when they
        return, with these named; nothing of theirs is wiped. Only for when it is known that the
        unreachable members do not run on as a group.

    timeout
        Seconds to wait while the decision is to wait for others. Default 180.

    patience
        Seconds without progress after which applying or recovering is given up. Default 60.

    Returns as :py:func:`converge` does. Raises CommandExecutionError when the decision is to
    refuse, SaltInvocationError when ``force_member`` is not this one.

    CLI Example:

    .. code-block:: bash

        salt 'db*' mysql_gr.recover
        salt db2 mysql_gr.recover force_member=db2
    """
    return converge(timeout, patience, force_member=force_member)


def wait_online(patience: float = 60) -> dict[str, Any]:
    """
    Wait until the local member is ONLINE, for as long as its recovery makes progress.

    patience
        Seconds without a transaction or a cloned byte more after which it is given up. Default 60.

    Returns what :py:func:`status` does. Raises CommandExecutionError when progress stops.

    CLI Example:

    .. code-block:: bash

        salt db2 mysql_gr.wait_online patience=120
    """
    settings = _settings()
    recovery.wait_online(settings, patience)
    return status_of(settings)


def set_primary(
    member: str, drain: int = 10, test: bool = False, operation: str = ""
) -> dict[str, Any]:
    """
    Make a member the primary of a single-primary group.

    Called on the primary itself, it drains that from new connections before the switchover: they
    wait at the balancer for the new primary, and none meets a member that is read-only.

    member
        The declared name of the new primary; the call may go to any ONLINE member.

    drain
        Seconds that running transactions get to end before they are rolled back. Default 10.

    test
        Check all that is checked, and do nothing. Default False.

    operation
        The token of the operation that does this (``mysql_operation.begin``). Default: none.

    Returns a dict: ``old`` and ``new``, the primaries' declared names; the same when nothing was to
    be done. Raises CommandExecutionError when the group is multi-primary, has no majority, is busy
    or refuses; SaltInvocationError when the member is none of the group's.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_gr.set_primary db2 drain=5
    """
    return switchover.set_primary(_settings(), member, drain, test, operation)


def switch_mode(
    mode: str, member: str | None = None, patience: float = 60, test: bool = False
) -> dict[str, Any]:
    """
    Switch the whole group between multi-primary and single-primary, online.

    One member does it (:py:func:`coordinator`); called on another, this waits until it has arrived.

    mode
        multi-primary or single-primary.

    member
        The member that is to be primary in single-primary mode. Default: the one that does it.

    patience
        Seconds to wait for the member that does it. Default 60.

    test
        Check all that is checked, and do nothing. Default False.

    Returns a dict: ``old`` and ``new`` mode; the same when nothing was to be done. Raises
    CommandExecutionError when the schema has what multi-primary cannot take (each table is named),
    an operation is under way, the group has no majority or refuses, or the wait was in vain;
    SaltInvocationError for a wrong mode or member.

    CLI Example:

    .. code-block:: bash

        salt 'db*' mysql_gr.switch_mode single-primary
    """
    return switchover.switch_mode(_settings(), mode, member, patience, test)


def force_quorum(
    survivors: Sequence[str],
    dead: Sequence[str],
    patience: float = 120,
    test: bool = False,
) -> dict[str, Any]:
    """
    Let the survivors of a group that lost its majority go on alone.

    survivors
        The declared names of the members that go on; this one is among them, and each is ONLINE in
        one view.

    dead
        The declared names of all others, which the operator has seen to be dead: none may answer.

    patience
        Seconds to wait for the new view. Default 120: the group's communication looks for members
        that died a moment ago for a minute.

    test
        Check all that is checked, and do nothing. Default False.

    Returns what :py:func:`status` does. Raises SaltInvocationError when the names do not add up,
    CommandExecutionError when a dead one answers, a survivor does not, there is a majority, or the
    new view does not come in time.
    Source: https://dev.mysql.com/doc/refman/9.7/en/group-replication-network-partitioning.html

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_gr.force_quorum survivors='[db1]' dead='[db2, db3]'
    """
    return membership.force_quorum(_settings(), survivors, dead, patience, test)


def reset_member(member: str, test: bool = False) -> dict[str, str]:
    """
    Empty a member that is outside its group, so that it can join anew.

    Its databases, its accounts but those of the group's own, its transactions and what it received
    are gone. The group must be there, with a majority, to bring them back by recovery or clone.

    member
        This member's declared name: it is emptied only by a call that names it.

    test
        Say what would be given up, and do nothing. Default False.

    Returns a dict: ``given_up``, what it had executed and received, and ``errant``, what of it the
    group does not have. Raises CommandExecutionError when the member is in the group, or no group
    with a majority is there; SaltInvocationError when ``member`` is not this one.

    CLI Example:

    .. code-block:: bash

        salt db3 mysql_gr.reset_member member=db3
    """
    return membership.reset_member(_settings(), member, test)
