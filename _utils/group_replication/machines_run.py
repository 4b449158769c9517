"""Turns of machines of any role: members as a restart takes them, and the machines around them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from minion_calls import Answer, Call
from salt.exceptions import CommandExecutionError

from group_replication.operation import LEASE_SECONDS
from group_replication.operation_run import LOOK_SECONDS
from group_replication.rolling import Facts, out_of_use
from group_replication.rolling_run import BALANCER_SECONDS, Rolling
from group_replication.stand_in import (
    BACKUP,
    BALANCER,
    DATABASE,
    WEB,
    Site,
    check_names,
    holder_of,
    in_turns,
    lacks_stand_in,
    unaccepted,
)

# Requests and uploads at a web server, a backup under way, and an address get so long.
DRAIN_SECONDS = 60
IDLE_SECONDS = 60.0
MOVE_SECONDS = 10.0
SERVING_SECONDS = 180
KEEPALIVED = "keepalived"
NO_ANSWER = "no answer from its minion"


class Machines(Rolling):
    """What a run over machines does before and after each one's turn, by its role."""

    # Whether machines beside the members are asked, whomever the run is for.
    asks_all = False
    # What a machine has done that is back.
    back = "is back"

    def __init__(
        self,
        call: Call,
        site: Site,
        owner: str,
        *,
        wanted: Sequence[str],
        outage: Sequence[str] = (),
        settle: float = 5,
        window: str = "",
    ) -> None:
        """
        Take the machines that may have a turn.

        site
            The table of nodes.

        wanted
            The machines that the run is for, in declared order.

        outage
            Machines whose work nobody does meanwhile, which is accepted.

        call, owner, settle, window
            As for :py:class:`Rolling`.
        """
        check_names(site, "outage", outage)
        nodes = {name: site.addresses[name] for name in site.of(DATABASE)}
        super().__init__(call, nodes, site.of(BALANCER), owner, settle=settle, window=window)
        self._site, self._wanted, self._outage = site, list(wanted), outage
        self._beside = [name for name in self._wanted if site.roles[name] != DATABASE]
        self._looks: dict[str, Any] = {}

    # ---- what is asked ----

    def _told(self, names: Sequence[str], function: str, **arguments: Any) -> dict[str, Any]:
        """What each machine answers, or its ``error`` alone."""
        told = self._call(names, function, arguments) if names else {}
        found = {}
        for name in names:
            answer = told.get(name, Answer(None, NO_ANSWER))
            found[name] = {"error": answer.error} if answer.error else answer.value
        return found

    def _look_at(self, names: Sequence[str]) -> dict[str, Any]:
        """What machines say of themselves by now."""
        found = self._told(names, "machine.look")
        self._looks |= found
        return found

    def _still(self, names: Sequence[str]) -> list[str]:
        """Which of some machines are left to do, as they are now."""
        raise NotImplementedError

    def _left(self, role: str) -> list[str]:
        """The machines of a role that are left to do, as they are now."""
        return self._still([name for name in self._site.of(role) if name in self._wanted])

    def _missed(self, left: Sequence[str]) -> dict[str, str]:
        """Whether the machines that are left to do are missed by nobody."""
        return {
            "others do its work, or that is accepted": unaccepted(self._site, left, self._outage)
        }

    def _around(self, facts: Facts) -> dict[str, str]:
        answers = super()._around(facts)
        if self._beside or self.asks_all:
            answers["each machine answers"] = "; ".join(
                f"{name}: {self._looks[name]['error']}"
                for name in self._wanted
                if "error" in self._looks.get(name, {})
            )
            answers["each balancer uses every web server"] = self._webs_unused()
        return answers

    def _webs_unused(self) -> str:
        """Which balancer does not use a web server, or the empty text where they use all."""
        if not self._site.balanced:
            return ""
        try:
            servers = self._of_balancers("haproxy_cfg.servers")
        except CommandExecutionError as err:
            return str(err)
        webs = [self._site.addresses[name] for name in self._site.of(WEB)]
        for name in self._site.of(WEB):
            why = out_of_use(servers, self._site.addresses[name], webs)
            if why:
                return f"{name}: {why}"
        return ""

    def _machines_known(self) -> Sequence[str]:
        return self._wanted

    # ---- what is done ----

    def _go_on(self, at: str | None, done: list[str]) -> None:
        """Bring back what a broken off run was at, then one role after the other."""
        if at:
            self._take(at, done)
        self._take_all(BACKUP, done)
        super()._go_on(None, done)
        self._take_all(BALANCER, done)
        self._take_all(WEB, done)

    def _take_all(self, role: str, done: list[str]) -> None:
        for _ in self._site.of(role):
            left = self._left(role)
            if not left:
                return
            self._ready()
            self._await(self._unserved, BALANCER_SECONDS, "it cannot go on")
            holder = holder_of(self._site, self._look_at(self._site.of(BALANCER)))
            self._begin_turn(left)
            self._take(in_turns(self._site, left, None, holder)[0], done)

    def _unserved(self) -> str:
        return self._balanced(self._facts()) or self._webs_unused()

    def _let_go(self, name: str) -> None:
        """Have nobody use a machine that is about to have its turn; a member does so by itself."""
        role = self._site.roles[name]
        if role == BACKUP:
            self._await(
                lambda: (
                    f"{name} is at a backup, a drill or a restore"
                    if self._ask(name, "backup.running", {})
                    else ""
                ),
                IDLE_SECONDS,
                f"it is not {self.work.past}",
            )
        if role == WEB and not lacks_stand_in(self._site, name):
            reason = f"{self._purpose} by {self._owner}"[:200]
            drained = self._ask(
                name, "web_server.drain", {"reason": reason, "seconds": DRAIN_SECONDS}
            )
            if drained["busy"]:
                raise CommandExecutionError(
                    f"{name} still has {drained['busy']} connections of balancers after"
                    f" {DRAIN_SECONDS} s, and is used again"
                )
        holds = role == BALANCER and name == holder_of(self._site, self._look_at([name]))
        if holds and self._ends_sessions(name):
            self._move_address(name)

    def _ends_sessions(self, name: str) -> bool:
        """Whether a balancer's turn ends the sessions by it, so that its address goes first."""
        return True

    def _move_address(self, name: str) -> None:
        """Have another balancer take the virtual address while this one still serves."""
        others = self._site.others(name)
        if not others:
            return
        ready = [one for one in others if self._ask(one, "service.status", {"name": KEEPALIVED})]
        if not ready:
            raise CommandExecutionError(
                f"{KEEPALIVED} runs on no other balancer, and {self._site.virtual_address} is on"
                f" {name}"
            )
        self._ask(name, "service.stop", {"name": KEEPALIVED})
        self._await(
            lambda: (
                ""
                if holder_of(self._site, self._look_at(others))
                else f"no other balancer has taken {self._site.virtual_address}"
            ),
            MOVE_SECONDS,
            f"{name} is not {self.work.past}",
        )

    def _take_back(self, name: str) -> None:
        """Use a machine again whose turn was not begun."""
        role = self._site.roles[name]
        with suppress(CommandExecutionError):
            if role == WEB:
                self._ask(name, "web_server.undrain", {})
            if role == BALANCER and self._site.virtual_address:
                self._ask(name, "service.start", {"name": KEEPALIVED})

    # ---- what is waited for ----

    def _await(self, why: Callable[[], str], seconds: float, what: str) -> None:
        """Wait until there is no reason against it any more; raise with the last one."""
        deadline = time.monotonic() + seconds
        while True:
            reason = why()
            if not reason:
                return
            if time.monotonic() >= deadline:
                raise CommandExecutionError(f"{what}: after {seconds:.0f} s {reason}")
            time.sleep(LOOK_SECONDS / 2)

    def _serve_again(self, name: str) -> None:
        """Wait until what a machine does for others is done again, by its own word."""
        role = self._site.roles[name]
        if role == WEB:
            # A boot has ended its drain already.
            self._ask(name, "web_server.undrain", {"seconds": SERVING_SECONDS})
            self._ask(name, "web_server.await_health", {"seconds": SERVING_SECONDS})
        if role == BACKUP:
            self._await(lambda: self._not_following(name), SERVING_SECONDS, name)
        if role == BALANCER and self._site.virtual_address:
            # A boot has started it already.
            self._ask(name, "service.start", {"name": KEEPALIVED})
            self._await(lambda: self._no_keepalived(name), BALANCER_SECONDS, name)

    def _not_following(self, name: str) -> str:
        try:
            channel = self._ask(name, "backup.status", {})["channel"]
        except CommandExecutionError as err:
            return str(err)
        if (channel["receiver"], channel["applier"]) == ("ON", "ON"):
            return ""
        return f"it does not follow the group: {channel['error'] or 'its channel is off'}"

    def _no_keepalived(self, name: str) -> str:
        running = self._ask(name, "service.status", {"name": KEEPALIVED})
        return "" if running else f"{KEEPALIVED} does not run"

    def _await_balancers(self, member: str) -> None:
        """Wait until every balancer uses what it is to use, the one that has had its turn, too."""
        if self._site.roles[member] == DATABASE:
            super()._await_balancers(member)
            return
        self._proceed(f"wait until {member} is used", LEASE_SECONDS)
        self._await(self._unserved, BALANCER_SECONDS, f"{member} {self.back}")
