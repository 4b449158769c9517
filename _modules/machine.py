"""
Say which boot a machine runs from, and reboot it in its turn.
==============================================================

Any machine of the table of nodes has these functions. They are the steps of ``salt-run
state.orchestrate orch.reboot``, which takes care that a machine is not used when it reboots; nobody
has to call them by hand.
"""

from __future__ import annotations

from typing import Any

import boots
from salt.exceptions import CommandExecutionError

__virtualname__ = "machine"


def __virtual__() -> str:
    return __virtualname__


def look() -> dict[str, Any]:
    """
    Return which boot this machine runs from, and whether it waits for another one.

    Returns a dict: ``boot`` (str, another one after each boot), ``waits`` (why it waits for a
    reboot, or ""; /run/reboot-required, or an installed kernel that is newer than the running one)
    and ``addresses`` (a list of its IPv4 addresses).

    CLI Example:

    .. code-block:: bash

        salt '*' machine.look
    """
    compare = __salt__.get("pkg.version_cmp", lambda one, other: 0)
    return {
        "boot": boots.boot_of(),
        "waits": boots.waiting(__grains__["kernelrelease"], compare),
        "addresses": __salt__["network.ip_addrs"](),
    }


def reboot(boot: str) -> bool:
    """
    Reboot this machine, unless it has booted since.

    It answers first, and reboots two seconds later.

    boot
        Which boot it has to run from, as :py:func:`look` returned it: a call that is repeated
        reboots nothing twice.

    Returns whether it reboots (bool). Raises CommandExecutionError when systemd refuses.

    CLI Example:

    .. code-block:: bash

        salt web2 machine.reboot "$BOOT"
    """
    if not isinstance(boot, str) or "/" not in boot:
        raise CommandExecutionError(f"boot is {boot!r}; expected what machine.look returns as boot")
    if boots.boot_of() != boot:
        return False
    boots.reboot(__salt__["cmd.run_all"])
    return True
