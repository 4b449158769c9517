"""
Keep the packages of a server at their version, until somebody upgrades them on purpose.
========================================================================================

``pkg.held`` wants the name of each package. Here one is named, and all that are installed from the
same source are meant.

.. code-block:: yaml

    mysql-packages-held:
      packages.held:
        - name: mysql-server
"""

from __future__ import annotations

from typing import Any

from salt.exceptions import CommandExecutionError, SaltInvocationError
from state_report import failed, predicted, unchanged

__virtualname__ = "packages"


def __virtual__() -> str:
    return __virtualname__


def held(name: str, hold: bool = True) -> dict[str, Any]:
    """
    Make sure that apt upgrades a package only by a call that says so, as it does the others of its
    source.

    name
        The package.

    hold
        False: apt upgrades them with all others. Default True.
    """
    told = "held" if hold else "not held"
    ret = unchanged(name, f"Packages are {told}")
    try:
        if not isinstance(hold, bool):
            raise SaltInvocationError(f"hold is {hold!r}; expected true or false")
        found = __salt__["packages.of"](name)
        if not found and __opts__["test"]:
            # The state before this one would install it.
            ret["changes"] = {name: {"old": "", "new": "hold"}} if hold else {}
            return predicted(ret, f"{name} would be held once it is there") if hold else ret
        if not found:
            raise CommandExecutionError(f"{name} is not installed")
        wrong = [package for package, one in found.items() if one["held"] != hold]
        if not wrong:
            return ret
        ret["changes"] = {
            package: {"old": "install", "new": "hold"}
            if hold
            else {"old": "hold", "new": "install"}
            for package in wrong
        }
        if __opts__["test"]:
            return predicted(ret, f"Packages would be {told}: {', '.join(wrong)}")
        done = __salt__["pkg.hold" if hold else "pkg.unhold"](pkgs=wrong)
        problems = [one["comment"] for one in done.values() if not one["result"]]
        if problems:
            raise CommandExecutionError("; ".join(problems))
    except (CommandExecutionError, SaltInvocationError) as err:
        return failed(ret, err)
    ret["comment"] = f"Packages are {told} now: {', '.join(wrong)}"
    return ret
