"""What a machine serves with by its role: packages, services, and a new program's own judgment."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import server_packages
from pillar_check import walk
from salt.exceptions import CommandExecutionError
from server_packages import Run
from web_config import judge

PROC = Path("/proc")
HAPROXY, KEEPALIVED, APACHE, PHP = "haproxy", "keepalived", "apache", "php"
MODULES = "/usr/lib/apache2/modules"
TIMEOUT = 30
# Where a judgment takes the program that is installed.
INSTALLED = Path("/")

# Has an HAProxy judge the file in place; raises with its words.
CheckHaproxy = Callable[[str], Any]


class Service(NamedTuple):
    """A program that serves: its formula, the package it is known by, its unit and its folder."""

    formula: str
    package: str
    unit: str
    # Its file of configuration, or its folder where it has several.
    config: str


def services(role: str, pillar: Mapping[str, Any], there: Collection[str]) -> list[Service]:
    """
    Return what a machine serves with, in the order in which it is to be there.

    role
        The machine's role in the table of nodes. Others than ``proxy`` and ``web`` have none here.

    pillar
        Where a distribution's other names stand.

    there
        The packages that are installed; what is not has no part in it.
    """

    def named(key: str, default: str) -> str:
        return str(walk(pillar, key) or default)

    found = []
    if role == "proxy":
        found = [
            Service(
                HAPROXY,
                named("haproxy:package", "haproxy"),
                named("haproxy:service", "haproxy"),
                named("haproxy:config:path", "/etc/haproxy/haproxy.cfg"),
            ),
            Service(
                KEEPALIVED,
                "keepalived",
                named("keepalived:service", "keepalived"),
                named("keepalived:config", "/etc/keepalived/keepalived.conf"),
            ),
        ]
    if role == "web":
        # Apache asks php-fpm. A machine may have several versions of it.
        versions = sorted(one for one in there if re.fullmatch(r"php[0-9]+\.[0-9]+-fpm", one))
        found = [Service(PHP, one, one, f"/etc/php/{one[3:-4]}/fpm") for one in versions]
        found.append(
            Service(
                APACHE,
                named("apache:package", "apache2"),
                named("apache:service", "apache2"),
                named("apache:config", "/etc/apache2"),
            )
        )
    return [one for one in found if one.package in there]


def is_held(formula: str, pillar: Mapping[str, Any]) -> bool:
    """Tell whether apt is to leave the packages of a formula alone."""
    return walk(pillar, f"{formula}:hold") is not False


# ---- what runs ----


def runs_old_files(pid: int, libraries: bool = True, proc: Path = PROC) -> bool:
    """
    Tell whether a process runs from files in whose place others have come.

    pid
        The process; 0 is none.

    libraries
        Whether its libraries count, too, and not the program alone. Default True.

    proc
        Where the kernel shows processes.
    """
    try:
        if str((proc / str(pid) / "exe").readlink()).endswith(" (deleted)"):
            return True
        maps = (proc / str(pid) / "maps").read_text(encoding="utf-8", errors="replace")
    except OSError:
        # None runs.
        return False
    return libraries and bool(re.search(r"\.so[.0-9]* \(deleted\)$", maps, re.MULTILINE))


# ---- what is judged ----


def _words(run: Run, *command: str) -> str:
    """What a program says where it refuses, or the empty text."""
    done = run(list(command), python_shell=False, ignore_retcode=True, timeout=TIMEOUT)
    if done["retcode"] is None:
        return f"{command[0]} did not answer within {TIMEOUT} s"
    if done["retcode"] == 0:
        return ""
    said = "\n".join(filter(None, (done["stdout"], done["stderr"]))).strip()
    return said or f"{command[0]} ended with {done['retcode']}"


def _program(service: Service, root: Path) -> str:
    names = {HAPROXY: "haproxy", KEEPALIVED: "keepalived", APACHE: "apache2"}
    name = names.get(service.formula) or f"php-fpm{service.package[3:-4]}"
    return str(root / "usr/sbin" / name)


def refused(service: Service, root: Path, run: Run, check_haproxy: CheckHaproxy) -> str:
    """
    Return why a program refuses the configuration that is in place, or the empty text.

    service
        Whose program.

    root
        The folder in which its package is unpacked, or ``/``.

    run
        Salt's cmd.run_all.

    check_haproxy
        Has an HAProxy judge, which hides the file's secrets.

    A program that is unpacked beside and does not start, since a library is still to come with it,
    is not asked: it is once it is installed.
    """
    program = _program(service, root)
    if root != INSTALLED and (not Path(program).exists() or _words(run, program, "-v")):
        return ""
    try:
        if service.formula == HAPROXY:
            check_haproxy(program)
            return ""
        if service.formula == KEEPALIVED:
            return _words(run, program, "--config-test", f"--use-file={service.config}")
        if service.formula == PHP:
            # Extensions are found beside the program.
            beside = sorted(root.glob("usr/lib/php/2*")) if root != INSTALLED else []
            return _words(run, program, "--test", *_extensions(beside))
        here = f"APACHE_HTTPD={program}"
        ask = ("/usr/bin/env", "APACHE_CONFDIR={tree}", here, "/usr/sbin/apache2ctl", "configtest")
        modules = (root / MODULES[1:]).glob("*.so") if root != INSTALLED else ()
        moved = {f"{MODULES}/{one.name}": str(one) for one in modules}
        return judge.refused(service.config, moved, ask, run)
    except CommandExecutionError as err:
        return str(err)


def _extensions(folders: Sequence[Path]) -> list[str]:
    return ["-d", f"extension_dir={folders[0]}"] if folders else []


def refused_by_new(
    found: Iterable[Service],
    archives: Mapping[str, Iterable[Path]],
    run: Run,
    check_haproxy: CheckHaproxy,
) -> str:
    """
    Ask programs that are fetched and not installed whether they take what is configured.

    found
        The services.

    archives
        Package of a service to the files of all packages of its source. Where apt keeps no copy,
        since it lies on this machine, nothing is asked before it is installed.

    run, check_haproxy
        As for :py:func:`refused`.

    Returns the first one's words, or "". Each is unpacked beside, and removed.
    """
    for service in found:
        files = list(archives.get(service.package, ()))
        if not files:
            continue
        with server_packages.unpack(run, files) as root:
            why = refused(service, root, run, check_haproxy)
        if why:
            return f"the new {service.formula} refuses its configuration: {why}"
    return ""
