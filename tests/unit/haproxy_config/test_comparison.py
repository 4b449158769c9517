"""What separates two configurations, as tables."""

from __future__ import annotations

import pytest
from haproxy_config.comparison import diff
from hypothesis import given

from tests.unit.haproxy import configurations


@given(configurations, configurations)
def test_a_difference_is_empty_exactly_when_there_is_none(old, new):
    assert diff(old, old) == {}
    same = list(old.items()) == list(new.items())
    assert (diff(old, new) == {}) is same


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ({"global": ["a", "b"]}, {"global": ["a", "b"]}, {}),
        ({"global": ["a"]}, {"global": ["b"]}, {"global": {"added": ["b"], "removed": ["a"]}}),
        ({"global": ["a", "a"]}, {"global": ["a"]}, {"global": {"removed": ["a"]}}),
        ({"global": ["a", "b", "c"]}, {"global": ["b", "c", "a"]}, {"global": {"moved": ["a"]}}),
        (
            {"global": ["a", "b"]},
            {"global": ["b", "c", "a"]},
            {"global": {"added": ["c"], "moved": ["b"]}},
        ),
        ({}, {"global": ["a"]}, {"global": {"section": "added", "added": ["a"]}}),
        ({}, {"global": []}, {"global": {"section": "added"}}),
        ({"global": ["a"]}, {}, {"global": {"section": "removed", "removed": ["a"]}}),
        (
            {"global": [], "defaults": []},
            {"defaults": [], "global": []},
            {"defaults": {"section": "moved"}},
        ),
    ],
)
def test_differences_are_told_directive_by_directive(old, new, changes):
    assert diff(old, new) == changes
