"""GTID sets as MySQL writes them, and their arithmetic."""

from __future__ import annotations

import pytest
from group_replication.gtid import GtidSet, format_gtids, parse_gtids, subtract_gtids, union_gtids
from hypothesis import given
from hypothesis import strategies as st
from salt.exceptions import SaltInvocationError

from tests.unit.group import (
    GROUP,
    OTHER,
)

SOURCES = st.sampled_from([GROUP, OTHER, f"{GROUP}:tag_a", f"{OTHER}:b"])


PLAIN = st.dictionaries(SOURCES, st.sets(st.integers(1, 60), min_size=1, max_size=30), max_size=4)


def as_gtids(plain: dict[str, set[int]]) -> GtidSet:
    text = ",".join(f"{key}:{':'.join(str(n) for n in numbers)}" for key, numbers in plain.items())
    return parse_gtids(text)


def as_plain(gtids: GtidSet) -> dict[str, set[int]]:
    return {
        key: {n for first, last in intervals for n in range(first, last + 1)}
        for key, intervals in gtids.items()
        if intervals
    }


@given(PLAIN)
def test_a_gtid_set_survives_its_text(plain):
    gtids = as_gtids(plain)
    assert as_plain(gtids) == plain
    assert parse_gtids(format_gtids(gtids)) == gtids


@given(PLAIN, PLAIN)
def test_union_and_subtract_are_those_of_sets(left, right):
    union = as_plain(union_gtids(as_gtids(left), as_gtids(right)))
    keys = left.keys() | right.keys()
    assert union == {key: left.get(key, set()) | right.get(key, set()) for key in keys}
    rest = as_plain(subtract_gtids(as_gtids(left), as_gtids(right)))
    expected = {key: numbers - right.get(key, set()) for key, numbers in left.items()}
    assert rest == {key: numbers for key, numbers in expected.items() if numbers}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        (f"{GROUP}:1-5", {GROUP: [(1, 5)]}),
        (f"{GROUP.upper()}:1-5:7,\n{OTHER}:3", {GROUP: [(1, 5), (7, 7)], OTHER: [(3, 3)]}),
        (f"{GROUP}:1-5:6-8", {GROUP: [(1, 8)]}),
        (
            f"{GROUP}:1:tag:2-3:Other:9",
            {GROUP: [(1, 1)], f"{GROUP}:tag": [(2, 3)], f"{GROUP}:other": [(9, 9)]},
        ),
    ],
)
def test_mysqls_own_spellings(text, expected):
    assert parse_gtids(text) == expected


def test_what_is_no_gtid_set_is_refused():
    with pytest.raises(SaltInvocationError, match=r"'1\.\.5'"):
        parse_gtids(f"{GROUP}:1..5")
