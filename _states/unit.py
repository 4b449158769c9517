"""
The states of systemd's units that need not be there.

``service.dead`` says in a test run that it would stop a service that is not installed, and
``onlyif`` has Salt load every module that there is.
"""

import typing
from collections.abc import Callable
from typing import Any

if typing.TYPE_CHECKING:
    __salt__: dict[str, Callable[..., Any]]
    __states__: dict[str, Callable[..., Any]]


def stopped(name: str) -> dict[str, Any]:
    """
    Hold that a service does not run and is not enabled, where it is installed.

    name
        The service.

    Returns the state return of ``service.dead``, or one without ``changes`` where there is no such
    service. Raises nothing.

    CLI Example:

    .. code-block:: bash

        salt proxy state.single unit.stopped keepalived test=True
    """
    if __salt__["service.available"](name):
        ret: dict[str, Any] = __states__["service.dead"](name, enable=False)
        return ret
    return {
        "name": name,
        "result": True,
        "comment": f"The service {name} is not installed",
        "changes": {},
    }
