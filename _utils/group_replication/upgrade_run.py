"""A rolling upgrade as a whole: turns change packages, which all machines have fetched before."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from minion_calls import Answer, Call
from salt.exceptions import CommandExecutionError, SaltInvocationError

from group_replication import packages_check
from group_replication.machines_run import NO_ANSWER, Machines
from group_replication.member_restart import START_SECONDS
from group_replication.member_upgrade import UPGRADING
from group_replication.model import joined
from group_replication.operation import CONTINUE_SECONDS
from group_replication.operation_run import row_of
from group_replication.rolling import RESTARTING, Facts, check_arguments, in_order, purpose_of
from group_replication.rolling_run import RESTART_SECONDS
from group_replication.stand_in import (
    DATABASE,
    WEB,
    Site,
    chosen,
    holder_of,
    in_turns,
    kinds,
)
from group_replication.upgrade_check import gates, is_at

# Packages are fetched by all at once, over a slow line as well.
FETCH_SECONDS = 1800
# They are unpacked, and Debian's scripts start a server twice to try it.
UNPACK_SECONDS = 600


class Upgrade(Machines):
    """The upgrade of members, balancers and web servers, one after the other."""

    work = UPGRADING
    seconds = RESTART_SECONDS + UNPACK_SECONDS + int(START_SECONDS)

    def __init__(
        self,
        call: Call,
        site: Site,
        owner: str,
        *,
        version: str = "",
        roles: Sequence[str] = (),
        machines: Sequence[str] = (),
        outage: Sequence[str] = (),
        settle: float = 5,
        window: str = "",
    ) -> None:
        """
        Check the arguments.

        version
            What MySQL's packages are to be. "": what a run that was broken off was at, else what
            apt would install. Others get what apt would install.

        roles, machines
            As for :py:func:`stand_in.chosen`.

        call, site, owner, outage, settle, window
            As for :py:class:`Machines`.
        """
        if not isinstance(version, str) or not re.fullmatch(r"|[0-9][A-Za-z0-9.+:~-]*", version):
            raise SaltInvocationError(
                f"version is {version!r}; expected a package's, such as 9.7.4-2, or nothing"
            )
        check_arguments(site.roles, "all", machines, settle)
        wanted = chosen(site, roles, machines)
        super().__init__(
            call, site, owner, wanted=wanted, outage=outage, settle=settle, window=window
        )
        if version and not self._named():
            raise SaltInvocationError(
                f"version is {version!r}, which is MySQL's, and no database is among"
                f" {joined(wanted)}; expected none: they get what apt would install"
            )
        self._version, self._machines = version, machines
        self._each = kinds(roles)
        self._installed: dict[str, str] = {}
        self._seen: dict[str, dict[str, Any]] = {}

    # ---- what is asked ----

    def _named(self) -> list[str]:
        """The members that this run is for."""
        return [name for name in self._wanted if self._site.roles[name] == DATABASE]

    def _look(self) -> str:
        return self.work.look if self._named() else RESTARTING.look

    def _asked(self, validate: bool) -> dict[str, Any]:
        asked = super()._asked(validate)
        return {**asked, "version": self._version} if self._named() else asked

    def _facts(self, validate: bool = False) -> dict[str, dict[str, Any]]:
        facts = super()._facts(validate)
        if not validate or self._version or not self._named():
            return facts
        begun = self._broken_off(facts)
        told = {
            one["target"]["version"]
            for name, one in facts.items()
            if name in self._named() and one.get("target")
        }
        if not begun and len(told) != 1:
            return facts
        self._version = begun or told.pop()
        # What is judged of a version is judged by who knows which.
        return super()._facts(validate)

    def _purpose_of(self, work: Any) -> str:
        return purpose_of("all", self._machines, work._replace(each=self._each))

    def _broken_off(self, facts: Facts) -> str:
        """The version that a run for the same was at when it ended early, or the empty text."""
        row = row_of(facts)
        if row is None or row.age > CONTINUE_SECONDS:
            return ""
        whom = self._purpose_of(UPGRADING).removeprefix(UPGRADING.noun)
        found = re.fullmatch(rf"{UPGRADING.noun} to (\S+){re.escape(whom)}", row.purpose)
        return found[1] if found else ""

    def _judged(self, facts: dict[str, dict[str, Any]]) -> dict[str, str]:
        each = "machine" if self._beside else UPGRADING.each
        self.work = UPGRADING._replace(version=self._version, each=each)
        self._purpose = self._purpose_of(self.work)
        self._installed = {
            name: joined(sorted(set(one.get("packages", {}).values()))) or "unknown"
            for name, one in facts.items()
        }
        answers = gates(self._named(), facts, self._version) if self._named() else {}
        if not self._beside:
            return answers
        self._look_at(self._beside)
        self._seen = self._told(self._beside, "packages.readiness", validate=True)
        for gate, why in packages_check.gates(self._site, self._seen).items():
            answers[gate] = answers.get(gate) or why
        # A balancer is reloaded, and ends no session by that.
        webs = [name for name in self._not_done() if self._site.roles[name] == WEB]
        return {**answers, **self._missed(webs)}

    def _target(self, name: str) -> dict[str, str]:
        return dict(self._seen[name].get("target") or {})

    def _not_done(self) -> list[str]:
        """The machines beside the members that are left to do, by what they have said."""
        return [
            name
            for name in self._beside
            if not packages_check.is_done(self._seen[name], self._target(name))
        ]

    def _still(self, names: Sequence[str]) -> list[str]:
        for name, one in self._told(names, "packages.readiness").items():
            known = {key: self._seen[name].get(key) for key in ("target", "older", "problem")}
            self._seen[name] = {**known, **one}
        return [name for name in self._not_done() if name in names]

    def _todo(self, facts: Facts, began: Mapping[str, Any]) -> list[str]:
        return [name for name in self._named() if not is_at(facts[name], self._version)]

    def _order(self, facts: Facts, began: Mapping[str, Any], writer: str | None) -> list[str]:
        todo = in_order(self._todo(facts, began), writer)
        holder = holder_of(self._site, self._looks)
        return in_turns(self._site, [*todo, *self._not_done()], writer, holder)

    def plan(self) -> dict[str, Any]:
        """
        Ask all that is asked before the first package is fetched, and do nothing.

        Returns as :py:meth:`Rolling.plan` does, with ``version``, what all members would get,
        ``installed``, member to the version that it has; where machines
        of other roles are meant ``packages``, machine to what would come to it, and ``costs``,
        machine to what its turn costs clients.
        """
        plan = super().plan()
        beside = [name for name in plan["machines"] if name in self._beside]
        holder = holder_of(self._site, self._looks)
        costs = {
            name: packages_check.cost(
                self._site, name, name == holder and self._ends_sessions(name)
            )
            for name in beside
        }
        plan |= {"version": self._version, "installed": {}}
        if self._named():
            plan["installed"] = self._installed
        if not self._beside:
            return plan
        return {
            **plan,
            "packages": {
                name: packages_check.changes(self._seen[name], self._target(name))
                for name in beside
                if "error" not in self._seen[name]
            },
            "costs": {name: why for name, why in costs.items() if why},
        }

    # ---- what is done ----

    def _turn(self, member: str) -> dict[str, Any]:
        return {**super()._turn(member), "version": self._version}

    def _prepare(self, facts: Facts) -> None:
        """Fetch the packages on all machines, and let each new program judge what it would read."""
        todo = [name for name in self._todo(facts, {}) if not facts[name].get("half_way")]
        others = {name: packages_check.due(self._seen[name], self._target(name))
                  for name in self._not_done() if self._seen[name].get("whole")}  # fmt: skip
        others = {name: versions for name, versions in others.items() if versions}
        if not todo and not others:
            return
        self._proceed(f"fetch packages on {joined([*todo, *others])}", FETCH_SECONDS)
        told = dict(self._call(todo, "mysql_upgrade.fetch", {"version": self._version})
                    if todo else {})  # fmt: skip
        for name, versions in others.items():
            told |= self._call([name], "packages.fetch", {"versions": versions})
        for name in [*todo, *others]:
            answer = told.get(name, Answer(None, NO_ANSWER))
            why = answer.error or answer.value
            if why:
                raise CommandExecutionError(f"{name}: {why}. No {self.work.each} is touched")

    def _ends_sessions(self, name: str) -> bool:
        return packages_check.moves_address(self._seen[name], self._target(name))

    def _taken(self, member: str) -> bool:
        if self._site.roles[member] == DATABASE:
            return super()._taken(member)
        due = bool(self._still([member]))
        try:
            if due:
                self._let_go(member)
            self._ask(member, "packages.upgrade", {"versions": self._target(member)})
        except CommandExecutionError:
            self._still([member])
            # What is half way serves nobody before it is whole.
            if self._seen[member].get("whole") and "error" not in self._seen[member]:
                self._take_back(member)
            raise
        self._serve_again(member)
        return due
