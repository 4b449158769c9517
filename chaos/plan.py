"""What happens in which round: a pure function of the seed, the rounds and the members."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple

# Every fault once in a deck; the order is drawn anew for each deck.
FAULTS = (
    "kill",
    "freeze",
    "stop",
    "power",
    "partition",
    "oneway",
    "quorum-kill",
    "quorum-cut",
    "kill-all",
    "kill-behind",
    "empty",
    "minion",
    "wipe",
    "errant",
    "purged",
    "purged-empty",
    "disk-full",
    "connections",
    "alter",
    "alter-kill",
    "join-kill",
)


RACES = ("bootstrap", "reboot")


class Round(NamedTuple):
    """One round: the fault, whom it meets, and for how long."""

    number: int
    fault: str
    # Those that the fault meets, then the others; both in drawn order.
    victims: tuple[str, ...]
    others: tuple[str, ...]
    # How long the fault stays before it is healed.
    seconds: float
    # Two coins for faults of several kinds: which direction, with or without the balancer.
    coins: tuple[bool, bool]

    def __str__(self) -> str:
        return (
            f"{self.number:4} {self.fault:13} {','.join(self.victims):15} "
            f"{self.seconds:5.1f} s  {'-+'[self.coins[0]]}{'-+'[self.coins[1]]}"
        )


class Race(NamedTuple):
    """One racing bootstrap: when each member is let go, and who runs there beside the keeper."""

    number: int
    # Whether the group has one, and is rebooted; else it is bootstrapped.
    past: bool
    # Member to the seconds after the common moment.
    delays: dict[str, float]
    # How many runs on each member, beside its keeper; and whether a highstate is one more.
    runs: int
    highstates: bool

    def __str__(self) -> str:
        return (
            f"{self.number:4} {'reboot' if self.past else 'bootstrap':9} {self.runs} runs"
            f"{' and a highstate' if self.highstates else ''} on each, after {self.delays}"
        )


def shuffled(seed: int, rounds: int, faults: Sequence[str]) -> list[str]:
    """Return the fault of each round: decks of all, each shuffled."""
    draw = random.Random(f"{seed}/decks")
    found: list[str] = []
    while len(found) < rounds:
        deck = list(faults)
        draw.shuffle(deck)
        found += deck
    return found[:rounds]


def seconds_of(fault: str, draw: random.Random) -> float:
    """Return how long a fault lasts: mostly short, sometimes past what the group waits for."""
    short = draw.random() < 0.75
    if fault == "freeze":
        return draw.uniform(1, 12) if short else draw.uniform(12, 60)
    if fault in ("partition", "oneway"):
        return draw.uniform(1, 10) if short else draw.uniform(10, 30)
    if fault in ("quorum-kill", "quorum-cut"):
        return draw.uniform(3, 14) if short else draw.uniform(14, 25)
    if fault == "alter-kill":
        # From before the window is open to after it is closed.
        return draw.uniform(0, 9)
    if fault == "kill-behind":
        # What is received meanwhile is applied nowhere.
        return draw.uniform(1, 6)
    if fault == "join-kill":
        # From before the group lets the member in to after it has.
        return draw.uniform(0, 3)
    if fault in ("stop", "power", "disk-full"):
        return draw.uniform(0, 8) if short else draw.uniform(8, 20)
    return 0.0


def victims_of(fault: str, members: Sequence[str]) -> int:
    """Return how many members a fault meets."""
    if fault in ("kill-all", "kill-behind", "empty"):
        return len(members)
    if fault in ("quorum-kill", "quorum-cut"):
        # Those that are left are no majority.
        return (len(members) + 1) // 2
    return 1


def plan(
    seed: int, rounds: int, members: Sequence[str], faults: Sequence[str] = FAULTS
) -> list[Round]:
    """Return the rounds; nothing but the arguments goes into it.

    seed
        Any number; another one is another plan.

    rounds
        How many; each fault comes as often as any other, or once less.

    members
        The declared members' names.

    faults
        Those to choose from. Default: all.
    """
    unknown = [fault for fault in faults if fault not in FAULTS]
    if unknown or not faults:
        raise ValueError(
            f"FAULTS names '{','.join(unknown)}'; expected some of {', '.join(FAULTS)}"
        )
    found = []
    for number, fault in enumerate(shuffled(seed, rounds, faults), 1):
        draw = random.Random(f"{seed}/{number}/{fault}")
        order = list(members)
        draw.shuffle(order)
        count = victims_of(fault, members)
        found.append(
            Round(
                number,
                fault,
                tuple(order[:count]),
                tuple(order[count:]),
                round(seconds_of(fault, draw), 1),
                (draw.random() < 0.5, draw.random() < 0.5),
            )
        )
    return found


def races(seed: int, rounds: int, members: Sequence[str]) -> list[Race]:
    """Return the racing bootstraps, every tenth with highstates in the race."""
    found = []
    for number in range(1, rounds + 1):
        draw = random.Random(f"{seed}/{number}/race")
        # Half of the races start at one moment, as nearly as machines can; the others staggered.
        spread = 0.0 if draw.random() < 0.5 else draw.uniform(0.1, 2)
        delays = {member: round(draw.uniform(0, spread), 3) for member in members}
        found.append(
            Race(number, draw.random() < 0.25, delays, draw.randint(2, 5), number % 10 == 0)
        )
    return found
