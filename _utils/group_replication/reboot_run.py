"""A rolling reboot as a whole: members as a restart takes them, and the machines around them.

It runs beside the Salt master, and what it is at stands in the group's own row: killed at any
moment, the same call goes on where that one was.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from minion_calls import Call
from salt.exceptions import CommandExecutionError

from group_replication.machines_run import Machines
from group_replication.reboot import (
    REBOOTING,
    by_hand,
    check_machines,
    cost,
    left_to_do,
    purpose,
)
from group_replication.rolling import Facts, check_arguments
from group_replication.rolling_run import RESTART_SECONDS
from group_replication.stand_in import DATABASE, MASTER, Site, holder_of, in_turns

# Firmware of a server may take minutes before its kernel starts.
BOOT_SECONDS = 900
# By then a machine that was told to reboot has stopped its minion.
DOWN_SECONDS = 180
# How long a minion's word that it has started is waited for before it is asked all the same: a
# question to one that is away takes half a minute, in which that word is not heard.
BOOT_LISTEN_SECONDS = 120.0
LISTEN_SECONDS = 30.0

# Waits until a minion says that it has started, so many seconds at most.
Listen = Callable[[str, float], Any]


class Reboot(Machines):
    """The reboot of machines, one after the other."""

    work = REBOOTING
    seconds = RESTART_SECONDS + BOOT_SECONDS
    asks_all = True
    back = "has booted"

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
        window: str = "",
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

        call, owner, outage, settle, window
            As for :py:class:`Machines`.
        """
        check_machines(site, machines, outage)
        check_arguments(site.roles, only, machines, settle)
        wanted = [
            name
            for name in site.roles
            if site.roles[name] != MASTER and (not machines or name in machines)
        ]
        super().__init__(
            call, site, owner, wanted=wanted, outage=outage, settle=settle, window=window
        )
        self._listen, self._only = listen, only
        self._masters = [] if machines else site.of(MASTER)
        self._purpose = purpose(only, machines)

    # ---- what is asked ----

    def _judged(self, facts: dict[str, dict[str, Any]]) -> dict[str, str]:
        self._look_at([*self._wanted, *self._masters])
        return self._missed(left_to_do(self._wanted, self._looks, self._only, {}))

    def _now(self, facts: Facts) -> dict[str, Any]:
        return {
            name: self._looks[name]["boot"]
            for name in self._wanted
            if "error" not in self._looks[name]
        }

    def _still(self, names: Sequence[str]) -> list[str]:
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
        if self._site.roles[member] == DATABASE:
            self._ask(member, self.work.step, self._turn(member))
        self._serve_again(member)
        return due

    def _tell(self, name: str) -> None:
        """Tell a machine to reboot. Where its answer goes with it, its boot is the answer."""
        function, arguments = "machine.reboot", {"boot": self._began[name]}
        if self._site.roles[name] == DATABASE:
            function, arguments = self.work.step, self._turn(name)
        answer = self._call([name], function, arguments).get(name)
        if answer is not None and answer.error:
            raise CommandExecutionError(f"{name}: {answer.error}")

    # ---- what is waited for ----

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
