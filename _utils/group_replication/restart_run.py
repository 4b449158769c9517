"""A rolling restart of services of any role: members, and what balancers and web servers run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from minion_calls import Call
from salt.exceptions import CommandExecutionError

from group_replication.machines_run import Machines
from group_replication.model import joined
from group_replication.reboot import cost
from group_replication.rolling import (
    RESTARTING,
    Facts,
    check_arguments,
    in_order,
    left_to_do,
    purpose_of,
)
from group_replication.stand_in import DATABASE, Site, chosen, holder_of, in_turns, kinds


class Restart(Machines):
    """The restart of members, balancers and web servers, one after the other."""

    work = RESTARTING._replace(each="machine")

    def __init__(
        self,
        call: Call,
        site: Site,
        owner: str,
        *,
        only: str = "all",
        roles: Sequence[str] = (),
        machines: Sequence[str] = (),
        outage: Sequence[str] = (),
        settle: float = 5,
        window: str = "",
    ) -> None:
        """
        Check the arguments.

        only
            ``all`` or ``pending``: members with an option that waits for it, and machines whose
            services run from files in whose place others have come.

        roles, machines
            As for :py:func:`stand_in.chosen`.

        call, site, owner, outage, settle, window
            As for :py:class:`Machines`.
        """
        check_arguments(site.roles, only, machines, settle)
        wanted = chosen(site, roles, machines)
        super().__init__(
            call, site, owner, wanted=wanted, outage=outage, settle=settle, window=window
        )
        self._only = only
        self._purpose = purpose_of(
            only, machines, self.work._replace(each=kinds(roles), awaited="something")
        )
        self._named = [name for name in wanted if site.roles[name] == DATABASE]
        self._seen: dict[str, dict[str, Any]] = {}

    def _left_beside(self, began: Mapping[str, Any]) -> list[str]:
        """The machines beside the members that are left to do, by what they have said."""
        left = []
        for name in self._beside:
            one = self._seen[name]
            if "error" not in one:
                if one["started"] != began.get(name, one["started"]):
                    continue
                if self._only == "pending" and not one["waits"]:
                    continue
            left.append(name)
        return left

    def _judged(self, facts: dict[str, dict[str, Any]]) -> dict[str, str]:
        self._look_at(self._beside)
        self._seen = self._told(self._beside, "packages.readiness")
        errors = (f"{name}: {one['error']}" for name, one in self._seen.items() if "error" in one)
        return {"each machine says what runs": "; ".join(errors), **self._missed(
            self._left_beside({}))}  # fmt: skip

    def _now(self, facts: Facts) -> dict[str, Any]:
        started = {name: one["started"] for name, one in self._seen.items() if "error" not in one}
        return {**super()._now(facts), **started}

    def _still(self, names: Sequence[str]) -> list[str]:
        self._seen |= self._told(names, "packages.readiness")
        return [name for name in self._left_beside(self._began) if name in names]

    def _todo(self, facts: Facts, began: Mapping[str, Any]) -> list[str]:
        if not self._named:
            return []
        return left_to_do(self._nodes, facts, self._only, self._named, began)

    def _order(self, facts: Facts, began: Mapping[str, Any], writer: str | None) -> list[str]:
        todo = [*in_order(self._todo(facts, began), writer), *self._left_beside(began)]
        return in_turns(self._site, todo, writer, holder_of(self._site, self._looks))

    def plan(self) -> dict[str, Any]:
        """
        Ask all that is asked before the first restart, and do nothing.

        Returns as :py:meth:`Rolling.plan` does, with ``packages``, machine to the services of it
        that run from files of before, and ``costs``, machine to what its turn costs clients.
        """
        plan = super().plan()
        holder = holder_of(self._site, self._looks)
        costs = {name: cost(self._site, name, holder) for name in plan["machines"]}
        waits = {name: one["waits"] for name, one in self._seen.items() if one.get("waits")}
        return {
            **plan,
            "packages": {
                name: f"{joined(units)} runs from files of before" for name, units in waits.items()
            },
            "costs": {name: why for name, why in costs.items() if why},
        }

    def _taken(self, member: str) -> bool:
        if self._site.roles[member] == DATABASE:
            return super()._taken(member)
        due = bool(self._still([member]))
        try:
            if due:
                self._let_go(member)
                self._ask(member, "packages.restart", {"started": self._began[member]})
        except CommandExecutionError:
            self._take_back(member)
            raise
        self._serve_again(member)
        return due
