"""What each operation on a group does beside the master: it asks minions, and holds the row."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from minion_calls import Answer, Call
from salt.exceptions import CommandExecutionError

from group_replication.accounts import coordinator_of
from group_replication.facts import unreachable
from group_replication.model import ONLINE
from group_replication.operation import LEASE_SECONDS, Operation, claimed_over, sentence

Facts = Mapping[str, Mapping[str, Any]]

LOOK_SECONDS = 2.0
# A member that writes the row may leave the writers just now.
WRITE_TRIES = 5


class OperationRun:
    """One operation: whom it asks, and by which word it holds the row."""

    def __init__(self, call: Call, nodes: Mapping[str, str], owner: str) -> None:
        """
        Take what every operation is given.

        call
            Calls a function on minions.

        nodes
            Declared databases and their addresses.

        owner
            Who does it, which is at one operation at a time.
        """
        self._call, self._nodes, self._owner = call, nodes, owner
        self._token = ""

    def _facts(self, validate: bool = False) -> dict[str, dict[str, Any]]:
        """What each member says of itself, and why where it says nothing."""
        names = list(self._nodes)
        told = self._call(names, self._look(), self._asked(validate))
        found = {}
        for name in names:
            answer = told.get(name, Answer(None, f"no answer from {name}'s minion"))
            found[name] = unreachable(answer.error) if answer.error else answer.value
        return found

    def _look(self) -> str:
        """The function by which a member says so."""
        return "mysql_operation.readiness"

    def _asked(self, validate: bool) -> dict[str, Any]:
        """The arguments with which it is asked."""
        return {"validate": validate}

    def _ask(self, name: str, function: str, arguments: Mapping[str, Any]) -> Any:
        told = self._call([name], function, arguments)
        answer = told.get(name, Answer(None, f"no answer from {name}'s minion"))
        if answer.error:
            raise CommandExecutionError(f"{name}: {answer.error}")
        return answer.value

    def _proceed(self, step: str, seconds: int = LEASE_SECONDS) -> None:
        self._write("mysql_operation.proceed", token=self._token, step=step, seconds=seconds)

    def _write(self, function: str, **arguments: Any) -> Any:
        """Call a function that writes the row on the member that does so now."""
        if function.endswith("begin"):
            arguments["owner"] = self._owner
        error = "no declared member takes writes"
        for attempt in range(WRITE_TRIES):
            if attempt:
                time.sleep(LOOK_SECONDS)
            name = self._coordinator(self._facts())
            if name is None:
                continue
            try:
                return self._ask(name, function, arguments)
            except CommandExecutionError as err:
                error = str(err)
                if "mysqld" not in error:
                    break
        raise CommandExecutionError(error)

    def _coordinator(self, facts: Facts) -> str | None:
        for one in facts.values():
            if one["state"] == ONLINE and one["quorum"]:
                return coordinator_of(one["members"], self._nodes)
        return None

    def _continued(self, facts: Facts, purpose: str) -> str:
        """What was broken off and would be continued, in a sentence, or the empty text."""
        row = row_of(facts)
        claim = claimed_over(row, purpose, self._owner, {})
        return sentence(row) if row and claim["continues"] else ""

    def _under_row(
        self,
        purpose: str,
        done: dict[str, Any],
        act: Callable[[], None],
        stays: Callable[[], str],
    ) -> dict[str, Any]:
        """
        Do something while the row is this operation's.

        purpose
            What is done, in words.

        done
            What comes of it; ``gave_up`` and ``problem`` are filled in.

        act
            Does it, and raises CommandExecutionError where it ends early.

        stays
            Returns what is so then, as a further sentence, or the empty text.
        """
        try:
            claim = self._write("mysql_operation.begin", purpose=purpose, began={})
        except CommandExecutionError as err:
            return {**done, "problem": str(err)}
        self._token, done["gave_up"] = claim["token"], claim["gave_up"]
        try:
            act()
            self._write("mysql_operation.end", token=self._token)
        except CommandExecutionError as err:
            done["problem"] = ". ".join(filter(None, (str(err), stays())))
            self._give_up()
        return done

    def _give_up(self) -> None:
        """Be in nobody's way any more; where that fails the deadline does it."""
        try:
            self._write("mysql_operation.break_off", token=self._token)
        except CommandExecutionError:
            return


def row_of(facts: Facts) -> Operation | None:
    """Return the operation as the members see it: of several, the one whose deadline is last."""
    found = [Operation(**one["operation"]) for one in facts.values() if one.get("operation")]
    return max(found, key=lambda one: one.deadline, default=None)
