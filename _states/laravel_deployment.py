"""
Keep one release of an application, and one key, on all web servers.

The states ask, call :py:mod:`laravel_deployment <_modules.laravel_deployment>` and report; they
decide nothing. ``orch.deploy``, ``orch.rollback`` and ``orch.rotate_key`` apply them to the
master's minion.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from salt.exceptions import CommandExecutionError, SaltInvocationError
from state_report import failed, predicted, unchanged

__virtualname__ = "laravel_deployment"


def __virtual__() -> str:
    return __virtualname__


def deployed(
    name: str, given: dict[str, Any] | None = None, application: str = "laravel"
) -> dict[str, Any]:
    """
    Make sure that all web servers serve what the source makes: all or none of them.

    A dry run shows the plan; it fails where the run would be refused.

    name
        Any text.

    given, application
        As for ``laravel_deployment.deploy``.
    """
    ret = unchanged(name, "All web servers serve it")
    try:
        planned = __salt__["laravel_deployment.plan"](given, application)
        if planned["refused"]:
            raise CommandExecutionError(f"Nothing is deployed: {planned['refused']}")
        if not planned["machines"] and not planned["migrations"]:
            ret["comment"] = f"All web servers serve {planned['release']}"
            return ret
        ret["changes"] = _changes(planned["migrations"], planned["machines"], planned)
        if __opts__["test"]:
            return predicted(ret, _deployment(planned))
        done = __salt__["laravel_deployment.deploy"](given, application)
        ret["changes"] = _changes(done["migrated"], done["switched"], planned)
        ret["comment"] = f"{done['release']} serves"
        return _ended(ret, done, "Not deployed")
    except (CommandExecutionError, SaltInvocationError) as err:
        return failed(ret, err)


def rolled_back(name: str, release: str = "", application: str = "laravel") -> dict[str, Any]:
    """
    Make sure that all web servers serve one earlier release.

    name
        Any text.

    release, application
        As for ``laravel_deployment.rollback``.
    """
    ret = unchanged(name, "All web servers serve it")
    try:
        planned = __salt__["laravel_deployment.rollback_plan"](release, application)
        if planned["refused"]:
            raise CommandExecutionError(f"Nothing is rolled back: {planned['refused']}")
        ret["comment"] = f"All web servers serve {planned['release']}"
        if not planned["machines"]:
            return ret
        ret["changes"] = _changes([], planned["machines"], planned)
        if __opts__["test"]:
            lines = [f"Would serve again: {planned['release']}", *_serving(planned)]
            return predicted(ret, "\n".join([*lines, *_gates(planned)]))
        done = __salt__["laravel_deployment.rollback"](planned["release"], application)
        ret["changes"] = _changes([], done["switched"], planned)
        ret["comment"] = f"{done['release']} serves again. Migrations are as they were"
        return _ended(ret, done, "Not rolled back")
    except (CommandExecutionError, SaltInvocationError) as err:
        return failed(ret, err)


def key_rotated(name: str, application: str = "laravel", key: str = "APP_KEY") -> dict[str, Any]:
    """
    Make sure that all web servers sign with the pillar's key, and accept the one before.

    name
        Any text.

    application, key
        As for ``laravel_deployment.rotate_key``.
    """
    ret = unchanged(name, f"All web servers sign with the pillar's {key}")
    try:
        planned = __salt__["laravel_deployment.rotation_plan"](application, key)
        if planned["refused"]:
            raise CommandExecutionError(f"{key} is not rotated: {planned['refused']}")
        steps = {"accepted": planned["accept"], "signed": planned["sign"]}
        ret["changes"] = {step: names for step, names in steps.items() if names}
        if not ret["changes"]:
            return ret
        if __opts__["test"]:
            lines = [
                f"Would accept the new key first: {', '.join(planned['accept']) or 'none'}",
                f"Would sign with it then: {', '.join(planned['sign']) or 'none'}",
            ]
            return predicted(ret, "\n".join([*lines, *_gates(planned)]))
        done = __salt__["laravel_deployment.rotate_key"](application, key)
        ret["changes"] = {step: done[step] for step in ("accepted", "signed") if done[step]}
        ret["comment"] = f"The new {key} is accepted, and signed with"
        return _ended(ret, done, "Not rotated on all")
    except (CommandExecutionError, SaltInvocationError) as err:
        return failed(ret, err)


def _ended(ret: dict[str, Any], done: Mapping[str, Any], what: str) -> dict[str, Any]:
    if done["problem"]:
        ret["result"], ret["comment"] = False, f"{what}: {done['problem']}"
    return ret


def _changes(
    migrated: list[str], machines: list[str], planned: Mapping[str, Any]
) -> dict[str, Any]:
    release = planned["release"]
    switched = {name: {"old": planned["serves"][name], "new": release} for name in machines}
    return {**({"migrations": migrated} if migrated else {}), **switched}


def _deployment(planned: Mapping[str, Any]) -> str:
    """Return a plan in lines."""
    lines = [f"Would serve: {planned['release']} ({planned['revision']})"]
    lines.append(f"Would be built on: {', '.join(planned['build']) or 'none, it is complete'}")
    told = ", ".join(planned["migrations"])
    lines.append(
        f"Would be migrated: {f'{told}, on ' + planned['migrates'] if told else 'nothing'}"
    )
    return "\n".join([*lines, *_serving(planned), *_gates(planned)])


def _serving(planned: Mapping[str, Any]) -> list[str]:
    lines = [f"Would be switched, in this order: {', '.join(planned['machines']) or 'none'}"]
    return lines + [f"{name} serves {now or 'none'}" for name, now in planned["serves"].items()]


def _gates(planned: Mapping[str, Any]) -> list[str]:
    return [f"{gate}: {why or 'yes'}" for gate, why in planned["gates"].items()]
