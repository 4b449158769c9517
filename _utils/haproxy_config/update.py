"""What a run would change of the file, and the change: judged, written, reloaded, or put back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from salt.exceptions import CommandExecutionError

from haproxy_config import installed_file, runtime
from haproxy_config.comparison import changes_of
from haproxy_config.judge import judge
from haproxy_config.secrets import conceal
from haproxy_config.sections import Config, loaded_files, runtime_socket

OLD_PROCESS = "HAProxy runs since before its files were written, and has not loaded them"


def plan(
    name: str,
    config: Config,
    owner: Mapping[str, str],
    service: str | None,
    run: Callable[..., Any],
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """
    Return what a run would change, once HAProxy has judged it, and the file in place.

    name, config, owner
        The file, what it is to hold, and its user, group and mode.

    service
        The service that is reloaded; None when nothing is, so that no process is looked at.

    run
        Salt's ``cmd.run_all``.

    Returns ``changes``, ``content``, ``judged`` and ``warnings``, and what
    :py:func:`installed_file.current` returns. Raises CommandExecutionError when HAProxy refuses it.
    """
    current = installed_file.current(name)
    content = current is None or current["text"] != config.text
    warnings = judge(name, config, run) if content else []
    changes = changes_of(current, config, owner)
    if service and not content:
        files = [name, *loaded_files(config.sections)]
        if runtime.is_older_than(files, runtime_socket(config.sections)):
            # What a run leaves behind that ended between the file and the reload.
            changes["process"] = OLD_PROCESS
    planned = {
        "changes": changes,
        "content": content,
        "judged": warnings is not None,
        "warnings": warnings or [],
    }
    return planned, current


def write(
    name: str,
    config: Config,
    owner: Mapping[str, str],
    service: str | None,
    *,
    run: Callable[..., Any],
    running: Callable[[str], bool],
    reload_service: Callable[[str], bool],
) -> dict[str, Any]:
    """
    Bring the file to what it is to hold, and have a running HAProxy take it, or put it back.

    name, config, owner, run
        As for :py:func:`plan`.

    service
        The service to reload when the text changed, or the process has not loaded it, and it is
        running; None for no reload.

    running, reload_service
        Salt's ``service.status`` and ``service.reload``.

    Returns what is planned, ``backup`` (the path of the file before, or None) and ``reloaded``.
    Raises CommandExecutionError when HAProxy is not there to judge, the file cannot be written, or
    the reload fails.
    """
    planned, current = plan(name, config, owner, service, run)
    result: dict[str, Any] = {**planned, "backup": None, "reloaded": False}
    if not planned["changes"]:
        return result
    if not planned["content"]:
        try:
            installed_file.set_owner(name, owner)
        except OSError as err:
            raise CommandExecutionError(f"{name} keeps its owner: {err.strerror}") from err
        if service and "process" in planned["changes"]:
            reload = partial(runtime.reload, running=running, reload_service=reload_service)
            result["reloaded"] = _reload_late(name, config, service, reload)
        return result
    if not planned["judged"]:
        raise CommandExecutionError(
            f"haproxy is not installed, so nothing can judge {name}: install it first"
        )
    if current:
        result["backup"] = f"{name}.bak"
        installed_file.replace(result["backup"], current["text"], owner)
    installed_file.replace(name, config.text, owner)
    if service:
        reload = partial(runtime.reload, running=running, reload_service=reload_service)
        result["reloaded"] = _reload_or_put_back(name, config, owner, current, service, reload)
    return result


def _reload_late(
    name: str, config: Config, service: str, reload: Callable[[str, str], bool]
) -> bool:
    """Reload a service for the file that is in place; there is none to put back."""
    try:
        return reload(service, runtime_socket(config.sections))
    except CommandExecutionError as err:
        raise CommandExecutionError(
            f"{service} did not take the reload, and runs on without what {name} says: "
            f"{conceal(str(err), config.secrets)}"
        ) from err


def _reload_or_put_back(
    name: str,
    config: Config,
    owner: Mapping[str, str],
    before: Mapping[str, Any] | None,
    service: str,
    reload: Callable[[str, str], bool],
) -> bool:
    """Reload a running service; one that does not take it gets the file before again, or none."""
    try:
        return reload(service, runtime_socket(config.sections))
    except CommandExecutionError as err:
        if before:
            installed_file.replace(name, before["text"], owner)
        else:
            Path(name).unlink(missing_ok=True)
        raise CommandExecutionError(
            f"{service} did not take the reload, so {name} says again what it said before: "
            f"{conceal(str(err), config.secrets)}"
        ) from err
