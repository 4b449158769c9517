"""The members' tables of nodes: an order that all see, and how two of them differ."""

from __future__ import annotations

import pytest
from group_replication.tables import by_address, difference, hosts_of, is_listed


def test_addresses_are_ordered_as_numbers_and_what_is_none_comes_last():
    hosts = ["db1.example", "172.28.17.100", None, "172.28.17.9"]
    assert sorted(hosts, key=by_address) == ["172.28.17.9", "172.28.17.100", None, "db1.example"]


@pytest.mark.parametrize(
    ("seeds", "hosts"),
    [
        ("", []),
        ("10.0.0.10:3306, 10.0.0.9:3306", ["10.0.0.9", "10.0.0.10"]),
        ("10.0.0.9:3306,10.0.0.9:3307", ["10.0.0.9"]),
    ],
)
def test_seeds_are_a_table(seeds, hosts):
    assert hosts_of(seeds) == hosts


@pytest.mark.parametrize(
    ("theirs", "sentence"),
    [
        (None, ""),
        (["b", "a"], ""),
        (["a", "b", "c"], "db2 declares also c"),
        (["a"], "db2 declares not b"),
        (["a", "c"], "db2 declares also c and not b"),
    ],
)
def test_a_difference_is_said(theirs, sentence):
    assert difference(["a", "b"], {"db2": theirs}) == sentence


def test_one_table_that_lists_a_member_is_enough():
    assert is_listed("a", [["b"], ["a", "b"]])
    assert is_listed("a", [None, ["b"]])
    assert not is_listed("a", [["b"], ["c"]])
    assert not is_listed("a", [])
