"""Draining a web server: the mark that its health page goes by, and the requests still at it."""

from __future__ import annotations

import ipaddress
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any

from salt.exceptions import CommandExecutionError, SaltInvocationError
from whole_file import write_whole

# In /run: a machine that boots drains nothing. Apache reads whether it is there.
MARK = Path("/run/web-server/drained")
# A balancer asks each second, and two good answers take a web server in again.
NOTICED = 3.0
PORTS = (80, 443)
_ESTABLISHED = "01"
_LOOK = 0.2
_PATIENCE = 3.0


def drained() -> str:
    """Return why this web server is drained, or the empty text."""
    try:
        return MARK.read_text(encoding="utf-8").strip() or f"{MARK} gives no reason"
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as err:
        return f"{MARK} cannot be read: {err}"


def _address(text: str) -> str:
    """Return the address that the kernel writes in hexadecimal, each four bytes turned around."""
    raw = bytes.fromhex(text)
    raw = b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4))
    address = ipaddress.ip_address(raw)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def connections(tables: Iterable[str], peers: Iterable[str]) -> int:
    """
    Return how many connections to Apache's ports are open.

    tables
        What the kernel says of them: /proc/net/tcp and tcp6.

    peers
        The addresses that are counted.
    """
    wanted, found = set(peers), 0
    for table in tables:
        for row in (line.split() for line in table.splitlines()[1:]):
            if len(row) > 3 and row[3] == _ESTABLISHED:
                port = int(row[1].rpartition(":")[2], 16)
                found += port in PORTS and _address(row[2].rpartition(":")[0]) in wanted
    return found


def open_now(peers: Iterable[str]) -> int:
    """Return how many connections these addresses have to Apache on this machine."""
    wanted = list(peers)
    tables = []
    for name in ("tcp", "tcp6"):
        try:
            tables.append(Path("/proc/net", name).read_text(encoding="ascii"))
        except OSError:
            continue
    return connections(tables, wanted)


def answers(address: str, scheme: str, page: str, host: str) -> bool:
    """
    Tell whether a web server answers its health page well.

    address, scheme, page
        Where it is, ``http`` or ``https``, and the page.

    host
        The name that it is asked by.
    """
    connection = HTTPConnection(address, timeout=_PATIENCE)
    if scheme == "https":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # The balancers look no closer.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        connection = HTTPSConnection(address, timeout=_PATIENCE, context=context)
    try:
        connection.request("GET", page, headers={"Host": host})
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def drain(
    reason: str,
    seconds: float,
    others: Mapping[str, str],
    balancers: Iterable[str],
    asked: Callable[[str], bool],
    test: bool,
) -> dict[str, Any]:
    """
    Have balancers send this web server nobody new, and wait for the requests that it is at.

    reason
        What is told of it.

    seconds
        How long to wait for these requests.

    others
        The addresses of the other web servers by their names: one of them has to serve.

    balancers
        The addresses whose requests are waited for.

    asked
        Tells whether the web server at an address answers its health page well.

    test
        Only tell.

    Returns ``old`` and ``new`` reason and ``busy``, the requests that it is at still. Raises
    SaltInvocationError without a reason, CommandExecutionError where no other one serves.
    """
    new = reason.strip() if isinstance(reason, str) else ""
    if not new or not new.isprintable():
        raise SaltInvocationError("reason is empty; expected a few words that others will read")
    if not any(asked(address) for address in others.values()):
        named = ", ".join(others) or "there is no other one"
        raise CommandExecutionError(
            f"no other web server answers its health page ({named}): nobody would be served"
        )
    old, peers = drained(), list(balancers)
    if not test:
        MARK.parent.mkdir(exist_ok=True)
        # Apache's processes are to see the mark, whatever the caller's umask is.
        MARK.parent.chmod(0o755)
        write_whole(MARK, new + "\n", 0o644)
        # Whoever is sent here until then is waited for, too.
        time.sleep(NOTICED)
    deadline = time.monotonic() + (0 if test else seconds)
    while (busy := open_now(peers)) and time.monotonic() < deadline:
        time.sleep(_LOOK)
    return {"old": old, "new": new, "busy": busy}


def await_health(seconds: float, serves: Callable[[], bool]) -> None:
    """
    Wait until a web server answers its health page.

    seconds
        How long to wait for it.

    serves
        Tells whether it does.

    Raises CommandExecutionError where it does not in time.
    """
    deadline = time.monotonic() + seconds
    while not serves():
        if time.monotonic() > deadline:
            raise CommandExecutionError(
                f"it does not answer its health page within {seconds:g} s: no balancer uses it"
            )
        time.sleep(_LOOK)


def undrain(seconds: float, serves: Callable[[], bool]) -> dict[str, str]:
    """
    End a drain, and wait until the balancers send this web server clients again.

    seconds
        How long to wait until it answers its health page.

    serves
        Tells whether it does.

    Returns ``old`` and ``new`` reason, the new one empty. Raises CommandExecutionError where it
    does not answer in time; it is not drained then, either.
    """
    old = drained()
    MARK.unlink(missing_ok=True)
    if old:
        await_health(seconds, serves)
        time.sleep(NOTICED)
    return {"old": old, "new": ""}
