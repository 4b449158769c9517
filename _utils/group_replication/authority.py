"""The authority that signs certificates: its files, whom machines trust, and its replacement."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from salt.exceptions import CommandExecutionError, SaltInvocationError
from whole_file import write_whole

from group_replication import tls
from group_replication.certificates import signed_by

# On the master's machine, of root alone.
DIRECTORY = Path("/etc/mysql-gr-ca")
KEY, CERTIFICATE = "ca.key", "ca.pem"
# What signs once every machine trusts it, and what signed before.
NEXT_KEY, NEXT_CERTIFICATE = "next.key", "next.pem"
PREVIOUS_CERTIFICATE = "previous.pem"

# What the key and the certificate of an authority are made with, in the words of Salt's x509.
KEY_KIND = {"algo": "ec", "keysize": 256}
REQUEST = {
    "CN": "MySQL Group Replication",
    "basicConstraints": "critical, CA:TRUE, pathlen:0",
    "keyUsage": "critical, keyCertSign, cRLSign",
    "subjectKeyIdentifier": "hash",
    "days_valid": 3650,
    # Before any installation: a machine whose clock is behind trusts it, too.
    "not_before": "2026-01-01 00:00:00",
}


class Authority(NamedTuple):
    """The certificates that the master's machine has, in PEM form; "" where there is none."""

    current: str = ""
    next: str = ""
    previous: str = ""


class Machine(NamedTuple):
    """Whom a machine trusts, and who signed what its server shows; all in PEM form."""

    trusted: tuple[str, ...]
    # Of no database, or of one whose certificate nobody signed who is trusted there: "".
    issuer: str = ""
    # Whether its server shows the certificate of the file on each channel.
    shown: bool = True


def _load(text: str) -> Any:
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificate(text.encode())
    except ValueError as err:
        raise CommandExecutionError(f"a certificate cannot be read: {err}") from err


def split(text: str) -> tuple[str, ...]:
    """Return the certificates of a text in PEM form, each in one spelling."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    try:
        found = x509.load_pem_x509_certificates(text.encode())
    except ValueError as err:
        raise CommandExecutionError(f"no certificates in PEM form: {err}") from err
    return tuple(one.public_bytes(Encoding.PEM).decode() for one in found)


def serial_of(certificate: str) -> str:
    """Return a certificate's serial number in hexadecimal; "" for the empty text."""
    return f"{_load(certificate).serial_number:X}" if certificate else ""


def ends_of(certificate: str) -> float:
    """Return until when a certificate is good, in seconds since 1970."""
    return float(_load(certificate).not_valid_after_utc.timestamp())


def read(directory: Path = DIRECTORY) -> Authority:
    """
    Return the certificates that the master's machine has.

    directory
        Where they are. Default: ``/etc/mysql-gr-ca``.

    Raises CommandExecutionError for a file that cannot be read as what it should be.
    """

    def one(name: str) -> str:
        path = directory / name
        if not path.exists():
            return ""
        try:
            return split(path.read_text())[0]
        except (OSError, CommandExecutionError) as err:
            raise CommandExecutionError(f"{path} is no certificate: {err}") from err

    coming = one(NEXT_CERTIFICATE)
    if coming and not (directory / NEXT_KEY).exists():
        return Authority(coming, "", one(PREVIOUS_CERTIFICATE))
    return Authority(one(CERTIFICATE), coming, one(PREVIOUS_CERTIFICATE))


def finish(directory: Path = DIRECTORY) -> None:
    """Do what is left where the next key is the signing one already, and its certificate is not."""
    if (directory / NEXT_CERTIFICATE).exists() and not (directory / NEXT_KEY).exists():
        (directory / NEXT_CERTIFICATE).rename(directory / CERTIFICATE)


def sign_by_next(directory: Path = DIRECTORY) -> None:
    """
    Have the next authority sign from here on; the key of the one before is gone.

    Between the two renames nothing is signed, since key and certificate do not fit each other;
    :py:func:`finish` does the second one where a run was killed there.
    """
    before = (directory / CERTIFICATE).read_text()
    write_whole(directory / PREVIOUS_CERTIFICATE, before, 0o644)
    (directory / NEXT_KEY).rename(directory / KEY)
    finish(directory)


def why_replaced(authority: Authority, replace: Any, now: float | None = None) -> str:
    """
    Return why the authority is to be replaced, or the empty text.

    authority
        What the master's machine has.

    replace
        The serial number that a call names, or None.

    now
        Seconds since 1970. Default: the present.

    Raises SaltInvocationError for a serial number that is neither the present one's nor that of the
    one before, which has been replaced.
    """
    serial = serial_of(authority.current)
    if replace is not None:
        named = replace.upper().replace(":", "") if isinstance(replace, str) else replace
        if named not in (serial, serial_of(authority.previous)) or not named:
            raise SaltInvocationError(
                f"replace is {replace!r}; expected '{serial}', the serial number of the present "
                "authority, as a text in quotes"
            )
        if named == serial:
            return "it was named"
    found = _load(authority.current)
    begins, ends = found.not_valid_before_utc.timestamp(), ends_of(authority.current)
    if ends - (time.time() if now is None else now) < (ends - begins) / 3:
        return "less than a third of its time is left"
    return ""


def in_use(machines: Mapping[str, Machine]) -> list[str]:
    """
    Return the authorities whose certificates servers show, and most databases trust.

    machines
        The databases. One of them alone brings nobody to trust whom it likes.
    """
    issuers = sorted({one.issuer for one in machines.values() if one.issuer})
    return [
        issuer
        for issuer in issuers
        if 2 * sum(issuer in one.trusted for one in machines.values()) > len(machines)
    ]


def bundle(authority: Authority, databases: Mapping[str, Machine]) -> list[str]:
    """Return whom every machine has to trust before another certificate is shown anywhere."""
    wanted = (authority.current, authority.next, *in_use(databases))
    return [one for one in dict.fromkeys(wanted) if one]


def trusting_less(wanted: Sequence[str], machines: Mapping[str, Machine]) -> list[str]:
    """Return the machines that do not trust all of them yet."""
    return [name for name, one in machines.items() if not {*wanted} <= {*one.trusted}]


def trusting_more(signing: str, machines: Mapping[str, Machine]) -> list[str]:
    """Return the machines that trust another one than the authority that signs, or more."""
    return [name for name, one in machines.items() if one.trusted != (signing,)]


def showing_other(signing: str, databases: Mapping[str, Machine]) -> list[str]:
    """Return the databases that show no certificate of the authority that signs."""
    return [name for name, one in databases.items() if one.issuer != signing or not one.shown]


def machine(ca: str = tls.CA_FILE, certificate: str = "", shown: bool = True) -> Machine:
    """
    Return whom this machine trusts, and who of them signed its certificate.

    ca, certificate
        The file of those that are trusted, and that of its own server's, or "".

    shown
        Whether its server shows that certificate.

    Raises CommandExecutionError for a file that cannot be read as what it should be.
    """
    trusted = split(Path(ca).read_text()) if Path(ca).exists() else ()
    issuer = ""
    if certificate and Path(certificate).exists():
        own = _load(Path(certificate).read_text())
        issuer = next((one for one in trusted if signed_by(own, _load(one))), "")
    return Machine(trusted, issuer, shown)


def trust(wanted: Sequence[str], ca: str = tls.CA_FILE, certificate: str = "") -> bool:
    """
    Have this machine trust these authorities and no other.

    wanted
        Their certificates in PEM form.

    ca, certificate
        The file of those that are trusted, and that of its own server's, or "".

    Returns whether another one or more were trusted. Raises SaltInvocationError for what is no
    certificate of an authority, CommandExecutionError where the machine's own certificate is of
    none of them.
    """
    texts = tuple(dict.fromkeys(one for text in wanted for one in split(text)))
    if not texts:
        raise SaltInvocationError("authorities is empty; expected the certificate of one or more")
    authorities = [_load(text) for text in texts]
    for one in authorities:
        if not signed_by(one, one):
            raise SaltInvocationError(f"{one.subject.rfc4514_string()} is no authority's own")
    if certificate and Path(certificate).exists():
        own = _load(Path(certificate).read_text())
        if not any(signed_by(own, one) for one in authorities):
            raise CommandExecutionError(
                f"{certificate} is signed by none of those that are to be trusted: it would be "
                "refused by the others"
            )
    if Path(ca).exists() and split(Path(ca).read_text()) == texts:
        return False
    Path(ca).parent.mkdir(parents=True, exist_ok=True)
    write_whole(Path(ca), "".join(texts), 0o644)
    return True
