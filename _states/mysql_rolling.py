"""
Keep machines restarted, upgraded and rebooted, one after the other.
====================================================================

The states ask, call :py:mod:`mysql_rolling <_modules.mysql_rolling>` and report; they decide
nothing. ``orch.restart``, ``orch.upgrade`` and ``orch.reboot`` apply them to the master's minion.

.. code-block:: yaml

    mysql-restart-members-restarted:
      mysql_rolling.members_restarted:
        - name: pending
        - machines: [db2]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from salt.exceptions import CommandExecutionError, SaltInvocationError
from state_report import failed, predicted, unchanged

__virtualname__ = "mysql_rolling"


def __virtual__() -> str:
    return __virtualname__


def members_restarted(
    name: str,
    machines: list[str] | None = None,
    settle: float = 5,
    roles: list[str] | None = None,
    outage: list[str] | None = None,
    window: str = "",
) -> dict[str, Any]:
    """
    Make sure that members have been restarted, one after the other, the writer's last; and what
    balancers and web servers run, where they are asked for.

    A dry run shows the order, and what has to be so with its present answer; it fails where the run
    would be refused.

    name
        ``pending``: those with an option that waits for a restart, or with services that run from
        files in whose place others have come, so that a second run finds nothing to do. ``all``:
        each of them, whenever it is called.

    machines
        A list of declared names of role ``db``, ``proxy`` or ``web``: no others. Default: all of
        ``roles``.

    settle
        Seconds between a machine that is back and the next one. Default 5.

    roles
        A list of ``db``, ``proxy`` and ``web``. Default: ``db``.

    outage
        A list of machines whose work no other one does, which is accepted. Default: none.

    window
        Times of day such as ``02:00-04:00``: no turn begins outside of it. Default: any time.
    """
    ret = unchanged(name, "No member waits for a restart")
    told = {"only": name, "machines": machines, "settle": settle}
    told |= _others(roles, outage, window)
    try:
        planned = __salt__["mysql_rolling.plan"](**told)
        order = planned["machines"]
        if planned["refused"]:
            raise CommandExecutionError(f"No {_each(planned)} is restarted: {planned['refused']}")
        if not order and not planned["continues"]:
            ret["comment"] = f"No {_each(planned)} waits for a restart"
            return ret
        ret["changes"] = {"restarted": order}
        if __opts__["test"]:
            return predicted(ret, _shown(planned, "restarted", _beside(planned)))
        done = __salt__["mysql_rolling.restart"](**told)
        return _reported(ret, done, "restarted")
    except (CommandExecutionError, SaltInvocationError) as err:
        return failed(ret, err)


def members_upgraded(
    name: str,
    machines: list[str] | None = None,
    settle: float = 5,
    roles: list[str] | None = None,
    outage: list[str] | None = None,
    window: str = "",
) -> dict[str, Any]:
    """
    Make sure that MySQL's packages have a version on all members, which take turns to get it; and
    those of balancers and web servers the one that apt has, where they are asked for.

    A dry run fetches apt's lists and shows the order, and what has to be so with its present
    answer; it fails where the run would be refused.

    name
        The version of MySQL's packages, such as ``9.7.4-2``, or ``newest``: what a run that was
        broken off was at, else what apt would install.

    machines
        A list of declared names of role ``db``, ``proxy`` or ``web``: no others. Default: all of
        ``roles``.

    settle
        Seconds between a machine that is back and the next one. Default 5.

    roles
        A list of ``db``, ``proxy`` and ``web``. Default: ``db``.

    outage
        A list of web servers whose work no other one does, which is accepted. Default: none.

    window
        Times of day such as ``02:00-04:00``: no turn begins outside of it. Default: any time.
    """
    ret = unchanged(name, "All members have that version")
    version = "" if name == "newest" else name
    told = {"version": version, "machines": machines, "settle": settle}
    told |= _others(roles, outage, window)
    try:
        planned = __salt__["mysql_rolling.upgrade_plan"](**told)
        order = planned["machines"]
        if planned["refused"]:
            raise CommandExecutionError(f"No {_each(planned)} is upgraded: {planned['refused']}")
        if not order and not planned["continues"]:
            members = planned["version"] and f"All members have {planned['version']}"
            ret["comment"] = members or "All packages are those that apt would install"
            return ret
        reached = {"version": planned["version"]} if planned["version"] else {}
        ret["changes"] = {"upgraded": order, **reached}
        if __opts__["test"]:
            return predicted(ret, _shown(planned, "upgraded", _beside(planned)))
        # What was planned, whatever comes to apt meanwhile.
        done = __salt__["mysql_rolling.upgrade"](**{**told, "version": planned["version"]})
        return _reported(ret, done, "upgraded")
    except (CommandExecutionError, SaltInvocationError) as err:
        return failed(ret, err)


def machines_rebooted(
    name: str,
    machines: list[str] | None = None,
    outage: list[str] | None = None,
    settle: float = 5,
    window: str = "",
) -> dict[str, Any]:
    """
    Make sure that machines have been rebooted, one after the other.

    A dry run shows the order, what each costs, and what has to be so with its present answer; it
    fails where the run would be refused. The machine of the Salt master is named, and left to a
    person.

    name
        ``pending``: machines that wait for a reboot, so that a second run finds nothing to do.
        ``all``: each of them, whenever it is called.

    machines
        A list of declared names, of any role but ``master``: no others. Default: all.

    outage
        A list of those whose work no other machine does, which is accepted. Default: none.

    settle
        Seconds between a machine that is back and the next one. Default 5.

    window
        Times of day such as ``02:00-04:00``: no turn begins outside of it. Default: any time.
    """
    ret = unchanged(name, "No machine waits for a reboot")
    told = {"only": name, "machines": machines, "outage": outage, "settle": settle}
    told |= _others(None, None, window)
    try:
        planned = __salt__["mysql_rolling.reboot_plan"](**told)
        order = planned["machines"]
        hand = "".join(f"\n{sentence}" for sentence in planned["by_hand"].values())
        if planned["refused"]:
            raise CommandExecutionError(f"No machine is rebooted: {planned['refused']}")
        if not order and not planned["continues"]:
            ret["comment"] += hand
            return ret
        ret["changes"] = {"rebooted": order}
        if __opts__["test"]:
            lines = [f"{machine}: {why}" for machine, why in planned["pending"].items()]
            lines += [f"{machine} costs: {why}" for machine, why in planned["costs"].items()]
            shown = _shown({**planned, "pending": {}}, "rebooted", lines)
            return predicted(ret, shown + hand)
        ret = _reported(ret, __salt__["mysql_rolling.reboot"](**told), "rebooted")
        ret["comment"] += hand
        return ret
    except (CommandExecutionError, SaltInvocationError) as err:
        return failed(ret, err)


def _others(roles: list[str] | None, outage: list[str] | None, window: str) -> dict[str, Any]:
    """The arguments that few calls have, where they were given."""
    more = {"roles": roles, "outage": outage, "window": window}
    return {name: value for name, value in more.items() if value}


def _each(planned: Mapping[str, Any]) -> str:
    """What takes turns."""
    return "machine" if "packages" in planned else "member"


def _beside(planned: Mapping[str, Any]) -> list[str]:
    """What comes to machines beside the members, and what that costs, in lines."""
    lines = [f"{name}: {what}" for name, what in planned.get("packages", {}).items() if what]
    return lines + [f"{name} costs: {why}" for name, why in planned.get("costs", {}).items()]


def _reported(ret: dict[str, Any], done: Mapping[str, Any], past: str) -> dict[str, Any]:
    """Say what a run did, and why it ended early where it did."""
    ret["changes"] = {**ret["changes"], past: done[past]} if done[past] else {}
    ret["comment"] = f"{past.capitalize()}: {', '.join(done[past]) or 'none'}"
    if done["gave_up"]:
        ret["comment"] += f". Given up: {done['gave_up']}"
    if done["problem"]:
        ret["result"] = False
        ret["comment"] += f". It ended early: {done['problem']}"
    return ret


def _shown(planned: Mapping[str, Any], past: str = "restarted", more: Sequence[str] = ()) -> str:
    """Return a plan in lines."""
    lines = [f"Would be {past}, in this order: {', '.join(planned['machines']) or 'none'}"]
    lines += [
        f"{member} has {version}, and would get {planned['version']}"
        for member, version in planned.get("installed", {}).items()
        if member in planned["machines"]
    ]
    if planned["writer"]:
        lines.append(f"The writer's member is {planned['writer']}")
    if planned["continues"]:
        lines.append(f"Continues: {planned['continues']}")
    for member, options in planned["pending"].items():
        lines += [
            f"{member}: {option} is {value['running']}, the file says {value['file']}"
            f" ({value['class']})"
            for option, value in options.items()
        ]
    lines += more
    lines += [f"{gate}: {why or 'yes'}" for gate, why in planned["gates"].items()]
    return "\n".join(lines)
