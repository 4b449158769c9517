"""Replacing the authority as a whole: all trust both, the next one signs, all trust it alone.

It runs beside the Salt master. How far it is stands in the files of the machines themselves, so
that the same call does what one that was killed has left.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from minion_calls import Answer, Call
from salt.exceptions import CommandExecutionError

from group_replication import authority
from group_replication.authority import Authority, Machine
from group_replication.model import joined
from group_replication.operation import LEASE_SECONDS
from group_replication.operation_run import OperationRun
from group_replication.rolling import gates, refusal

PURPOSE = "replacement of the authority"
# Of what a restart asks, this too.
SHARED_GATES = (
    *("all declared members are ONLINE", "all see one group, whole", "none is at a clone"),
    *("no schema change", "no other operation"),
)
# What one machine may take for its part.
MACHINE_SECONDS = 120
GOES_ON = "Certificates that are shown are trusted by all meanwhile, and the same call goes on"


class Home(NamedTuple):
    """What is done to the files of the master's machine."""

    read: Callable[[], Authority]
    # Make the next authority, which signs nothing yet; have it sign.
    make: Callable[[], None]
    sign_by_next: Callable[[], None]


class Replacement(OperationRun):
    """The replacement of the authority by another one, or what is left of it."""

    def __init__(
        self,
        call: Call,
        nodes: Mapping[str, str],
        others: Sequence[str],
        owner: str,
        home: Home,
        serial: str | None = None,
    ) -> None:
        """
        Take what it is given.

        call, nodes, owner
            As for every operation.

        others
            The minions of other machines that verify databases.

        home
            The files of the master's machine.

        serial
            The serial number of the authority that is to be replaced. None: only where less than a
            third of its time is left, or a replacement was broken off.
        """
        super().__init__(call, nodes, owner)
        self._others, self._home, self._serial = list(others), home, serial

    # ---- what is asked ----

    def _machines(self) -> tuple[dict[str, Machine], dict[str, str]]:
        """What each machine says of its files, and why where it says nothing."""
        names = [*self._nodes, *self._others]
        told = self._call(names, "mysql_authority.look", {})
        found, wrong = {}, {}
        for name in names:
            answer = told.get(name, Answer(None, "no answer from its minion"))
            if answer.error:
                wrong[name] = answer.error
            else:
                value = answer.value
                found[name] = Machine(tuple(value["trusted"]), value["issuer"], value["shown"])
        return found, wrong

    def _look_again(self) -> dict[str, Machine]:
        found, wrong = self._machines()
        if wrong:
            raise CommandExecutionError(_told(wrong))
        return found

    def _of_databases(self, machines: Mapping[str, Machine]) -> dict[str, Machine]:
        return {name: one for name, one in machines.items() if name in self._nodes}

    def plan(self) -> dict[str, Any]:
        """
        Ask all that is asked before a machine trusts another authority, and do nothing.

        Returns what ``mysql_authority.plan`` does.
        """
        has = self._home.read()
        if not has.current:
            raise CommandExecutionError(
                f"there is no {authority.DIRECTORY / authority.CERTIFICATE}; expected what a "
                "highstate of the master's machine makes, with pillar cluster:tls:source ca"
            )
        why = "" if has.next else authority.why_replaced(has, self._serial)
        facts = self._facts()
        machines, wrong = self._machines()
        answers = {"each machine answers": _told(wrong)}
        asked = gates(self._nodes, facts, self._owner)
        answers.update({gate: asked[gate] for gate in SHARED_GATES})
        return {
            "purpose": PURPOSE,
            "authority": authority.serial_of(has.current),
            "ends": authority.ends_of(has.current),
            "why": why or ("it was begun" if has.next else ""),
            **self._left(has, machines, why),
            "gates": answers,
            "refused": refusal(answers),
            "continues": "" if answers["no other operation"] else self._continued(facts, PURPOSE),
        }

    def _left(self, has: Authority, machines: Mapping[str, Machine], why: str) -> dict[str, Any]:
        """Which machines trust another one besides, show another certificate, trust it alone."""
        databases = self._of_databases(machines)
        if why:
            return {"trust": [*machines], "renew": [*databases], "narrow": [*machines]}
        wanted = authority.bundle(has, databases)
        trust = authority.trusting_less(wanted, machines)
        if has.next:
            return {"trust": trust, "renew": [*databases], "narrow": [*machines]}
        wide = authority.trusting_more(has.current, machines)
        return {
            "trust": trust,
            "renew": authority.showing_other(has.current, databases),
            "narrow": [name for name in machines if name in {*wide, *trust}],
        }

    # ---- what is done ----

    def run(self) -> dict[str, Any]:
        """
        Replace what is to be replaced.

        Returns what ``mysql_authority.replace`` does.
        """
        plan = self.plan()
        done: dict[str, Any] = {
            "replaced": "", "trust": [], "renew": [], "narrow": [], "gave_up": "",
            "problem": plan["refused"],
        }  # fmt: skip
        left = plan["why"] or plan["trust"] or plan["renew"] or plan["narrow"]
        if plan["refused"] or not (left or plan["continues"]):
            return done
        return self._under_row(PURPOSE, done, lambda: self._go_on(plan, done), lambda: GOES_ON)

    def _go_on(self, plan: Mapping[str, Any], done: dict[str, Any]) -> None:
        if plan["why"] and not self._home.read().next:
            self._proceed("make the next authority")
            self._home.make()
        has, machines = self._home.read(), self._look_again()
        wanted = authority.bundle(has, self._of_databases(machines))
        for name in authority.trusting_less(wanted, machines):
            both = [*dict.fromkeys((*wanted, *machines[name].trusted))]
            self._tell(name, "trust", {"authorities": both}, done)
        if has.next:
            self._hold(wanted)
            self._proceed("have the next authority sign")
            self._home.sign_by_next()
            done["replaced"] = authority.serial_of(has.current)
        signing = self._home.read().current
        for name in authority.showing_other(signing, self._of_databases(self._look_again())):
            self._tell(name, "renew", {}, done)
        machines = self._look_again()
        late = authority.showing_other(signing, self._of_databases(machines))
        if late:
            raise CommandExecutionError(
                f"{joined(late)} shows no certificate of authority {authority.serial_of(signing)}"
            )
        for name in authority.trusting_more(signing, machines):
            self._tell(name, "narrow", {"authorities": [signing]}, done)

    def _hold(self, wanted: Sequence[str]) -> None:
        """Hold that every machine trusts both, at the last moment before another one signs."""
        late = authority.trusting_less(wanted, self._look_again())
        if late:
            raise CommandExecutionError(f"{joined(late)} does not trust the next authority")

    def _tell(
        self, name: str, step: str, arguments: Mapping[str, Any], done: dict[str, Any]
    ) -> None:
        words = {
            "trust": f"have {name} trust the next authority, too",
            "renew": f"have {name} show a certificate of the next authority",
            "narrow": f"have {name} trust one authority alone",
        }
        self._proceed(words[step], LEASE_SECONDS + MACHINE_SECONDS)
        function = "renew" if step == "renew" else "trust"
        self._ask(name, f"mysql_authority.{function}", arguments)
        done[step].append(name)


def _told(wrong: Mapping[str, str]) -> str:
    return "; ".join(f"{name}: {why}" for name, why in wrong.items())
