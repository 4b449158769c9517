"""
Keep certificates as declared: an authority trusted, a certificate of it, shown on each channel.
================================================================================================

The states compare, call :py:mod:`mysql_tls <_modules.mysql_tls>` and report; they decide nothing.

.. code-block:: yaml

    mysql-tls-certificate-current:
      mysql_tls.certificate_current:
        - name: /etc/mysql/tls/server.pem
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from salt.exceptions import CommandExecutionError, SaltInvocationError
from state_report import failed, predicted, unchanged

__virtualname__ = "mysql_tls"


def __virtual__() -> str:
    return __virtualname__


def authority_trusted(name: str) -> dict[str, Any]:
    """
    Make sure that the certificate of the installation's authority is here; one that is, is kept.

    name
        Its file, as :py:func:`declared <_modules.mysql_tls.declared>` names it.
    """
    ret = unchanged(name, f"{name} is there")
    try:
        if Path(name).exists():
            return ret
        ret["changes"] = {"authority": {"old": None, "new": name}}
        if __opts__["test"]:
            return predicted(ret, f"{name} would be got from the master's minion")
        __salt__["mysql_tls.trust"]()
        ret["comment"] = f"{name} has been got from the master's minion"
    except (CommandExecutionError, SaltInvocationError) as err:
        return failed(ret, err)
    return ret


def certificate_current(name: str) -> dict[str, Any]:
    """
    Make sure that this machine has a certificate of its key with its declared names, for long yet.

    Of one that is good for more than a third of its time nobody is asked.

    name
        Its file, as :py:func:`declared <_modules.mysql_tls.declared>` names it.
    """
    ret = unchanged(name, f"{name} is as declared")
    try:
        if __opts__["test"] and not Path(name).exists():
            # Its key may not be there yet, either.
            why = "there is none"
        else:
            why = __salt__["mysql_tls.why_new"]()
        if not why:
            return ret
        ret["changes"] = {"certificate": {"old": why, "new": "signed by the master's minion"}}
        if __opts__["test"]:
            return predicted(ret, f"{name} would be made: {why}")
        serial = __salt__["mysql_tls.issue"]()["serial"]
        ret["changes"]["certificate"]["new"] = f"serial {serial}"
        ret["comment"] = f"{name} has been made: {why}"
    except (CommandExecutionError, SaltInvocationError) as err:
        return failed(ret, err)
    return ret


def certificate_shown(name: str) -> dict[str, Any]:
    """
    Make sure that the running server shows the certificate of the file, to clients and to
    administrators; sessions go on.

    name
        The file.
    """
    ret = unchanged(name, f"mysqld shows {name}")
    try:
        try:
            old = __salt__["mysql_tls.not_shown"]()
        except CommandExecutionError as err:
            if not __opts__["test"]:
                raise
            # A machine that has no server yet gets one in the same run.
            return predicted(ret, f"{name} would be shown once mysqld runs: {err}")
        if not old:
            return ret
        ret["changes"] = {channel: {"old": "another", "new": name} for channel in old}
        if __opts__["test"]:
            return predicted(ret, f"mysqld would take {name} on {', '.join(old)}")
        __salt__["mysql_tls.reload"]()
        ret["comment"] = f"mysqld has taken {name} on {', '.join(old)}"
    except (CommandExecutionError, SaltInvocationError) as err:
        return failed(ret, err)
    return ret


def members_verifiable(name: str) -> dict[str, Any]:
    """
    Refuse to begin to verify while another member answers that could not be verified.

    name
        A word for the state.
    """
    ret = unchanged(name, "Every member that answers can be verified")
    try:
        try:
            wrong = __salt__["mysql_tls.in_the_way"]()
        except CommandExecutionError as err:
            if not __opts__["test"]:
                raise
            # The authority is trusted by then.
            return predicted(ret, f"The members would be asked: {err}")
        if wrong:
            told = "; ".join(f"{member}: {why}" for member, why in wrong.items())
            raise CommandExecutionError(
                f"pillar cluster:tls has members verified, and these cannot be yet: {told}. "
                "`salt-run state.orchestrate orch.certificates` brings certificates to all first"
            )
    except (CommandExecutionError, SaltInvocationError) as err:
        return failed(ret, err)
    return ret


def certificates_unused(name: str) -> dict[str, Any]:
    """
    Refuse to give certificates up while a member runs with one; it could not join the others again.

    name
        A word for the state.
    """
    ret = unchanged(name, "No member that answers runs with a certificate of an authority")
    try:
        using = __salt__["mysql_tls.in_use"]()
        if using:
            raise CommandExecutionError(
                f"pillar cluster:tls:source is none, and {', '.join(using)} would be left with "
                "certificates that a member without one refuses; expected ca or files, where "
                "verify: false ends verification. To give the certificates up, stop mysqld on all "
                "database machines first; clients wait meanwhile"
            )
    except (CommandExecutionError, SaltInvocationError) as err:
        return failed(ret, err)
    return ret


def server_verifiable(name: str, port: int, ca: str) -> dict[str, Any]:
    """
    Refuse to have a server verified that answers and could not be; one that is away is waited for.

    name
        The name or the address that clients call it by.

    port
        Where it answers.

    ca
        The file of the certificates that are trusted.
    """
    ret = unchanged(name, f"{name} can be verified, or does not answer")
    try:
        try:
            wrong = __salt__["mysql_tls.not_verified"](name, int(port), ca)
        except CommandExecutionError as err:
            if not __opts__["test"]:
                raise
            # The authority is trusted by then.
            return predicted(ret, f"{name} would be asked: {err}")
        if wrong:
            raise CommandExecutionError(
                f"pillar cluster:tls has databases verified, and {name}:{port} cannot be: {wrong}. "
                "`salt-run state.orchestrate orch.certificates` brings certificates to all first"
            )
    except (CommandExecutionError, SaltInvocationError) as err:
        return failed(ret, err)
    return ret
