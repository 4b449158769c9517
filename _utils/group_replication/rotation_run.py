"""A rotation of passwords as a whole: two are accepted, everybody uses the new one, one is left.

It runs beside the Salt master. How far it is stands in the accounts and on the machines themselves,
so that the same call does what one that was killed has left.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from minion_calls import Answer, Call
from salt.exceptions import CommandExecutionError, SaltInvocationError

from group_replication.model import OFFLINE, ONLINE, joined
from group_replication.operation import LEASE_SECONDS
from group_replication.operation_run import LOOK_SECONDS, Facts, OperationRun
from group_replication.rolling import gates, refusal
from group_replication.rotation import NONE, PILLAR, not_rotatable

PURPOSE = "rotation of passwords"
NO_ANSWER = "no answer from its minion"
# The role of the account that a web server logs in as, or the end of one.
APPLICATION = "application"
# Of what a restart asks, this too.
SHARED_GATES = (
    *("all see one group, whole", "none is far behind", "none is at a clone"),
    *("no schema change", "no other operation"),
)
# How long a change of an account may take to be on every member.
ARRIVE_SECONDS = 60.0
# php-fpm looks every 2 s whether a file has changed, and a request that began before goes on.
SETTLE_SECONDS = 5.0
# What one machine may take for its part: a web server makes its caches anew.
MACHINE_SECONDS = 300
BOTH = "Both passwords are accepted until the same call has come to its end"

Parts = Mapping[str, Mapping[str, Any]]


class Rotation(OperationRun):
    """The rotation of the passwords of all accounts whose password in pillar is another one."""

    def __init__(
        self,
        call: Call,
        nodes: Mapping[str, str],
        others: Mapping[str, Sequence[str]],
        owner: str,
        without: Sequence[str] = (),
    ) -> None:
        """
        Check the arguments.

        call, nodes, owner
            As for every operation.

        others
            The minions of the roles ``web`` and ``backup``.

        without
            Machines that are away: nobody waits for them, and each needs a highstate before it
            serves again.
        """
        known = [*nodes, *others.get("web", ()), *others.get("backup", ())]
        if isinstance(without, str) or not set(without) <= set(known):
            raise SaltInvocationError(f"without is {without!r}; expected a list of {joined(known)}")
        super().__init__(call, nodes, owner)
        self._without = list(without)
        self._members = [name for name in nodes if name not in without]
        self._webs = [name for name in others.get("web", ()) if name not in without]
        self._backups = [name for name in others.get("backup", ()) if name not in without]

    # ---- what is asked ----

    def _answers(
        self, names: Sequence[str], function: str, arguments: Mapping[str, Any]
    ) -> dict[str, Any]:
        """What each machine answers, or a dict with its ``error`` alone."""
        told = self._call(names, function, arguments) if names else {}
        found = {}
        for name in names:
            answer = told.get(name, Answer(None, NO_ANSWER))
            found[name] = {"error": answer.error} if answer.error else answer.value
        return found

    def _parts(self, prints: bool = False) -> dict[str, Any]:
        return self._answers(self._members, "mysql_rotation.look", {"prints": prints})

    def plan(self) -> dict[str, Any]:
        """
        Ask all that is asked before a password is changed, and do nothing.

        Returns what ``mysql_rotation.plan`` does.
        """
        # A function that is called by itself goes by the pillar that its minion has in memory.
        everybody = [*self._members, *self._webs, *self._backups]
        self._call(everybody, "saltutil.refresh_pillar", {"wait": True})
        facts, parts = self._facts(), self._parts(prints=True)
        webs = self._answers(self._webs, "laravel_machine.passwords", {})
        clerk = self._coordinator(facts)
        answers = {
            "each database takes part": _all_take_part(self._members, facts, parts),
            "each web server answers": _errors(webs),
            "all have one pillar": _one_pillar(parts, webs),
            "a member takes writes": "" if clerk else "no declared member takes writes",
        }
        online = {name: ip for name, ip in self._nodes.items() if facts[name]["state"] == ONLINE}
        asked = gates(online, facts, self._owner)
        answers.update({gate: asked[gate] for gate in SHARED_GATES})
        accounts = parts.get(clerk or "", {}).get("accounts", {})
        answers["each password can be rotated"] = "; ".join(
            why for role, one in accounts.items() if (why := not_rotatable(role, one))
        )
        return {
            "purpose": PURPOSE,
            **_left(accounts, parts, webs, self._backups),
            "without": self._without,
            "gates": answers,
            "refused": refusal(answers),
            "continues": "" if answers["no other operation"] else self._continued(facts, PURPOSE),
        }

    # ---- what is done ----

    def run(self) -> dict[str, Any]:
        """
        Rotate what is to be rotated.

        Returns what ``mysql_rotation.rotate`` does.
        """
        plan = self.plan()
        done: dict[str, Any] = {
            "changed": [], "told": [], "discarded": [], "gave_up": "", "problem": plan["refused"]
        }  # fmt: skip
        left = plan["change"] or plan["discard"] or plan["tell"]
        if plan["refused"] or not (left or plan["continues"]):
            return done
        return self._under_row(
            PURPOSE,
            done,
            lambda: self._go_on(plan, done),
            lambda: BOTH if done["changed"] or plan["discard"] else "",
        )

    def _go_on(self, plan: Mapping[str, Any], done: dict[str, Any]) -> None:
        self._proceed("have two passwords accepted")
        done["changed"] = self._write("mysql_rotation.retain", token=self._token)
        self._await("does not have the new passwords", lambda one: one["current"] != PILLAR)
        for name in self._members:
            self._told(name, "mysql_rotation.use", {"token": self._token}, done)
        for name in self._webs:
            self._told(name, "laravel_machine.use_passwords", {}, done)
        accounts = {*done["changed"], *plan["discard"]}
        for name in self._backups if "backup" in accounts else ():
            self._told(name, "state.apply", {"mods": "backup"}, done)
        if accounts:
            time.sleep(SETTLE_SECONDS)
        # Some seconds old by now; what is discarded is gone.
        why = _not_told(self._members, self._parts())
        if why:
            raise CommandExecutionError(why)
        self._proceed("have one password accepted")
        done["discarded"] = self._write("mysql_rotation.discard", token=self._token)
        self._await("still takes an old password", lambda one: one["retained"] != NONE)

    def _told(
        self, name: str, function: str, arguments: Mapping[str, Any], done: dict[str, Any]
    ) -> None:
        """Have one machine use the new passwords; it proves that they are accepted first."""
        self._proceed(f"have {name} use the new passwords", LEASE_SECONDS + MACHINE_SECONDS)
        if self._ask(name, function, arguments):
            done["told"].append(name)

    def _await(self, what: str, late: Callable[[Mapping[str, Any]], bool]) -> None:
        """Wait until what the coordinator has written is on every member that is ONLINE."""
        deadline = time.monotonic() + ARRIVE_SECONDS
        while True:
            facts, parts = self._facts(), self._parts()
            why = [
                f"{name}: {parts[name]['error']}"
                if "error" in parts[name]
                else f"{name} {what} of {joined(accounts)}"
                for name in self._members
                if facts[name]["state"] == ONLINE
                and ("error" in parts[name] or (accounts := _those(parts[name], late)))
            ]
            if not why:
                return
            if time.monotonic() >= deadline:
                raise CommandExecutionError(f"after {ARRIVE_SECONDS:.0f} s {'; '.join(why)}")
            time.sleep(LOOK_SECONDS / 4)


def _those(part: Mapping[str, Any], late: Callable[[Mapping[str, Any]], bool]) -> list[str]:
    return [one["account"] for one in part["accounts"].values() if late(one)]


def _errors(parts: Parts) -> str:
    return "; ".join(f"{name}: {one['error']}" for name, one in parts.items() if "error" in one)


def _one_pillar(parts: Parts, webs: Parts) -> str:
    """Whether databases and web servers would use one password: the one before is accepted, too."""
    of_databases = [_prints(one) for one in parts.values() if "error" not in one]
    for role in dict.fromkeys(role for one in webs.values() for role in _prints(one)):
        wanted = {prints.get(role, "") for prints in of_databases}
        other = [
            name
            for name, one in webs.items()
            if (seen := _prints(one).get(role)) and wanted - {seen}
        ]
        if other:
            return (
                f"the password of {role} in the pillar of {joined(other)} is another one than in "
                "that of the databases; saltutil.refresh_pillar may help"
            )
    return ""


def _prints(one: Mapping[str, Any]) -> dict[str, str]:
    """Return the fingerprints of the applications' passwords, by their roles in pillar."""
    if "error" in one:
        return {}
    # A machine that has not the newest modules yet says nothing of further ones.
    further = one.get("prints", {}).items()
    return {APPLICATION: one["print"], **{f"applications:{n}:{APPLICATION}": p for n, p in further}}


def _is_application(role: str) -> bool:
    """Tell whether a role's account is one that web servers log in as."""
    return role.rpartition(":")[2] == APPLICATION


def _all_take_part(names: Sequence[str], facts: Facts, parts: Parts) -> str:
    """Whether each member can be told; one that is named in ``without`` is not asked."""
    away = []
    for name in names:
        one = facts[name]
        if not one["answers"]:
            away.append(f"{name}: {one['error']}")
        elif one["state"] not in (ONLINE, OFFLINE):
            away.append(f"{name} is {one['state']}")
        elif "error" in parts[name]:
            away.append(f"{name}: {parts[name]['error']}")
    if not away:
        return ""
    return (
        f"{joined(away)}; it would keep the old passwords. Named in without= it is left out, and "
        "needs its highstate before it can join"
    )


def _left(
    accounts: Parts, parts: Parts, webs: Parts, backups: Sequence[str]
) -> dict[str, list[str]]:
    """Return whose password changes, which machines are told, and what is discarded at last."""
    change = [role for role, one in accounts.items() if one["current"] != PILLAR]
    discard = [
        role for role, one in accounts.items() if one["current"] != PILLAR or one["retained"]
    ]
    tell = [
        name
        for name, part in parts.items()
        if {"admin", "recovery"} & {*change} or not (part.get("keeper") and part.get("channel"))
    ]
    tell += [
        name
        for name, part in webs.items()
        if any(map(_is_application, change)) or not part.get("current")
    ]
    tell += backups if "backup" in discard else []
    return {"change": change, "tell": tell, "discard": discard}


def _not_told(names: Sequence[str], parts: Parts) -> str:
    """Which member would be locked out, or the empty text."""
    late = []
    for name in names:
        part = parts[name]
        if "error" in part:
            late.append(f"{name}: {part['error']}")
        elif not (part["keeper"] and part["channel"]):
            late.append(f"{name} does not use the new passwords")
    return joined(late)
