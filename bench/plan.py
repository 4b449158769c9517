"""What is measured in which order: pure functions of what the command line says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from tests.support.lab import MODES

# Nothing happens: what the longest gap then is, is the machine's noise.
QUIET = "none"
FAULTS = ("kill", "crash", "freeze", "partition", "stop", "leave")
# What an operator does on purpose; it is to cost no client anything.
PLANNED = ("drain", "switchover", "reload")
EVENTS = (QUIET, *FAULTS, *PLANNED)

DIRECT = "direct"
OURS = ("mysql-cluster", "mysql-writer")
TCP_CHECK = "tcp-check"
ROUTER = "router"
PATHS = (DIRECT, *OURS, TCP_CHECK, ROUTER)


class Round(NamedTuple):
    """One round: in which mode, which repetition, and what happens."""

    mode: str
    repetition: int
    event: str


def possible(mode: str, event: str) -> bool:
    """Tell whether an event can happen in a mode: with every member primary none is switched to."""
    return event != "switchover" or mode == MODES[1]


def plan(modes: Sequence[str], events: Sequence[str], repetitions: int) -> list[Round]:
    """Return the rounds, mode after mode; within one all events come once, then all once more.

    Each repetition begins with another event, so that none always follows the same one.
    """
    return [
        Round(mode, repetition, event)
        for mode in modes
        for repetition in range(1, repetitions + 1)
        for event in _turned(events, repetition - 1)
        if possible(mode, event)
    ]


def _turned(events: Sequence[str], by: int) -> list[str]:
    cut = by % len(events)
    return [*events[cut:], *events[:cut]]


def missing(rounds: Iterable[Round], results: Iterable[Mapping[str, Any]]) -> list[Round]:
    """Return the rounds that no result without a problem is there of."""
    there = {
        Round(one["mode"], one["repetition"], one["event"])
        for one in results
        if not one["problems"]
    }
    return [one for one in rounds if one not in there]


def chosen(variable: str, text: str, known: Sequence[str]) -> list[str]:
    """Return the names in a text with commas between, in the order of those that are known.

    Raises ValueError for a name that is not; all of them for an empty text.
    """
    names = text.split(",") if text else list(known)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(
            f"{variable} names '{','.join(unknown)}'; expected some of {','.join(known)}"
        )
    return [name for name in known if name in names]
