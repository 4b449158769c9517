"""
Bring into Salt's own Python what modules and the services beside them need.
============================================================================

The services of a machine run with Salt's Python, as its modules do. Salt's ``pip.installed`` needs
``onlyif`` to be quick where nothing is to be done, for which Salt loads all its modules.
"""

from __future__ import annotations

from python_packages import missing as lacking
from salt.exceptions import CommandExecutionError

__virtualname__ = "salt_python"


def __virtual__() -> str:
    return __virtualname__


def missing(requirements: str) -> list[str]:
    """
    Return the packages that Salt's Python lacks, or has in another version.

    requirements
        A file of requirements in pip's words, as ``salt://mysql/files/requirements.txt``.

    Returns a list of its lines. Raises CommandExecutionError where the file is not to be had.

    CLI Example:

    .. code-block:: bash

        salt db1 salt_python.missing salt://mysql/files/requirements.txt
    """
    text = __salt__["cp.get_file_str"](requirements)
    if not text:
        raise CommandExecutionError(
            f"requirements is '{requirements}', which the master's file server does not have; "
            "expected a file as salt://mysql/files/requirements.txt"
        )
    return lacking(text.splitlines())


def install(requirements: str) -> list[str]:
    """
    Install the packages that Salt's Python lacks, from PyPI or where pip is configured to look.

    requirements
        As for :py:func:`missing`.

    Returns what was installed, a list of its lines. Raises CommandExecutionError where the file is
    not to be had, or with what pip said.

    CLI Example:

    .. code-block:: bash

        salt db1 salt_python.install salt://mysql/files/requirements.txt
    """
    wanted = missing(requirements)
    if wanted:
        done = __salt__["pip.install"](pkgs=wanted)
        if done["retcode"]:
            said = done["stderr"] or done["stdout"]
            raise CommandExecutionError(f"pip did not install {', '.join(wanted)}: {said}")
    return wanted
