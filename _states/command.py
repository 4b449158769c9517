"""
The states of commands: one has been run, or succeeds.

They are ``cmd.run`` with ``creates`` or ``unless`` without its price: for these two and ``onlyif``,
on whatever state, Salt looks for a function that the state's module does not have, and loads every
module that there is to find it. That takes a minion one to two seconds, so the names here differ.
"""

import os
import shlex
import typing
from collections.abc import Callable, Sequence
from typing import Any

from salt.exceptions import CommandExecutionError

if typing.TYPE_CHECKING:
    __salt__: dict[str, Callable[..., Any]]
    __opts__: dict[str, Any]


def run(
    name: str,
    makes: Sequence[str] = (),
    check: str | None = None,
    umask: str | None = None,
) -> dict[str, Any]:
    """
    Run a command where what it makes is not there.

    name
        The command, without a shell.

    makes
        The files that the command makes. It is not run where all of them are there. Default: ().

    check
        A command, without a shell, that succeeds where the first need not be run. Default: None.

    umask
        The umask of the command, octal. Default: None.

    Returns a state return whose ``changes`` have the command. Raises nothing.

    CLI Example:

    .. code-block:: bash

        salt web state.single command.run 'a2enmod --quiet ssl' \\
            makes='[/etc/apache2/mods-enabled/ssl.load]' test=True
    """
    ret: dict[str, Any] = {
        "name": name,
        "result": True,
        "comment": f"{name} need not be run",
        "changes": {},
    }
    if not makes and not check:
        ret["result"] = False
        ret["comment"] = "makes and check are both empty; expected one of them"
        return ret
    try:
        if _made(makes) or (check and _asked(check)["retcode"] == 0):
            return ret
        ret["changes"] = {"cmd": name}
        if __opts__["test"]:
            ret["result"] = None
            ret["comment"] = f"{name} would be run"
            return ret
        answer = _asked(name, umask=umask)
        ret["comment"] = f"{name} has been run"
        if answer["retcode"] != 0:
            ret["result"] = False
            ret["comment"] = _failure(name, answer)
    except CommandExecutionError as err:
        ret.update(result=False, comment=str(err), changes={})
    return ret


def succeeds(name: str) -> dict[str, Any]:
    """
    Hold that a command succeeds, as a program's check of its own configuration does.

    name
        The command, without a shell, its program as an absolute path. It must change nothing: it is
        run in test mode too, and once in each run.

    Returns a state return without ``changes``. Its result is None in test mode where the command
    fails, since what comes before it in a run may mend that. Raises nothing.

    CLI Example:

    .. code-block:: bash

        salt web state.single command.succeeds '/usr/sbin/apache2ctl configtest'
    """
    ret: dict[str, Any] = {
        "name": name,
        "result": True,
        "comment": f"{name} succeeds",
        "changes": {},
    }
    program = shlex.split(name)[0]
    if not os.access(program, os.X_OK):
        ret["comment"] = f"{program} is not installed"
        return ret
    try:
        answer = _asked(name)
        if answer["retcode"] != 0:
            ret["result"] = None if __opts__["test"] else False
            ret["comment"] = _failure(name, answer)
    except CommandExecutionError as err:
        ret.update(result=False, comment=str(err))
    return ret


def _made(paths: Sequence[str]) -> bool:
    """Return whether there are paths, and something at each of them."""
    return bool(paths) and all(os.path.exists(path) for path in paths)  # noqa: PTH110


def _asked(command: str, **options: Any) -> dict[str, Any]:
    """Run a command without a shell, and leave its failure to the caller to report."""
    answer: dict[str, Any] = __salt__["cmd.run_all"](
        command, python_shell=False, ignore_retcode=True, **options
    )
    return answer


def _failure(command: str, answer: dict[str, Any]) -> str:
    """Return a sentence on a command that failed, with the command's own words."""
    words = "\n".join(filter(None, (answer["stdout"], answer["stderr"])))
    return f"{command} failed with exit code {answer['retcode']}: {words}"
