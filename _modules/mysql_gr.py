"""
Look at a MySQL Group Replication group and take one member through its life.
=============================================================================

The module asks every declared member what it is, decides by one pure function
(:py:func:`decide_by`) what the local member is to do, and does that: create the group, lead it
again, join it, or wait.
Whatever is not proven is taken as unknown, and the unknown is never taken as dead.

Settings come from pillar ``mysql`` and ``cluster`` (see ``pillar.example``); on a database machine
they lie too in ``/etc/mysql-gr/settings.json``, where the keeper reads them, which brings a member
back after a boot or a crash without a Salt master.

The local member is asked over its socket as ``root``, which MySQL knows by the operating system's
user; the others over their admin port, which answers when ``max_connections`` is exhausted.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from group_replication import (
    accounts,
    causes,
    maintenance,
    memory,
    pillar,
    running_options,
    schema_check,
)
from group_replication.accounts import clerk_of, grantees, recovery_credentials
from group_replication.connection import (
    LOCK_SECONDS,
    NO_ANSWER,
    QUERY_SECONDS,
    START_SECONDS,
    UnreachableError,
    answered,
    error_text,
    exclusive,
    execute,
    local,
    machine_lock,
    rows,
    set_when_free,
)
from group_replication.decision import decide_by
from group_replication.facts import USER_SCHEMAS, applier, facts_of, observe, silent
from group_replication.gtid import format_gtids
from group_replication.instance_check import instance_of, instance_problems
from group_replication.maintenance import flag_leaving, given, kept_if_done
from group_replication.model import (
    ERROR,
    MODES,
    OFFLINE,
    ONLINE,
    SINGLE_LEADER,
    SYSTEM_SCHEMAS,
    UNKNOWN,
    Settings,
    joined,
)
from group_replication.options import options_of
from group_replication.overrides import (
    named_member,
    overruling,
    removal_problem,
    survivors_by,
    unpaused,
)
from group_replication.running_options import declared_single_leader, switch_value
from group_replication.schema_check import checked_mode
from group_replication.settings import (
    agent_settings,
    current_settings,
    drain_seconds,
    settings_file_differs,
    write_settings,
)
from group_replication.status import clone_status, compared, named, status_of
from group_replication.verdicts import (
    ACTIONS,
    STARTS,
    Decide,
    as_verdict,
    because,
    held_by,
    silent_verdict,
)
from group_replication.versions import (
    SUPPORTED,
    is_supported,
    statement_for,
    version_of,
    version_of_package,
)
from salt.exceptions import CommandExecutionError, SaltInvocationError

with contextlib.suppress(ImportError):
    import pymysql

log = logging.getLogger(__name__)

__virtualname__ = "mysql_gr"

# What Salt offers as mysql_gr.*; the other public functions are pure or serve the keeper and the
# health agent, which import this file as a library.
__load__ = [
    "account_differences",
    "balancer",
    "bootstrap",
    "check_instance",
    "check_schema",
    "check_statements",
    "clerk",
    "compare_gtids",
    "converge",
    "create_accounts",
    "decide",
    "drain",
    "drained",
    "facts",
    "force_quorum",
    "forget",
    "gtid_executed",
    "health_settings",
    "initialize",
    "initialized",
    "join",
    "leave",
    "members",
    "nodes",
    "option_differences",
    "pause",
    "paused",
    "primary",
    "recover",
    "removal",
    "remove",
    "reset_member",
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


# The server's code for "too many concurrent clone operations": it gives one at a time.
DONOR_BUSY = "3634"
INITIALIZE_SECONDS = 300
# How long the local mysqld may be away: it starts anew at the end of a clone, whoever made that.
AWAY_SECONDS = 30
# What STOP GROUP_REPLICATION may take before mysqld is stopped without it.
STOP_SECONDS = 60
# By then a balancer that asks five times a second has seen that this member is leaving.
NOTICE_SECONDS = 1.0
# How long commits that are under way may hold up a member that leaves.
COMMIT_SECONDS = 5


def __virtual__() -> str:
    return __virtualname__


# --- settings ------------------------------------------------------------------------------------


# --- options that pillar gives -------------------------------------------------------------------


# --- settings, stored ----------------------------------------------------------------------------


def _settings() -> Settings:
    """The settings of this minion."""
    return current_settings(__pillar__, __opts__["id"])


# --- the decision --------------------------------------------------------------------------------


# --- connections ---------------------------------------------------------------------------------


class DonorBusyError(CommandExecutionError):
    """The member that is to be cloned is being cloned by another one."""


# --- accounts ------------------------------------------------------------------------------------


def clerk() -> str | None:
    """
    Return which member makes what is made once in the group, such as the application's account.

    Returns the declared name of the first primary; None outside a group, or where no primary is
    declared. Raises CommandExecutionError when mysqld does not answer, SaltInvocationError for
    wrong settings.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_gr.clerk
    """
    return accounts.current_clerk(_settings())


def account_differences(
    scope: str = "members", timeout: float = 0
) -> dict[str, dict[str, list[str]]]:
    """
    Return what is missing of a scope's accounts on the local member.

    scope
        ``members`` (default): the accounts that the group itself needs.
        ``application``: the application's database and account.

    timeout
        Seconds to wait for a server that does not answer, as while a clone restarts it. Default 0.

    Returns a dict of account (or ``database …``, ``channel …``) to ``{"missing": [what]}``; empty
    when all is there. No password is in it. Raises CommandExecutionError when mysqld does not
    answer, SaltInvocationError for wrong settings or scope.

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
    makes them for all (:py:func:`clerk_of`), and the others wait until they arrive.

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
    ``paused`` and ``drained`` (why the operator keeps the member out, or clients from it, or "").
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


def members() -> list[dict[str, Any]]:
    """
    Return the members of the group as the local one sees them.

    Returns a list of dicts: ``name`` as declared or None, ``id``, ``host``, ``port``, ``state``,
    ``role``, ``version``; empty outside a group. Raises as :py:func:`status`.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_gr.members
    """
    return status()["members"]


def primary() -> list[dict[str, Any]]:
    """
    Return the members that are primary: one in single-primary mode, all in multi-primary.

    Returns a list of dicts as :py:func:`members`; empty outside a group. Raises as
    :py:func:`status`.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_gr.primary
    """
    return [member for member in members() if member["role"] == "PRIMARY"]


def gtid_executed() -> str:
    """
    Return the local member's executed GTID set, "" when it has executed none.

    Raises as :py:func:`status`.

    CLI Example:

    .. code-block:: bash

        salt 'db*' mysql_gr.gtid_executed
    """
    return status()["gtid_executed"]


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


def decide(
    method: str = "auto", clone_over: str | None = None, force_member: str | None = None
) -> dict[str, Any]:
    """
    Ask all declared members and say what the local one is to do; nothing is done.

    method, clone_over, force_member
        As for :py:func:`converge`: what it would do with them.

    Returns what :py:func:`decide_by` does: ``verdict``, ``why``, ``leader``, ``donor``, ``errant``,
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

# Inside the data directory, which may be a file system of its own, and given up at the end.
ASIDE = ".initializing"
# What Debian's package does for its own scripts and for root, who is known by the operating system.
FIRST_ACCOUNTS = """\
INSTALL PLUGIN auth_socket SONAME 'auth_socket.so';
ALTER USER 'root'@'localhost' IDENTIFIED WITH 'auth_socket';
CREATE USER 'debian-sys-maint'@'localhost' IDENTIFIED WITH 'auth_socket' AS 'root';
GRANT ALL ON *.* TO 'debian-sys-maint'@'localhost' WITH GRANT OPTION;
"""


def _entries(directory: Path) -> set[str]:
    """What a directory holds, but for what every new file system has."""
    return {path.name for path in directory.iterdir()} - {"lost+found"}


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
    place = Path(directory)
    found = _entries(place) if place.is_dir() else set()
    return ASIDE not in found and bool(found)


def initialize(
    directory: str, option_file: str, user: str = "mysql", dry_run: bool = False
) -> None:
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

    dry_run
        Check whether this machine may have a new one, and do nothing. Default False.

    Raises CommandExecutionError when this machine was a member, whose data is missing then
    (:py:func:`forget`), the directory is not empty, a server runs in it, or mysqld cannot do it.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_gr.initialize /var/lib/mysql /etc/mysql/mysql.conf.d/zz-group-replication.cnf
    """
    place, aside = Path(directory), Path(directory, ASIDE)
    whole = aside / "whole"
    was = memory.remembered(memory.MEMBER_FILE)
    if was and not whole.is_dir():
        raise CommandExecutionError(f"{directory} is empty: {memory.lost(__opts__['id'], was)}")
    if dry_run:
        return
    place.mkdir(mode=0o700, exist_ok=True)
    shutil.chown(place, user, user)
    others = sorted(_entries(place) - {ASIDE})
    if others and not whole.is_dir():
        raise CommandExecutionError(
            f"{directory} holds {others[0]}; a data directory is made only in an empty one"
        )
    if __salt__["cmd.retcode"](["pgrep", "--exact", "mysqld"], ignore_retcode=True) == 0:
        raise CommandExecutionError(
            f"a mysqld runs on this machine, while its data directory {directory} is "
            f"{'not whole' if others else 'empty'}; stop it first"
        )
    if not whole.is_dir():
        _initialize_aside(aside, option_file, user)
    for path in sorted(whole.iterdir()):
        path.rename(place / path.name)
    shutil.rmtree(aside)


def _initialize_aside(aside: Path, option_file: str, user: str) -> None:
    if aside.exists():
        shutil.rmtree(aside)
    aside.mkdir(mode=0o700)
    accounts, data, errors = aside / "accounts.sql", aside / "data", aside / "error.log"
    accounts.write_text(FIRST_ACCOUNTS, encoding="utf-8")
    shutil.chown(aside, user, user)
    done = __salt__["cmd.run_all"](
        [
            "mysqld",
            f"--defaults-extra-file={option_file}",
            "--initialize-insecure",
            f"--user={user}",
            f"--datadir={data}",
            f"--init-file={accounts}",
            f"--log-error={errors}",
        ],
        python_shell=False,
        timeout=INITIALIZE_SECONDS,
    )
    said = errors.read_text(encoding="utf-8") if errors.exists() else ""
    wrong = [line for line in said.splitlines() if "[ERROR]" in line]
    if done["retcode"] != 0 or wrong:
        raise CommandExecutionError(
            f"mysqld could not make a data directory in {aside.parent} "
            f"(exit code {done['retcode']}): {' '.join(wrong) or done['stderr'] or done['stdout']}"
        )
    data.rename(aside / "whole")


# --- acting --------------------------------------------------------------------------------------


def _set_mode(connection: Any, mode: str) -> None:
    """Set what this member starts with; the server takes the two options in one order only."""
    checks = "SET GLOBAL group_replication_enforce_update_everywhere_checks = "
    single = "SET GLOBAL group_replication_single_primary_mode = "
    if mode == MODES[0]:
        statements = [single + "OFF", checks + "ON"]
    else:
        statements = [checks + "OFF", single + "ON"]
    for statement in statements:
        set_when_free(connection, statement)


BOOTSTRAP = "SET GLOBAL group_replication_bootstrap_group = "
FORCE_MEMBERS = "SET GLOBAL group_replication_force_members = "


def _stop_failed(connection: Any, mine: Mapping[str, Any]) -> None:
    """Stop what is left of Group Replication on a member that is out of its group."""
    if mine["state"] == ERROR or mine["running"]:
        execute(connection, "STOP GROUP_REPLICATION")


def _start(
    settings: Settings,
    connection: Any,
    mine: Mapping[str, Any],
    peers: Iterable[Mapping[str, Any]],
    *,
    bootstrap: bool,
) -> None:
    """Start Group Replication as the ONLINE peers have it; with bootstrap, as the first member."""
    # A group keeps what it is, also when pillar or the option file is ahead of it.
    group = next((one for one in peers if one["state"] == ONLINE), None)
    mode = group["mode"] if group else settings.mode
    has = group["alike"].get(SINGLE_LEADER) if group else declared_single_leader(settings)
    _stop_failed(connection, mine)
    if mine["offline_mode"]:
        # Left by exit_state_action; a member that is let in again serves again.
        execute(connection, "SET GLOBAL offline_mode = OFF")
    if mine["mode"] != mode:
        _set_mode(connection, mode)
    if has and mine["alike"].get(SINGLE_LEADER) not in (None, has):
        # A peer's text: it goes no further unless it is one of two words.
        set_when_free(
            connection, f"SET GLOBAL {SINGLE_LEADER} = {switch_value(SINGLE_LEADER, has)}"
        )
    # A start that fails leaves a server writable that was not read only before.
    execute(connection, "SET GLOBAL super_read_only = ON")
    # Left by a call that was given up on, it keeps Group Replication from starting.
    set_when_free(connection, FORCE_MEMBERS + "''")
    if not bootstrap:
        # A run that was killed in the middle of a bootstrap may have left it ON: this start would
        # make a second group.
        set_when_free(connection, BOOTSTRAP + "OFF")
        _start_group_replication(connection)
        return
    try:
        set_when_free(connection, BOOTSTRAP + "ON")
        _start_group_replication(connection)
    finally:
        try:
            set_when_free(connection, BOOTSTRAP + "OFF")
        except (pymysql.Error, OSError):
            # The connection went with the start; the option must not stay.
            with local(settings) as another:
                set_when_free(another, BOOTSTRAP + "OFF")


def _start_group_replication(connection: Any) -> None:
    """Start it; where the server says no more than that its log says why, say what that says."""
    try:
        execute(connection, "START GROUP_REPLICATION")
    except pymysql.Error as err:
        said = error_text(err)
        if not said.endswith(causes.SEE_LOG):
            raise
        logged = causes.last_errors(functools.partial(rows, connection))
        raise CommandExecutionError(
            f"mysqld said: {said}" + (f" Its error log: {logged}" if logged else "")
        ) from err


def _give_up_received(connection: Any) -> None:
    execute(connection, "SET SESSION sql_log_bin = OFF")
    try:
        execute(connection, "SET GLOBAL super_read_only = OFF")
        execute(connection, "RESET REPLICA ALL FOR CHANNEL 'group_replication_applier'")
    finally:
        execute(connection, "SET GLOBAL super_read_only = ON")
        execute(connection, "SET SESSION sql_log_bin = ON")


def _apply_received(connection: Any, received: str, patience: float) -> None:
    """Apply what the applier channel received before a crash, with Group Replication stopped."""
    channel = "FOR CHANNEL 'group_replication_applier'"
    ask = functools.partial(rows, connection)
    execute(connection, f"START REPLICA SQL_THREAD {channel}")
    try:
        progress, since = None, time.monotonic()
        while True:
            now = rows(connection, "SELECT GTID_SUBTRACT(%s, @@gtid_executed) AS s", (received,))
            left = now[0]["s"]
            if left == "":
                return
            error = causes.applier_error(ask)
            if error:
                raise CommandExecutionError(
                    f"received but not applied: {left}; the applier said: {error}. Once that is "
                    "mended it is tried again; mysql_gr.recover force_member=… gives it up"
                )
            # One transaction may take longer than anybody's patience: its rows are progress.
            work = (left, causes.applier_work(ask))
            if work != progress:
                progress, since = work, time.monotonic()
            elif time.monotonic() - since > patience:
                raise CommandExecutionError(
                    f"the applier made no progress for {patience:.0f} s; "
                    f"received but not applied: {left}"
                )
            time.sleep(0.2)
    finally:
        execute(connection, f"STOP REPLICA SQL_THREAD {channel}")


def _clone(
    settings: Settings,
    connection: Any,
    mine: Mapping[str, Any],
    donor: Mapping[str, Any],
    patience: float,
) -> None:
    """Copy a member's data over this server's, with which mysqld then starts anew."""
    _stop_failed(connection, mine)
    (recovery,) = recovery_credentials(connection)
    place = f"{donor['host']}:{donor['port']}"
    execute(connection, "SET GLOBAL clone_valid_donor_list = %s", (place,))
    before = clone_status(connection).get("BEGIN_TIME")

    def copy() -> str:
        try:
            with local(settings, None) as copying:
                execute(
                    copying,
                    f"CLONE INSTANCE FROM %s@%s:{int(donor['port'])} IDENTIFIED BY %s REQUIRE SSL",
                    (recovery["name"], donor["host"], recovery["password"]),
                )
        except CommandExecutionError as err:
            # It always ends with the server's restart, and so with the connection's loss.
            return str(err)
        return ""

    # What is there is dropped first, which super_read_only forbids; read_only stays ON.
    execute(connection, "SET GLOBAL super_read_only = OFF")
    try:
        if held_by(mine):
            # A copy that is cut off has dropped data already.
            _forget_transactions(connection, mine["version"])
        with ThreadPoolExecutor(max_workers=1) as pool:
            copied = pool.submit(copy)
            try:
                _await_progress(settings, patience, lambda seen, clone: copied.done())
            except CommandExecutionError:
                _kill_clone(settings)
                raise
    finally:
        # Where it succeeded the server has started anew, read only by its option file.
        with contextlib.suppress(CommandExecutionError), local(settings) as another:
            execute(another, "SET GLOBAL super_read_only = ON")
    said = copied.result()
    _await_progress(settings, patience, lambda seen, clone: seen["answers"])
    with local(settings) as again:
        now = clone_status(again)
    if now.get("BEGIN_TIME") == before or now.get("STATE") != "Completed":
        why = now.get("ERROR_MESSAGE") or said
        if DONOR_BUSY in why:
            raise DonorBusyError(f"another member clones {place}; {settings.me} waits for its end")
        raise CommandExecutionError(f"{settings.me} could not clone {place}: {why}")


def _kill_clone(settings: Settings) -> None:
    with contextlib.suppress(CommandExecutionError), local(settings) as connection:
        for row in rows(connection, "SELECT PID AS pid FROM performance_schema.clone_status"):
            with contextlib.suppress(pymysql.Error):
                execute(connection, "KILL QUERY %s", (row["pid"],))


def _remember(mine: Mapping[str, Any]) -> None:
    """Keep on the root disk that this machine is a member; a full disk is no reason to stop."""
    try:
        memory.remember(mine, memory.MEMBER_FILE)
    except OSError as err:
        log.warning("%s is not written: %s", memory.MEMBER_FILE, err)


def _act(
    settings: Settings,
    allowed: Sequence[str],
    patience: float = 60,
    lock_seconds: int = 0,
    decided: Decide = decide_by,
) -> dict[str, Any]:
    """Decide under the lock and do what was decided, if it is among what the caller allows."""
    with (
        local(settings, START_SECONDS) as connection,
        machine_lock(connection, lock_seconds) as locked,
    ):
        if not locked:
            return as_verdict("wait", f"another run on {settings.me} is at it")
        seen = facts_of(settings, connection)
        decision = decided(settings.me, settings.group, seen)
        verdict = decision["verdict"]
        if verdict == "member":
            _remember(seen[settings.me])
        if verdict not in allowed:
            return decision
        if verdict in STARTS and not recovery_credentials(connection):
            # A start without them ends only after a minute, and holds up whoever would set them.
            return as_verdict(
                "wait",
                f"{settings.me} has no credentials for channel group_replication_recovery; "
                "state mysql.accounts (mysql_gr.create_accounts) sets them",
            )
        log.info("%s: %s", verdict, decision["why"])
        mine = seen[settings.me]
        if verdict == "stop":
            _stop_failed(connection, mine)
        elif verdict == "apply":
            _apply_received(connection, decision["received"], patience)
        elif verdict == "clone":
            try:
                _clone(settings, connection, mine, seen[decision["donor"]], patience)
            except DonorBusyError as err:
                return as_verdict("wait", str(err))
        else:
            if verdict == "lead" and decision["received"]:
                # Given up by name: the applier would fail at it again.
                _give_up_received(connection)
            _start(settings, connection, mine, seen.values(), bootstrap=verdict != "join")
        return {**decision, "done": True}


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
    return converge_by(settings, timeout, patience, decided)


def converge_by(
    settings: Settings, timeout: float, patience: float, decided: Decide = decide_by
) -> dict[str, Any]:
    """
    Do what :py:func:`converge` says, for settings that are at hand.
    """
    begin = answered = time.monotonic()
    acted: list[str] = []
    while True:
        try:
            decision = _act(settings, ACTIONS, patience, decided=decided)
        except UnreachableError as err:
            decision = silent_verdict(settings.me, str(err))
        verdict, now = decision["verdict"], time.monotonic()
        if verdict != "silent":
            answered = now
        if decision.pop("done", False):
            acted.append(decision["why"])
            if verdict == "clone":
                # What was told is done; a second clone over the first one was not.
                decided = decide_by
        elif verdict == "recovering":
            _wait_online(settings, patience)
        elif verdict == "refuse" or (
            verdict == "silent" and now - answered > min(AWAY_SECONDS, timeout)
        ):
            raise CommandExecutionError(decision["why"])
        elif verdict in ("member", "paused") or now - begin > timeout:
            return {**decision, "acted": acted}
        else:
            time.sleep(1)


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
    settings = _settings()
    named_member(member, settings.me, "bootstrapping")
    return _once(settings, ("create", "lead"))


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
    settings = _settings()
    if settings.removed:
        raise CommandExecutionError(f"{settings.me} stays out of the group: {settings.removed}")
    decided = unpaused(overruling(settings.me, method, clone_over))
    decision = _once(settings, ("join", "clone"), patience, decided)
    if decision["verdict"] == "clone":
        cloned = {"cloned": decision["donor"], "given_up": decision["errant"]}
        decision = {**_once(settings, ("join",), patience, unpaused(decide_by)), **cloned}
    maintenance.PAUSE_FILE.unlink(missing_ok=True)
    maintenance.LEAVING_FILE.unlink(missing_ok=True)
    return decision


def _once(
    settings: Settings,
    verdicts: Sequence[str],
    patience: float = 60,
    decided: Decide = decide_by,
) -> dict[str, Any]:
    # The keeper may be at it already: what it did counts as done.
    decision = _act(settings, verdicts, patience, LOCK_SECONDS, decided)
    if decision.pop("done", False) or decision["verdict"] in ("member", "recovering"):
        return decision
    raise CommandExecutionError(decision["why"])


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
    dry_run: bool = False,
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

    dry_run
        Check all that is checked, and do nothing. Default False.

    Returns what :py:func:`status` does. Raises SaltInvocationError when the names do not add up,
    CommandExecutionError when a dead one answers, a survivor does not, there is a majority, or the
    new view does not come in time.
    Source: https://dev.mysql.com/doc/refman/9.7/en/group-replication-network-partitioning.html

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_gr.force_quorum survivors='[db1]' dead='[db2, db3]'
    """
    settings = _settings()
    # The statement itself waits without end for a view that does not come.
    with exclusive(settings, patience) as connection:
        survivors_by(settings.me, settings.nodes, facts_of(settings, connection), survivors, dead)
        if dry_run:
            return status()
        places = ",".join(f"{settings.nodes[name]}:{settings.port}" for name in survivors)
        try:
            set_when_free(connection, FORCE_MEMBERS + "%s", (places,))
        except pymysql.OperationalError as err:
            if NO_ANSWER not in error_text(err):
                raise
            raise CommandExecutionError(
                f"no view of {joined(survivors)} alone within {patience:.0f} s; the server goes on "
                "with it, and mysql_gr.status shows when it is there"
            ) from err
        set_when_free(connection, FORCE_MEMBERS + "''")
    _wait_online(settings, patience)
    return status()


def reset_member(member: str, dry_run: bool = False) -> dict[str, str]:
    """
    Empty a member that is outside its group, so that it can come in anew.

    Its databases, its accounts but those of the group's own, its transactions and what it received
    are gone. The group must be there, with a majority, to bring them back by recovery or clone.

    member
        This member's declared name: it is emptied only by a call that names it.

    dry_run
        Say what would be given up, and do nothing. Default False.

    Returns a dict: ``given_up``, what it had executed and received, and ``errant``, what of it the
    group does not have. Raises CommandExecutionError when the member is in the group, or no group
    with a majority is there; SaltInvocationError when ``member`` is not this one.

    CLI Example:

    .. code-block:: bash

        salt db3 mysql_gr.reset_member member=db3
    """
    settings = _settings()
    named_member(member, settings.me, "emptying")
    # Big databases take their time to be dropped.
    with exclusive(settings, None) as connection:
        seen = facts_of(settings, connection)
        decision = unpaused(decide_by)(settings.me, settings.group, seen)
        allowed = decision["verdict"] in ("join", "clone")
        if not allowed and decision["overruled_by"] != "clone_over":
            raise CommandExecutionError(f"{member} is not emptied: {decision['why']}")
        mine = seen[member]
        if not dry_run:
            _stop_failed(connection, mine)
            _empty(connection, settings, mine["version"])
            # Until here it says that this machine has to be filled again.
            memory.MEMBER_FILE.unlink(missing_ok=True)
        return {"given_up": format_gtids(held_by(mine)), "errant": decision["errant"]}


def _forget_transactions(connection: Any, version: str) -> None:
    """
    Let a server forget what it executed and received, before its data goes.

    A run that breaks off between the two leaves data that no transaction accounts for, which is
    refused. The other way round it would leave transactions without their data: that joins.
    """
    execute(connection, "RESET REPLICA ALL FOR CHANNEL 'group_replication_applier'")
    execute(connection, statement_for("reset binary logs", version))


def _empty(connection: Any, settings: Settings, version: str) -> None:
    kept = [(account.name, account.host) for account in grantees(settings, "members")]
    execute(connection, "SET SESSION sql_log_bin = OFF")
    # Parents and children may lie in different databases.
    execute(connection, "SET SESSION foreign_key_checks = OFF")
    try:
        execute(connection, "SET GLOBAL super_read_only = OFF")
        _forget_transactions(connection, version)
        # Accounts first: a database that is left says that this has not ended.
        for row in rows(
            connection,
            "SELECT user AS name, host AS host FROM mysql.user WHERE user NOT LIKE"
            " 'mysql.%%' AND user NOT IN ('root', 'debian-sys-maint') AND (user, host) NOT IN %s",
            (kept,),
        ):
            execute(connection, "DROP USER %s@%s", (row["name"], row["host"]))
        for row in rows(connection, USER_SCHEMAS, (SYSTEM_SCHEMAS,)):
            execute(connection, f"DROP DATABASE `{row['name'].replace('`', '``')}`")
    finally:
        execute(connection, "SET GLOBAL super_read_only = ON")
        execute(connection, "SET SESSION foreign_key_checks = ON")
        execute(connection, "SET SESSION sql_log_bin = ON")


def forget(member: str, dry_run: bool = False) -> dict[str, Any]:
    """
    Make this machine a new one: what it remembers of its group is forgotten, no data is touched.

    It is for a machine whose data is lost for good: without this call its empty data directory is
    taken for a missing disk, and neither is a new one made, nor does it come in empty or create a
    group.

    member
        This member's declared name: it is forgotten only by a call that names it.

    dry_run
        Say what would be forgotten, and do nothing. Default False.

    Returns what was remembered: ``group``, ``server_uuid``, ``view_id``, ``members`` and ``seen``;
    empty where it was no member. Raises CommandExecutionError when mysqld answers and has
    transactions; SaltInvocationError when ``member`` is not this one.

    CLI Example:

    .. code-block:: bash

        salt db3 mysql_gr.forget member=db3
    """
    settings = _settings()
    named_member(member, settings.me, "forgetting")
    was = memory.remembered(memory.MEMBER_FILE)
    with contextlib.suppress(UnreachableError), local(settings) as connection:
        held = format_gtids(held_by(observe(connection)))
        if held:
            raise CommandExecutionError(
                f"{member} has its data ({held}); mysql_gr.reset_member empties a member"
            )
    if not dry_run:
        memory.MEMBER_FILE.unlink(missing_ok=True)
    return was


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
    settings = _settings()
    named_member(member, settings.me, "leaving")
    seconds, why = drain_seconds("drain", drain, settings.drain), given(reason)
    # The statement that takes a primary away waits as long as transactions may.
    with (
        exclusive(settings, START_SECONDS + seconds) as connection,
        # Before it leaves, so that the keeper does not take it in again at once.
        kept_if_done(maintenance.PAUSE_FILE, why),
    ):
        return _leave(settings, connection, seconds)


def _await_progress(
    settings: Settings,
    patience: float,
    enough: Callable[[Mapping[str, Any], Any], bool],
) -> dict[str, Any]:
    """Look until it is enough, for as long as transactions or cloned bytes still arrive."""
    progress, since = None, time.monotonic()
    while True:
        try:
            with local(settings) as connection:
                seen = {**observe(connection), **applier(connection)}
                cloned = rows(
                    connection, "SELECT SUM(DATA) AS bytes FROM performance_schema.clone_progress"
                )[0]["bytes"]
        except CommandExecutionError as err:
            # mysqld restarts itself at the end of a clone.
            seen, cloned = silent(str(err)), None
        if enough(seen, cloned):
            return seen
        now = (seen["state"], seen.get("gtid_executed"), seen.get("gtid_received"), cloned)
        if now != progress:
            progress, since = now, time.monotonic()
        elif time.monotonic() - since > patience:
            raise CommandExecutionError(
                f"{settings.me} is {seen['state']} and made no progress for {patience:.0f} s"
                + (f": {seen['error']}" if seen["error"] else "")
                + (because(seen) if seen["answers"] else "")
            )
        time.sleep(0.5)


def _wait_online(settings: Settings, patience: float) -> dict[str, Any]:
    return _await_progress(settings, patience, lambda seen, _: seen["state"] == ONLINE)


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
    _wait_online(_settings(), patience)
    return status()


def _view_row(settings: Settings, seen: Mapping[str, Any], member: str) -> Mapping[str, Any]:
    """The row of a declared member in a view that has a majority."""
    if seen["state"] != ONLINE or not seen["quorum"]:
        raise CommandExecutionError(
            f"{settings.me} is {seen['state']}{'' if seen['quorum'] else ' without a majority'}; "
            "the group is changed from a member that is ONLINE with one"
        )
    row = next((r for r in seen["members"] if r["host"] == settings.nodes.get(member)), None)
    if row is None or row["state"] != ONLINE:
        online = [r["name"] or r["host"] for r in named(settings, seen["members"])]
        raise SaltInvocationError(
            f"member is '{member}', which is not ONLINE in the group; expected one of "
            + joined(online)
        )
    return row


def set_primary(member: str, drain: int = 10, dry_run: bool = False) -> dict[str, Any]:
    """
    Make a member the primary of a single-primary group.

    Called on the primary itself, it lets the balancer send it nobody new before it hands over: new
    connections wait there for the new primary, and none meets one that takes no more writes.

    member
        The declared name of the member that is to lead; any ONLINE member can be told.

    drain
        Seconds that running transactions get to end before they are rolled back. Default 10.

    dry_run
        Check all that is checked, and do nothing. Default False.

    Returns a dict: ``old`` and ``new``, the primaries' declared names; the same when nothing was to
    be done. Raises CommandExecutionError when the group is multi-primary, has no majority or
    refuses; SaltInvocationError when the member is none of the group's.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_gr.set_primary db2 drain=5
    """
    settings = _settings()
    with exclusive(settings, START_SECONDS + drain) as connection:
        seen = observe(connection)
        row = _view_row(settings, seen, member)
        if seen["mode"] != MODES[1]:
            raise CommandExecutionError(
                "the group is multi-primary: every member is primary; "
                "mysql_gr.switch_mode single-primary makes it one"
            )
        old = clerk_of(seen["members"], settings.nodes)
        if dry_run:
            return {"old": old, "new": member}
        if old == settings.me != member:
            flag_leaving(drain + STOP_SECONDS)
            try:
                _wait_idle(settings, connection, drain)
                _set_as_primary(connection, row["id"], drain)
            finally:
                maintenance.LEAVING_FILE.unlink(missing_ok=True)
        elif old != member:
            _set_as_primary(connection, row["id"], drain)
        return {"old": old, "new": clerk_of(observe(connection)["members"], settings.nodes)}


def switch_mode(
    mode: str, member: str | None = None, patience: float = 60, dry_run: bool = False
) -> dict[str, Any]:
    """
    Switch the whole group between multi-primary and single-primary, online.

    One member does it (:py:func:`clerk_of`); called on another, this waits until it has arrived.

    mode
        multi-primary or single-primary.

    member
        The member that is to be primary in single-primary mode. Default: the one that does it.

    patience
        Seconds to wait for the member that does it. Default 60.

    dry_run
        Check all that is checked, and do nothing. Default False.

    Returns a dict: ``old`` and ``new`` mode; the same when nothing was to be done. Raises
    CommandExecutionError when the schema has what multi-primary cannot take (each table is named),
    the group has no majority or refuses, or the wait was in vain; SaltInvocationError for a wrong
    mode or member.

    CLI Example:

    .. code-block:: bash

        salt 'db*' mysql_gr.switch_mode single-primary
    """
    settings = _settings()
    mode = checked_mode(mode)
    with exclusive(settings) as connection:
        seen = observe(connection)
        row = _view_row(settings, seen, member or settings.me)
        old = seen["mode"]
        if dry_run:
            if old != mode == MODES[0]:
                _check_multi_primary(connection)
            return {"old": old, "new": mode}
        if old != mode:
            if clerk_of(seen["members"], settings.nodes) == settings.me:
                _switch_mode(connection, mode, row["id"])
            else:
                _await_mode(connection, settings, mode, patience)
        return {"old": old, "new": observe(connection)["mode"]}


def _switch_mode(connection: Any, mode: str, primary_id: str) -> None:
    if mode == MODES[1]:
        rows(
            connection, "SELECT group_replication_switch_to_single_primary_mode(%s)", (primary_id,)
        )
        return
    _check_multi_primary(connection)
    rows(connection, "SELECT group_replication_switch_to_multi_primary_mode()")


def _check_multi_primary(connection: Any) -> None:
    problems = schema_check.check_schema(connection, MODES[0])
    if problems:
        raise CommandExecutionError(
            "multi-primary cannot take "
            + "; ".join(f"{p['table']} ({p['problem']}: {p['detail']})" for p in problems)
        )


def _await_mode(connection: Any, settings: Settings, mode: str, patience: float) -> None:
    deadline = time.monotonic() + patience
    while observe(connection)["mode"] != mode:
        if time.monotonic() > deadline:
            clerk = clerk_of(observe(connection)["members"], settings.nodes)
            raise CommandExecutionError(
                f"{clerk or 'a primary'} switches the group to {mode}; "
                f"it did not arrive on {settings.me} within {patience:.0f} s"
            )
        time.sleep(0.5)


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
    settings = _settings()
    named_member(member, settings.me, "draining")
    wait, new, old = drain_seconds("seconds", seconds, settings.drain), given(reason), drained()
    with (
        exclusive(settings, START_SECONDS + wait) as connection,
        kept_if_done(maintenance.DRAINED_FILE, new),
    ):
        if observe(connection)["state"] == ONLINE:
            _drain(settings, connection, wait)
        return {"old": old, "new": new, "busy": _busy(settings, connection)}


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


def _busy(settings: Settings, connection: Any) -> int:
    """How many sessions of clients are in a transaction or a statement."""
    own = ("root", settings.admin.name, settings.recovery.name, settings.health_user)
    return rows(
        connection,
        "SELECT COUNT(*) AS busy FROM performance_schema.threads t"
        " LEFT JOIN information_schema.innodb_trx x ON x.trx_mysql_thread_id = t.processlist_id"
        " WHERE t.name = 'thread/sql/one_connection' AND COALESCE(t.processlist_user, '') NOT IN %s"
        " AND (x.trx_id IS NOT NULL OR t.processlist_command NOT IN ('Sleep', 'Daemon'))",
        (own,),
    )[0]["busy"]


def heir_of(settings: Settings, seen: Mapping[str, Any]) -> str | None:
    """
    Return the id of the member that is to be primary when this one leaves, or None.

    settings
        The group's settings.

    seen
        What the local member says of itself. Only a primary of a single-primary group hands over.
    """
    if seen["mode"] != MODES[1] or seen["role"] != "PRIMARY" or not seen["quorum"]:
        return None
    ids = {
        member["host"]: member["id"]
        for member in seen["members"]
        if member["state"] == ONLINE and member["id"] != seen["server_uuid"]
    }
    return next((ids[host] for host in settings.nodes.values() if host in ids), None)


def _wait_idle(settings: Settings, connection: Any, seconds: int) -> None:
    """Wait until the balancer sends nobody new and no client is in a transaction, or time is up."""
    begin = time.monotonic()
    while time.monotonic() - begin < seconds:
        if time.monotonic() - begin > NOTICE_SECONDS and not _busy(settings, connection):
            return
        # InnoDB shows its transactions anew only to who has not looked for a tenth of a second.
        time.sleep(0.25)


def _drain(settings: Settings, connection: Any, seconds: int) -> None:
    """Wait until nobody is in the way; a primary hands over then.

    Until another member has taken over, new connections wait at the balancer.
    """
    _wait_idle(settings, connection, seconds)
    heir = heir_of(settings, observe(connection))
    if heir:
        try:
            _set_as_primary(connection, heir, seconds)
        except pymysql.Error as err:
            log.warning("the primary is not handed over: %s", error_text(err))


def _set_as_primary(connection: Any, member_id: str, seconds: int) -> None:
    rows(connection, "SELECT group_replication_set_as_primary(%s, %s)", (member_id, seconds))


def _leave(settings: Settings, connection: Any, seconds: int, flag_stays: bool = False) -> Any:
    """Drain the local member and take it out of its group; return its old and new state."""
    old = observe(connection)["state"]
    flag_leaving(seconds + STOP_SECONDS + LOCK_SECONDS)
    try:
        if old == ONLINE and seconds:
            _drain(settings, connection, seconds)
        if old != OFFLINE:
            # Commits under way end before the group is left: one that waits for certification
            # then holds up the server for a minute.
            execute(connection, "SET SESSION lock_wait_timeout = %s", (COMMIT_SECONDS,))
            with contextlib.suppress(pymysql.OperationalError, pymysql.InternalError):
                execute(connection, "SET GLOBAL super_read_only = ON")
            execute(connection, "STOP GROUP_REPLICATION")
        execute(connection, "SET GLOBAL super_read_only = ON")
        return {"old": old, "new": observe(connection)["state"]}
    finally:
        if not flag_stays:
            maintenance.LEAVING_FILE.unlink(missing_ok=True)


def leave_before_stop(settings: Settings) -> dict[str, Any]:
    """
    Drain the local member and take it out of its group, since mysqld is about to stop.

    Until the server has stopped no keeper takes the member in again: who stops it removes the flag.

    settings
        The group's settings.

    Returns a dict: ``old`` and ``new`` state. Raises CommandExecutionError when mysqld does not
    answer or refuses.
    """
    with (
        local(settings, max(STOP_SECONDS, settings.drain + QUERY_SECONDS)) as connection,
        # Another run that is starting the group here does not hold up a stop.
        machine_lock(connection, 3),
    ):
        return _leave(settings, connection, settings.drain, flag_stays=True)


def _removed_settings() -> Settings:
    settings = _settings()
    if not settings.removed:
        raise SaltInvocationError(
            f"pillar cluster:nodes declares {settings.me}; expected a member whose line is deleted "
            "there: mysql_gr.leave takes out one that is declared"
        )
    return settings


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
    settings = _removed_settings()
    seen = facts_of(settings)
    state = seen[settings.me]["state"]
    settled = state in (OFFLINE, UNKNOWN) and not settings_differ()
    return {
        "state": state,
        "settled": settled,
        "problem": "" if settled else removal_problem(settings.me, seen),
    }


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
    settings = _removed_settings()
    named_member(member, settings.me, "removing")
    seconds = drain_seconds("drain", drain, settings.drain)
    now = removal()
    if now["problem"]:
        raise CommandExecutionError(now["problem"])
    # First, so that the keeper does not take it in again at once.
    store_settings()
    if now["state"] == UNKNOWN:
        return {"old": UNKNOWN, "new": UNKNOWN}
    with exclusive(settings) as connection:
        return _leave(settings, connection, seconds)


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
