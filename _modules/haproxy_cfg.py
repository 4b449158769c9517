"""
HAProxy's configuration file from pillar data, judged by HAProxy before it replaces anything.

The pillar says what differs from the default sections, in sections and directives in order, spelled
as HAProxy spells them; docs/haproxy.md has the form. Values written as ``${pillar:KEY}`` are
secrets: they reach the file, nothing else.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping
from typing import Any

from group_replication.pillar import declared_web
from haproxy_config import comparison, installed_file, pillar, runtime, syntax, update
from haproxy_config.defaults import SETTINGS, Web, over_defaults
from haproxy_config.installed_file import CONFIG_FILE
from haproxy_config.judge import judge
from haproxy_config.sections import Config, configuration, fill, of_text
from salt.exceptions import CommandExecutionError

if typing.TYPE_CHECKING:
    __salt__: dict[str, Callable[..., Any]]

RUNTIME_SOCKET = "/run/haproxy/admin.sock"


def _setting(key: str) -> Any:
    """Return what a directive refers to, or its default."""
    value = __salt__["config.get"](key, default=None)
    return SETTINGS.get(key) if value is None else value


def _has_virtual_address() -> bool:
    """Tell whether an address moves between balancers."""
    return bool(__salt__["config.get"]("cluster:virtual_address", default=None))


def _web() -> Web | None:
    """Return how the web servers are balanced, or None where they are not."""
    declared = declared_web({"cluster": __salt__["config.get"]("cluster", default={})})
    return Web(declared.tls, declared.health, declared.host) if declared.balanced else None


def _load(sections: Any, nodes: Any) -> Config:
    """Return what the arguments describe, or else the pillar."""
    if sections is None:
        check_pillar()
        chosen = __salt__["config.get"]("haproxy:sections", default=None)
        behind = __salt__["config.get"]("haproxy:max_behind", default=None)
        sections = over_defaults(chosen, _has_virtual_address(), _web(), behind)
    if nodes is None:
        nodes = __salt__["config.get"]("cluster:nodes", default={})
    return configuration(sections, nodes, _setting)


def _known() -> Config:
    """Return the pillar's configuration, for the secrets it knows; an empty one without pillar."""
    if __salt__["config.get"]("haproxy", default={}):
        return _load(None, None)
    return fill({}, {})


def render(
    sections: Mapping[str, Any] | None = None, nodes: Mapping[str, Any] | None = None
) -> str:
    """
    Return the configuration that the pillar describes, with every secret masked.

    sections
        Section headers and their lists of directives. By default the pillar's ``haproxy:sections``
        over the default ones.

    nodes
        The table of nodes for ``servers``. By default the pillar's ``cluster:nodes``.

    Returns the file's text (str). Raises SaltInvocationError when the data is no configuration, or
    a referenced setting is missing.

    CLI Example:

    .. code-block:: bash

        salt proxy haproxy_cfg.render
    """
    return _load(sections, nodes).shown


def check_pillar() -> None:
    """
    Refuse a pillar that says of HAProxy what nothing reads, or a port that cannot be.

    Returns nothing. Raises SaltInvocationError that names the key below ``haproxy``, and what would
    be right.

    CLI Example:

    .. code-block:: bash

        salt proxy haproxy_cfg.check_pillar
    """
    web = _web()
    pillar.check(
        __salt__["config.get"]("haproxy", default=None),
        _setting,
        web.tls if web else None,
        _has_virtual_address(),
    )


def parse(text: str) -> dict[str, list[str]]:
    """
    Return the sections of a configuration and their directives, in order.

    text
        What an haproxy.cfg holds. Comments before the first section are left out.

    Returns a mapping of section header (str) to directives (list of str), comments among them.
    Raises SaltInvocationError when a section appears twice or a directive stands before the first.

    CLI Example:

    .. code-block:: bash

        salt proxy haproxy_cfg.parse 'listen stats
            bind :9201'
    """
    return syntax.parse(text)


def diff(old: Mapping[str, list[str]], new: Mapping[str, list[str]]) -> dict[str, dict[str, Any]]:
    """
    Return what separates two parsed configurations, directive by directive.

    old
        Section headers and directives, as ``parse`` returns them.

    new
        The same, of the later configuration.

    Returns a mapping of section header (str) to ``added``, ``removed`` and ``moved`` (lists of str:
    directives that are new, gone, or the same in another place) and ``section`` (str: ``added``,
    ``removed`` or ``moved``), each only where it applies; empty when the two say the same. Secrets
    are shown as they are given: ``plan`` compares a file and masks them.

    CLI Example:

    .. code-block:: bash

        salt proxy haproxy_cfg.diff '{"defaults": ["retries 2"]}' '{"defaults": ["retries 3"]}'
    """
    return comparison.diff(old, new)


def check(
    path: str = CONFIG_FILE, text: str | None = None, program: str | None = None
) -> dict[str, Any]:
    """
    Ask HAProxy whether it would take a configuration, by ``haproxy -c``.

    path
        The file to judge; with ``text``, the file that the text is meant for. Default:
        /etc/haproxy/haproxy.cfg.

    text
        Judge this text in place of the file's. Default: None.

    program
        The HAProxy that is asked, by its absolute path. Default: the one that is installed.

    Returns ``valid`` (bool, always true) and ``warnings`` (list of str). Raises
    CommandExecutionError with HAProxy's words when it refuses, does not answer within 30 s, or is
    not installed, and SaltInvocationError as ``read`` does.

    CLI Example:

    .. code-block:: bash

        salt proxy haproxy_cfg.check
    """
    if text is None:
        text = installed_file.read(path)["text"]
    warnings = judge(path, of_text(text, _known()), __salt__["cmd.run_all"], program)
    if warnings is None:
        raise CommandExecutionError("haproxy is not installed: nothing can judge its configuration")
    return {"valid": True, "warnings": warnings}


def read(path: str = CONFIG_FILE) -> dict[str, Any]:
    """
    Return the configuration file in place, with every secret masked.

    path
        The file to read. Default: /etc/haproxy/haproxy.cfg.

    Returns ``text``, ``user``, ``group`` and ``mode`` (str, the mode like ``0640``). Raises
    CommandExecutionError when the file is not there or cannot be read, SaltInvocationError when the
    pillar's ``haproxy:sections`` is no configuration, since it tells what is a secret.

    CLI Example:

    .. code-block:: bash

        salt proxy haproxy_cfg.read
    """
    current = installed_file.read(path)
    return {**current, "text": of_text(current["text"], _known()).shown}


def plan(
    name: str = CONFIG_FILE,
    sections: Mapping[str, Any] | None = None,
    nodes: Mapping[str, Any] | None = None,
    user: str = "root",
    group: str = "haproxy",
    mode: str = "0640",
    service: str | None = "haproxy",
) -> dict[str, Any]:
    """
    Return what ``write`` would change, and ask HAProxy about it, without changing anything.

    name
        The file, as an absolute path. Default: /etc/haproxy/haproxy.cfg.

    sections
        Section headers and their lists of directives. By default the pillar's ``haproxy:sections``
        over the default ones.

    nodes
        The table of nodes for ``servers``. By default the pillar's ``cluster:nodes``.

    user
        The file's owner. Default: root.

    group
        The file's group. Default: haproxy.

    mode
        The file's mode, octal. Default: 0640.

    service
        The service that ``write`` would reload; None: the process is not looked at. Default:
        haproxy.

    Returns ``changes`` (dict: ``sections`` as ``diff`` returns them with secrets masked, ``user``,
    ``group`` and ``mode`` with ``old`` and ``new``, and in rare cases ``layout``, ``replaced`` or
    ``process``, a sentence each; the last says that the running HAProxy has not loaded the file),
    ``content`` (bool: the text differs), ``judged`` (bool: false when HAProxy was needed and is not
    installed) and ``warnings`` (list of str, HAProxy's). Raises SaltInvocationError when the data
    is no configuration, CommandExecutionError when HAProxy refuses it.

    CLI Example:

    .. code-block:: bash

        salt proxy haproxy_cfg.plan
    """
    owner = installed_file.owner_of(user, group, mode)
    installed_file.check_name(name)
    return update.plan(name, _load(sections, nodes), owner, service, __salt__["cmd.run_all"])[0]


def write(
    name: str = CONFIG_FILE,
    sections: Mapping[str, Any] | None = None,
    nodes: Mapping[str, Any] | None = None,
    user: str = "root",
    group: str = "haproxy",
    mode: str = "0640",
    service: str | None = "haproxy",
) -> dict[str, Any]:
    """
    Bring the file to what the pillar describes, if HAProxy takes it, and reload a running HAProxy.

    The file before is kept beside it as ``NAME.bak``, one of them. A reload that fails, or after
    which no new process answers on the runtime socket within 10 s, puts it back, so that the file
    in place is the one that HAProxy runs. A HAProxy that has not loaded its files is reloaded, too.

    name
        The file, as an absolute path. Default: /etc/haproxy/haproxy.cfg.

    sections
        Section headers and their lists of directives. By default the pillar's ``haproxy:sections``
        over the default ones.

    nodes
        The table of nodes for ``servers``. By default the pillar's ``cluster:nodes``.

    user
        The file's owner. Default: root.

    group
        The file's group. Default: haproxy.

    mode
        The file's mode, octal. Default: 0640.

    service
        The service to reload when it is running; None for no reload. Default: haproxy.

    Returns what ``plan`` returns, and ``backup`` (str or None: the path of the file before) and
    ``reloaded`` (bool). Raises SaltInvocationError when the data is no configuration,
    CommandExecutionError when HAProxy refuses it or is not there to judge it, or the file or the
    reload fails.

    CLI Example:

    .. code-block:: bash

        salt proxy haproxy_cfg.write
    """
    owner = installed_file.owner_of(user, group, mode)
    installed_file.check_name(name)
    return update.write(
        name,
        _load(sections, nodes),
        owner,
        service,
        run=__salt__["cmd.run_all"],
        running=__salt__["service.status"],
        reload_service=__salt__["service.reload"],
    )


def servers(socket: str = RUNTIME_SOCKET, timeout: float = 2.0) -> list[dict[str, Any]]:
    """
    Return the servers as the running HAProxy sees them.

    socket
        HAProxy's runtime socket. Default: /run/haproxy/admin.sock.

    timeout
        Seconds to wait for its answer. Default: 2.0.

    Returns a list of mappings with ``section``, ``server``, ``address`` (str), ``port``, ``weight``
    (int), ``state`` (str: ``up``, ``down``, ``starting`` or ``stopping``) and ``admin`` (str:
    ``ready``, ``drain`` or ``maint``). Raises CommandExecutionError when HAProxy does not answer.

    CLI Example:

    .. code-block:: bash

        salt proxy haproxy_cfg.servers
    """
    return runtime.servers(socket, timeout)


def set_server(
    section: str, server: str, admin: str, socket: str = RUNTIME_SOCKET, test: bool = False
) -> dict[str, str]:
    """
    Tell the running HAProxy to use a server, to send it nobody new, or not to use it.

    The next reload forgets it: it is for now, and ``mysql_maintenance.drain`` tells all balancers
    at once.

    section
        The section that the server is in, without its keyword: ``mysql-cluster``.

    server
        The server's name in it.

    admin
        ``ready``: used as its checks say. ``drain``: sessions go on, new ones go elsewhere.
        ``maint``: not used and not checked; sessions go on where ``on-marked-down`` does not end
        them.

    socket
        HAProxy's runtime socket. Default: /run/haproxy/admin.sock.

    test
        Check all that is checked, and change nothing. Default: False.

    Returns a mapping with ``old`` and ``new``. Raises SaltInvocationError when there is no such
    server or state, CommandExecutionError when HAProxy does not answer or refuses.

    CLI Example:

    .. code-block:: bash

        salt proxy haproxy_cfg.set_server mysql-cluster mysql-2 drain
    """
    return runtime.set_server(section, server, admin, socket, test)


def stats(socket: str = RUNTIME_SOCKET, timeout: float = 2.0) -> list[dict[str, Any]]:
    """
    Return the counters of the running HAProxy, as its stats page shows them.

    socket
        HAProxy's runtime socket. Default: /run/haproxy/admin.sock.

    timeout
        Seconds to wait for its answer. Default: 2.0.

    Returns a list of mappings, one for each section's ``FRONTEND``, ``BACKEND`` and servers, with
    HAProxy's own names (``pxname``, ``svname``, ``status``, ``scur``...): numbers as int, all else
    as str, empty ones left out, and those of its extra modules too. Raises CommandExecutionError
    when HAProxy does not answer.

    CLI Example:

    .. code-block:: bash

        salt proxy haproxy_cfg.stats
    """
    return runtime.stats(socket, timeout)
