"""
Look at the packages that a machine serves with, and change them in its turn.
=============================================================================

A server comes in several packages of one source, whose names differ by distribution. Debian and
Ubuntu only. ``readiness``, ``fetch``, ``upgrade`` and ``restart`` are the steps of ``salt-run
state.orchestrate`` of ``orch.upgrade`` and ``orch.restart`` on balancers and web servers, which
take care that a machine is not used meanwhile; nobody has to call them by hand. Names come from
pillar ``haproxy``, ``keepalived`` and ``apache``, the machine's role from ``cluster``.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import role_packages
import server_packages
from group_replication import lock
from role_packages import Service
from salt.exceptions import CommandExecutionError

__virtualname__ = "packages"

# Lists that are younger than this are not fetched again, in seconds.
FRESH_SECONDS = 300
# A call that was broken off at the master may be at it still.
LOCK_FILE, LOCK_SECONDS = Path("/run/mysql-gr/packages"), 600
# A program that was reloaded takes its new file's place in so many seconds.
RELOAD_SECONDS = 10.0


def __virtual__() -> str:
    return __virtualname__


def of(name: str) -> dict[str, dict[str, Any]]:
    """
    Return a package and all others that are installed from the same source.

    name
        The package. Where it is not installed there are none.

    Returns a dict of package to ``version``, ``whole`` (bool: unpacked and configured) and ``held``
    (bool: apt leaves it at its version). Raises CommandExecutionError when dpkg fails.

    CLI Example:

    .. code-block:: bash

        salt 'db*' packages.of mysql-server
    """
    return server_packages.installed(__salt__["cmd.run_all"], name)


def _services() -> list[Service]:
    """What this machine serves with, by its role."""
    node = (__pillar__.get("cluster") or {}).get("nodes", {}).get(__opts__["id"]) or {}
    return role_packages.services(node.get("role", ""), __pillar__, _listed())


def _listed() -> set[str]:
    """The packages that are installed."""
    fields = "--showformat=${Package}\t${db:Status-Status}\n"
    rows = server_packages.said(__salt__["cmd.run_all"], "dpkg-query", "--show", fields)
    found = (line.split("\t") for line in rows.splitlines())
    return {row[0] for row in found if row[-1] not in ("not-installed", "config-files")}


def _installed(services: Iterable[Service]) -> dict[str, dict[str, dict[str, Any]]]:
    """The packages of each service's source."""
    return {service.package: of(service.package) for service in services}


def _enabled(services: Iterable[Service]) -> list[Service]:
    """Those that are to run: what is installed and not used is asked nothing."""
    return [one for one in services if __salt__["service.enabled"](one.unit)]


def _main_pid(unit: str) -> int:
    return int(__salt__["service.show"](unit).get("MainPID") or 0)


def _old(services: Iterable[Service], libraries: bool) -> list[str]:
    """The units that run from files in whose place others have come."""
    return [
        one.unit for one in services if role_packages.runs_old_files(_main_pid(one.unit), libraries)
    ]


def _started(services: Iterable[Service]) -> dict[str, str]:
    """What is another one after each start of a unit, and the same in between."""
    found = {}
    for one in services:
        shown = __salt__["service.show"](one.unit)
        found[one.unit] = f"{shown.get('ExecMainStartTimestamp')} {shown.get('MainPID')}"
    return found


def _check_haproxy(program: str) -> Any:
    (path,) = [one.config for one in _services() if one.formula == role_packages.HAPROXY]
    return __salt__["haproxy_cfg.check"](path=path, program=program)


def readiness(validate: bool = False) -> dict[str, Any]:
    """
    Return what an upgrade or a restart of this machine's services depends on.

    validate
        Fetch apt's lists, and say what would be installed, too. Default False.

    Returns a dict: ``versions`` (package to version, of all packages of the services' sources),
    ``whole`` (bool: all are unpacked and configured), ``old`` (the units that run the program of a
    package before), ``waits`` (those, and the units that run with libraries of before) and
    ``started`` (unit to what is another one after each start). With ``validate`` also ``target``
    (package to the version that it would get), ``older`` (the packages for which that is a
    downgrade) and ``problem`` (why apt cannot bring it in, or ""). A machine of another role than
    ``proxy`` and ``web`` has no such packages. Raises CommandExecutionError when dpkg or apt fails.

    CLI Example:

    .. code-block:: bash

        salt 'web*' packages.readiness validate=True
    """
    services = _services()
    packages = {name: one for each in _installed(services).values() for name, one in each.items()}
    versions = {name: one["version"] for name, one in packages.items()}
    found = {
        "versions": versions,
        "whole": all(one["whole"] for one in packages.values()),
        "old": _old(services, libraries=False),
        "waits": _old(services, libraries=True),
        "started": _started(services),
    }
    if not validate:
        return found
    run = __salt__["cmd.run_all"]
    __salt__["pkg.refresh_db"](cache_valid_time=FRESH_SECONDS)
    known = server_packages.candidates(run, versions) if versions else {}
    target = {name: known.get(name, version) for name, version in versions.items()}
    order = {
        name: __salt__["pkg.version_cmp"](version, versions[name])
        for name, version in target.items()
    }
    newer = {name: version for name, version in target.items() if order[name] > 0}
    return {
        **found,
        "target": target,
        "older": [name for name in target if order[name] < 0],
        "problem": server_packages.why_not(run, newer) if newer else "",
    }


def fetch(versions: Mapping[str, str]) -> str:
    """
    Fetch packages, and ask each new program whether it takes what is configured.

    Nothing is installed: new programs are unpacked beside and removed again.

    versions
        Package to the version that it is to get.

    Returns why the machine cannot be upgraded, or "". Raises CommandExecutionError when apt fails.

    CLI Example:

    .. code-block:: bash

        salt proxy packages.fetch '{haproxy: 3.2.26-1}'
    """
    run, services = __salt__["cmd.run_all"], _services()
    server_packages.fetch(run, versions)
    archives = {}
    for package, packages in _installed(services).items():
        found = [
            server_packages.archive(name, versions[name]) for name in packages if name in versions
        ]
        archives[package] = [path for path in found if path is not None]
    return role_packages.refused_by_new(_enabled(services), archives, run, _check_haproxy)


def upgrade(versions: Mapping[str, str]) -> dict[str, Any]:
    """
    Put packages in, and make sure that what serves runs from them.

    What dpkg was interrupted at is ended first; a call that was killed is repeated. HAProxy is
    reloaded, all else restarted by its package's scripts.

    versions
        Package to the version that it is to have; those that have it are left alone.

    Returns a dict: ``upgraded`` (bool: by this call) and ``seconds``. Raises CommandExecutionError
    when packages do not come in, a program refuses what is configured, or a service does not run
    or runs from the file of before.

    CLI Example:

    .. code-block:: bash

        salt proxy packages.upgrade '{haproxy: 3.2.26-1}'
    """
    begin = time.monotonic()
    with lock.alone(LOCK_SECONDS, LOCK_FILE):
        services = _services()
        changed = _change(services, versions)
        for service in _enabled(services):
            _serve(service)
    return {"upgraded": changed, "seconds": round(time.monotonic() - begin, 1)}


def _change(services: Iterable[Service], versions: Mapping[str, str]) -> bool:
    """Have apt and dpkg do what is left; tell whether that was anything."""
    run, before = __salt__["cmd.run_all"], _installed(services)
    packages = {name: one for each in before.values() for name, one in each.items()}
    broken = not all(one["whole"] for one in packages.values())
    if broken:
        server_packages.configure(run)
    due = [
        {name: version}
        for name, version in versions.items()
        if name in packages and packages[name]["version"] != version
    ]
    if due:
        __salt__["pkg.install"](pkgs=due, refresh=False, install_recommends=False)
    for service in services:
        now = of(service.package)
        wrong = [
            f"{name} {one['version']}"
            for name, one in now.items()
            if not one["whole"] or versions.get(name, one["version"]) != one["version"]
        ]
        if wrong:
            raise CommandExecutionError(f"apt did not bring in what it was to: {', '.join(wrong)}")
        # A run that was killed may have left them free.
        free = [name for name, one in now.items() if not one["held"]]
        if free and role_packages.is_held(service.formula, __pillar__):
            __salt__["pkg.hold"](pkgs=free)
    return bool(broken or due)


def _serve(service: Service) -> None:
    """Make sure that a service runs, from the program that is installed."""
    why = role_packages.refused(
        service, role_packages.INSTALLED, __salt__["cmd.run_all"], _check_haproxy
    )
    if why:
        raise CommandExecutionError(f"{service.unit} refuses its configuration: {why}")
    if _old([service], libraries=False):
        told = "reload" if service.formula == role_packages.HAPROXY else "restart"
        __salt__[f"service.{told}"](service.unit)
    if not __salt__["service.status"](service.unit):
        __salt__["service.start"](service.unit)
        if not __salt__["service.status"](service.unit):
            raise CommandExecutionError(f"{service.unit} does not run")
    deadline = time.monotonic() + RELOAD_SECONDS
    while _old([service], libraries=False):
        if time.monotonic() >= deadline:
            raise CommandExecutionError(f"{service.unit} still runs the program of before")
        time.sleep(0.2)


def restart(started: Mapping[str, str]) -> dict[str, Any]:
    """
    Restart this machine's services, but those that have started anew since.

    A program that refuses what is configured ends it before anything is restarted.

    started
        What each unit was, as :py:func:`readiness` returned it: a call that is repeated restarts
        nothing twice. Units that are not named, or not enabled, are left alone.

    Returns a dict: ``restarted`` (the units, a list) and ``seconds``. Raises CommandExecutionError
    when a program refuses what is configured, or a service does not run afterwards.

    CLI Example:

    .. code-block:: bash

        salt web packages.restart "$STARTED"
    """
    begin = time.monotonic()
    with lock.alone(LOCK_SECONDS, LOCK_FILE):
        services, run = _enabled(_services()), __salt__["cmd.run_all"]
        now = _started(services)
        due = [one for one in services if now[one.unit] == started.get(one.unit)]
        for service in due:
            why = role_packages.refused(service, role_packages.INSTALLED, run, _check_haproxy)
            if why:
                raise CommandExecutionError(f"{service.unit} refuses its configuration: {why}")
        for service in due:
            __salt__["service.restart"](service.unit)
        for service in services:
            _serve(service)
    return {
        "restarted": [one.unit for one in due],
        "seconds": round(time.monotonic() - begin, 1),
    }
