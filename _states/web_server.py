"""
The states of the web server: a file is judged, then placed; certificate and key fit and are served.

All logic is in the execution module of the same name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from salt.exceptions import CommandExecutionError, SaltInvocationError
from state_report import failed, predicted, unchanged

if TYPE_CHECKING:
    __salt__: dict[str, Callable[..., Any]]
    __opts__: dict[str, Any]


def managed(
    name: str,
    source: str,
    context: Mapping[str, Any],
    tree: str,
    check: str,
    links: Sequence[str] = (),
    awaits: Sequence[str] = (),
) -> dict[str, Any]:
    """
    Hold a file to what its template says, once its program takes the configuration with it.

    A text that the program refuses leaves the file as it was, so that the next boot finds what
    served before, and fails with the program's words, in test mode too.

    name, source, context
        The file, its template as ``salt://`` has it, and what that is given.

    tree
        The folder of the program's configuration.

    check
        The command by which the program judges it, with ``{tree}`` for the folder.

    links
        Files ``X-enabled/Y`` of the folder that are links to ``X-available/Y`` by then. Default
        none.

    awaits
        Files without which nothing can be judged: those that the run makes before. Default none.

    Returns a state return whose ``changes`` have ``old`` and ``new``, the lines that go and come.
    Raises nothing.

    CLI Example:

    .. code-block:: bash

        salt web state.apply apache.config test=True
    """
    ret = unchanged(name, f"{name} says what it should")
    wanted = (name, source, context, tree, check, links, awaits)
    try:
        plan = __salt__["web_server.plan" if __opts__["test"] else "web_server.write"](*wanted)
    except (CommandExecutionError, SaltInvocationError) as err:
        return failed(ret, err)
    if not plan["changes"]:
        return ret
    ret["changes"] = plan["changes"]
    if __opts__["test"]:
        predicted(ret, f"{name} would be changed")
        if not plan["judged"]:
            ret["comment"] += "; what judges it is not there yet"
        return ret
    ret["comment"] = f"{name} has been changed"
    return ret


def module_disabled(name: str, tree: str, check: str) -> dict[str, Any]:
    """
    Hold that Apache does not load a module, unless its configuration needs it.

    name, tree
        The module as a2enmod names it, and the folder of Apache's configuration.

    check
        The command by which Apache judges a configuration, with ``{tree}`` for its folder.

    Returns a state return whose ``changes`` have ``disabled``, the links that go. Fails with
    Apache's words where the configuration needs the module. Raises nothing.

    CLI Example:

    .. code-block:: bash

        salt web state.apply apache.site test=True
    """
    ret, test = unchanged(name, f"{name} is not enabled"), bool(__opts__["test"])
    try:
        gone = __salt__["web_server.disable_module"](name, tree, check, test=test)
    except CommandExecutionError as err:
        return failed(ret, err)
    if not gone:
        return ret
    ret["changes"] = {"disabled": gone}
    if test:
        return predicted(ret, f"{name} would be disabled")
    ret["comment"] = f"{name} has been disabled"
    return ret


def certificate_good(name: str, key: str) -> dict[str, Any]:
    """
    Hold that a certificate and its key are there and fit.

    name, key
        The two files, in PEM form.

    Returns a state return without ``changes``, with ``warnings`` where the certificate has ended or
    will within 14 days. Its result is None in test mode where they are not good, since what comes
    before may mend that. Raises nothing.

    CLI Example:

    .. code-block:: bash

        salt web state.single web_server.certificate_good /etc/ssl/web.pem \\
            key=/etc/ssl/private/web.key
    """
    ret = unchanged(name, f"{name} and {key} fit")
    try:
        warning = __salt__["web_server.check_pair"](name, key)
        if warning:
            ret["warnings"] = [warning]
    except (CommandExecutionError, SaltInvocationError) as err:
        failed(ret, err)
        if __opts__["test"]:
            ret["result"] = None
    return ret


def certificate_served(
    name: str, key: str, host: str, service: str, port: int = 443
) -> dict[str, Any]:
    """
    Hold that the running server shows the certificate that the file has, by a reload.

    name, key
        The two files, in PEM form.

    host
        The name that the server is asked for, on 127.0.0.1.

    service
        The service to reload.

    port
        The port of TLS. Default 443.

    Returns a state return whose ``changes`` have ``certificate``. Raises nothing.

    CLI Example:

    .. code-block:: bash

        salt web state.apply apache.service test=True
    """
    ret = unchanged(name, f"{host} shows {name}, or does not answer by TLS")
    test = bool(__opts__["test"])
    try:
        old = __salt__["web_server.take_certificate"](name, key, host, service, port, test=test)
    except (CommandExecutionError, SaltInvocationError) as err:
        failed(ret, err)
        if test:
            ret["result"] = None
        return ret
    if not old:
        return ret
    ret["changes"] = {"certificate": f"{host} showed another than {name}"}
    if test:
        return predicted(ret, f"{service} would be reloaded")
    ret["comment"] = f"{service} has been reloaded, and shows {name}"
    return ret
