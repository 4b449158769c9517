"""
The authority of the installation: it signs the certificates of the databases, and is replaced.
===============================================================================================

``plan`` and ``replace`` are called on the machine of the Salt master, whose minion asks all others
through it: ``salt-run state.orchestrate orch.authority`` does that. Every machine trusts the next
authority before it signs anything, and trusts the one before until nothing shows its certificates.
The other functions are the steps of that on one machine; nobody has to call them by hand.

Settings come from pillar ``cluster`` and ``mysql`` (see ``pillar.example``).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import minion_calls
from group_replication import authority, certificates, lock, signing, tls
from group_replication.authority_run import Home, Replacement
from group_replication.pillar import declared_nodes
from minion_calls import Answer
from salt.exceptions import CommandExecutionError, SaltInvocationError
from whole_file import write_whole

__virtualname__ = "mysql_authority"

# Held by a run for as long as it lives: the same as a rolling restart's.
LOCK_FILE = Path("/run/mysql-gr/operation")
LOOK_SECONDS = 2


def __virtual__() -> str:
    return __virtualname__


def _is_database() -> bool:
    return __opts__["id"] in declared_nodes(__pillar__, "db")


def _call(targets: Sequence[str], function: str, arguments: Mapping[str, Any]) -> dict[str, Answer]:
    """Call a function on minions, through the master of this machine."""
    return minion_calls.call(__opts__["conf_file"], targets, function, arguments)


def _make() -> None:
    """Make the next authority; its certificate comes last, since with it the authority is there."""
    folder = authority.DIRECTORY
    key = folder / authority.NEXT_KEY
    write_whole(key, __salt__["x509.create_private_key"](**authority.KEY_KIND), 0o600)
    made = __salt__["x509.create_certificate"](signing_private_key=str(key), **authority.REQUEST)
    write_whole(folder / authority.NEXT_CERTIFICATE, f"{made.strip()}\n", 0o644)


def _replacement(serial: str | None, alone: bool = True) -> Replacement:
    source = certificates.declared(__pillar__).source
    if source != "ca":
        raise SaltInvocationError(
            f"pillar cluster:tls:source is {source}; expected ca, where the master's minion signs"
        )
    others = [name for role in ("web", "backup") for name in declared_nodes(__pillar__, role)]
    return Replacement(
        _call,
        declared_nodes(__pillar__, "db"),
        others,
        # Beside a run of this machine that lives, its row is another one's.
        f"the master on {__opts__['id']}" if alone else "",
        Home(authority.read, _make, authority.sign_by_next),
        serial,
    )


def request() -> dict[str, Any]:
    """
    Return what the certificate of an authority is made with, in the words of Salt's x509.

    Returns a dict of str to str or int.

    CLI Example:

    .. code-block:: bash

        salt master mysql_authority.request
    """
    return dict(authority.REQUEST)


def sign(machine: str, number: str, names: list[str]) -> dict[str, str]:
    """
    Return the certificate of the authority, and sign one for a database's public key.

    The reactor has the master's minion put what this returns into Salt's mine
    (``salt/reactor/certificate.sls``). The public key comes from the mine, too: whichever minion
    sent the event, the named machine's own key is signed. All else is from the table of nodes.

    machine
        The minion's id.

    number
        What that machine calls its request.

    names
        The names and addresses that it wants. With others in this minion's pillar nothing is
        signed, and the pillar is read anew: the machine asks again.

    Returns a dict of str: ``request``, that number; ``authority`` and ``certificate`` in PEM form,
    "" where there is none; ``problem``, a sentence that says why there is no certificate, or "". Of
    what a function raises the mine would keep nothing.

    CLI Example:

    .. code-block:: bash

        salt master mysql_authority.sign db1 by-hand '[db1, 172.28.17.53, 172.28.17.52]'
    """
    answer = {"request": str(number), "authority": "", "certificate": "", "problem": ""}
    try:
        answer["authority"] = authority.read().current
        answer["certificate"] = _signed(str(machine), names, bool(answer["authority"]))
    except (CommandExecutionError, SaltInvocationError) as err:
        answer["problem"] = str(err)
    return answer


def _signed(machine: str, names: Sequence[str], present: bool) -> str:
    """Sign a certificate for a machine's key."""
    known = machine in declared_nodes(__pillar__, None)
    own = certificates.names_of(__pillar__, machine) if known else frozenset()
    if own != {*names}:
        __salt__["saltutil.refresh_pillar"]()
        has, wants = (", ".join(sorted(each)) or "no names" for each in (own, names))
        raise CommandExecutionError(
            f"{machine} wants a certificate for {wants}, and the pillar of the master's minion has "
            f"{has} for it"
        )
    wanted = signing.content(__pillar__, machine, time.time())
    if not present:
        raise CommandExecutionError("there is no authority yet; a highstate there makes it")
    sent = __salt__["mine.get"](machine, signing.PUBLIC_KEY, tgt_type="list") or {}
    made = __salt__["x509.create_certificate"](
        signing_private_key=str(authority.DIRECTORY / authority.KEY),
        signing_cert=str(authority.DIRECTORY / authority.CERTIFICATE),
        public_key=signing.public_key(machine, sent.get(machine)),
        **wanted,
    )
    return f"{made.strip()}\n"


def plan(serial: str | None = None) -> dict[str, Any]:
    """
    Say what a replacement of the authority would do, and what stands in the way.

    serial
        As for :py:func:`replace`.

    Returns a dict: ``purpose``; ``authority``, the serial number of the one that signs; ``ends``,
    until when that is good, in seconds since 1970; ``why``, why it would be replaced, or "";
    ``trust``, the machines that would trust another one beside it, ``renew``, the databases that
    would show another certificate, ``narrow``, the machines that would trust one alone at last;
    ``gates``, what has to be so to "" or the sentence that says why it is not; ``refused``, the
    first of these or ""; ``continues``, what was broken off and would be continued, or "". Raises
    SaltInvocationError for wrong arguments or a wrong pillar, CommandExecutionError where there is
    no authority.

    CLI Example:

    .. code-block:: bash

        salt master mysql_authority.plan
    """
    with lock.held(0, LOCK_FILE) as alone:
        pass
    return _replacement(serial, alone).plan()


def replace(serial: str | None = None) -> dict[str, Any]:
    """
    Replace the authority by another one, or do what an earlier call has left.

    serial
        The serial number of the present authority, as a text. Default: it is replaced only where
        less than a third of its time is left. One that was replaced already is not replaced again.

    Returns a dict: ``replaced``, the serial number of the authority that signs no more, or "";
    ``trust``, ``renew`` and ``narrow``, the machines that took each step; ``gave_up``, a sentence
    about another operation that was broken off, or ""; ``problem``, why it was refused or ended
    early, or "". Raises as :py:func:`plan` does.

    CLI Example:

    .. code-block:: bash

        salt master mysql_authority.replace serial='"3F2A90C1"'
    """
    run = _replacement(serial)
    # A run of this machine that has died holds it no more: the kernel has let go.
    with lock.held(LOOK_SECONDS, LOCK_FILE) as alone:
        if alone:
            authority.finish()
            return run.run()
    why = _replacement(serial, alone=False).plan()["refused"] or "another run has just begun here"
    return {"replaced": "", "trust": [], "renew": [], "narrow": [], "gave_up": "", "problem": why}


def look() -> dict[str, Any]:
    """
    Return whom this machine trusts, and who signed what its server shows.

    Returns a dict: ``trusted``, the certificates of the authorities in PEM form; ``issuer``, the
    one of them that signed this database's certificate, or ""; ``shown`` (bool), whether its server
    shows that certificate on each port. Raises CommandExecutionError for files that cannot be read
    and a server that does not answer.

    CLI Example:

    .. code-block:: bash

        salt 'db*' mysql_authority.look
    """
    if not _is_database():
        return authority.machine()._asdict()
    shown = Path(tls.CERTIFICATE_FILE).exists() and not __salt__["mysql_tls.not_shown"]()
    return authority.machine(certificate=tls.CERTIFICATE_FILE, shown=shown)._asdict()


def trust(authorities: list[str]) -> bool:
    """
    Have this machine trust these authorities and no other, and its server take them.

    authorities
        Their certificates in PEM form.

    Returns whether others were trusted before. Raises SaltInvocationError for what is no
    certificate of an authority, CommandExecutionError where this machine's own certificate is
    signed by none of them, and when the server does not answer.

    CLI Example:

    .. code-block:: bash

        salt web mysql_authority.trust authorities='["-----BEGIN CERTIFICATE-----…"]'
    """
    if not _is_database():
        return authority.trust(authorities)
    changed = authority.trust(authorities, certificate=tls.CERTIFICATE_FILE)
    # Also where the file is so already: a run may have been killed before the server took it.
    __salt__["mysql_tls.reload"]()
    return changed


def renew() -> str:
    """
    Have this database show a certificate of the authority that signs now; its key stays.

    Returns the certificate's serial number. Raises CommandExecutionError when it is refused, is not
    what was wanted, or is not shown.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_authority.renew
    """
    serial: str = __salt__["mysql_tls.renew"](force=True)["serial"]
    return serial
