"""What a highstate with nothing to do costs, beside one of as many states that do nothing."""

from __future__ import annotations

import datetime
import json
import os
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import yaml

from bench.report import conditions, markdown
from tests.support.lab import ROOT, Lab, changes_of

FOLDER = "bench_nop"
CACHED = f"/var/cache/salt/minion/files/base/{FOLDER}"
REAL, FLOOR, ALONE = "highstate", "nop highstate", "nop SLS"
CALLS = {
    REAL: "state.apply",
    FLOOR: f"state.top {FOLDER}/top.sls",
    # No highstate: the minion asks for no new modules first.
    ALONE: f"state.apply {FOLDER}",
}
SHOWN = 5
ATTEMPTS = 5
# The master remembers its list of files for a second.
LIST_SECONDS = 2
LIMIT = 2.0


def nop_sls(counts: Mapping[str, int]) -> str:
    """Return the SLS with as many states that do nothing as each machine's highstate has."""
    return (
        f"{{%- set counts = {json.dumps(dict(counts))} %}}\n"
        "{%- for number in range(counts[grains['id']]) %}\n"
        "bench-nop-{{ number }}:\n  test.nop: []\n"
        "{%- endfor %}\n"
    )


def split(text: str) -> tuple[dict[str, Any], float]:
    """Return what Salt printed, and the seconds that the line after it has in nanoseconds."""
    answers, _, took = text.strip().rpartition("\n")
    return json.loads(answers), int(took) / 1e9


def slowest(states: Mapping[str, Mapping[str, Any]], number: int) -> dict[str, float]:
    """Return the seconds of the states that took longest, by their IDs, the longest first."""
    found = sorted(states.values(), key=lambda one: -one["duration"])[:number]
    return {one["__id__"]: round(one["duration"] / 1000, 3) for one in found}


def ratio(results: Sequence[Mapping[str, Any]], what: str = REAL, beside: str = FLOOR) -> float:
    """Return by how much the median of one exceeds that of another."""
    return statistics.median(times(results, what)) / statistics.median(times(results, beside))


def times(results: Sequence[Mapping[str, Any]], what: str) -> list[float]:
    """Return the seconds of all rounds."""
    return [one["seconds"][what] for one in results]


def table(results: Sequence[Mapping[str, Any]]) -> str:
    """Return the tables: the whole command, then each machine's states."""
    rows = [
        (what, *(f"{value(times(results, what)):.1f}" for value in (min, statistics.median, max)))
        for what in CALLS
    ]
    share = ratio(results)
    said = f"The ratio of medians of the first two is {share:.2f}; the limit is {LIMIT:.0f}."
    machines = []
    for name in results[0]["machines"]:
        seen = [one["machines"][name] for one in results]
        longest = {
            each: statistics.median(one["slowest"][each] for one in seen if each in one["slowest"])
            for each in dict.fromkeys(each for one in seen for each in one["slowest"])
        }
        machines.append(
            (
                name,
                str(seen[-1]["states"]),
                f"{statistics.median(one['seconds'] for one in seen):.2f}",
                ", ".join(
                    f"{each} {took:.2f}"
                    for each, took in sorted(longest.items(), key=lambda one: -one[1])[:SHOWN]
                ),
            )
        )
    return "\n".join(
        [
            conditions(results),
            markdown(("what", "least, s", "median, s", "most, s"), rows),
            said + "\n",
            markdown(("machine", "states", "all of them, s", "the longest, s"), machines),
        ]
    )


def show(result: Mapping[str, Any]) -> str:
    """Return a round's result in a line."""
    took = "  ".join(f"{what} {seconds:.1f} s" for what, seconds in result["seconds"].items())
    return f"{result['round']:2}  {took}  load {result['load'][-1]:.1f}"


class Highstate:
    """A lab with an SLS of nothing beside its own."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    @contextmanager
    def open(self) -> Iterator[None]:
        """Return a context in which rounds can be run; the lab is as before at its end.

        Raises AssertionError when the highstate is not without changes, or fails.
        """
        lab = self._lab
        counts = {name: len(one) for name, one in self._call(REAL)[0].items()}
        roots = yaml.safe_load((ROOT / "vagrant/master.conf").read_text())["file_roots"]["base"]
        folder = f"{roots[-1]}/{FOLDER}"
        with ExitStack() as stack:
            for name in lab.address:
                stack.callback(lab.run, name, f"rm -rf {CACHED}")
            stack.callback(lab.run, lab.master, f"rm -rf {folder}")
            lab.run(
                lab.master,
                f"mkdir -p {folder}\ncat > {folder}/init.sls <<'END'\n{nop_sls(counts)}END\n"
                f"cat > {folder}/top.sls <<'END'\nbase:\n  '*': [{FOLDER}]\nEND",
            )
            time.sleep(LIST_SECONDS)
            yield

    def run(self, number: int) -> dict[str, Any]:
        """Run all, one after the other, and return the round's result."""
        now = datetime.datetime.now(datetime.timezone.utc)
        load = [round(os.getloadavg()[0], 2)]
        order = list(CALLS) if number % 2 else list(CALLS)[::-1]
        answers = {what: self._call(what) for what in order}
        load.append(round(os.getloadavg()[0], 2))
        return {
            "round": number,
            "began": now.isoformat(timespec="seconds"),
            "versions": {"salt": self._lab.run(self._lab.master, "salt --version").split()[1]},
            "load": load,
            "seconds": {what: round(answers[what][1], 2) for what in CALLS},
            "machines": {
                name: {
                    "states": len(states),
                    "seconds": round(sum(one["duration"] for one in states.values()) / 1000, 3),
                    # More than are shown: which are the longest differs from round to round.
                    "slowest": slowest(states, 3 * SHOWN),
                }
                for name, states in sorted(answers[REAL][0].items())
            },
        }

    def _call(self, what: str) -> tuple[dict[str, Any], float]:
        """Return what each machine answers, and the seconds that an operator waits for it."""
        for attempt in range(1, ATTEMPTS + 1):
            answers, seconds = split(
                self._lab.run(
                    self._lab.master,
                    "begin=$(date +%s%N)\n"
                    f"salt --out=json --static --timeout=120 '*' {CALLS[what]} 2>/dev/null\n"
                    "echo\necho $(($(date +%s%N) - begin))",
                )
            )
            # A list is a refusal, as while the machine's own schedule runs states.
            if attempt == ATTEMPTS or not any(isinstance(one, list) for one in answers.values()):
                break
            time.sleep(5)
        lost = sorted(set(self._lab.address) - set(answers))
        if lost:
            raise AssertionError(f"no answer to {CALLS[what]} from {', '.join(lost)}")
        for name, states in answers.items():
            changed = changes_of(name, states)
            if changed and what == REAL:
                raise AssertionError(f"{name}: the highstate has something to do: {changed}")
        return answers, seconds
