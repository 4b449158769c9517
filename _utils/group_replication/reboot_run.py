"""A rolling reboot as a whole: members as a restart takes them, and the machines around them.

It runs beside the Salt master, and what it is at stands in the group's own row: killed at any
moment, the same call goes on where that one was.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from minions import Answer, Call
from salt.exceptions import CommandExecutionError

from group_replication.operation import LEASE_SECONDS
from group_replication.operation_run import LOOK_SECONDS
from group_replication.reboot import (
    BACKUP,
    BALANCER,
    DATABASE,
    MASTER,
    REBOOTING,
    WEB,
    Site,
    by_hand,
    check_machines,
    cost,
    holder_of,
    in_turns,
    lacks_stand_in,
    left_to_do,
    purpose,
    unaccepted,
)
from group_replication.rolling import Facts, check_arguments, out_of_use
from group_replication.rolling_run import BALANCER_SECONDS, RESTART_SECONDS, Rolling

# Firmware of a server may take minutes before its kernel starts.
BOOT_SECONDS = 900
# By then a machine that was told to reboot has stopped its minion.
DOWN_SECONDS = 180
# How long a minion's word that it has started is waited for before it is asked all the same: a
# question to one that is away takes half a minute, in which that word is not heard.
BOOT_LISTEN_SECONDS = 120.0
LISTEN_SECONDS = 30.0
# Requests and uploads at a web server, a backup under way, and an address get so long.
DRAIN_SECONDS = 60
IDLE_SECONDS = 60.0
MOVE_SECONDS = 10.0
SERVING_SECONDS = 180
KEEPALIVED = "keepalived"
NO_ANSWER = "no answer from its minion"

# Waits until a minion says that it has started, so many seconds at most.
Listen = Callable[[str, float], Any]


class Reboot(Rolling):
    """The reboot of machines, one after the other."""

    work = REBOOTING
    seconds = RESTART_SECONDS + BOOT_SECONDS

    def __init__(
        self,
        call: Call,
        listen: Listen,
        site: Site,
        owner: str,
        *,
        only: str = "all",
        machines: Sequence[str] = (),
        outage: Sequence[str] = (),
        settle: float = 5,
    ) -> None:
        """
        Check the arguments.

        listen
            Waits until a minion says that it has started.

        site
            The table of nodes.

        only
            ``all`` or ``pending``: machines that wait for a reboot.

        machines
            Declared names of any role but the master's: no others. None named is all.

        outage
            Machines whose work nobody does meanwhile, which is accepted.

        call, owner, settle
            As for :py:class:`Rolling`.
        """
        check_machines(site, machines, outage)
        check_arguments(site.roles, only, machines, settle)
        nodes = {name: site.addresses[name] for name in site.of(DATABASE)}
        super().__init__(call, nodes, site.of(BALANCER), owner, settle=settle)
        self._listen, self._site, self._outage = listen, site, outage
        self._only = only
        self._wanted = [
            name
            for name in site.roles
            if site.roles[name] != MASTER and (not machines or name in machines)
        ]
        self._masters = [] if machines else site.of(MASTER)
        self._purpose = purpose(only, machines)
        self._looks: dict[str, Any] = {}

    # ---- what is asked ----

    def _look_at(self, names: Sequence[str]) -> dict[str, Any]:
        """What machines say of themselves by now."""
        told = self._call(names, "machine.look", {}) if names else {}
        for name in names:
            answer = told.get(name, Answer(None, NO_ANSWER))
            self._looks[name] = {"error": answer.error} if answer.error else answer.value
        return {name: self._looks[name] for name in names}

    def _judged(self, facts: dict[str, dict[str, Any]]) -> dict[str, str]:
        self._look_at([*self._wanted, *self._masters])
        left = left_to_do(self._wanted, self._looks, self._only, {})
        return {
            "others do its work, or that is accepted": unaccepted(self._site, left, self._outage)
        }

    def _around(self, facts: Facts) -> dict[str, str]:
        answers = super()._around(facts)
        answers["each machine answers"] = "; ".join(
            f"{name}: {self._looks[name]['error']}"
            for name in self._wanted
            if "error" in self._looks[name]
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

    def _now(self, facts: Facts) -> dict[str, Any]:
        return {
            name: self._looks[name]["boot"]
            for name in self._wanted
            if "error" not in self._looks[name]
        }

    def _machines_known(self) -> Sequence[str]:
        return self._wanted

    def _left(self, role: str) -> list[str]:
        """The machines of a role that are left to do, as they are now."""
        names = [name for name in self._site.of(role) if name in self._wanted]
        return left_to_do(names, self._look_at(names), self._only, self._began)

    def _todo(self, facts: Facts, began: Mapping[str, Any]) -> list[str]:
        return self._left(DATABASE)

    def _order(self, facts: Facts, began: Mapping[str, Any], writer: str | None) -> list[str]:
        todo = left_to_do(self._wanted, self._looks, self._only, began)
        return in_turns(self._site, todo, writer, holder_of(self._site, self._looks))

    def plan(self) -> dict[str, Any]:
        """
        Ask all that is asked before the first reboot, and do nothing.

        Returns as :py:meth:`Rolling.plan` does, but ``pending``: by machine why it waits for a
        reboot. Also ``costs``, machine to what its reboot costs clients, and ``by_hand``, machine
        to how it is rebooted, which this does not do.
        """
        plan = super().plan()
        holder = holder_of(self._site, self._looks)
        costs = {name: cost(self._site, name, holder) for name in plan["machines"]}
        waits = {name: one["waits"] for name, one in self._looks.items() if one.get("waits")}
        hand = [name for name in self._masters if self._only == "all" or name in waits]
        return {
            **plan,
            "pending": waits,
            "costs": {name: why for name, why in costs.items() if why},
            "by_hand": {name: by_hand(name) for name in hand},
        }

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
            self._take(in_turns(self._site, left, None, holder)[0], done)

    def _unserved(self) -> str:
        return self._balanced(self._facts()) or self._webs_unused()

    def _taken(self, member: str) -> bool:
        """Have a machine take its turn; a run that was killed may have told it already."""
        before = self._began.get(member)
        due = self._await_minion(member)["boot"] == before
        if due:
            try:
                self._let_go(member)
                self._tell(member)
            except CommandExecutionError:
                self._take_back(member)
                raise
            self._await_boot(member, before)
        self._bring_back(member)
        return due

    def _tell(self, name: str) -> None:
        """Tell a machine to reboot. Where its answer goes with it, its boot is the answer."""
        function, arguments = "machine.reboot", {"boot": self._began[name]}
        if self._site.roles[name] == DATABASE:
            function, arguments = self.work.step, self._turn(name)
        answer = self._call([name], function, arguments).get(name)
        if answer is not None and answer.error:
            raise CommandExecutionError(f"{name}: {answer.error}")

    def _let_go(self, name: str) -> None:
        """Have nobody use a machine that is about to reboot; a member does that by itself."""
        role = self._site.roles[name]
        if role == BACKUP:
            self._await(
                lambda: (
                    f"{name} is at a backup, a drill or a restore"
                    if self._ask(name, "backup.running", {})
                    else ""
                ),
                IDLE_SECONDS,
                "it is not rebooted",
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
        if role == BALANCER and name == holder_of(self._site, self._look_at([name])):
            self._move_address(name)

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
            f"{name} is not rebooted",
        )

    def _take_back(self, name: str) -> None:
        """Use a machine again that was to be rebooted and is not."""
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

    def _await_minion(self, name: str) -> Mapping[str, Any]:
        """Return what a machine says of itself, which may be booting still."""
        deadline = time.monotonic() + BOOT_SECONDS
        while True:
            one: Mapping[str, Any] = self._look_at([name])[name]
            if "error" not in one:
                return one
            if time.monotonic() >= deadline:
                raise CommandExecutionError(f"{name}: {one['error']} after {BOOT_SECONDS} s")
            self._listen(name, LISTEN_SECONDS)

    def _await_boot(self, name: str, before: Any) -> None:
        """Wait until a machine that was told to reboot runs from another boot."""
        told = time.monotonic()
        while True:
            self._listen(name, BOOT_LISTEN_SECONDS)
            one = self._look_at([name])[name]
            waited = time.monotonic() - told
            if "error" not in one:
                if one["boot"] != before:
                    return
                if waited >= DOWN_SECONDS:
                    raise CommandExecutionError(
                        f"{name} was told to reboot, and still runs {waited:.0f} s later"
                    )
            elif waited >= BOOT_SECONDS:
                raise CommandExecutionError(
                    f"{name} does not come back: {one['error']} for {waited:.0f} s"
                )

    def _bring_back(self, name: str) -> None:
        """Wait until what a machine does for others is done again, by its own word."""
        role = self._site.roles[name]
        if role == DATABASE:
            self._ask(name, self.work.step, self._turn(name))
        if role == WEB:
            # A boot has ended its drain already.
            self._ask(name, "web_server.undrain", {"seconds": SERVING_SECONDS})
            self._ask(name, "web_server.await_health", {"seconds": SERVING_SECONDS})
        if role == BACKUP:
            self._await(lambda: self._not_following(name), SERVING_SECONDS, name)
        if role == BALANCER and self._site.virtual_address:
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
        """Wait until every balancer uses what it is to use, the one that has booted, too."""
        if self._site.roles[member] == DATABASE:
            super()._await_balancers(member)
            return
        self._proceed(f"wait until {member} is used", LEASE_SECONDS)
        self._await(self._unserved, BALANCER_SECONDS, f"{member} has booted")
