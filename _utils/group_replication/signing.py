"""What a machine asks for, and what a certificate says that the master's minion signs for it."""

from __future__ import annotations

import ipaddress
import re
import time
from collections.abc import Mapping
from typing import Any

from salt.exceptions import CommandExecutionError, SaltInvocationError

from group_replication.certificates import declared, names_of
from group_replication.pillar import declared_nodes

# The event by which a machine asks (salt/reactor/certificate.sls).
EVENT = "mysql_gr/certificate/request"
# In Salt's mine: the public key of each machine, and on the master's minion, with the machine's id
# behind it, what that was answered. The mine knows which minion sent something; an event does not.
PUBLIC_KEY = "mysql_certificate_public_key"
ANSWER = "mysql_certificate_answer_"
# Since when a new certificate is good, before the present: the machines' clocks may differ.
EARLIER_SECONDS = 3600
_KEY = re.compile(
    r"-----BEGIN PUBLIC KEY-----\n[A-Za-z0-9+/=\n]{1,4000}-----END PUBLIC KEY-----\n?"
)


def content(pillar: Mapping[str, Any], machine: str, now: float) -> dict[str, Any]:
    """
    Return what the certificate of a machine says, in the words of Salt's x509.

    All of it comes from the table of nodes; databases alone get a certificate, since a server that
    clones asks who signed the other's, and not for which address.

    pillar
        The pillar of the minion that signs.

    machine
        The minion's id.

    now
        Seconds since 1970.

    Raises SaltInvocationError for a machine that gets none, and for a wrong pillar.
    """
    said = declared(pillar)
    if said.source != "ca":
        raise SaltInvocationError(f"pillar cluster:tls:source is {said.source}; expected ca")
    if machine not in declared_nodes(pillar, "db"):
        raise SaltInvocationError(
            f"pillar cluster:nodes has no '{machine}' with role db; a database gets a certificate"
        )
    names = sorted(names_of(pillar, machine) - {machine})
    return {
        "subject": f"CN={machine}",
        "subjectAltName": [f"DNS:{machine}", *map(_alternative, names)],
        "basicConstraints": "critical, CA:FALSE",
        "keyUsage": "critical, digitalSignature",
        "extendedKeyUsage": "serverAuth, clientAuth",
        "subjectKeyIdentifier": "hash",
        "authorityKeyIdentifier": "keyid:always",
        "days_valid": said.days_valid,
        "not_before": time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(now - EARLIER_SECONDS)),
        "digest": "sha256",
    }


def _alternative(name: str) -> str:
    try:
        return f"IP:{ipaddress.ip_address(name)}"
    except ValueError:
        return f"DNS:{name}"


def public_key(machine: str, sent: Any) -> str:
    """
    Return the public key that a machine has sent.

    machine
        The minion's id.

    sent
        What the mine has of it.

    Raises CommandExecutionError for anything else: x509 would take a text for the path of a file.
    """
    if not isinstance(sent, str) or not _KEY.fullmatch(sent):
        raise CommandExecutionError(f"{machine} has sent no public key in PEM form")
    return sent
