"""A member that begins its group anew with what the backup machine offers: checked, and cloned."""

from __future__ import annotations

import contextlib
import hashlib
import re
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from salt.exceptions import CommandExecutionError, SaltInvocationError
from whole_file import write_whole

from group_replication import accounts, maintenance, memory, tls
from group_replication.connection import connect, exclusive, execute, local, rows
from group_replication.decision import ending_of
from group_replication.facts import facts_of, observe
from group_replication.gtid import GtidSet, format_gtids, parse_gtids, subtract_gtids
from group_replication.model import PRESENT, Settings, joined
from group_replication.overrides import named_member
from group_replication.recovery import clone
from group_replication.verdicts import held_by
from group_replication.versions import clones

# Where the server's AppArmor profile lets it read; there for the time of the clone.
CERTIFICATE = Path("/etc/mysql/mysql-gr-donor.pem")


def refusal(
    me: str,
    group: str,
    facts: Mapping[str, Mapping[str, Any]],
    offered: Mapping[str, Any],
    overwrite: bool,
) -> str:
    """
    Say why this member must not begin the group with what is offered, or return the empty text.

    me, group, facts
        As for :py:func:`group_replication.decision.decide_by`.

    offered
        What the donor says: ``gtid_executed`` and ``version``.

    overwrite
        Whether the call named this member as one whose data may be given up.
    """
    mine = facts[me]
    answering = {name: one for name, one in facts.items() if one["answers"]}
    serving = {name: one["state"] for name, one in answering.items() if one["state"] in PRESENT}
    if serving:
        said = joined(f"{name} is {state}" for name, state in serving.items())
        return f"{said}: the group is there, and none is begun in its place"
    ending = ending_of(me, facts)
    if ending:
        return str(ending["why"])
    theirs = parse_gtids(offered["gtid_executed"])
    if not theirs:
        return "the donor holds no transaction"
    if not clones(mine["version"], offered["version"]):
        return f"{me} runs {mine['version']} and cannot clone the donor's {offered['version']}"
    again = {
        name: format_gtids(rest)
        for name, one in answering.items()
        if name != me and (rest := _of(group, subtract_gtids(held_by(one), theirs)))
    }
    if again:
        return (
            joined(f"{name} has {gtids}" for name, gtids in again.items())
            + ", which is not in what is offered: the group begun anew would number others alike. "
            "Stop that server and empty its data directory, or give pillar mysql:group:name a new "
            "UUID (uuidgen)"
        )
    if overwrite:
        return ""
    has = format_gtids(held_by(mine)) or joined(mine["schemas"])
    if has:
        return f"{me} is not empty ({has}): only overwrite={me} gives that up"
    return memory.lost(me, mine["remembered"]) if mine["remembered"] else ""


def _of(group: str, gtids: GtidSet) -> GtidSet:
    """Return of a set what a group of that name has numbered."""
    return {one: spans for one, spans in gtids.items() if one.partition(":")[0] == group}


def certificate_of(address: str, port: int, fingerprint: str) -> str:
    """
    Return the certificate that a donor shows, in PEM form, if it is the one that is expected.

    address, port
        Where the donor is.

    fingerprint
        The SHA-256 of the certificate in hexadecimal, as the offer says it.
    """
    told = str(fingerprint).replace(":", "").lower()
    if not re.fullmatch(r"[0-9a-f]{64}", told):
        raise SaltInvocationError(
            f"fingerprint is '{fingerprint}'; expected 64 hexadecimal digits, as "
            "backup_restore.offer_point returns them"
        )
    try:
        shown = tls.shown(address, port)
    except OSError as err:
        raise CommandExecutionError(f"nothing is offered at {address}:{port}: {err}") from err
    found = hashlib.sha256(shown).hexdigest()
    if found != told:
        raise CommandExecutionError(
            f"{address}:{port} shows a certificate with fingerprint {found}; expected {told}"
        )
    return ssl.DER_cert_to_PEM_cert(shown)


@contextlib.contextmanager
def _certificate_there(certificate: str) -> Iterator[None]:
    """Have the donor's certificate in a file, for as long as it is to be trusted."""
    write_whole(CERTIFICATE, certificate, 0o644)
    try:
        yield
    finally:
        CERTIFICATE.unlink(missing_ok=True)


@contextlib.contextmanager
def _trusted(settings: Settings, connection: Any) -> Iterator[None]:
    """Let the server clone nobody but who shows that certificate, and show none itself.

    The donor made its certificate itself, trusts no authority, and refuses what one has signed.
    """
    (before,) = rows(
        connection,
        "SELECT @@GLOBAL.clone_ssl_ca AS ca, @@GLOBAL.clone_ssl_cert AS cert,"
        " @@GLOBAL.clone_ssl_key AS `key`",
    )
    _clone_files(connection, {"ca": str(CERTIFICATE), "cert": "", "key": ""})
    try:
        yield
    finally:
        # A server that has started anew has them from its option file.
        with contextlib.suppress(CommandExecutionError), local(settings) as again:
            _clone_files(again, before)


def _clone_files(connection: Any, files: Mapping[str, Any]) -> None:
    """Say which files a clone trusts and shows."""
    for name in ("ca", "cert", "key"):
        execute(connection, f"SET GLOBAL clone_ssl_{name} = %s", (files[name],))


def _ask(settings: Settings, address: str) -> dict[str, Any]:
    """Return what the donor says of itself; its certificate is verified before the login."""
    speaking = tls.context(str(CERTIFICATE))
    # What it shows names no address; there is one certificate that it can be.
    speaking.check_hostname = False
    with connect(
        host=address,
        port=settings.port,
        user=settings.backup.name,
        password=settings.backup.password,
        ssl=speaking,
    ) as connection:
        (said,) = rows(
            connection,
            "SELECT @@GLOBAL.gtid_executed AS gtid_executed, @@version AS version,"
            " @@GLOBAL.super_read_only AS super_read_only",
        )
    if not said["super_read_only"]:
        raise CommandExecutionError(f"the server at {address}:{settings.port} takes writes")
    return {**said, "gtid_executed": re.sub(r"\s", "", said["gtid_executed"])}


def receive(
    settings: Settings,
    member: str,
    address: str,
    fingerprint: str,
    overwrite: str | None,
    patience: float,
    test: bool = False,
) -> dict[str, Any]:
    """
    Clone what the backup machine offers onto this member, which is outside any group.

    A member that has just that already is left as it is.
    """
    named_member(member, settings.me, "beginning a group anew")
    if overwrite is not None:
        named_member(overwrite, settings.me, "giving data up", "overwrite")
    if not settings.backup.password:
        raise SaltInvocationError(
            "pillar mysql:accounts:backup:password is missing; expected what the backup machine has"
        )
    with (
        _certificate_there(certificate_of(address, settings.port, fingerprint)),
        exclusive(settings, None) as connection,
    ):
        offered = _ask(settings, address)
        facts = facts_of(settings, connection)
        mine, theirs = facts[member], parse_gtids(offered["gtid_executed"])
        has = held_by(mine)
        done = bool(has) and has == theirs
        why = refusal(settings.me, settings.group, facts, offered, done or overwrite is not None)
        if why:
            raise CommandExecutionError(f"{member} receives nothing: {why}")
        told = {"gtids": format_gtids(theirs), "given_up": "" if done else format_gtids(has)}
        if not test and not done:
            donor = {"host": address, "port": settings.port}
            with _trusted(settings, connection):
                clone(settings, connection, mine, donor, patience, settings.backup)
            _check_cloned(settings, theirs)
    if not test:
        # Without them the keeper starts nothing: it begins no group before this.
        accounts.create_accounts(settings, "members", patience)
    return {**told, "changed": not done}


def _check_cloned(settings: Settings, theirs: GtidSet) -> None:
    """Hold that what was cloned is what was offered, and forget what was here before."""
    with local(settings) as again:
        has = held_by(observe(again))
    if has != theirs:
        raise CommandExecutionError(
            f"{settings.me} has {format_gtids(has) or 'nothing'} after the clone; expected "
            f"{format_gtids(theirs)}"
        )
    maintenance.forget_fork()
