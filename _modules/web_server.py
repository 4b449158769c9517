"""Apache and PHP: their pillar checked, their files judged, and the drain of a web server."""

from __future__ import annotations

import datetime
import grp
import os
import pwd
import shlex
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from salt.exceptions import CommandExecutionError
from web_config import apache as apache_pillar
from web_config import certificate as certificates
from web_config import draining, module_links
from web_config import php as php_pillar
from web_config.judge import judge
from whole_file import write_whole

if typing.TYPE_CHECKING:
    __salt__: dict[str, Callable[..., Any]]
    __grains__: dict[str, Any]


def apache(merged: Mapping[str, Any], needed: Sequence[str]) -> dict[str, Any]:
    """
    Return the settings of Apache as its files take them.

    merged
        The pillar's ``apache`` over the formula's defaults.

    needed
        The modules that the formula needs, whatever the pillar says.

    Returns ``merged`` (dict) with ``modules`` (list of str), ``headers`` (dict, the values quoted),
    ``tls``, ``server_name`` and ``scheme`` (``http`` or ``https``) worked out. Raises
    SaltInvocationError that names the key that is wrong, and what would be right.

    CLI Example:

    .. code-block:: bash

        salt web web_server.apache "$SETTINGS" '[rewrite]'
    """
    return apache_pillar.settings(merged, needed, __grains__["id"])


def php(merged: Mapping[str, Any], limit_request_body: int) -> dict[str, Any]:
    """
    Return the settings of PHP as its files take them.

    merged
        The pillar's ``php`` over the formula's defaults.

    limit_request_body
        Bytes that Apache lets through; PHP's limits agree with it.

    Returns ``merged`` (dict) with ``ini`` (dict, the values as php.ini spells them), and where it
    has a ``version``, ``packages`` with that in their names. Raises SaltInvocationError that names
    the key that is wrong, such as a version that this machine has not and cannot install.

    CLI Example:

    .. code-block:: bash

        salt web web_server.php "$SETTINGS" 1048576
    """
    result = php_pillar.settings(merged, limit_request_body)
    if merged["version"]:
        found = php_pillar.version(merged["version"], merged["packages"], _known)
        result["version"], result["packages"] = found
    return result


def _known(package: str) -> str:
    """Return the version of a package that is installed, or else of the one that would be."""
    for question in ("pkg.version", "pkg.latest_version"):
        options = {"refresh": False} if question == "pkg.latest_version" else {}
        found = __salt__[question](package, **options)
        if isinstance(found, str) and found:
            return found
    return ""


def plan(
    name: str,
    source: str,
    context: Mapping[str, Any],
    tree: str,
    check: str,
    links: Sequence[str] = (),
    awaits: Sequence[str] = (),
) -> dict[str, Any]:
    """
    Return what ``write`` would change of a file, and have the program judge it.

    name
        The file, in ``tree``.

    source
        Its template, as ``salt://`` has it.

    context
        What the template is given.

    tree
        The folder of the program's configuration.

    check
        The command by which the program judges a configuration, with ``{tree}`` for its folder.

    links
        Files ``X-enabled/Y`` of the folder that are links to ``X-available/Y`` by then. Default:
        ().

    awaits
        Files and programs without which nothing can be judged. Default: ().

    Returns ``changes`` (dict: ``old`` and ``new``, the lines that go and come; empty where the file
    is as it should be), ``judged`` (bool: false where one of ``awaits`` is missing) and ``text``
    (str). Raises CommandExecutionError with the program's words when it refuses.

    CLI Example:

    .. code-block:: bash

        salt web web_server.plan /etc/php/8.4/fpm/a.conf salt://a.conf '{}' /etc/php/8.4/fpm true
    """
    text = _rendered(name, source, context)
    old = _in_place(name)
    ready = True
    if old != text:
        ready = Path(tree).is_dir() and all(Path(path).exists() for path in awaits)
        if ready:
            judge(name, text, tree, shlex.split(check), links, __salt__["cmd.run_all"])
    return {"changes": _changes(old, text), "judged": ready, "text": text}


def write(
    name: str,
    source: str,
    context: Mapping[str, Any],
    tree: str,
    check: str,
    links: Sequence[str] = (),
    awaits: Sequence[str] = (),
) -> dict[str, Any]:
    """
    Bring a file to what its template says, once the program takes the whole configuration with it.

    name, source, context, tree, check, links, awaits
        As for ``plan``.

    Returns what ``plan`` returns. Raises CommandExecutionError when the program refuses it or
    cannot judge it, or the file cannot be written; the file in place is then as it was.

    CLI Example:

    .. code-block:: bash

        salt web web_server.write /etc/apache2/conf-available/a.conf salt://a.conf '{}' \\
            /etc/apache2 '/usr/sbin/apache2 -t -d {tree}'
    """
    planned = plan(name, source, context, tree, check, links, awaits)
    if not planned["changes"]:
        return planned
    if not planned["judged"]:
        missing = next((path for path in [tree, *awaits] if not Path(path).exists()), tree)
        raise CommandExecutionError(f"{name} cannot be judged, since there is no {missing}")
    root = (pwd.getpwuid(os.geteuid()).pw_uid, grp.getgrgid(os.getegid()).gr_gid)
    try:
        write_whole(Path(name), planned["text"], 0o644, root)
    except OSError as err:
        raise CommandExecutionError(f"{name} cannot be written: {err.strerror}") from err
    return planned


def disable_module(name: str, tree: str, check: str, test: bool = False) -> list[str]:
    """
    Disable a module of Apache's, once Apache takes its configuration without that.

    name, tree
        The module as a2enmod names it, and the folder of Apache's configuration.

    check
        The command by which Apache judges a configuration, with ``{tree}`` for its folder.

    test
        Only tell what would go, and judge nothing. Default: False.

    Returns a list of str: the links that are gone, below the folder. Apache is not reloaded. Raises
    CommandExecutionError with Apache's words if the configuration needs the module.

    CLI Example:

    .. code-block:: bash

        salt web web_server.disable_module ssl /etc/apache2 \\
            check='env APACHE_CONFDIR={tree} apache2ctl configtest' test=True
    """
    return module_links.disable_module(
        name, tree, shlex.split(check), __salt__["cmd.run_all"], test
    )


def check_pair(certificate: str, key: str) -> str:
    """
    Refuse a certificate and a key that Apache could not start with.

    certificate, key
        The two files, in PEM form.

    Returns str: a warning if the certificate has ended or will within 14 days, else the empty text.
    Raises CommandExecutionError that names both, when one is not there, they do not fit, or the key
    has a passphrase.

    CLI Example:

    .. code-block:: bash

        salt web web_server.check_pair /etc/ssl/web.pem /etc/ssl/private/web.key
    """
    certificates.check_pair(certificate, key)
    return certificates.end_warning(certificate, datetime.datetime.now(datetime.timezone.utc))


def take_certificate(
    certificate: str, key: str, host: str, service: str, port: int = 443, test: bool = False
) -> bool:
    """
    Reload the web server if it runs with another certificate than the file has.

    certificate, key
        The two files, in PEM form.

    host
        The name that the server is asked for, on 127.0.0.1.

    service
        The service to reload.

    port
        The port of TLS. Default: 443.

    test
        Only tell. Default: False.

    Returns whether it was, or is to be, reloaded (bool); false where no server answers. Raises
    CommandExecutionError when the two do not fit, or the server does not show the certificate
    within 10 s of the reload.

    CLI Example:

    .. code-block:: bash

        salt web web_server.take_certificate /etc/ssl/web.pem /etc/ssl/private/web.key \\
            web.example.com apache2
    """
    certificates.check_pair(certificate, key)
    old = certificates.is_old(certificate, host, port)
    if old and not test:
        certificates.take(certificate, host, port, lambda: __salt__["service.reload"](service))
    return old


def drain(reason: str, seconds: float = 60, test: bool = False) -> dict[str, Any]:
    """
    Have the balancers send this web server nobody new, and wait for the requests that it is at.

    Its health page (pillar ``cluster:web:health``) answers all but the machine itself with 404 from
    then on, until ``undrain`` or a boot.

    reason
        What is told of it.

    seconds
        How long to wait for these requests. Default: 60.

    test
        Check all that is checked, and change nothing. Default: False.

    Returns a dict: ``old`` and ``new`` reason, and ``busy``, how many connections of balancers are
    still open. Raises SaltInvocationError without a reason, CommandExecutionError where no other
    web server answers its health page.

    CLI Example:

    .. code-block:: bash

        salt web2 web_server.drain reason='a new kernel'
    """
    others = {name: ip for name, ip in __salt__["cluster.nodes"]("web").items() if name != _own()}
    balancers = __salt__["cluster.nodes"]("proxy").values()
    return draining.drain(reason, seconds, others, balancers, _asked, test)


def drained() -> str:
    """
    Return why this web server is drained.

    Returns str, the empty one where it is not.

    CLI Example:

    .. code-block:: bash

        salt 'web*' web_server.drained
    """
    return draining.drained()


def undrain(seconds: float = 60) -> dict[str, str]:
    """
    End a drain, and wait until the balancers send this web server clients again.

    seconds
        How long to wait until it answers its health page. Default: 60.

    Returns a dict: ``old`` and ``new`` reason, the new one empty. Raises CommandExecutionError
    where it does not answer its health page in time; its drain has ended all the same.

    CLI Example:

    .. code-block:: bash

        salt web2 web_server.undrain
    """
    return draining.undrain(seconds, _serves)


def await_health(seconds: float = 60) -> bool:
    """
    Wait until this web server answers its health page, as after a boot.

    seconds
        How long to wait for it. Default: 60.

    Returns True. Raises CommandExecutionError where it does not answer in time.

    CLI Example:

    .. code-block:: bash

        salt web2 web_server.await_health
    """
    draining.await_health(seconds, _serves)
    return True


def _own() -> str:
    return str(__grains__["id"])


def _serves() -> bool:
    """Tell whether this web server answers as balancers want it."""
    return _asked(__salt__["cluster.nodes"]("web").get(_own(), "127.0.0.1"))


def _asked(address: str) -> bool:
    """Tell whether the web server at an address answers as balancers want it."""
    web = __salt__["cluster.web"]()
    tls = __salt__["config.get"]("apache:tls", default={}) or {}
    scheme = "https" if tls.get("certificate") or tls.get("self_signed") else "http"
    return draining.answers(address, scheme, web["health"], web["host"] or address)


def _in_place(name: str) -> str | None:
    """Return what the file holds, or None where there is none."""
    try:
        return Path(name).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
    except OSError as err:
        raise CommandExecutionError(f"{name} cannot be read: {err.strerror}") from err


def _changes(old: str | None, text: str) -> dict[str, Any]:
    """Return the lines that go and come, or nothing where the two are the same."""
    if old == text:
        return {}
    before, after = (old or "").splitlines(), text.splitlines()
    return {
        "old": [line for line in before if line not in after],
        "new": [line for line in after if line not in before],
    }


def _rendered(name: str, source: str, context: Mapping[str, Any]) -> str:
    """Return what a template of the file server makes of its context."""
    template = __salt__["cp.get_file_str"](source)
    if not isinstance(template, str):
        raise CommandExecutionError(f"{source}, the template of {name}, is not on the file server")
    text = __salt__["file.apply_template_on_contents"](template, "jinja", dict(context), {}, "base")
    if not isinstance(text, str):
        raise CommandExecutionError(f"{source}, the template of {name}, cannot be rendered: {text}")
    return text if text.endswith("\n") else f"{text}\n"
