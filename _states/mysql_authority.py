"""
Keep one authority that signs certificates, and replace it in time or when a call names it.
===========================================================================================

The state asks, calls :py:mod:`mysql_authority <_modules.mysql_authority>` and reports; it decides
nothing. ``orch.authority`` applies it to the master's minion.

.. code-block:: yaml

    tls-replace-authority-current:
      mysql_authority.authority_current:
        - name: authority
        - replace: 3F2A90C1
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from salt.exceptions import CommandExecutionError, SaltInvocationError
from state_report import failed, predicted, unchanged

__virtualname__ = "mysql_authority"

STEPS = {
    "trust": "Would trust the next authority, too",
    "renew": "Would show a certificate of the next authority",
    "narrow": "Would trust the next authority alone",
}


def __virtual__() -> str:
    return __virtualname__


def authority_current(name: str, replace: str | None = None) -> dict[str, Any]:
    """
    Make sure that one authority signs, has more than a third of its time, and is trusted alone.

    A dry run shows the machines in order, and what has to be so with its present answer; it fails
    where the run would be refused.

    name
        A word for the state.

    replace
        The serial number of the present authority, as a text: another one takes its place. One that
        was replaced already is not replaced again. Default: none.
    """
    ret = unchanged(name, "")
    try:
        planned = __salt__["mysql_authority.plan"](serial=replace)
        ret["comment"] = _present(planned)
        if planned["refused"]:
            raise CommandExecutionError(f"No authority is replaced: {planned['refused']}")
        if not (planned["why"] or planned["continues"] or any(planned[step] for step in STEPS)):
            return ret
        ret["changes"] = _changes({**planned, "replaced": planned["why"] and planned["authority"]})
        if __opts__["test"]:
            return predicted(ret, _shown(planned))
        done = __salt__["mysql_authority.replace"](serial=replace)
        ret["changes"] = _changes(done)
        ret["comment"] = "Every database shows a certificate of the one authority that is trusted"
        if done["gave_up"]:
            ret["comment"] += f". Given up: {done['gave_up']}"
        if done["problem"]:
            ret["result"], ret["comment"] = False, f"It ended early: {done['problem']}"
    except (CommandExecutionError, SaltInvocationError) as err:
        return failed(ret, err)
    return ret


def _changes(steps: Mapping[str, Any]) -> dict[str, Any]:
    return {step: steps[step] for step in ("replaced", *STEPS) if steps[step]}


def _present(planned: Mapping[str, Any]) -> str:
    """Return which authority signs, and how to replace it."""
    ends = time.strftime("%Y-%m-%d", time.gmtime(planned["ends"]))
    return (
        f"Authority {planned['authority']} signs until {ends} and is trusted alone; "
        "the argument replace, with that serial number, replaces it"
    )


def _shown(planned: Mapping[str, Any]) -> str:
    """Return a plan in lines."""
    lines = [f"Authority {planned['authority']} would be replaced: {planned['why']}"]
    if not planned["why"]:
        lines = [f"Authority {planned['authority']} would be trusted alone"]
    lines += [f"{what}: {', '.join(planned[step]) or 'none'}" for step, what in STEPS.items()]
    if planned["continues"]:
        lines.append(f"Continues: {planned['continues']}")
    lines += [f"{gate}: {why or 'yes'}" for gate, why in planned["gates"].items()]
    return "\n".join(lines)
