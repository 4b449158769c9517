"""What was acknowledged, and whether the members have it: pure judgements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import NamedTuple


class Judgement(NamedTuple):
    """What a comparison of the ledger with the members found."""

    # Acknowledged and missing on some member.
    lost: dict[str, list[int]]
    problems: list[str]


def _shown(ids: Iterable[int]) -> str:
    some = sorted(ids)
    return ", ".join(map(str, some[:5])) + (f" and {len(some) - 5} more" if len(some) > 5 else "")


def judge(acknowledged: set[int], attempted: set[int], rows: Mapping[str, set[int]]) -> Judgement:
    """Compare what clients were told with what each member has.

    acknowledged
        Ids whose commit returned OK.

    attempted
        All ids that were tried, those without an answer among them: such a one may be there or not,
        but on all members alike.

    rows
        Member to the ids that it has.
    """
    lost = {name: sorted(acknowledged - have) for name, have in rows.items() if acknowledged - have}
    problems = [f"{name} lacks acknowledged ids: {_shown(ids)}" for name, ids in lost.items()]
    for name, have in rows.items():
        foreign = have - attempted
        if foreign:
            problems.append(f"{name} has ids that nobody wrote: {_shown(foreign)}")
    everywhere = set.union(*rows.values()) if rows else set()
    for name, have in rows.items():
        alone = (everywhere - have) - acknowledged
        if alone:
            problems.append(f"{name} lacks ids that another member has: {_shown(alone)}")
    return Judgement(lost, problems)


def longest_gap(times: Iterable[float], begin: float, end: float) -> float:
    """Return the longest time without an acknowledgement between two moments, both counted."""
    inside = [begin, *sorted(when for when in times if begin < when < end), end]
    return max((later - earlier for earlier, later in pairwise(inside)), default=0.0)
