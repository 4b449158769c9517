"""What a round's clients met, in numbers: pure functions of what each of them wrote down."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from bench.plan import DIRECT
from tests.support.lab import MODES
from tests.support.ledger import longest_gap

# A member answered that it takes no writes: read only, super_read_only, a read-only transaction, or
# one that Group Replication rolled back or did not let begin.
READ_ONLY = frozenset({"1290", "1792", "1836", "3100", "3101"})


class Acknowledged(NamedTuple):
    """When the commit of an id returned OK, and which member said so."""

    when: float
    member: str


class Failure(NamedTuple):
    """When a client met an error, and its class: its number, or its kind."""

    when: float
    kind: str


@dataclass
class Record:
    """What one client wrote down."""

    path: str
    # The member that its session is at; empty while it has none.
    member: str = ""
    # Where it was when the fault came.
    at: str = ""
    attempted: set[int] = field(default_factory=set)
    acknowledged: dict[int, Acknowledged] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)

    def times(self) -> list[float]:
        """Return when it was acknowledged something."""
        return [one.when for one in self.acknowledged.values()]


class Moments(NamedTuple):
    """When the fault was about to come, and to be healed, and when the round ended."""

    injected: float
    healed: float
    ended: float


def gaps(times: Iterable[float], moments: Moments) -> tuple[float, float]:
    """Return the longest gap that begins before the fault is healed, and the longest afterwards.

    The gap in which it is healed is the fault's, to its end.
    """
    inside = sorted(when for when in times if moments.injected < when < moments.ended)
    border = next((when for when in inside if when >= moments.healed), moments.ended)
    return (
        longest_gap(inside, moments.injected, border),
        longest_gap(inside, border, moments.ended),
    )


def last_word(records: Iterable[Record], victim: str, moments: Moments) -> float:
    """Return when the member that is to fail acknowledged something for the last time before it
    was healed; when the fault was about to come if it never did."""
    return max(
        (
            one.when
            for record in records
            for one in record.acknowledged.values()
            if one.member == victim and one.when < moments.healed
        ),
        default=moments.injected,
    )


def cut(record: Record, moments: Moments) -> float:
    """Return how long a client at the victim heard nothing before it was told so by an error.

    One that met no error waited for as long as its longest gap.
    """
    told = min(
        (one.when for one in record.failures if moments.injected <= one.when < moments.ended),
        default=None,
    )
    if told is None:
        return gaps(record.times(), moments)[0]
    heard = [when for when in record.times() if when < told]
    return told - max(heard, default=moments.injected)


def path_result(
    records: Sequence[Record], victim: str, moments: Moments, lost: set[int]
) -> dict[str, Any]:
    """Return what the clients of one path met; times in seconds.

    records
        What each of them wrote down.

    victim
        The member that the fault meets.

    moments
        When it came, was healed, and when the round ended.

    lost
        Ids that were acknowledged, by whatever path, and are missing on some member.
    """
    gap, after = gaps((when for record in records for when in record.times()), moments)
    worst = max(gaps(record.times(), moments)[0] for record in records)
    hit = [record for record in records if record.at == victim]
    errors = Counter(
        one.kind
        for record in records
        for one in record.failures
        if moments.injected <= one.when <= moments.ended
    )
    return {
        "clients": len(records),
        "hit": len(hit),
        "gap": round(gap, 3),
        "worst": round(worst, 3),
        "after": round(after, 3),
        "cut": round(max(cut(record, moments) for record in hit), 3) if hit else None,
        "errors": dict(errors),
        "readonly": sum(count for kind, count in errors.items() if kind in READ_ONLY),
        "attempted": sum(len(record.attempted) for record in records),
        "acknowledged": sum(len(record.acknowledged) for record in records),
        "lost": sum(len(lost & record.acknowledged.keys()) for record in records),
    }


def round_results(
    records: Sequence[Record], mode: str, victim: str, moments: Moments, lost: set[int]
) -> dict[str, dict[str, Any]]:
    """Return what the clients of each path met, by path.

    The floor is what those met that are connected to the other members. Of one primary they are
    refused by all until another is there: there the floor counts from the primary's last word, and
    there is none where no other took its place.
    """
    by_path: dict[str, list[Record]] = {}
    for record in records:
        by_path.setdefault(record.path, []).append(record)
    floor = by_path.get(DIRECT, [])
    balanced = [record for record in records if record.path != DIRECT]
    result = {}
    for path, ours in by_path.items():
        if ours is not floor or mode != MODES[1]:
            result[path] = path_result(ours, victim, moments, lost)
        elif any(moments.injected < when < moments.ended for one in ours for when in one.times()):
            since = moments._replace(injected=last_word(balanced, victim, moments))
            result[path] = path_result(ours, victim, since, lost)
            # One of them is at a member that never takes writes.
            result[path]["worst"] = result[path]["gap"]
    return result


def ids_lost(lost: Mapping[str, Iterable[int]]) -> set[int]:
    """Return the ids that are missing on some member."""
    return {one for ids in lost.values() for one in ids}
