"""Certificates of the members: what is declared, whether one is so, and how long it is good."""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pillar_check import check_keys, invalid, is_number, walk
from salt.exceptions import CommandExecutionError

from group_replication import tls
from group_replication.pillar import KEYS, declared_balancer, declared_nodes, one_of

# none: each server makes one itself, which nobody can verify. ca: the master's minion signs them.
# files: the site puts them in place.
SOURCES = ("none", "ca", "files")
DAYS_MIN, DAYS_MAX = 3, 3650
DAY = 86400
# From so many days on everybody who is asked says that a certificate ends.
WARNING_DAYS = 30
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


class Declared(NamedTuple):
    """What pillar ``cluster:tls`` says."""

    source: str = SOURCES[0]
    # Whether a server has to show a certificate that is trusted and names its address.
    verify: bool = False
    days_valid: int = 365
    # What clients call the databases by, beside the balancers' addresses.
    names: tuple[str, ...] = ()


class Certificate(NamedTuple):
    """What a certificate says, and how it goes with the files beside it."""

    serial: str
    # Seconds since 1970.
    begins: float
    ends: float
    names: frozenset[str]
    # Signed by the CA that is trusted here; belongs to the key that is here.
    trusted: bool
    fits: bool


def declared(pillar: Mapping[str, Any]) -> Declared:
    """
    Check pillar ``cluster:tls`` and return what it says.

    pillar
        The minion's pillar.

    Raises SaltInvocationError that names the key, its value and what would be right.
    """
    key = "cluster:tls"
    check_keys(walk(pillar, key), KEYS["cluster"]["tls"], key)
    source = one_of(pillar, f"{key}:source", SOURCES)
    verify = walk(pillar, f"{key}:verify")
    if verify is not None and not isinstance(verify, bool):
        raise invalid(f"{key}:verify", verify, "true or false")
    if verify and source == SOURCES[0]:
        raise invalid(f"{key}:verify", verify, f"false, as {key}:source is {source}")
    days = walk(pillar, f"{key}:days_valid")
    if days is None:
        days = Declared().days_valid
    if not is_number(days, DAYS_MIN, DAYS_MAX):
        raise invalid(f"{key}:days_valid", days, f"days from {DAYS_MIN} to {DAYS_MAX}")
    return Declared(
        source,
        source != SOURCES[0] if verify is None else verify,
        days,
        _names(f"{key}:names", walk(pillar, f"{key}:names")),
    )


def _names(key: str, names: Any) -> tuple[str, ...]:
    if names is None:
        return ()
    if not isinstance(names, list):
        raise invalid(key, names, "a list of names and addresses")
    for name in names:
        if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}", name):
            raise invalid(key, name, "a name such as db.example.org or an IPv4 address")
    return tuple(names)


def names_of(pillar: Mapping[str, Any], node: str) -> frozenset[str]:
    """
    Return the names and addresses that a node's certificate has to have.

    The balancer hands TLS through: a database is called by the balancers' addresses, too.

    pillar
        The pillar, with ``cluster``.

    node
        A declared node's id.
    """
    nodes = declared_nodes(pillar, None)
    found = {node, nodes[node]}
    if node in declared_nodes(pillar, "db"):
        balancer = declared_balancer(pillar)
        found |= {*balancer.proxies.values(), *declared(pillar).names}
        found |= {balancer.virtual_address} - {""}
    return frozenset(found)


def read(certificate: str, key: str, ca: str) -> Certificate | None:
    """
    Return what a certificate says, or None where there is none.

    certificate, key, ca
        The files of the certificate, of its key, and of the certificates that are trusted.

    Raises CommandExecutionError for a file that cannot be read as what it should be.
    """
    # Here and not above: who stops a server or answers a balancer starts without it.
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    if not Path(certificate).exists():
        return None
    try:
        one = x509.load_pem_x509_certificate(Path(certificate).read_bytes())
        trusted = x509.load_pem_x509_certificates(Path(ca).read_bytes())
        private = load_pem_private_key(Path(key).read_bytes(), None)
    except (OSError, ValueError, TypeError) as err:
        raise CommandExecutionError(
            f"{certificate}, {key} and {ca} are no certificate, its key and its CA: {err}"
        ) from err
    return Certificate(
        f"{one.serial_number:X}",
        one.not_valid_before_utc.timestamp(),
        one.not_valid_after_utc.timestamp(),
        _names_in(one),
        any(signed_by(one, ca_one) for ca_one in trusted),
        one.public_key() == private.public_key(),
    )


def _names_in(one: Any) -> frozenset[str]:
    from cryptography import x509

    try:
        found = one.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return frozenset()
    addresses = found.get_values_for_type(x509.IPAddress)
    return frozenset({*found.get_values_for_type(x509.DNSName), *map(str, addresses)})


def signed_by(one: Any, ca: Any) -> bool:
    """Return whether a certificate is signed by the key of another one, however old it is."""
    from cryptography.exceptions import InvalidSignature

    try:
        one.verify_directly_issued_by(ca)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def showing_issued(
    peers: Mapping[str, str], port: int, ca: str, ask: Callable[..., bytes] = tls.shown
) -> list[str]:
    """
    Return which servers that answer show a certificate of a CA, however old; none logs in.

    peers
        Their names and addresses.

    port
        Where they are asked.

    ca
        The file of the CA's certificates.

    ask
        As :py:func:`group_replication.tls.shown`.

    Raises CommandExecutionError for a file that cannot be read as what it should be.
    """
    from cryptography import x509

    try:
        trusted = x509.load_pem_x509_certificates(Path(ca).read_bytes())
    except (OSError, ValueError) as err:
        raise CommandExecutionError(f"{ca} is no file of certificates: {err}") from err
    found = []
    for name, address in peers.items():
        try:
            one = x509.load_der_x509_certificate(ask(address, port))
        except (OSError, ValueError):
            continue
        if any(signed_by(one, ca_one) for ca_one in trusted):
            found.append(name)
    return found


def why_new(found: Certificate | None, names: frozenset[str], now: float) -> str:
    """
    Return why a node needs another certificate, or the empty text.

    found
        The one that it has; None where it has none.

    names
        What it has to have, as :py:func:`names_of` returns it.

    now
        Seconds since 1970.
    """
    if found is None:
        return "there is none"
    if not found.trusted:
        return "it is of another CA than the one that is trusted here"
    if not found.fits:
        return "it does not belong to the key"
    if found.names != names:
        has, wants = (", ".join(sorted(each)) or "nothing" for each in (found.names, names))
        return f"it names {has} instead of {wants}"
    if now < found.begins:
        return "it is not good yet: do the machines' clocks differ?"
    left, whole = found.ends - now, found.ends - found.begins
    if left < whole / 3:
        return f"less than a third of its {whole / DAY:.0f} days are left"
    return ""


def ending(me: str, ends: Mapping[str, float], now: float | None = None) -> list[str]:
    """
    Say which certificates in use end soon, in sentences.

    me
        The member's name.

    ends
        Until when each is good, in seconds since 1970, by channel.

    now
        Seconds since 1970. Default: the present.
    """
    now = time.time() if now is None else now
    told = []
    for channel, end in ends.items():
        days = (end - now) / DAY
        if days >= WARNING_DAYS:
            continue
        date = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(end))
        how = f"ends in {days:.0f} days" if days >= 0 else "has ended"
        told.append(
            f"the certificate that {me} shows on {channel} {how}, at {date}; "
            "a highstate renews it where the master signs them"
        )
    return told


def authorities_ending(me: str, ca: str = tls.CA_FILE, now: float | None = None) -> list[str]:
    """
    Say which authorities that are trusted end soon, in sentences.

    me
        The member's name.

    ca
        The file of their certificates.

    now
        Seconds since 1970. Default: the present.
    """
    from cryptography import x509

    now = time.time() if now is None else now
    try:
        trusted = x509.load_pem_x509_certificates(Path(ca).read_bytes())
    except (OSError, ValueError) as err:
        return [f"the authorities that {me} trusts cannot be read: {err}"]
    told = []
    for one in trusted:
        end = one.not_valid_after_utc
        days = (end.timestamp() - now) / DAY
        if days < WARNING_DAYS:
            how = f"ends in {days:.0f} days" if days >= 0 else "has ended"
            told.append(
                f"authority {one.serial_number:X}, which {me} trusts, {how}, at "
                f"{end:%Y-%m-%d %H:%M} UTC; orch.authority replaces it where the master signs"
            )
    return told


def der_of(certificate: str) -> bytes:
    """
    Return the first certificate of a file in DER form: what a server that has it shows.

    Raises CommandExecutionError where the file has none.
    """
    try:
        found = _PEM.search(Path(certificate).read_text(encoding="ascii", errors="replace"))
    except OSError as err:
        raise CommandExecutionError(f"{certificate} cannot be read: {err}") from err
    if not found:
        raise CommandExecutionError(f"{certificate} has no certificate in PEM form")
    return ssl.PEM_cert_to_DER_cert(found[0])


def ends_in_file(certificate: str = tls.CERTIFICATE_FILE) -> float:
    """
    Return until when the certificate of a file is good, in seconds since 1970; 0 without one.

    certificate
        The file. Default: the server's.
    """
    if not Path(certificate).exists():
        return 0.0
    try:
        from cryptography import x509

        found = x509.load_pem_x509_certificate(Path(certificate).read_bytes())
    except (OSError, ValueError, ImportError):
        return 0.0
    return float(found.not_valid_after_utc.timestamp())
