"""A certificate and its key: whether they fit, and whether the server has the one in the file."""

from __future__ import annotations

import datetime
import re
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path

from salt.exceptions import CommandExecutionError

RELOAD_TIMEOUT = 10
# What renews certificates does so earlier: Let's Encrypt's clients 30 days before the end.
WARN_DAYS = 14
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


def _no_password() -> str:
    raise CommandExecutionError("the key has a passphrase, which nobody types at a boot")


def check_pair(certificate: str, key: str) -> None:
    """
    Refuse a certificate and a key that a server could not start with.

    Apache's own check of its configuration does not compare them, and a reload with two that do not
    fit ends Apache. Raises CommandExecutionError that names both files.
    """
    for path in (certificate, key):
        if not Path(path).is_file():
            raise CommandExecutionError(f"{path} is not there: put certificate and key in place")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except (OSError, CommandExecutionError) as err:
        why = getattr(err, "reason", None) or err
        raise CommandExecutionError(
            f"{certificate} and {key} are no certificate with its key: {why}"
        ) from err


def end_warning(certificate: str, now: datetime.datetime) -> str:
    """
    Return the sentence for a certificate that has ended, or will within 14 days; else nothing.

    certificate, now
        The file, in PEM form, and the time, with its zone.
    """
    try:
        from cryptography import x509

        end = x509.load_der_x509_certificate(in_file(certificate)).not_valid_after_utc
    except (ImportError, AttributeError, ValueError):
        # What serves it has judged it; here its end is all that is asked for.
        return ""
    days = (end - now) / datetime.timedelta(days=1)
    if days > WARN_DAYS:
        return ""
    when = f"{end:%Y-%m-%d %H:%M} UTC"
    if days <= 0:
        return f"{certificate} has ended on {when}: clients refuse it, until it is renewed"
    left = "a day" if days < 2 else f"{int(days)} days"
    return f"{certificate} ends on {when}, in {left}; expected what renews it to have run"


def in_file(certificate: str) -> bytes:
    """Return the first certificate of a file, which is the server's own."""
    found = _PEM.search(Path(certificate).read_text(encoding="ascii", errors="replace"))
    if not found:
        raise CommandExecutionError(f"{certificate} has no certificate in PEM form")
    return ssl.PEM_cert_to_DER_cert(found[0])


def served(name: str, port: int = 443) -> bytes | None:
    """Return the certificate that this machine's server shows for a name; None without a server."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # It is compared, not trusted.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection(("127.0.0.1", port), 5) as plain,
            context.wrap_socket(plain, server_hostname=name) as secured,
        ):
            return secured.getpeercert(binary_form=True)
    except OSError:
        return None


def is_old(certificate: str, name: str, port: int) -> bool:
    """Tell whether the server runs with another certificate than the file has."""
    shown = served(name, port)
    return shown is not None and shown != in_file(certificate)


def take(certificate: str, name: str, port: int, reload: Callable[[], bool]) -> None:
    """
    Reload the server, and wait until it shows the file's certificate.

    Raises CommandExecutionError when it does not within 10 s.
    """
    if not reload():
        raise CommandExecutionError("the service manager did not reload it, and gave no reason")
    deadline = time.monotonic() + RELOAD_TIMEOUT
    while served(name, port) != in_file(certificate):
        if time.monotonic() > deadline:
            raise CommandExecutionError(
                f"{name} does not show {certificate} within {RELOAD_TIMEOUT} s of the reload"
            )
        time.sleep(0.1)
