"""Who wrote what, what was acknowledged, and whether the members have it: pure judgements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple


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


def unlike(found: Any) -> list[str]:
    """Return what a comparison of all tables and definitions found, in sentences.

    found
        What ``compare_rows`` has returned; anything else is what kept it from comparing.
    """
    if not isinstance(found, Mapping):
        return [f"the members were not compared: {found}"]
    problems = [
        f"{one['rows']} rows of {one['table']} differ, "
        f"{one['from']} to {one['to']}: {one['members']}"
        for one in found["differences"]
    ]
    problems += [
        f"{one['kind']} {one['name']} differs: {one['members']}" for one in found["definitions"]
    ]
    if found["undecided"]:
        problems.append(f"{found['undecided']} rows or definitions changed although nobody wrote")
    return problems


def longest_gap(times: Iterable[float], begin: float, end: float) -> float:
    """Return the longest time without an acknowledgement between two moments, both counted."""
    inside = [begin, *sorted(when for when in times if begin < when < end), end]
    return max((later - earlier for earlier, later in pairwise(inside)), default=0.0)


class Sample(NamedTuple):
    """What one member said of itself, or that it did not answer."""

    asked: float
    answered: float
    member: str
    state: str
    # The part of the view id that is the same in all views of one group's life.
    origin: str
    view: str
    quorum: bool
    # The states of all members in this one's view.
    states: tuple[str, ...]
    bootstrap: bool


class Span(NamedTuple):
    """A time throughout which a member said that it is of a group with this origin."""

    member: str
    origin: str
    begin: float
    end: float


def spans(samples: Iterable[Sample]) -> list[Span]:
    """Return when each member was surely ONLINE with a majority: from answer to question.

    Between two equal answers in a row it is taken to have been so; one answer alone proves no time.
    """
    found: list[Span] = []
    by_member: dict[str, list[Sample]] = {}
    for sample in samples:
        by_member.setdefault(sample.member, []).append(sample)
    for member, said in by_member.items():
        current: list[Sample] = []
        # None: the end, which ends a span too.
        for one in (*said, None):
            inside = one if one is not None and one.state == "ONLINE" and one.quorum else None
            if inside and current and inside.origin == current[0].origin:
                current.append(inside)
                continue
            if len(current) > 1:
                found.append(
                    Span(member, current[0].origin, current[0].answered, current[-1].asked)
                )
            current = [inside] if inside else []
    return found


def splits(samples: Iterable[Sample]) -> list[str]:
    """Name every time at which two members were each in a group of its own."""
    found = []
    known = spans(samples)
    for index, one in enumerate(known):
        for other in known[index + 1 :]:
            begin, end = max(one.begin, other.begin), min(one.end, other.end)
            if one.origin != other.origin and one.member != other.member and begin < end:
                found.append(
                    f"{one.member} in {one.origin} and {other.member} in {other.origin} "
                    f"for {end - begin:.1f} s"
                )
    return found


def whole(latest: Mapping[str, Sample], members: Sequence[str], since: float) -> bool:
    """Tell whether every member said, asked after a moment, that all are ONLINE in one view."""
    said = [latest.get(member) for member in members]
    return (
        all(
            one is not None
            and one.asked >= since
            and one.states == ("ONLINE",) * len(members)
            and one.quorum
            for one in said
        )
        and len({one.view for one in said if one is not None}) == 1
    )
