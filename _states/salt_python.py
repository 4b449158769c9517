"""
Make sure that Salt's own Python has what modules and the services beside them need.
====================================================================================

.. code-block:: yaml

    mysql-python-packages-installed:
      salt_python.packages_installed:
        - name: salt://mysql/files/requirements.txt
"""

from __future__ import annotations

from typing import Any

from salt.exceptions import CommandExecutionError
from state_report import failed, predicted, unchanged

__virtualname__ = "salt_python"


def __virtual__() -> str:
    return __virtualname__


def packages_installed(name: str) -> dict[str, Any]:
    """
    Make sure that Salt's Python has the packages of a file of requirements.

    name
        The file, as ``salt://mysql/files/requirements.txt``.
    """
    ret = unchanged(name, f"Salt's Python has what {name} names")
    try:
        wanted = __salt__["salt_python.missing"](name)
        if not wanted:
            return ret
        ret["changes"] = {"installed": wanted}
        if __opts__["test"]:
            return predicted(ret, f"{', '.join(wanted)} would be installed")
        __salt__["salt_python.install"](name)
        ret["comment"] = f"{', '.join(wanted)} was installed"
    except CommandExecutionError as err:
        return failed(ret, err)
    return ret
