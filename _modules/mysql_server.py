"""
Make one server ready for its group, and keep what it runs on as declared.
==========================================================================

Its data directory, its options, its accounts, and the settings of the two services beside it. What
the group as a whole does is in :py:mod:`mysql_gr <_modules.mysql_gr>`.

Settings come from pillar ``mysql`` and ``cluster`` (see ``pillar.example``); on a database machine
they lie too in ``/etc/mysql-gr/settings.json``, where the keeper reads them, which brings a member
back after a boot or a crash without a Salt master.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from group_replication import (
    accounts,
    datadir,
    option_classes,
    pending,
    rotation,
    running_options,
    turns,
)
from group_replication.connection import answered
from group_replication.facts import facts_of
from group_replication.instance_check import instance_of, instance_problems
from group_replication.model import Settings
from group_replication.options import options_of
from group_replication.settings import (
    agent_settings,
    comparison_settings,
    current_settings,
    settings_file_differs,
    write_settings,
)
from group_replication.versions import SUPPORTED, is_supported, version_of, version_of_package
from salt.exceptions import SaltInvocationError

__virtualname__ = "mysql_server"


def __virtual__() -> str:
    return __virtualname__


def _settings() -> Settings:
    """The settings of this minion."""
    return current_settings(__pillar__, __opts__["id"])


def check_instance() -> list[dict[str, str]]:
    """
    Name all that would stop the local server from joining the group; nothing is changed.

    Returns a list of dicts, empty when all is well: ``what``, ``value`` as it is, ``expected``.
    Whether its transactions let it join says ``mysql_gr.decide``. Raises CommandExecutionError when
    mysqld does not answer, SaltInvocationError for wrong settings.

    CLI Example:

    .. code-block:: bash

        salt 'db*' mysql_server.check_instance
    """
    settings = _settings()
    return instance_problems(settings, instance_of(settings), facts_of(settings))


def initialized(directory: str) -> bool:
    """
    Tell whether a data directory has been made, whole.

    directory
        Its path.

    Returns True for a directory that holds anything, but for ``lost+found`` and an initialisation
    that was broken off.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_server.initialized /var/lib/mysql
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

    Returns nothing. Raises CommandExecutionError when this machine was a member, whose data is
    missing then (``mysql_maintenance.forget``), the directory is not empty, a server runs in it, or
    mysqld cannot do it.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_server.initialize /srv/mysql /etc/mysql/mysql.conf.d/zz-group-replication.cnf
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


def server_options(package: str = "mysql-server") -> dict[str, Any]:
    """
    Return the server's options as pillar declares them, in the order of the option file.

    They are those of the version that pillar ``mysql:version`` says, or else of the package that
    is installed, or else of the one that would be; the file is written before the package is there.

    package
        The package's name. Default mysql-server.

    Returns a dict of option to value; a list is an option that stands several times. Raises
    SaltInvocationError for wrong settings, an option that the version does not have, one that a
    server which answers was not initialised with, and a version that is not supported.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_server.server_options
    """
    settings = _settings()
    options = options_of(settings, settings.version or _package_version(package))
    pending.refuse_other_than_made(settings, options)
    return options


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


def option_differences(timeout: float = 0) -> dict[str, dict[str, dict[str, str]]]:
    """
    Compare the declared option file with what the running server has.

    Values are compared in the server's own form; what the group sets in its members (mode, read
    only, bootstrap) is left out.

    timeout
        As for :py:func:`account_differences`.

    Returns a dict: ``online`` (what :py:func:`set_options` would set), ``restart`` (what waits for
    a restart of mysqld, or of the whole group) and ``unknown`` (what the running server has no
    variable for: misspelt, or of a plugin that is not loaded), each a dict of variable to ``old``
    and ``new``; and ``persisted``, where mysqld-auto.cnf wins over the file with another value, a
    dict of variable to ``running``, ``file``, ``persisted`` and ``class``. Raises
    CommandExecutionError when mysqld does not answer, SaltInvocationError for wrong settings.

    CLI Example:

    .. code-block:: bash

        salt 'db*' mysql_server.option_differences
    """
    settings = _settings()
    return answered(
        settings,
        timeout,
        lambda connection: {
            **running_options.option_differences(settings, connection),
            "persisted": pending.persisted_options(settings, connection),
        },
    )


def option_class(option: str) -> dict[str, str]:
    """
    Say what brings an option in: whether it is set in the running server, or waits for a restart.

    option
        Its name, as pillar ``mysql:options`` may have it.

    Returns a dict of str: ``class`` (``online``; ``restart`` of mysqld, one member after the other;
    ``group``: all members leave the group at once; ``initial``: chosen when the data directory was
    made; ``kept by the group``; ``refused`` by pillar ``mysql:options``) and ``why``.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_server.option_class innodb_buffer_pool_size
    """
    return option_classes.classified(option)


def set_options() -> dict[str, dict[str, str]]:
    """
    Set in the running server what the declared option file has and can be set without a restart.

    Returns a dict of variable to ``old`` and ``new``, empty when nothing was to be done. Raises
    CommandExecutionError when mysqld does not answer or refuses, SaltInvocationError for wrong
    settings.

    CLI Example:

    .. code-block:: bash

        salt 'db*' mysql_server.set_options
    """
    return running_options.set_options(_settings())


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

        salt 'db*' mysql_server.account_differences application
    """
    settings = _settings()
    return answered(
        settings,
        timeout,
        lambda connection: accounts.account_differences(connection, settings, scope),
    )


def create_accounts(scope: str = "members", patience: float = 30, test: bool = False) -> None:
    """
    Make what is missing of a scope's accounts, without an errant transaction.

    Outside the group, a member's own accounts are made with its binary log off. Inside, one member
    makes them for all (``mysql_gr.coordinator``), and the others wait until they arrive.

    scope
        ``members`` (default) or ``application``.

    patience
        Seconds to wait for what another member makes. Default 30.

    test
        Check whether pillar has another password than the group, and do nothing. Default False.

    Returns nothing. Raises CommandExecutionError when the member is in no state to, the wait was in
    vain, or pillar has another password than the group, with the call that changes it everywhere;
    SaltInvocationError for wrong settings or scope.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_server.create_accounts application
    """
    settings = _settings()
    rotation.refuse_unrotated(settings, scope)
    if not test:
        accounts.create_accounts(settings, scope, patience)


def settings_differ() -> bool:
    """
    Tell whether the keeper's file does not say what pillar declares.

    Returns bool. Raises SaltInvocationError for wrong settings.

    CLI Example:

    .. code-block:: bash

        salt 'db*' mysql_server.settings_differ
    """
    return settings_file_differs(_settings())


def store_settings(test: bool = False) -> None:
    """
    Write the keeper's file, readable only by root, whole or not at all.

    test
        Check whether pillar has another password than the group, and do nothing. Default: False.

    Returns nothing. Raises SaltInvocationError for wrong settings, CommandExecutionError when the
    admin's password in pillar is another one than the group's, with the call that changes it
    everywhere.

    CLI Example:

    .. code-block:: bash

        salt 'db*' mysql_server.store_settings
    """
    settings = _settings()
    if rotation.keeper_knows(settings) is False:
        rotation.refuse_unrotated(settings, "keeper")
    if not test:
        write_settings(settings)


def health_settings() -> dict[str, Any]:
    """
    Return what the health agent needs to know: where to listen, whom to ask as whom, who may ask.

    Returns a dict: ``address``, ``port``, ``socket``, ``user``, ``clients`` (addresses and
    networks); no password. Raises SaltInvocationError for wrong settings.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_server.health_settings
    """
    return agent_settings(_settings())


def compare_settings() -> dict[str, Any]:
    """
    Return what the timer of the comparison needs to know.

    Returns a dict: ``interval`` (hourly, daily, weekly or monthly; the empty text where the members
    are not compared by themselves) and ``delay`` (seconds over which its beginning is spread).
    Raises SaltInvocationError for wrong settings.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_server.compare_settings
    """
    return comparison_settings(_settings())


def stop_timeout() -> int:
    """
    Return the seconds after which systemd kills a mysqld that does not stop.

    Returns an int: the turn of a member that restarts, ``mysql:drain`` and the server's own stop.
    Raises SaltInvocationError for wrong settings.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_server.stop_timeout
    """
    return turns.stop_timeout(_settings().drain)
