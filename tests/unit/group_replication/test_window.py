"""When a turn may begin, as a table."""

from __future__ import annotations

import pytest
from group_replication.window import outside, window_of
from salt.exceptions import SaltInvocationError


@pytest.mark.parametrize(
    ("value", "time", "inside"),
    [
        ("02:00-04:00", (1, 59), False),
        ("02:00-04:00", (2, 0), True),
        ("02:00-04:00", (3, 59), True),
        ("02:00-04:00", (4, 0), False),
        # Over midnight.
        ("23:30-01:15", (23, 29), False),
        ("23:30-01:15", (23, 30), True),
        ("23:30-01:15", (0, 0), True),
        ("23:30-01:15", (1, 14), True),
        ("23:30-01:15", (1, 15), False),
        ("00:00-23:59", (12, 0), True),
        ("", (12, 0), True),
        (None, (12, 0), True),
    ],
)
def test_a_time_of_day_is_inside_or_outside(value, time, inside):
    assert bool(outside(window_of(value), *time)) is not inside


def test_a_refusal_names_both():
    assert outside(window_of("02:00-04:00"), 9, 5) == "it is 09:05, and the window is 02:00-04:00"


@pytest.mark.parametrize(
    "value",
    ["2-4", "02:00", "02:00-02:00", "24:00-01:00", "02:60-03:00", "02:00-04:00 ", "night", 7, True],
)
def test_what_is_none_is_refused(value):
    with pytest.raises(SaltInvocationError, match=r"expected two different times of day, such as"):
        window_of(value)
