"""
Look at a MySQL Group Replication group and take one member through its life.
=============================================================================

The module asks every declared member what it is, decides by one pure function (``decide_by`` of
the library) what the local member is to do, and does that: create the group, lead it again, join
it, or wait.
Whatever is not proven is taken as unknown, and the unknown is never taken as dead.

Settings come from pillar ``mysql`` and ``cluster`` (see ``pillar.example``); on a database machine
they lie too in ``/etc/mysql-gr/settings.json``, where the keeper reads them, which brings a member
back after a boot or a crash without a Salt master.

The local member is asked over its socket as ``root``, which MySQL knows by the operating system's
user; the others over their admin port, which answers when ``max_connections`` is exhausted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from group_replication import (
    accounts,
    datadir,
    leaving,
    maintenance,
    membership,
    pillar,
    recovery,
    row_compare,
    running_options,
    schema_check,
    schema_run,
    switchover,
)
from group_replication.connection import answered, local
from group_replication.facts import facts_of
from group_replication.instance_check import instance_of, instance_problems
from group_replication.model import Settings
from group_replication.options import options_of
from group_replication.overrides import overruling
from group_replication.schema_check import checked_mode
from group_replication.settings import (
    agent_settings,
    current_settings,
    settings_file_differs,
    write_settings,
)
from group_replication.status import compared, status_of
from group_replication.versions import SUPPORTED, is_supported, version_of, version_of_package
from salt.exceptions import SaltInvocationError

__virtualname__ = "mysql_gr"

# What Salt offers as mysql_gr.*.
__load__ = [
    "account_differences",
    "balancer",
    "bootstrap",
    "check_instance",
    "check_schema",
    "check_statements",
    "coordinator",
    "compare_gtids",
    "compare_rows",
    "converge",
    "create_accounts",
    "decide",
    "drain",
    "drained",
    "facts",
    "force_quorum",
    "forget",
    "health_settings",
    "initialize",
    "initialized",
    "join",
    "leave",
    "nodes",
    "option_differences",
    "pause",
    "paused",
    "primary",
    "recover",
    "removal",
    "remove",
    "reset_member",
    "schema_change",
    "server_options",
    "set_options",
    "set_primary",
    "settings_differ",
    "status",
    "store_settings",
    "switch_mode",
    "undrain",
    "unpause",
    "wait_online",
]


def __virtual__() -> str:
    return __virtualname__


def _settings() -> Settings:
    """The settings of this minion."""
    return current_settings(__pillar__, __opts__["id"])


# --- accounts ------------------------------------------------------------------------------------


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


def account_differences(
    scope: str = "members", timeout: float = 0
) -> dict[str, dict[str, list[str]]]:
    """
    Return what is missing of a scope's accounts on the local member, and what is too much.

    scope
        ``members`` (default): the accounts that the group itself needs.
        ``application``: the application's database, its account, the account that changes the
        schema, and the table by which it asks for that.

    timeout
        Seconds to wait for a server that does not answer, as while a clone restarts it. Default 0.

    Returns a dict of account (or ``database …``, ``table …``, ``channel …``) to ``missing``
    (privileges, and what keeps the account from being used, such as a lock) and ``unneeded``
    (privileges), lists both; empty when all is as declared. No password is in it. Raises
    CommandExecutionError when mysqld does not answer, SaltInvocationError for wrong settings or
    scope.

    CLI Example:

    .. code-block:: bash

        salt 'db*' mysql_gr.account_differences application
    """
    settings = _settings()
    return answered(
        settings,
        timeout,
        lambda connection: accounts.account_differences(connection, settings, scope),
    )


def create_accounts(scope: str = "members", patience: float = 30) -> None:
    """
    Make what is missing of a scope's accounts, without an errant transaction.

    Outside the group, a member's own accounts are made with its binary log off. Inside, one member
    makes them for all (:py:func:`coordinator`), and the others wait until they arrive.

    scope
        ``members`` (default) or ``application``.

    patience
        Seconds to wait for what another member makes. Default 30.

    Returns nothing. Raises CommandExecutionError when the member is in no state to, or the wait
    was in vain; SaltInvocationError for wrong settings or scope.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_gr.create_accounts application
    """
    accounts.create_accounts(_settings(), scope, patience)


def health_settings() -> dict[str, Any]:
    """
    Return what the health agent needs to know: where to listen, whom to ask as whom, who may ask.

    Returns a dict: ``address``, ``port``, ``socket``, ``user``, ``clients`` (addresses and
    networks); no password. Raises SaltInvocationError for wrong settings.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_gr.health_settings
    """
    return agent_settings(_settings())


def nodes(role: str | None = None) -> dict[str, str]:
    """
    Return the declared nodes with their addresses, in declared order.

    role
        Only those of this role: ``db``, ``proxy``, ``web`` or ``master``. Default: all.

    Returns a dict of node id to address, empty where pillar declares no nodes. Raises
    SaltInvocationError for an unknown role or a wrong table.

    CLI Example:

    .. code-block:: bash

        salt web mysql_gr.nodes role=web
    """
    return pillar.nodes_of(__pillar__, role)


def balancer() -> dict[str, Any]:
    """
    Return where the databases are reached: the virtual address, if pillar declares one, or else the
    first proxy's.

    Returns a dict: ``address`` (the empty text without any proxy), ``virtual_address`` (the empty
    text where none is declared), ``virtual_router_id``, and ``proxies``, a dict of node id to
    address in declared order. Raises SaltInvocationError for a wrong pillar.

    CLI Example:

    .. code-block:: bash

        salt web mysql_gr.balancer
    """
    declared = pillar.declared_balancer(__pillar__)
    return {**declared._asdict(), "address": declared.address}


def settings_differ() -> bool:
    """
    Tell whether the keeper's file does not say what pillar declares.

    Raises SaltInvocationError for wrong settings.

    CLI Example:

    .. code-block:: bash

        salt 'db*' mysql_gr.settings_differ
    """
    return settings_file_differs(_settings())


def store_settings() -> None:
    """
    Write the keeper's file, readable only by root, whole or not at all.

    Raises SaltInvocationError for wrong settings.

    CLI Example:

    .. code-block:: bash

        salt 'db*' mysql_gr.store_settings
    """
    write_settings(_settings())


# --- looking -------------------------------------------------------------------------------------


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
    ``schema_change`` (who changes the schema and how far that is, or "").
    Outside a group the shape is the same: state OFFLINE, no members, and what is declared for group
    and mode.

    Extended, also: ``problems`` (a list of sentences, empty when all is well), ``verdict`` and
    ``why`` (as :py:func:`decide`), ``applier`` (``running``, ``queued`` transactions,
    ``lag_seconds`` behind the commit of what is being applied, ``error``), ``recovery``
    (``running``, ``error``), ``clone`` (``state``, ``source``, ``bytes``, ``expected_bytes``,
    ``error``; empty when there was none), ``rejoining`` (the server's own auto-rejoin, bool),
    ``conflicts`` (transactions that certification refused), ``write_concurrency`` (messages that
    the group agrees on at once; None outside a majority), ``errant`` (name to GTIDs that only a
    member outside the group has), ``absent`` (names that are declared and not in the group) and
    ``undeclared`` (addresses that are in the group and not declared).

    Raises CommandExecutionError when mysqld does not answer, SaltInvocationError for wrong
    settings.

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


def facts() -> dict[str, dict[str, Any]]:
    """
    Return what each declared member says of itself, asked now and all at once.

    Returns a dict of declared name to a dict: ``answers`` (bool) and ``error`` (why not); of one
    that answers also ``state``, ``role``, ``group``, ``mode``, ``view_id``, ``members``,
    ``quorum``, ``declared`` (the addresses that it takes for the group's), ``server_uuid``,
    ``server_id``, ``alike`` (variables that are equal in a group),
    ``version``, ``host``, ``port``, ``super_read_only``, ``offline_mode``, ``stopping`` (its group
    is being left), ``gtid_executed``, ``gtid_purged``, ``gtid_received``, ``queued`` (transactions
    of others that wait to be applied), ``applier_error`` (why its applier stopped last, or "") and
    ``running`` (its part in a group has not ended); of the local one ``remembered`` (what its
    machine knows of its membership).

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


def compare_rows(
    tables: list[str] | None = None, rows: int = 1000, load: float = 0.25
) -> dict[str, Any]:
    """
    Name the rows and definitions that differ between the ONLINE members; nothing is changed.

    Members with the same GTID set can hold different content: after writes with ``sql_log_bin=0``,
    or after an ALTER beside writes on another member. Each table is walked by its primary key, or
    by a unique key without NULL, and the members are asked for a sum of hashes of so many rows. Of
    a table without such a key that has fewer than 100,000 rows, all rows are summed at once.
    Writers may go on: what differs is read again, and a row counts when four reads in a row have
    the same of it on each member. Tables and what is in them, views, routines, triggers, events,
    schemas and accounts with their grants are compared, too; of an account that each member has a
    password of its own for, the password is not.

    tables
        A list of ``DATABASE.TABLE``: nothing else is looked at. Default: all tables and all other
        definitions.

    rows
        How many rows are summed at once, 10 to 100,000. Default 1000.

    load
        The part of the time that is spent in queries, above 0 and up to 1; the rest is spent
        waiting. Default 0.25.

    Returns a dict: ``members`` (list of the names that were compared), ``tables`` and ``rows``
    (int: how many were compared), ``seconds`` (float), ``differences``, ``definitions``,
    ``undecided`` (int: rows and definitions that kept changing) and ``skipped`` (a list of dicts:
    ``table``, ``why``).

    ``differences`` is a list of dicts, one for each range with rows that differ: ``table``
    (``DATABASE.TABLE``), ``from`` and ``to`` (keys of the first and the last of them: a dict of
    column to int or str; empty for a table without a key), ``rows`` (int: how many differ) and
    ``members``: of each that is unlike most members a dict of int, ``changed``, ``missing`` and
    ``extra`` rows. Where no content is that of more than half of the members, all of them are
    there. A key's value is a number for BIT, and ``0x`` with hex digits for bytes.
    Without a key, a row that was changed is one that is missing and one that is extra, and
    ``changed`` counts rows that are there more or less often. After 20 ranges a table is left, and
    is among ``skipped``.

    ``definitions`` is a list of dicts: ``kind`` (schema, table, column, index, foreign key, check,
    partition, view, routine, parameter, trigger, event, account, password, grants), ``name`` and
    ``members``: by name what each has, ``absent``, or, for what is not shown (code, grants,
    passwords), ``variant 1``, ``variant 2``: members with the same variant have the same.

    Nothing of a row but its key is returned. The key is data as well, and goes with the rest to
    Salt's job cache.

    Raises CommandExecutionError when the local member is not ONLINE with a majority or no other
    member is ONLINE, when a member goes meanwhile or takes longer than 30 seconds for a definition;
    SaltInvocationError for wrong settings or arguments.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_gr.compare_rows
        salt db1 mysql_gr.compare_rows '["realworld.users"]' load=0.5
    """
    return row_compare.compare(_settings(), tables, rows, load)


def check_instance() -> list[dict[str, str]]:
    """
    Name all that would stop the local server from joining the group; nothing is changed.

    Returns a list of dicts, empty when all is well: ``what``, ``value`` as it is, ``expected``.
    Whether its transactions let it join says :py:func:`decide`. Raises CommandExecutionError when
    mysqld does not answer, SaltInvocationError for wrong settings.

    CLI Example:

    .. code-block:: bash

        salt 'db*' mysql_gr.check_instance
    """
    settings = _settings()
    return instance_problems(settings, instance_of(settings), facts_of(settings))


def check_schema(mode: str | None = None) -> list[dict[str, str]]:
    """
    Name the tables that a group cannot write to.

    mode
        The mode to judge for, multi-primary or single-primary. Default: the declared one.

    Returns a list of dicts, empty when all is well: ``table`` (``schema.table``), ``problem``
    (``no primary key``, ``engine``, ``cascading foreign key``) and ``detail``. A unique key of
    columns that cannot be NULL does for a primary key. Raises CommandExecutionError when mysqld
    does not answer, SaltInvocationError for a wrong mode.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_gr.check_schema mode=multi-primary
    """
    settings = _settings()
    mode = checked_mode(mode or settings.mode)
    with local(settings, 60) as connection:
        return schema_check.check_schema(connection, mode)


def check_statements(statements: list[str], mode: str | None = None) -> list[dict[str, str]]:
    """
    Name what statements would make that a group cannot write to; none of them is run.

    What :py:func:`check_schema` looks for in a schema, this looks for in the statements that would
    make one. A primary key has to be in the statement that makes the table: with
    ``sql_require_primary_key`` the server refuses it otherwise.

    statements
        SQL, one statement each; what makes or alters no table is passed over.

    mode
        The mode to judge for, multi-primary or single-primary. Default: the declared one.

    Returns a list of dicts, empty when all is well: ``table``, ``problem`` (``no primary key``,
    ``engine``, ``cascading foreign key``) and ``detail``. Raises SaltInvocationError for a wrong
    mode.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_gr.check_statements '["CREATE TABLE t (a INT)"]'
    """
    return schema_check.check_statements(statements, mode or _settings().mode)


def schema_change(
    statements: str | list[str],
    database: str | None = None,
    lock_wait_timeout: int = 10,
    patience: float = 120,
    test: bool = False,
) -> dict[str, Any]:
    """
    Run statements that change the schema, while one member alone takes writes.

    In multi-primary mode MySQL does not order a schema change on one member and a write on another:
    rows would get into wrong columns, on each member into others. So the group is switched to
    single-primary mode, the statements run once the writer has applied all that was before, and the
    group is switched back once all members have applied them. A killed run is ended by the keepers
    after a minute, its statement undone.

    statements
        SQL such as ``ALTER TABLE …``: one statement, or a list of them. They run in this order; the
        first that fails ends the run.

    database
        Where a table is that is named without one. Default: the application's.

    lock_wait_timeout
        Seconds that a statement waits for sessions that use its table. Default 10.

    patience
        Seconds to wait for another schema change to end, for the window to open, and for it to
        close. Default 120.

    test
        Check all that is checked, classify each statement, and do nothing. Default False.

    Returns a dict: ``writer`` (a declared name) and ``statements`` (a list of dicts: ``statement``,
    ``algorithm`` (INSTANT, INPLACE, COPY or "" where it is no ALTER TABLE), ``holds_up`` (a
    sentence), ``rows`` and ``bytes`` of the table, ``seconds`` (None in a dry run)). Raises
    CommandExecutionError when called on another member than the one that makes it, when the group
    could not write to the table afterwards, when a statement fails or no window opens;
    SaltInvocationError for wrong settings or statements.
    Source: https://dev.mysql.com/doc/refman/9.7/en/group-replication-limitations.html

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_gr.schema_change 'ALTER TABLE users ADD seen DATETIME' test=True
    """
    return schema_run.change_schema(
        _settings(), statements, database, lock_wait_timeout, patience, test
    )


def decide(
    method: str = "auto", clone_over: str | None = None, force_member: str | None = None
) -> dict[str, Any]:
    """
    Ask all declared members and say what the local one is to do; nothing is done.

    method, clone_over, force_member
        As for :py:func:`converge`: what it would do with them.

    Returns a dict: ``verdict``, ``why``, ``leader``, ``donor``, ``errant``,
    ``received`` and ``overruled_by``. Raises SaltInvocationError for wrong settings or arguments.

    CLI Example:

    .. code-block:: bash

        salt 'db*' mysql_gr.decide
        salt db2 mysql_gr.decide force_member=db2
    """
    settings = _settings()
    decided = overruling(settings.me, method, clone_over, force_member)
    return decided(settings.me, settings.group, facts_of(settings))


def server_options(package: str = "mysql-server") -> dict[str, Any]:
    """
    Return the server's options as pillar declares them, in the order of the option file.

    They are those of the version that pillar ``mysql:version`` says, or else of the package that
    is installed, or else of the one that would be; the file is written before the package is there.

    package
        The package's name. Default mysql-server.

    Returns a dict of option to value; a list is an option that stands several times. Raises
    SaltInvocationError for wrong settings, an option that the version does not have, and a version
    that is not supported.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_gr.server_options
    """
    settings = _settings()
    return options_of(settings, settings.version or _package_version(package))


def _package_version(package: str) -> str:
    """The version that a package holds; the empty text when there is none, or it is a pointer."""
    if package.startswith("default-"):
        return ""
    found = __salt__["pkg.version"](package) or __salt__["pkg.latest_version"](
        package, cache_valid_time=3600
    )
    if isinstance(found, Mapping):
        # So Salt answers for a name that apt does not know.
        found = found.get(package)
    version = version_of_package(found or "")
    if version and not is_supported(version_of(version)):
        raise SaltInvocationError(f"package {package} has version '{found}'; expected {SUPPORTED}")
    return version


# --- a new data directory ------------------------------------------------------------------------


def initialized(directory: str) -> bool:
    """
    Tell whether a data directory has been made, whole.

    directory
        Its path.

    Returns True for a directory that holds anything, but for ``lost+found`` and an initialisation
    that was broken off.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_gr.initialized /var/lib/mysql
    """
    return datadir.initialized(directory)


def initialize(directory: str, option_file: str, user: str = "mysql", test: bool = False) -> None:
    """
    Make a new data directory, with the accounts that Debian's package makes; nothing is replaced.

    It is made aside and then moved to its place, so that a run that was broken off leaves nothing
    that a server would start with: Debian's own initialisation ends itself by a statement, on a
    busy machine before the server has made its system views.

    directory
        Its path; it is empty, or not there.

    option_file
        The server's options, some of which can be chosen only now.

    user
        Whom it belongs to. Default mysql.

    test
        Check whether this machine may have a new one, and do nothing. Default False.

    Raises CommandExecutionError when this machine was a member, whose data is missing then
    (:py:func:`forget`), the directory is not empty, a server runs in it, or mysqld cannot do it.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_gr.initialize /var/lib/mysql /etc/mysql/mysql.conf.d/zz-group-replication.cnf
    """
    datadir.initialize(
        directory,
        option_file,
        user,
        test,
        me=__opts__["id"],
        retcode=__salt__["cmd.retcode"],
        run_all=__salt__["cmd.run_all"],
    )


# --- acting --------------------------------------------------------------------------------------


def converge(
    timeout: float = 180,
    patience: float = 60,
    method: str = "auto",
    clone_over: str | None = None,
    force_member: str | None = None,
) -> dict[str, Any]:
    """
    Bring the local member into its group as the decision says, and wait until it is ONLINE.

    timeout
        Seconds to wait while the decision is to wait for others. Default 180.

    patience
        Seconds without progress after which applying, cloning or recovering is given up. Default
        60.

    method, clone_over
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
    decided = overruling(settings.me, method, clone_over, force_member)
    return membership.converge_by(settings, timeout, patience, decided)


def bootstrap(member: str) -> dict[str, Any]:
    """
    Create the group on this member, or lead it again, if the decision is that it shall.

    member
        This member's declared name: a group is created only by a call that names who does it.

    Returns the decision that was carried out (``verdict`` create or lead). Raises
    CommandExecutionError when the decision is another one, with its sentence; SaltInvocationError
    when ``member`` is not this one.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_gr.bootstrap member=db1
    """
    return membership.bootstrap(_settings(), member)


def join(
    method: str = "auto", clone_over: str | None = None, patience: float = 60
) -> dict[str, Any]:
    """
    Take the local member into the group that the others have, and end a pause.

    method
        ``auto`` (default): incremental where the group has the binary logs that are needed; an
        empty member clones where it has not, or where that would replay a million transactions.
        ``incremental``: never by clone. ``clone``: by clone, of an empty member only.

    clone_over
        This member's declared name: with ``method=clone``, what it has is given up for a copy of
        another member. There is no other way to that.

    patience
        Seconds without progress after which a clone is given up. Default 60.

    Returns the decision that was carried out (``verdict`` join), or ``member`` or ``recovering``
    where it was or came in without this call; after a clone with ``cloned``, the donor's name, and
    ``given_up``, the GTIDs that only this member had. :py:func:`wait_online` waits for the end of
    distributed recovery. Raises CommandExecutionError when the decision is another one, with its
    sentence, or a clone fails; SaltInvocationError for a wrong method or name.

    CLI Example:

    .. code-block:: bash

        salt db2 mysql_gr.join
        salt db3 mysql_gr.join method=clone clone_over=db3
    """
    return membership.join(_settings(), method, clone_over, patience)


def recover(
    force_member: str | None = None, timeout: float = 180, patience: float = 60
) -> dict[str, Any]:
    """
    Bring the group back after all members were down: as decided, or led by a named member.

    force_member
        This member's declared name: it leads although a declared member does not answer, or
        although others have transactions that it has not, or received some that they cannot apply.
        What it received itself is applied first; once its applier has failed at that, the next call
        gives it up, and names it. Those are refused when they return, with
        what only they have named; nothing of theirs is wiped. Only for when it is known that the
        silent ones do not run on as a group.

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
    Empty a member that is outside its group, so that it can come in anew.

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


def forget(member: str, test: bool = False) -> dict[str, Any]:
    """
    Make this machine a new one: what it remembers of its group is forgotten, no data is touched.

    It is for a machine whose data is lost for good: without this call its empty data directory is
    taken for a missing disk, and neither is a new one made, nor does it come in empty or create a
    group.

    member
        This member's declared name: it is forgotten only by a call that names it.

    test
        Say what would be forgotten, and do nothing. Default False.

    Returns what was remembered: ``group``, ``server_uuid``, ``view_id``, ``members`` and ``seen``;
    empty where it was no member. Raises CommandExecutionError when mysqld answers and has
    transactions; SaltInvocationError when ``member`` is not this one.

    CLI Example:

    .. code-block:: bash

        salt db3 mysql_gr.forget member=db3
    """
    return membership.forget(_settings(), member, test)


def pause(reason: str) -> dict[str, str]:
    """
    Keep every automation here from taking this member into the group, until :py:func:`unpause`.

    A member that is ONLINE stays so; one that is outside, or goes, stays outside.

    reason
        What status, decisions and the keeper's log say about it.

    Returns a dict: ``old`` and ``new`` reason. Raises SaltInvocationError without a reason.

    CLI Example:

    .. code-block:: bash

        salt db3 mysql_gr.pause 'memory is replaced tonight'
    """
    return maintenance.pause(reason)


def paused() -> str:
    """
    Return why the operator keeps this member out of the group, or "".

    CLI Example:

    .. code-block:: bash

        salt 'db*' mysql_gr.paused
    """
    return maintenance.paused()


def unpause() -> dict[str, str]:
    """
    End a pause; the keeper takes the member in again if it is outside.

    Returns a dict: ``old`` and ``new`` reason, the new one empty.

    CLI Example:

    .. code-block:: bash

        salt db3 mysql_gr.unpause
    """
    return maintenance.unpause()


def leave(
    member: str, reason: str = "left by mysql_gr.leave", drain: int | None = None
) -> dict[str, Any]:
    """
    Take the local member out of the group and keep it out until :py:func:`join`.

    Before it leaves, a primary hands over, the balancer sends no new connections, and
    transactions get the time to end.

    member
        This member's declared name.

    reason
        What status, decisions and the keeper's log say about it.

    drain
        Seconds that transactions get at most. 0 leaves at once. Default: pillar ``mysql:drain``.

    Returns a dict: ``old`` and ``new`` state. Raises CommandExecutionError when mysqld refuses,
    SaltInvocationError when ``member`` is not this one.

    CLI Example:

    .. code-block:: bash

        salt db3 mysql_gr.leave member=db3 reason='memory is replaced'
    """
    return leaving.leave(_settings(), member, reason, drain)


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


def set_primary(member: str, drain: int = 10, test: bool = False) -> dict[str, Any]:
    """
    Make a member the primary of a single-primary group.

    Called on the primary itself, it lets the balancer send it nobody new before it hands over: new
    connections wait there for the new primary, and none meets one that takes no more writes.

    member
        The declared name of the member that is to lead; any ONLINE member can be told.

    drain
        Seconds that running transactions get to end before they are rolled back. Default 10.

    test
        Check all that is checked, and do nothing. Default False.

    Returns a dict: ``old`` and ``new``, the primaries' declared names; the same when nothing was to
    be done. Raises CommandExecutionError when the group is multi-primary, has no majority or
    refuses; SaltInvocationError when the member is none of the group's.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_gr.set_primary db2 drain=5
    """
    return switchover.set_primary(_settings(), member, drain, test)


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
    the group has no majority or refuses, or the wait was in vain; SaltInvocationError for a wrong
    mode or member.

    CLI Example:

    .. code-block:: bash

        salt 'db*' mysql_gr.switch_mode single-primary
    """
    return switchover.switch_mode(_settings(), mode, member, patience, test)


# --- leaving -------------------------------------------------------------------------------------


def drain(member: str, reason: str, seconds: int | None = None) -> dict[str, Any]:
    """
    Let the balancer send the local member nobody new, until :py:func:`undrain` or a boot.

    The member stays in its group and sessions go on. A primary of a single-primary group hands over
    first. Nothing here looks at the other members: with all of them drained nobody is served.

    member
        This member's declared name: a call to all members at once is refused by all but one.

    reason
        What status and the health agent say about it.

    seconds
        How long to wait until no client is in a transaction. Default: pillar ``mysql:drain``.

    Returns a dict: ``old`` and ``new`` reason, and ``busy``, how many sessions of clients are still
    in a transaction. Raises CommandExecutionError when mysqld does not answer, SaltInvocationError
    without a reason, or when ``member`` is not this one.

    CLI Example:

    .. code-block:: bash

        salt db3 mysql_gr.drain member=db3 reason='a new kernel'
    """
    return leaving.drain(_settings(), member, reason, seconds)


def drained() -> str:
    """
    Return why the operator lets the balancer send this member nobody new, or "".

    CLI Example:

    .. code-block:: bash

        salt 'db*' mysql_gr.drained
    """
    return maintenance.drained()


def undrain() -> dict[str, str]:
    """
    End a drain: the balancer sends this member clients again.

    Returns a dict: ``old`` and ``new`` reason, the new one empty.

    CLI Example:

    .. code-block:: bash

        salt db3 mysql_gr.undrain
    """
    return maintenance.undrain()


def removal() -> dict[str, Any]:
    """
    Say what is to be done about a member that the table of nodes no longer declares.

    Returns a dict: ``state`` of the local member, ``settled`` (bool: it is outside, and its keeper
    knows that it stays there) and ``problem`` (why it must not go now, or ""). Raises
    SaltInvocationError when it is declared, never was a member, or the table is wrong.

    CLI Example:

    .. code-block:: bash

        salt db4 mysql_gr.removal
    """
    return leaving.removal(_settings())


def remove(member: str, drain: int | None = None) -> dict[str, Any]:
    """
    Take a member out that the table of nodes no longer declares; its data is not touched.

    It drains, leaves and stays out until it is declared again.

    member
        This member's name.

    drain
        Seconds that transactions get at most. 0 leaves at once. Default: pillar ``mysql:drain``.

    Returns a dict: ``old`` and ``new`` state, UNKNOWN where mysqld does not answer. Raises
    CommandExecutionError when the rest would have no majority, or mysqld refuses;
    SaltInvocationError when the member is declared or ``member`` is not this one.

    CLI Example:

    .. code-block:: bash

        salt db4 mysql_gr.remove member=db4
    """
    return leaving.remove(_settings(), member, drain)


# --- options of the running server ---------------------------------------------------------------


def option_differences(timeout: float = 0) -> dict[str, dict[str, dict[str, str]]]:
    """
    Compare the declared option file with what the running server has.

    Values are compared in the server's own form; what the group sets in its members (mode, read
    only, bootstrap) is left out.

    timeout
        As for :py:func:`account_differences`.

    Returns a dict: ``online`` (what :py:func:`set_options` would set), ``restart`` (what waits for
    a restart of mysqld) and ``unknown`` (what the running server has no variable for: misspelt, or
    of a plugin that is not loaded), each a dict of variable to ``old`` and ``new``. Raises
    CommandExecutionError when mysqld does not answer, SaltInvocationError for wrong settings.

    CLI Example:

    .. code-block:: bash

        salt 'db*' mysql_gr.option_differences
    """
    settings = _settings()
    return answered(
        settings,
        timeout,
        lambda connection: running_options.option_differences(settings, connection),
    )


def set_options() -> dict[str, dict[str, str]]:
    """
    Set in the running server what the declared option file has and can be set without a restart.

    Returns a dict of variable to ``old`` and ``new``, empty when nothing was to be done. Raises
    CommandExecutionError when mysqld does not answer or refuses, SaltInvocationError for wrong
    settings.

    CLI Example:

    .. code-block:: bash

        salt 'db*' mysql_gr.set_options
    """
    return running_options.set_options(_settings())
