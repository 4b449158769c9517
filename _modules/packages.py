"""
Look at the packages that one source makes, such as those of a database server.
===============================================================================

A server comes in several packages of one version, whose names differ by distribution. Debian and
Ubuntu only.
"""

from __future__ import annotations

from typing import Any

import server_packages

__virtualname__ = "packages"


def __virtual__() -> str:
    return __virtualname__


def of(name: str) -> dict[str, dict[str, Any]]:
    """
    Return a package and all others that are installed from the same source.

    name
        The package. Where it is not installed there are none.

    Returns a dict of package to ``version``, ``whole`` (bool: unpacked and configured) and ``held``
    (bool: apt leaves it at its version). Raises CommandExecutionError when dpkg fails.

    CLI Example:

    .. code-block:: bash

        salt 'db*' packages.of mysql-server
    """
    return server_packages.installed(__salt__["cmd.run_all"], name)
