"""
The states of HAProxy: its file says what the pillar says, and a server is used or not.

All logic is in the execution module of the same name; docs/haproxy.md has the pillar's form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from salt.exceptions import CommandExecutionError, SaltInvocationError
from state_report import failed, predicted, unchanged

if TYPE_CHECKING:
    __salt__: dict[str, Callable[..., Any]]
    __opts__: dict[str, Any]


def managed(
    name: str = "/etc/haproxy/haproxy.cfg",
    sections: Mapping[str, Any] | None = None,
    nodes: Mapping[str, Any] | None = None,
    user: str = "root",
    group: str = "haproxy",
    mode: str = "0640",
    service: str | None = "haproxy",
) -> dict[str, Any]:
    """
    Hold the file to what the pillar describes, once ``haproxy -c`` takes it.

    A configuration that HAProxy refuses leaves the file untouched and fails with HAProxy's words,
    in test mode too. A running HAProxy is reloaded when the text changed, and when it runs since
    before the file was written; it is never restarted.

    name
        The file, as an absolute path. Default /etc/haproxy/haproxy.cfg.

    sections
        Section headers and their lists of directives. Default: pillar ``haproxy:sections`` over the
        default ones.

    nodes
        The table of nodes for ``servers``. Default: pillar ``cluster:nodes``.

    user, group, mode
        The file's owner, group and octal mode. Default root, haproxy, 0640.

    service
        The service to reload when it is running; None for no reload. Default haproxy.

    Returns a state return whose ``changes`` are those of ``haproxy_cfg.plan``. Raises nothing.

    CLI Example:

    .. code-block:: bash

        salt proxy state.single haproxy_cfg.managed /etc/haproxy/haproxy.cfg test=True
    """
    ret = unchanged(name, f"{name} says what the pillar says")
    wanted = {"sections": sections, "nodes": nodes, "user": user, "group": group, "mode": mode}
    wanted["service"] = service
    try:
        if __opts__["test"]:
            plan = __salt__["haproxy_cfg.plan"](name, **wanted)
            if plan["changes"]:
                predicted(ret, _foreseen(name, service, plan))
        else:
            plan = __salt__["haproxy_cfg.write"](name, **wanted)
            if plan["changes"]:
                ret["comment"] = _written(name, service, plan)
    except (CommandExecutionError, SaltInvocationError) as err:
        return failed(ret, err)
    ret["changes"] = plan["changes"]
    if plan["warnings"]:
        ret["comment"] += "; haproxy warns: " + "; ".join(plan["warnings"])
    return ret


def _foreseen(name: str, service: str | None, plan: Mapping[str, Any]) -> str:
    """Say what writing the file would do."""
    if set(plan["changes"]) == {"process"}:
        return f"{service} would be reloaded"
    said = f"{name} would be changed"
    return said if plan["judged"] else f"{said}; haproxy is not installed yet, so nothing judged it"


def _written(name: str, service: str | None, plan: Mapping[str, Any]) -> str:
    """Say what writing the file has done."""
    said = f"{name} has been changed"
    if set(plan["changes"]) == {"process"}:
        said = f"{name} says what the pillar says"
    if plan["backup"]:
        said += f", the file before is {plan['backup']}"
    if plan["reloaded"]:
        said += f", {service} has been reloaded"
    return said


def server(name: str, admin: str = "ready") -> dict[str, Any]:
    """
    Hold what the running HAProxy does with a server, until its next reload.

    name
        Section and server: ``mysql-cluster/mysql-2``.

    admin
        ``ready``, ``drain`` or ``maint``, as for ``haproxy_cfg.set_server``. Default ready.

    Returns a state return whose ``changes`` have ``admin``, ``old`` and ``new``. Raises nothing.

    CLI Example:

    .. code-block:: bash

        salt proxy state.single haproxy_cfg.server mysql-cluster/mysql-2 admin=drain test=True
    """
    ret = unchanged(name, f"{name} is {admin}")
    section, _, its_name = name.partition("/")
    try:
        change = __salt__["haproxy_cfg.set_server"](section, its_name, admin, test=True)
        if change["old"] == admin:
            return ret
        ret["changes"] = {"admin": change}
        if __opts__["test"]:
            return predicted(ret, f"{name} would be {admin}")
        __salt__["haproxy_cfg.set_server"](section, its_name, admin)
        ret["comment"] = f"{name} has been made {admin}"
    except (CommandExecutionError, SaltInvocationError) as err:
        return failed(ret, err)
    return ret
