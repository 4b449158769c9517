"""A rolling restart as a whole: members are asked, told one after the other, and waited for.

It runs beside the Salt master, and what it is at stands in the group's own row: killed at any
moment, the same call goes on where that one was.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from minion_calls import Answer, Call
from salt.exceptions import CommandExecutionError

from group_replication.facts import writable_by
from group_replication.operation import LEASE_SECONDS, claimed_over, sentence
from group_replication.operation_run import LOOK_SECONDS, OperationRun, row_of
from group_replication.rolling import (
    RESTARTING,
    Facts,
    Work,
    check_arguments,
    gates,
    in_order,
    left_to_do,
    member_of,
    next_step,
    out_of_use,
    purpose_of,
    refusal,
    sessions_of,
    step_of,
    writer_of,
)
from group_replication.window import outside, window_of

WRITER_SECTION = "mysql-writer"
BALANCED = "each balancer uses every member"
WITHIN = "it is within the window"
# How long members may take to be as a step needs them, such as to apply what they received.
READY_SECONDS = 60.0
BALANCER_SECONDS = 60.0
# A member's stop and start beside its drain: systemd kills a server that takes longer to stop.
RESTART_SECONDS = 300 + 480


class Rolling(OperationRun):
    """The restart of members, one after the other; what else takes turns is a class upon it."""

    work: Work = RESTARTING
    # What one turn may take beside the drain.
    seconds: int = RESTART_SECONDS

    def __init__(
        self,
        call: Call,
        nodes: Mapping[str, str],
        proxies: Sequence[str],
        owner: str,
        *,
        only: str = "all",
        machines: Sequence[str] = (),
        settle: float = 5,
        window: str = "",
    ) -> None:
        """
        Check the arguments.

        call
            Calls a function on minions.

        nodes
            Declared databases and their addresses.

        proxies
            The balancers' minions.

        owner
            Who does it, which is at one operation at a time.

        only, machines
            As for :py:func:`rolling.left_to_do`.

        settle
            Seconds between a member that is back and the next one.

        window
            As for :py:func:`window.window_of`: outside of it no turn begins.
        """
        check_arguments(nodes, only, machines, settle)
        super().__init__(call, nodes, owner)
        self._window = window_of(window)
        self._proxies, self._only, self._machines = proxies, only, machines
        self._settle = settle
        self._purpose = purpose_of(only, machines, self.work)
        self._began: dict[str, Any] = {}

    def _look(self) -> str:
        return self.work.look

    def _judged(self, facts: dict[str, dict[str, Any]]) -> dict[str, str]:
        """What has to be so beside what a restart asks for, with its present answer."""
        return {}

    def _around(self, facts: Facts) -> dict[str, str]:
        """What has to be so of the machines beside the members, with its present answer."""
        return {BALANCED: self._balanced(facts)}

    def _now(self, facts: Facts) -> dict[str, Any]:
        """What is kept of each machine as it is before, by which what is done is known."""
        return {name: one.get("started") for name, one in facts.items() if one["answers"]}

    def _machines_known(self) -> Sequence[str]:
        """The machines that may have a turn."""
        return list(self._nodes)

    def _order(self, facts: Facts, began: Mapping[str, Any], writer: str | None) -> list[str]:
        """The machines that are left to do, in the order of their turns."""
        return in_order(self._todo(facts, began), writer)

    def _todo(self, facts: Facts, began: Mapping[str, Any]) -> list[str]:
        """The members that are left to do, in declared order."""
        return left_to_do(self._nodes, facts, self._only, self._machines, began)

    def _prepare(self, facts: Facts) -> None:
        """What comes before the first member is touched."""

    def _turn(self, member: str) -> dict[str, Any]:
        """The arguments with which a member is told that it is its turn."""
        return {"member": member, "operation": self._token}

    def _outside(self) -> str:
        """Why no turn begins at this time of day, or the empty text."""
        now = time.localtime()
        return outside(self._window, now.tm_hour, now.tm_min)

    def _begin_turn(self, left: Sequence[str]) -> None:
        """Raise where it is too late for another turn; what was begun is not cut."""
        why = self._outside()
        if why:
            raise CommandExecutionError(
                f"{why}. Left to {self.work.verb}: {', '.join(left)}; the same call goes on then"
            )

    def _of_balancers(self, function: str) -> dict[str, Any]:
        """What each balancer answers; raises where one does not."""
        told = self._call(self._proxies, function, {}) if self._proxies else {}
        for name in self._proxies:
            answer = told.get(name, Answer(None, "no answer from its minion"))
            if answer.error:
                raise CommandExecutionError(f"{name}: {answer.error}")
        return {name: told[name].value for name in self._proxies}

    def _writer(self, facts: Facts) -> str | None:
        servers = self._of_balancers("haproxy_cfg.servers")
        stats = self._of_balancers("haproxy_cfg.stats")
        return writer_of(self._nodes, facts, sessions_of(servers, stats, WRITER_SECTION))

    def _unused(self, facts: Facts, name: str) -> str:
        """Which balancer does not use a member that it could, or the empty text."""
        writable = {
            other: facts[other]["answers"] and writable_by(facts[other]) for other in self._nodes
        }
        alike = [self._nodes[other] for other in self._nodes if writable[other] == writable[name]]
        servers = self._of_balancers("haproxy_cfg.servers")
        return out_of_use(servers, self._nodes[name], alike)

    def _balanced(self, facts: Facts) -> str:
        try:
            for name in self._nodes:
                why = self._unused(facts, name)
                if why:
                    return f"{name}: {why}"
        except CommandExecutionError as err:
            return str(err)
        return ""

    def plan(self) -> dict[str, Any]:
        """
        Ask all that is asked before the first restart, and do nothing.

        Returns a dict: ``purpose``; ``machines``, in the order in which they would be restarted;
        ``pending``, what waits for a restart by member; ``writer``; ``gates``, what has to be so to
        "" or why it is not; ``refused``, the first of these sentences or ""; ``continues``, a
        sentence about what was broken off or "".
        """
        # A function that is called by itself goes by the pillar that its minion has in memory.
        self._call(list(self._nodes), "saltutil.refresh_pillar", {"wait": True})
        facts = self._facts(validate=True)
        row = row_of(facts)
        own = self._judged(facts)
        answers = {**gates(self._nodes, facts, self._owner), **own, **self._around(facts)}
        if self._window:
            answers[WITHIN] = self._outside()
        began = self._now(facts)
        continues, at = "", None
        if not answers["no other operation"]:
            claim = claimed_over(row, self._purpose, self._owner, began)
            began = claim["began"]
            if claim["continues"] and row:
                continues, at = sentence(row), self._at(claim["step"])
        writer = None if answers[BALANCED] else self._writer(facts)
        names = [at] if at else []
        names += [name for name in self._order(facts, began, writer) if name != at]
        other = answers["no other operation"] or refusal(own)
        return {
            "purpose": self._purpose,
            "machines": names,
            "pending": {name: one["pending"] for name, one in facts.items() if one.get("pending")},
            "writer": writer,
            "gates": answers,
            # The member that a broken off run was at is brought back first, whatever it is now.
            "refused": other if at or other else refusal(answers),
            "continues": continues,
        }

    def run(self) -> dict[str, Any]:
        """
        Restart what is to be restarted.

        Returns a dict: ``restarted`` (or what else is done), the members in their order;
        ``gave_up``, a sentence about another operation that was broken off, or ""; ``problem``, why
        it ended early, or "".
        """
        plan = self.plan()
        done: list[str] = []
        if plan["refused"] or not (plan["machines"] or plan["continues"]):
            return {self.work.past: done, "gave_up": "", "problem": plan["refused"]}
        facts = self._facts()
        began = self._now(facts)
        try:
            claim = self._write("mysql_operation.begin", purpose=self._purpose, began=began)
        except CommandExecutionError as err:
            return {self.work.past: done, "gave_up": "", "problem": str(err)}
        self._token, self._began = claim["token"], claim["began"]
        problem = ""
        try:
            self._prepare(facts)
            self._go_on(self._at(claim["step"]), done)
            self._write("mysql_operation.end", token=self._token)
        except CommandExecutionError as err:
            problem = str(err)
            self._give_up()
        return {self.work.past: done, "gave_up": claim["gave_up"], "problem": problem}

    def _at(self, step: str) -> str | None:
        return member_of(step, self._machines_known(), self.work)

    def _go_on(self, at: str | None, done: list[str]) -> None:
        """Bring back what a broken off run was at, then take one member after the other."""
        if at:
            self._take(at, done)
        # Each member takes two steps at most: another primary, and its own turn.
        for _ in range(2 * len(self._nodes) + 1):
            facts = self._ready()
            todo = self._todo(facts, self._began)
            step = next_step(self._nodes, facts, todo, self._writer(facts) if todo else None)
            if step.member is None:
                return
            self._begin_turn(todo)
            if step.heir:
                self._hand_over(step.member, step.heir, facts)
            else:
                self._take(step.member, done, facts)
        raise CommandExecutionError(
            f"the members do not stay as they were told: {', '.join(todo)} are left to"
            f" {self.work.verb}"
        )

    def _ready(self) -> dict[str, dict[str, Any]]:
        """Return the members' facts once a step may be taken; raise when that does not come."""
        deadline = time.monotonic() + READY_SECONDS
        while True:
            facts = self._facts()
            why = refusal(gates(self._nodes, facts, self._owner, self._token))
            if not why:
                return facts
            if time.monotonic() >= deadline:
                raise CommandExecutionError(why)
            self._proceed("wait until all members are well")
            time.sleep(LOOK_SECONDS)

    def _hand_over(self, member: str, heir: str, facts: Facts) -> None:
        drain = facts[member]["drain"]
        self._proceed(f"make {heir} primary", LEASE_SECONDS + 2 * drain)
        arguments = {"member": heir, "drain": drain, "operation": self._token}
        self._ask(member, "mysql_gr.set_primary", arguments)

    def _take(self, member: str, done: list[str], facts: Facts | None = None) -> None:
        """Give one member its turn and wait until all that sends clients has it back."""
        drain = facts[member]["drain"] if facts else 600
        self._proceed(step_of(member, self.work), self.seconds + drain)
        try:
            taken = self._taken(member)
        except CommandExecutionError as err:
            raise CommandExecutionError(
                f"{err}. No other {self.work.each} is touched,"
                f" and the same call goes on with {member}"
            ) from err
        if taken:
            done.append(member)
        self._await_balancers(member)
        self._proceed(f"{member} is back", LEASE_SECONDS + int(self._settle))
        time.sleep(self._settle)

    def _taken(self, member: str) -> bool:
        """Have a member take its turn; tell whether it had something to do."""
        return bool(self._ask(member, self.work.step, self._turn(member))[self.work.past])

    def _await_balancers(self, member: str) -> None:
        self._proceed(f"wait until the balancers use {member}", LEASE_SECONDS)
        deadline = time.monotonic() + BALANCER_SECONDS
        facts = self._facts()
        while True:
            why = self._unused(facts, member)
            if not why:
                return
            if time.monotonic() >= deadline:
                raise CommandExecutionError(
                    f"{member} is ONLINE again, and after {BALANCER_SECONDS:.0f} s {why}"
                )
            time.sleep(LOOK_SECONDS / 2)
