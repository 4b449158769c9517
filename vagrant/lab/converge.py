"""What did not hold when Salt converged the machines: by machine and state, without the rest."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

# A state that only waited for another says this.
WAITED = "One or more requisite failed"


@dataclass(frozen=True)
class Failed:
    """A state that does not hold. Of a machine's own highstate the machine is not known."""

    machine: str
    state: str
    comment: str

    def __str__(self) -> str:
        where = f"{self.machine}: " if self.machine else ""
        comment = self.comment.strip().replace("\n", "\n        ")
        return f"    {where}{self.state}\n        {comment}"


def decoded(text: str) -> Any:
    """Return the JSON that Salt printed, or nothing: warnings may stand around it."""
    start = text.find("{")
    try:
        return json.JSONDecoder().raw_decode(text[start:])[0] if start >= 0 else None
    except ValueError:
        return None


def states_of(machine: str, returned: Any) -> Iterator[Failed]:
    """Find what failed in one machine's return of a highstate."""
    if not isinstance(returned, Mapping):
        # What does not render is a list of sentences.
        said = returned if isinstance(returned, list) else [returned]
        yield Failed(machine, "its states", "\n".join(str(one) for one in said))
        return
    for key, row in returned.items():
        if isinstance(row, Mapping) and row.get("result") is False:
            yield Failed(machine, str(row.get("__id__") or key.split("_|-")[1]), row["comment"])


def failures(answer: Any) -> list[Failed]:
    """Return what does not hold, from the return of an orchestration.

    A step that failed because states of its machines did is told by those. A state that only
    waited for one that failed is left out.
    """
    found: list[Failed] = []
    data = answer.get("data", answer) if isinstance(answer, Mapping) else {}
    for master, steps in data.items():
        if not isinstance(steps, Mapping):
            found += states_of(master, steps)
            continue
        for key, step in steps.items():
            if step.get("result") is not False:
                continue
            changes = step.get("changes")
            machines = changes.get("ret") if isinstance(changes, Mapping) else None
            inner = [
                one
                for machine, returned in (machines if isinstance(machines, Mapping) else {}).items()
                if not isinstance(returned, bool)
                for one in states_of(machine, returned)
            ]
            name = str(step.get("__id__") or key.split("_|-")[1])
            found += inner or [Failed("", name, str(step.get("comment", "")))]
    first = [one for one in found if not one.comment.startswith(WAITED)]
    return first or found


def failures_in_text(text: str) -> list[Failed]:
    """Return what does not hold, from Salt's output of a machine's own highstate."""
    blocks = re.findall(
        r"^ +ID: (?P<id>.+)\n(?: +\w+: .*\n)*? +Result: False\n +Comment: (?P<comment>(?:.*\n)+?)"
        r" +(?:Started|Changes):",
        text,
        re.MULTILINE,
    )
    found = [
        Failed("", name.strip(), "\n".join(line.strip() for line in comment.splitlines()))
        for name, comment in blocks
    ]
    # States that do not render are none yet: Salt says why instead.
    broken = re.findall(r"^ +Data failed to compile:\n-+\n +(.+)", text, re.MULTILINE)
    found += [Failed("", "its states", said) for said in broken]
    return [one for one in found if not one.comment.startswith(WAITED)]


def report(text: str) -> str:
    """Return what a person has to read of an orchestration's output."""
    answer = decoded(text)
    if answer is None:
        return text.strip()
    found = failures(answer)
    if found:
        return "\n".join(["these states do not hold:", *map(str, found)])
    steps = [step for steps in answer.get("data", answer).values() for step in steps.values()]
    return f"all {len(steps)} steps of the orchestration hold"


def digest(log: str) -> str:
    """Return what does not hold, from Vagrant's output: machines' own highstates failed."""
    found = failures_in_text(log)
    if not found:
        return ""
    machines = re.findall(r"executing the action on the '([^']+)'", log)
    where = f" ({', '.join(machines)})" if machines else ""
    return "\n".join([f"these states do not hold{where}:", *map(str, found)])


def report_convergence() -> None:
    """Print what a person has to read of the orchestration's output on standard input."""
    print(report(sys.stdin.read()))
