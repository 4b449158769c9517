"""TLS with a server: who is trusted, what a server shows before a login, and new files in use."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
from collections.abc import Callable
from typing import Any

from salt.exceptions import CommandExecutionError

# Beside the server's options: its AppArmor profile lets it read nothing else.
DIRECTORY = "/etc/mysql/tls"
CA_FILE = f"{DIRECTORY}/ca.pem"
CERTIFICATE_FILE = f"{DIRECTORY}/server.pem"
KEY_FILE = f"{DIRECTORY}/server.key"

# What a certificate is shown on, in the server's own words, and how it is told to read it anew. A
# file that does not fit leaves the old one in use.
RELOADS = {
    "mysql_main": "ALTER INSTANCE RELOAD TLS",
    "mysql_admin": "ALTER INSTANCE RELOAD TLS FOR CHANNEL mysql_admin",
}
SECONDS = 5
# Of the server's protocol: an error instead of a greeting; that both sides speak TLS.
_ERROR, _TLS, _PROTOCOL_41, _SECURE = 0xFF, 0x0800, 0x0200, 0x8000


def context(ca: str) -> ssl.SSLContext:
    """
    Return how TLS is spoken to a server.

    ca
        The file of the certificates that are trusted: a server has to show one of theirs, which
        names the address that is called. The empty text: encrypted, and nothing verified.

    Raises CommandExecutionError where the file is not there or holds none.
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if ca:
        try:
            made.load_verify_locations(ca)
        except (OSError, ValueError) as err:
            raise CommandExecutionError(
                f"{ca}, by which servers are verified, cannot be read: {err}"
            ) from err
        return made
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    return made


def _read(plain: socket.socket, length: int) -> bytes:
    found = b""
    while len(found) < length:
        more = plain.recv(length - len(found))
        if not more:
            raise OSError("it closed the connection")
        found += more
    return found


def _greeted(plain: socket.socket) -> None:
    """Read a server's greeting and ask it for TLS; nothing of an account is said."""
    header = _read(plain, 4)
    greeting = _read(plain, int.from_bytes(header[:3], "little"))
    if greeting[0] == _ERROR:
        raise OSError(greeting[3:].decode(errors="replace"))
    # Behind the version: a thread's id, eight bytes and a zero, then what the server can.
    at = greeting.index(0, 1) + 1 + 4 + 8 + 1
    if not struct.unpack_from("<H", greeting, at)[0] & _TLS:
        raise OSError("it speaks no TLS")
    asked = struct.pack("<IIB23x", _TLS | _PROTOCOL_41 | _SECURE, 2**24 - 1, 45)
    plain.sendall(len(asked).to_bytes(3, "little") + b"\x01" + asked)


def shown(address: str, port: int, ca: str = "", seconds: float = SECONDS) -> bytes:
    """
    Return the certificate that a server shows, in DER form, without logging in.

    address, port
        Where the server is.

    ca
        As for :py:func:`context`.

    seconds
        How long each step may take. Default 5.

    Raises ssl.SSLError where the certificate is not trusted or names another address; OSError for
    whatever else is in the way.
    """
    speaking = context(ca)
    with socket.create_connection((address, port), seconds) as plain:
        try:
            _greeted(plain)
        except (IndexError, ValueError, struct.error) as err:
            raise OSError("it greets as no server of MySQL does") from err
        with speaking.wrap_socket(plain, server_hostname=address) as secured:
            found = secured.getpeercert(binary_form=True)
    return found or b""


def not_verified(
    peers: dict[str, str], port: int, ca: str, ask: Callable[..., bytes] = shown
) -> dict[str, str]:
    """
    Return which servers answer and could not be verified, by name, and why.

    peers
        Their names and addresses; one that does not answer is none of them.

    port
        Where they are asked.

    ca
        The file of the certificates that are trusted.

    ask
        As :py:func:`shown`.
    """
    found = {}
    for name, address in peers.items():
        # An SSLError is an OSError, too.
        try:
            ask(address, port, ca)
        except ssl.SSLError as err:
            found[name] = getattr(err, "verify_message", "") or err.reason or str(err)
        except OSError:
            continue
    return found


def reload(execute: Callable[[str], Any]) -> None:
    """
    Have a server read its certificate and key anew, on each channel; sessions go on.

    execute
        Runs a statement on it.
    """
    for statement in RELOADS.values():
        execute(statement)


def expires_of(rows: list[dict[str, Any]]) -> dict[str, float]:
    """
    Return until when the certificates in use are good, in seconds since 1970, by channel.

    rows
        ``CHANNEL`` and ``VALUE`` of ``Ssl_server_not_after``, as the server has them.
    """
    found = {}
    for row in rows:
        with contextlib.suppress(ValueError):
            found[str(row["CHANNEL"])] = float(ssl.cert_time_to_seconds(str(row["VALUE"])))
    return found


IN_USE = (
    "SELECT CHANNEL, VALUE FROM performance_schema.tls_channel_status"
    " WHERE PROPERTY = 'Ssl_server_not_after'"
)
# What any account may ask, of the main channel alone.
IN_USE_HERE = "SHOW GLOBAL STATUS LIKE 'Ssl_server_not_after'"
