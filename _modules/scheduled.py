"""
What the minions' own schedule calls.
=====================================

A minion's own process loads the module of each function that is scheduled, and keeps what that
imports for as long as it runs: each later job begins with it. So this module imports nothing of the
library, of which the next update of the tree may bring another version.
"""

from __future__ import annotations

from typing import Any

__virtualname__ = "scheduled"


def __virtual__() -> str:
    return __virtualname__


def renew_certificate() -> dict[str, str]:
    """
    Renew this machine's certificate where it is due, as ``mysql_tls.renew`` does.

    Returns what that returns. Raises CommandExecutionError as that does.

    CLI Example:

    .. code-block:: bash

        salt 'db*' scheduled.renew_certificate
    """
    found: Any = __salt__["mysql_tls.renew"]()
    return dict(found)
