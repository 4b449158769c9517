"""The running HAProxy: its servers and counters, what it is told, and its reload."""

from __future__ import annotations

import csv
import re
import socket as sockets
import time
from collections.abc import Callable, Iterable
from itertools import takewhile
from pathlib import Path
from typing import Any

from salt.exceptions import CommandExecutionError, SaltInvocationError

RELOAD_TIMEOUT = 10
_OPERATIONAL = {"0": "down", "1": "starting", "2": "up", "3": "stopping"}
ADMIN = ("ready", "drain", "maint")
_ADMIN_MAINT = 0x01 | 0x02 | 0x04 | 0x20 | 0x40
_ADMIN_DRAIN = 0x08 | 0x10


def ask(command: str, socket: str, timeout: float) -> str:
    """Return the running HAProxy's answer to a command; ``timeout`` is in seconds."""
    deadline = time.monotonic() + timeout
    answer = b""
    try:
        with sockets.socket(sockets.AF_UNIX) as connection:
            connection.settimeout(timeout)
            connection.connect(socket)
            connection.sendall(f"{command}\n".encode())
            while part := connection.recv(65536):
                answer += part
                connection.settimeout(max(deadline - time.monotonic(), 0.001))
    except OSError as err:
        raise CommandExecutionError(
            f"HAProxy does not answer on {socket} ({err}): is it running, and does its section "
            f"'global' hold 'stats socket {socket}'?"
        ) from err
    return answer.decode("utf-8", "replace")


def _worker(socket: str) -> str:
    """Return the process id of the HAProxy that answers on the socket, or '' when none does."""
    try:
        match = re.search(r"^Pid: ([0-9]+)$", ask("show info", socket, 1.0), re.MULTILINE)
    except CommandExecutionError:
        return ""
    return match[1] if match else ""


def started(socket: str) -> float | None:
    """
    Return when the HAProxy that answers on the socket began, at the latest, in seconds since 1970.

    None when none answers. HAProxy counts whole seconds: it began within the one before.
    """
    try:
        told = ask("show info", socket, 1.0)
    except CommandExecutionError:
        return None
    match = re.search(r"^Start_time_sec: ([0-9]+)$", told, re.MULTILINE)
    if match:
        return int(match[1]) + 1
    # HAProxy before 2.5.
    match = re.search(r"^Uptime_sec: ([0-9]+)$", told, re.MULTILINE)
    return time.time() - int(match[1]) if match else None


def is_older_than(files: Iterable[str], socket: str) -> bool:
    """
    Tell whether the HAProxy on the socket began before one of its files was written.

    A file from the future (a clock that was set back) tells nothing, and neither does one that is
    not there, nor a HAProxy that does not answer.
    """
    began = started(socket) if socket else None
    if began is None:
        return False
    now = time.time()
    for file in files:
        try:
            written = Path(file).stat().st_mtime
        except OSError:
            continue
        if began < written <= now:
            return True
    return False


def reload(
    service: str,
    socket: str,
    *,
    running: Callable[[str], bool],
    reload_service: Callable[[str], bool],
) -> bool:
    """
    Reload a running service; return whether it was running.

    The service manager calls a reload done when it has sent the signal. Only a new process on the
    runtime socket shows that HAProxy could start with the new file: an address in use, for one, is
    not found before.

    service, socket
        The service's name, and the runtime socket, or the empty text where none is opened.

    running, reload_service
        Salt's ``service.status`` and ``service.reload``.
    """
    if not running(service):
        return False
    before = _worker(socket) if socket else ""
    if not reload_service(service):
        raise CommandExecutionError("the service manager gave no reason")
    deadline = time.monotonic() + RELOAD_TIMEOUT
    while socket and _worker(socket) in ("", before):
        if time.monotonic() > deadline:
            raise CommandExecutionError(
                f"no new process answered on {socket} within {RELOAD_TIMEOUT} s; "
                f"its log says why (journalctl -u {service})"
            )
        time.sleep(0.1)
    return True


def servers(socket: str, timeout: float = 2.0) -> list[dict[str, Any]]:
    """
    Return the servers as the running HAProxy sees them.
    """
    # The first line is the format's version, the second names the columns after a "#".
    lines = [line.split() for line in ask("show servers state", socket, timeout).splitlines()[1:]]
    rows = [dict(zip(lines[0][1:], line, strict=False)) for line in lines[1:] if line]
    result = []
    for row in rows:
        admin = int(row["srv_admin_state"])
        maint, drain = admin & _ADMIN_MAINT, admin & _ADMIN_DRAIN
        result.append(
            {
                "section": row["be_name"],
                "server": row["srv_name"],
                "address": row["srv_addr"],
                "port": int(row["srv_port"]),
                "state": _OPERATIONAL.get(row["srv_op_state"], row["srv_op_state"]),
                "admin": "maint" if maint else "drain" if drain else "ready",
                "weight": int(row["srv_uweight"]),
            }
        )
    return result


def _admin(section: str, server: str, socket: str) -> str:
    """Return what the running HAProxy was told about a server."""
    known = {(row["section"], row["server"]): row["admin"] for row in servers(socket)}
    if (section, server) not in known:
        names = ", ".join("/".join(one) for one in known)
        raise SaltInvocationError(f"server is '{section}/{server}'; expected one of {names}")
    return known[section, server]


def set_server(
    section: str, server: str, admin: str, socket: str, test: bool = False
) -> dict[str, str]:
    """
    Tell the running HAProxy what to do with a server: a word of ADMIN.

    Returns a mapping with ``old`` and ``new``. Raises SaltInvocationError when there is no such
    server or state, CommandExecutionError when HAProxy does not answer or refuses.
    """
    if admin not in ADMIN:
        raise SaltInvocationError(f"admin is '{admin}'; expected one of {', '.join(ADMIN)}")
    old = _admin(section, server, socket)
    if old != admin and not test:
        said = ask(f"set server {section}/{server} state {admin}", socket, 2.0).strip()
        if said:
            raise CommandExecutionError(f"HAProxy leaves {section}/{server} {old}: {said}")
    return {"old": old, "new": admin if test else _admin(section, server, socket)}


def stats(socket: str, timeout: float = 2.0) -> list[dict[str, Any]]:
    """
    Return the counters of the running HAProxy, by its own names, empty ones left out.
    """
    # A column named "-" separates the documented counters from those of HAProxy's own modules.
    table = ask("show stat", socket, timeout).removeprefix("# ").strip()
    return [
        {
            key: int(value) if re.fullmatch(r"-?[0-9]+", value) else value
            for key, value in takewhile(lambda item: item[0] != "-", row.items())
            if key and value
        }
        for row in csv.DictReader(table.splitlines())
    ]
