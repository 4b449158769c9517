"""A rolling upgrade as a whole: turns change packages, which all members have fetched before."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from minions import Answer, Call
from salt.exceptions import CommandExecutionError, SaltInvocationError

from group_replication.member_restart import START_SECONDS
from group_replication.member_upgrade import UPGRADING
from group_replication.model import joined
from group_replication.operation import CONTINUE_SECONDS
from group_replication.operation_run import row_of
from group_replication.rolling import Facts, purpose_of
from group_replication.rolling_run import RESTART_SECONDS, Rolling
from group_replication.upgrade_check import gates, is_at

# Packages are fetched by all at once, over a slow line as well.
FETCH_SECONDS = 1800
# They are unpacked, and Debian's scripts start a server twice to try it.
UNPACK_SECONDS = 600


class Upgrade(Rolling):
    """The upgrade of members, one after the other."""

    work = UPGRADING
    seconds = RESTART_SECONDS + UNPACK_SECONDS + int(START_SECONDS)

    def __init__(
        self,
        call: Call,
        nodes: Mapping[str, str],
        proxies: Sequence[str],
        owner: str,
        *,
        version: str = "",
        machines: Sequence[str] = (),
        settle: float = 5,
    ) -> None:
        """
        Check the arguments.

        version
            What all packages are to be. "": what a run that was broken off was at, else what apt
            would install.

        call, nodes, proxies, owner, machines, settle
            As for :py:class:`Rolling`.
        """
        if not re.fullmatch(r"|[0-9][A-Za-z0-9.+:~-]*", version):
            raise SaltInvocationError(
                f"version is {version!r}; expected a package's, such as 9.7.4-2, or nothing"
            )
        self._version = version
        self._installed: dict[str, str] = {}
        super().__init__(call, nodes, proxies, owner, machines=machines, settle=settle)

    def _asked(self, validate: bool) -> dict[str, Any]:
        return {"validate": validate, "version": self._version}

    def _named(self) -> list[str]:
        """The members that this run is for."""
        return [name for name in self._nodes if not self._machines or name in self._machines]

    def _facts(self, validate: bool = False) -> dict[str, dict[str, Any]]:
        facts = super()._facts(validate)
        if not validate or self._version:
            return facts
        begun = _broken_off(facts, self._machines)
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

    def _judged(self, facts: dict[str, dict[str, Any]]) -> dict[str, str]:
        if self._version:
            self.work = UPGRADING._replace(version=self._version)
        self._purpose = purpose_of(self._only, self._machines, self.work)
        self._installed = {
            name: joined(sorted(set(one.get("packages", {}).values()))) or "unknown"
            for name, one in facts.items()
        }
        return gates(self._named(), facts, self._version)

    def _todo(self, facts: Facts, began: Mapping[str, Any]) -> list[str]:
        return [name for name in self._named() if not is_at(facts[name], self._version)]

    def _turn(self, member: str) -> dict[str, Any]:
        return {**super()._turn(member), "version": self._version}

    def _prepare(self, facts: Facts) -> None:
        """Fetch the packages on all members, and let the new program judge their options."""
        names = [name for name in self._todo(facts, {}) if not facts[name].get("half_way")]
        if not names:
            return
        self._proceed(f"fetch packages on {joined(names)}", FETCH_SECONDS)
        told = self._call(names, "mysql_upgrade.fetch", {"version": self._version})
        for name in names:
            answer = told.get(name, Answer(None, "no answer from its minion"))
            why = answer.error or answer.value
            if why:
                raise CommandExecutionError(f"{name}: {why}. No member is touched")

    def plan(self) -> dict[str, Any]:
        """
        Ask all that is asked before the first package is fetched, and do nothing.

        Returns as :py:meth:`Rolling.plan` does, with ``version``, what all would get, and
        ``installed``, member to the version that it has.
        """
        plan = super().plan()
        return {**plan, "version": self._version, "installed": self._installed}


def _broken_off(facts: Facts, machines: Sequence[str]) -> str:
    """The version that a run of the same members was at when it ended early, or the empty text."""
    row = row_of(facts)
    if row is None or row.age > CONTINUE_SECONDS:
        return ""
    whom = purpose_of("all", machines, UPGRADING).removeprefix(UPGRADING.noun)
    found = re.fullmatch(rf"{UPGRADING.noun} to (\S+){re.escape(whom)}", row.purpose)
    return found[1] if found else ""
