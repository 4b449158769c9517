"""The step and the offsets of AUTO_INCREMENT, for whatever addresses a group has."""

from __future__ import annotations

import ipaddress

import pytest
from group_replication.auto_increment import (
    STEP_MAX,
    STEPS,
    check_step,
    offset_of,
    same_offset,
    step_in,
    step_of,
)
from hypothesis import given
from hypothesis import strategies as st
from salt.exceptions import SaltInvocationError


def table(*last: int) -> dict[str, str]:
    return {f"db{n}": f"172.28.17.{number}" for n, number in enumerate(last, start=1)}


ADDRESSES = st.sets(st.integers(1, 254), min_size=3, max_size=9).map(sorted)


@pytest.mark.parametrize(
    ("addresses", "step"),
    [
        ((53, 54, 55), 9),
        (tuple(range(53, 62)), 9),
        # Seven apart, as Group Replication's own step is.
        ((53, 60, 67), 9),
        ((10, 20, 30, 40, 50, 60, 70, 80, 90), 9),
        ((53, 54, 62), 18),
        ((53, 71, 100), 36),
        ((10, 154, 55), 288),
    ],
)
def test_the_smallest_step_that_keeps_the_members_apart(addresses, step):
    assert step_of(table(*addresses)) == step


@given(ADDRESSES, st.randoms())
def test_no_two_members_give_out_the_same_value_and_the_order_does_not_matter(addresses, random):
    nodes = table(*addresses)
    step = step_of(nodes)
    offsets = [offset_of(address, step) for address in nodes.values()]
    assert len({offset % step for offset in offsets}) == len(nodes)
    # InnoDB passes over an offset above the step, and the server refuses 0.
    assert all(1 <= offset <= step <= STEP_MAX for offset in offsets)
    shuffled = list(nodes.items())
    random.shuffle(shuffled)
    assert step_of(dict(shuffled)) == step


@given(ADDRESSES, st.integers(2, 8))
def test_members_with_the_old_step_and_with_the_new_one_are_apart(addresses, count):
    nodes = table(*addresses)
    fewer = dict(list(nodes.items())[:count])
    old, new = step_of(fewer), step_of(nodes)
    for one, before in fewer.items():
        for other, after in fewer.items():
            if one != other:
                # Both sequences meet only where the offsets are the same by their common divisor.
                apart = offset_of(before, old) - offset_of(after, new)
                assert apart % min(old, new) != 0


def test_addresses_that_no_step_keeps_apart():
    first = ipaddress.IPv4Address("10.0.0.1")
    nodes = {"db1": str(first), "db2": str(first + STEPS[-1]), "db3": "10.0.0.9"}
    assert same_offset(nodes, STEPS[-1]) == ("db1", "db2")
    with pytest.raises(SaltInvocationError, match=f"db1 10.0.0.1, db2 .*multiple of {STEPS[-1]}"):
        step_of(nodes)


@pytest.mark.parametrize(
    ("value", "step"),
    [(1, 1), ("10", 10), (65535, 65535), (0, None), (65536, None), ("9K", None), ("²", None)],
)
def test_a_step_is_a_number_that_the_server_takes(value, step):
    assert step_in(value) == step


def test_a_declared_step_keeps_the_members_apart():
    nodes = table(53, 54, 60)
    check_step("k", 8, nodes)
    with pytest.raises(SaltInvocationError) as err:
        check_step("mysql:options:auto_increment_increment", 7, nodes)
    assert "db1 (172.28.17.53) and db3 (172.28.17.60)" in str(err.value)
    assert "such as 9" in str(err.value)
