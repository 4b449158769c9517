"""
Keep the passwords of a group's accounts as pillar declares them.
=================================================================

The state asks, calls :py:mod:`mysql_rotation <_modules.mysql_rotation>` and reports; it decides
nothing. ``orch.rotate`` applies it to the master's minion.

.. code-block:: yaml

    mysql-rotate-passwords-rotated:
      mysql_rotation.passwords_rotated:
        - name: passwords
        - without: [db3]
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from salt.exceptions import CommandExecutionError, SaltInvocationError
from state_report import failed, predicted, unchanged

__virtualname__ = "mysql_rotation"


def __virtual__() -> str:
    return __virtualname__


def passwords_rotated(name: str, without: list[str] | None = None) -> dict[str, Any]:
    """
    Make sure that each account has the password of pillar and no other, and all machines use it.

    A dry run shows the accounts, the machines in order, and what has to be so with its present
    answer; it fails where the run would be refused.

    name
        A word for the state.

    without
        A list of machines that are away: they are not waited for, and each needs a highstate before
        it joins or serves again. Default: none.
    """
    ret = unchanged(name, "Each account has the password of pillar and no other")
    try:
        planned = __salt__["mysql_rotation.plan"](without=without)
        if planned["refused"]:
            raise CommandExecutionError(f"No password is rotated: {planned['refused']}")
        steps = {step: planned[step] for step in ("change", "tell", "discard")}
        if not any(steps.values()) and not planned["continues"]:
            return ret
        ret["changes"] = _changes(planned["change"], planned["tell"], planned["discard"])
        if __opts__["test"]:
            return predicted(ret, _shown(planned))
        done = __salt__["mysql_rotation.rotate"](without=without)
        ret["changes"] = _changes(done["changed"], done["told"], done["discarded"])
        ret["comment"] = "The passwords of pillar are used everywhere, and the old ones are refused"
        if done["gave_up"]:
            ret["comment"] += f". Given up: {done['gave_up']}"
        if done["problem"]:
            ret["result"], ret["comment"] = False, f"It ended early: {done['problem']}"
        elif planned["without"]:
            ret["comment"] += f". Left out: {', '.join(planned['without'])}; each needs a highstate"
    except (CommandExecutionError, SaltInvocationError) as err:
        return failed(ret, err)
    return ret


def _changes(changed: list[str], told: list[str], discarded: list[str]) -> dict[str, list[str]]:
    steps = {"changed": changed, "told": told, "discarded": discarded}
    return {step: names for step, names in steps.items() if names}


def _shown(planned: Mapping[str, Any]) -> str:
    """Return a plan in lines."""
    lines = [
        f"{what}: {', '.join(planned[step]) or 'none'}"
        for step, what in (
            ("change", "Would get another password beside the present one"),
            ("tell", "Would be told, in this order"),
            ("discard", "Would accept the new password alone at last"),
        )
    ]
    if planned["without"]:
        lines.append(f"Left out, and in need of a highstate: {', '.join(planned['without'])}")
    if planned["continues"]:
        lines.append(f"Continues: {planned['continues']}")
    lines += [f"{gate}: {why or 'yes'}" for gate, why in planned["gates"].items()]
    return "\n".join(lines)
