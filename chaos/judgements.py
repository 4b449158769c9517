"""Whether members differ, or were in two groups with one name: pure judgements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from tests.support.monitor import Sample

# Of many of a kind.
SHOWN = 3


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


def numbered_twice(logs: Mapping[str, Iterable[tuple[str, int]]]) -> list[str]:
    """
    Return which ids were inserted by more than one transaction, in sentences.

    logs
        Member to what its binary logs have: the GTID of a transaction, and an id that it inserted.

    One transaction has one GTID, on whatever member its log is read.
    """
    known: dict[int, dict[str, str]] = {}
    for member, inserted in logs.items():
        for gtid, one in inserted:
            known.setdefault(one, {}).setdefault(gtid, member)
    twice = {one: gtids for one, gtids in known.items() if len(gtids) > 1}
    told = [
        f"id {one} was inserted by " + " and ".join(f"{g} on {m}" for g, m in gtids.items())
        for one, gtids in sorted(twice.items())[:SHOWN]
    ]
    if len(twice) > SHOWN:
        told.append(f"{len(twice) - SHOWN} other ids were inserted by several transactions")
    return told


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
