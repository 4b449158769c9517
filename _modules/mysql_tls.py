"""
Keep certificates of the database machines: got from the master's minion, shown, and verified.
===============================================================================================

The authority's key lies on the master's machine, and each other key on the machine that made it.
The minion there signs, for declared databases and with their declared names and addresses alone:
nothing that the asking minion says goes into a certificate but its public key. A machine asks by an
event, which a reactor hands on; keys and certificates go through Salt's mine
(:py:func:`mysql_authority.sign <_modules.mysql_authority.sign>`).

Settings come from pillar ``cluster`` (see ``pillar.example``), so that any machine may ask.
"""

from __future__ import annotations

import random
import time
import uuid
from pathlib import Path
from typing import Any

import whole_file
from group_replication import certificates, connection, signing, tls
from group_replication.model import Settings
from group_replication.pillar import declared_nodes
from group_replication.settings import current_settings
from salt.exceptions import CommandExecutionError, SaltException, SaltInvocationError

__virtualname__ = "mysql_tls"

# Machines that are set up at the same time ask before the authority is made.
WAIT_SECONDS = 120
# An answer takes a second or two. An event that nobody took is sent again, and not by all machines
# at the same moment: of two answers at once the mine can lose one (Salt 3008.3).
AGAIN_SECONDS = (4.0, 6.0)
LOOK_SECONDS = 0.5
NOBODY = (
    "it does not answer. Does its minion run, and does the master's configuration have reactor as "
    "docs/certificates.md says?"
)


def __virtual__() -> str:
    return __virtualname__


def declared() -> dict[str, Any]:
    """
    Return what pillar declares of certificates.

    Returns a dict: ``source`` (none, ca or files), ``verify`` (whether servers are verified),
    ``days_valid``, ``directory``, and the files ``ca``, ``certificate`` and ``key``. Raises
    SaltInvocationError for a wrong pillar.

    CLI Example:

    .. code-block:: bash

        salt web mysql_tls.declared
    """
    said = certificates.declared(__pillar__)
    return {
        "source": said.source,
        "verify": said.verify,
        "days_valid": said.days_valid,
        "directory": tls.DIRECTORY,
        "ca": tls.CA_FILE,
        "certificate": tls.CERTIFICATE_FILE,
        "key": tls.KEY_FILE,
    }


def names() -> list[str]:
    """
    Return the names and addresses that this machine's certificate has to have, sorted.

    Returns a list of str. Raises SaltInvocationError for a wrong pillar, or a machine that it does
    not declare.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_tls.names
    """
    me = __opts__["id"]
    if me not in declared_nodes(__pillar__, None):
        raise SaltInvocationError(f"pillar cluster:nodes declares no '{me}'")
    return sorted(certificates.names_of(__pillar__, me))


def why_new() -> str:
    """
    Return why this machine needs another certificate, or the empty text.

    It is asked on this machine alone: who has a good one asks no master.

    Returns str. Raises CommandExecutionError for files that are no certificate, key and CA;
    SaltInvocationError for a wrong pillar.

    CLI Example:

    .. code-block:: bash

        salt 'db*' mysql_tls.why_new
    """
    found = certificates.read(tls.CERTIFICATE_FILE, tls.KEY_FILE, tls.CA_FILE)
    return certificates.why_new(found, frozenset(names()), time.time())


def _authority() -> str:
    """The minion that signs: the one on the master's machine."""
    masters = declared_nodes(__pillar__, "master")
    if not masters:
        raise SaltInvocationError("pillar cluster:nodes declares no node with role master")
    return next(iter(masters))


def _ask(wanted: str) -> str:
    """
    Have the master's minion answer what is wanted of it: ``authority`` or ``certificate``.

    One that has no authority yet is asked again, for two minutes.
    """
    signer, request = _authority(), uuid.uuid4().hex
    asked = {"signer": signer, "request": request, "names": names()}
    name = signing.ANSWER + __opts__["id"]
    problem, begun, again = NOBODY, time.monotonic(), 0.0
    while True:
        passed = time.monotonic() - begun
        if passed >= again:
            __salt__["event.send"](signing.EVENT, asked)
            again = passed + random.uniform(*AGAIN_SECONDS)  # noqa: S311
        try:
            found = __salt__["mine.get"](signer, name, tgt_type="list") or {}
        except SaltException as err:
            raise CommandExecutionError(f"the master does not answer: {err}") from err
        answer = found.get(signer) or {}
        if answer.get("request") == request:
            if answer[wanted]:
                return str(answer[wanted])
            problem = answer["problem"]
        if passed > WAIT_SECONDS:
            raise CommandExecutionError(f"{signer} gave no {wanted}: {problem}")
        time.sleep(LOOK_SECONDS)


def trust() -> str:
    """
    Ask the master's minion for the certificate of the authority, and write it where it is trusted.

    What answers is known by Salt's own keys. An authority that is trusted already is kept. One that
    is not there yet is waited for, up to two minutes.

    Returns the file. Raises CommandExecutionError when the master's minion gives none.

    CLI Example:

    .. code-block:: bash

        salt web mysql_tls.trust
    """
    if Path(tls.CA_FILE).exists():
        return tls.CA_FILE
    found = _ask("authority")
    Path(tls.DIRECTORY).mkdir(parents=True, exist_ok=True)
    whole_file.write_whole(Path(tls.CA_FILE), f"{found.strip()}\n", 0o644)
    return tls.CA_FILE


def issue() -> dict[str, str]:
    """
    Have the master's minion sign a certificate for this machine's key, and write it.

    The file is replaced at once and the key stays, so that the two fit at any moment. A minion that
    has no authority yet is asked again, for two minutes.

    Returns a dict: ``serial`` of the new one. Raises CommandExecutionError when it is refused, or
    is not what was wanted; SaltInvocationError on a machine that is no declared database.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_tls.issue
    """
    signing.content(__pillar__, __opts__["id"], time.time())
    if not __salt__["mine.send"](
        signing.PUBLIC_KEY, tls.KEY_FILE, mine_function="x509.get_public_key"
    ):
        raise CommandExecutionError(
            f"the public key of {tls.KEY_FILE} could not be sent to the master: is it a key, and "
            "does this machine's minion run?"
        )
    text = _ask("certificate")
    aside = Path(f"{tls.CERTIFICATE_FILE}.new")
    whole_file.write_whole(aside, f"{text.strip()}\n", 0o644)
    try:
        found = certificates.read(str(aside), tls.KEY_FILE, tls.CA_FILE)
        wrong = certificates.why_new(found, frozenset(names()), time.time())
        if found is None or wrong:
            hint = ""
            if found is not None and not found.trusted:
                hint = "; orch.authority has all machines trust the authority that signs now"
            raise CommandExecutionError(
                f"{_authority()} signed another certificate than is declared here: {wrong}{hint}"
            )
        aside.rename(tls.CERTIFICATE_FILE)
    finally:
        aside.unlink(missing_ok=True)
    return {"serial": found.serial}


def not_shown() -> list[str]:
    """
    Return the channels of the local server on which it shows another certificate than the file has.

    Connections are opened on each, as a client would; none logs in.

    Returns a list of ``mysql_main`` and ``mysql_admin``. Raises CommandExecutionError when the
    server does not answer.

    CLI Example:

    .. code-block:: bash

        salt 'db*' mysql_tls.not_shown
    """
    settings = current_settings(__pillar__, __opts__["id"])
    address = settings.nodes[settings.me]
    wanted = certificates.der_of(tls.CERTIFICATE_FILE)
    ports = {"mysql_main": settings.port, "mysql_admin": settings.admin_port}
    found = []
    for channel, port in ports.items():
        try:
            if tls.shown(address, port) != wanted:
                found.append(channel)
        except OSError as err:
            raise CommandExecutionError(f"mysqld at {address}:{port}: {err}") from err
    return found


def reload() -> None:
    """
    Have the local server take the files on each channel; no session ends, nothing is replicated.

    Returns nothing. Raises CommandExecutionError when the server does not answer, when the files do
    not fit each other (it keeps the old ones then), and when it shows another certificate after it.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_tls.reload
    """
    settings = current_settings(__pillar__, __opts__["id"])
    with connection.local(settings) as local:
        tls.reload(lambda statement: connection.execute(local, statement))
    left = not_shown() if Path(tls.CERTIFICATE_FILE).exists() else []
    if left:
        raise CommandExecutionError(
            f"mysqld was told to take {tls.CERTIFICATE_FILE}, and shows another certificate "
            f"on {', '.join(left)}"
        )


def renew(force: bool = False) -> dict[str, str]:
    """
    Renew this machine's certificate where it is due, and have the server take it.

    Minions call it twice a day (``scheduled.renew_certificate``), so that no certificate ends for
    want of a highstate. Nothing is done where the master's minion signs none.

    force
        Renew it whatever it says. Default False.

    Returns a dict: ``why`` it was renewed, and ``serial`` of the new one; both are "" where nothing
    was due. Raises CommandExecutionError when it is refused, is not what was wanted, or is not
    shown.

    CLI Example:

    .. code-block:: bash

        salt 'db*' mysql_tls.renew
    """
    if certificates.declared(__pillar__).source != "ca":
        return {"why": "", "serial": ""}
    why = "it was asked for" if force else why_new()
    serial = issue()["serial"] if why else ""
    # Also of a run that was killed before the server had taken it.
    if not_shown():
        reload()
    return {"why": why, "serial": serial}


def not_verified(address: str, port: int, ca: str) -> str:
    """
    Return why a server that answers cannot be verified, or the empty text; none logs in.

    address, port
        Where it is called, by the name or the address that its certificate has to have.

    ca
        The file of the certificates that are trusted.

    Returns str. Raises CommandExecutionError when that cannot be read.

    CLI Example:

    .. code-block:: bash

        salt web mysql_tls.not_verified 172.28.17.60 3307 /etc/mysql/tls/ca.pem
    """
    return tls.not_verified({address: address}, port, ca).get(address, "")


def in_the_way() -> dict[str, str]:
    """
    Return which other members answer and could not be verified yet, and why.

    Asked before this member begins to verify: it would take them for members that do not answer.
    One whose server verifies already asks nobody.

    Returns a dict of member to reason. Raises SaltInvocationError for wrong settings.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_tls.in_the_way
    """
    settings = current_settings(__pillar__, __opts__["id"])
    if not settings.verify or _verifies(settings):
        return {}
    others = {name: ip for name, ip in settings.nodes.items() if name != settings.me}
    return tls.not_verified(others, settings.admin_port, tls.CA_FILE)


def _verifies(settings: Settings) -> bool:
    """Whether the local server runs and verifies the members that it connects to."""
    try:
        with connection.local(settings) as local:
            mode = connection.rows(local, "SELECT @@group_replication_ssl_mode AS mode")[0]["mode"]
    except CommandExecutionError:
        return False
    return str(mode).startswith("VERIFY")


def in_use() -> list[str]:
    """
    Return the members whose servers run with a certificate of the authority that is trusted here.

    Asked before a member gives its certificate up. A server that has a certificate shows it to the
    members that it connects to, and one without trusts no authority: the two refuse each other.

    Returns a list of members, this one among them; it is empty where no authority was trusted
    before. Raises SaltInvocationError for wrong settings.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_tls.in_use
    """
    settings = current_settings(__pillar__, __opts__["id"])
    if settings.certificates or not Path(tls.CA_FILE).exists():
        return []
    return certificates.showing_issued(settings.nodes, settings.admin_port, tls.CA_FILE)
