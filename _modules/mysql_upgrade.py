"""
Upgrade the packages of one member, in its turn.
================================================

These functions are the steps of ``salt-run state.orchestrate orch.upgrade``; nobody has to call
them by hand. The member leaves its group and mysqld is stopped before a package is unpacked, and
the packages' own scripts start no service meanwhile: mysqld is masked until the next boot, or until
it is to start.

Settings come from pillar ``mysql`` and ``cluster`` (see ``pillar.example``).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import server_packages
from group_replication import member_restart, member_upgrade
from group_replication.model import Settings
from group_replication.settings import current_settings
from pillar_check import walk

__virtualname__ = "mysql_upgrade"

# Lists that are younger than this are not fetched again, in seconds.
FRESH_SECONDS = 300
# Of a server that does not answer.
UNKNOWN_ACCOUNTS: dict[str, Any] = {"native_accounts": [], "script_account": None}


def __virtual__() -> str:
    return __virtualname__


def _settings() -> Settings:
    """The settings of this minion."""
    return current_settings(__pillar__, __opts__["id"])


def _name(key: str, default: str) -> str:
    """What the distribution calls a thing."""
    return str(walk(__pillar__, f"mysql:lookup:{key}") or default)


def _installed() -> dict[str, dict[str, Any]]:
    return server_packages.installed(__salt__["cmd.run_all"], _name("package", "mysql-server"))


def _stale() -> bool:
    """Whether mysqld runs from a file that is no longer there: another one came in its place."""
    shown = __salt__["service.show"](_name("service", "mysql"))
    try:
        program = Path(f"/proc/{int(shown.get('MainPID', 0))}/exe").readlink()
    except (OSError, ValueError):
        # None runs.
        return False
    return str(program).endswith(" (deleted)")


def _unclean() -> str:
    """Why the service did not end by itself when it was stopped, or the empty text."""
    service = _name("service", "mysql")
    return member_restart.unclean(service, __salt__["service.show"](service))


def _change(version: str) -> None:
    """Put the packages of a version in, while nothing starts mysqld."""
    service, installed = _name("service", "mysql"), _installed()
    # Debian's scripts start the service; a boot would take the mask away, as would start.
    __salt__["service.mask"](service, runtime=True)
    try:
        if not all(one["whole"] for one in installed.values()):
            server_packages.configure(__salt__["cmd.run_all"])
        __salt__["pkg.install"](
            pkgs=[{name: version} for name in installed], refresh=False, install_recommends=False
        )
    finally:
        __salt__["service.unmask"](service, runtime=True)
    if walk(__pillar__, "mysql:hold") is not False:
        # A run that was killed may have left them free.
        free = [name for name, one in _installed().items() if not one["held"]]
        if free:
            __salt__["pkg.hold"](pkgs=free)


def _machine() -> member_upgrade.Machine:
    service = _name("service", "mysql")
    return member_upgrade.Machine(
        installed=_installed,
        stale=_stale,
        stop=lambda: __salt__["service.stop"](service),
        unclean=_unclean,
        change=_change,
        refused_options=lambda: member_restart.refused_options(__salt__["cmd.run_all"]),
        start=lambda: __salt__["service.start"](service, unmask_runtime=True),
    )


def readiness(validate: bool = False, version: str = "") -> dict[str, Any]:
    """
    Return what the local member knows that an upgrade of any member depends on.

    validate
        Fetch apt's lists, and judge what would be installed, too. Default False.

    version
        What all packages are to be. Default: what apt would install.

    Returns what ``mysql_operation.readiness`` does, with ``packages`` (package to version),
    ``half_way`` (bool: not all of one version and configured) and ``stale`` (bool: mysqld runs from
    a file that is no longer there). With ``validate`` also ``target``: ``version``, ``installed``
    (of the server's package), ``order`` (of the two: ``newer``, ``same`` or ``older``),
    ``problem`` (why apt cannot bring it in, or ""), ``options`` (names in pillar
    ``mysql:options``), ``native_accounts`` (that log in by mysql_native_password) and
    ``script_account`` (whether the packages' scripts find their own; None where nobody answers).
    Raises SaltInvocationError for wrong settings.

    CLI Example:

    .. code-block:: bash

        salt 'db*' mysql_upgrade.readiness validate=True
    """
    settings = _settings()
    found = dict(__salt__["mysql_operation.readiness"](validate=validate))
    installed = _installed()
    found["packages"] = {name: one["version"] for name, one in installed.items()}
    found["half_way"] = member_upgrade.half_way(installed)
    found["stale"] = _stale()
    package = _name("package", "mysql-server")
    if not validate or package not in installed:
        return found
    __salt__["pkg.refresh_db"](cache_valid_time=FRESH_SECONDS)
    there = installed[package]["version"]
    run = __salt__["cmd.run_all"]
    target = version or server_packages.candidate(run, package)
    order = __salt__["pkg.version_cmp"](target, there) if target else 0
    found["target"] = {
        "version": target,
        "installed": there,
        "order": {-1: "older", 0: "same", 1: "newer"}[order],
        "problem": server_packages.why_not(run, dict.fromkeys(installed, target))
        if order > 0
        else "",
        "options": sorted(settings.options),
        **(member_upgrade.accounts_of(settings) if found["answers"] else UNKNOWN_ACCOUNTS),
    }
    return found


def fetch(version: str) -> str:
    """
    Fetch the packages of a version, and ask the new mysqld whether it takes the options there are.

    Nothing is installed: the new program is unpacked beside and removed again.

    version
        What all packages are to be.

    Returns why the member cannot be upgraded, or "". Raises CommandExecutionError when apt fails.

    CLI Example:

    .. code-block:: bash

        salt 'db*' mysql_upgrade.fetch 9.7.4-2
    """
    run = __salt__["cmd.run_all"]
    names = list(_installed())
    server_packages.fetch(run, dict.fromkeys(names, version))
    core = _name("core_package", "mysql-server-core")
    archive = server_packages.archive(core, version)
    if archive is None:
        # apt keeps no copy of what lies on this machine; the start after the upgrade is the judge.
        return ""
    why = member_upgrade.refused_by(archive, run)
    return f"mysqld {version} refuses the options that are in place: {why}" if why else ""


def upgrade(member: str, operation: str, version: str) -> dict[str, Any]:
    """
    Upgrade this member's packages for an operation, and wait until it serves again.

    It is a step of ``salt-run state.orchestrate orch.upgrade``, which asks beforehand whether it is
    this member's turn. A call that was killed is repeated.

    member
        This member's declared name.

    operation
        The token of the operation, whose present step is this upgrade.

    version
        What all packages are to be.

    Returns a dict: ``member``, ``upgraded`` (bool: by this call), ``state`` (ONLINE) and
    ``seconds``. Raises CommandExecutionError when it is not this member's turn, another member is
    not well, mysqld does not leave or end by itself, the packages do not come in, or the member is
    not ONLINE in time or not served by its health agent; SaltInvocationError when ``member`` is not
    this one.

    CLI Example:

    .. code-block:: bash

        salt db3 mysql_upgrade.upgrade member=db3 operation=5e0c1b7a9d3f2846 version=9.7.4-2
    """
    return member_upgrade.upgrade(_settings(), member, version, operation, _machine())
