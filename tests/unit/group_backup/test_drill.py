"""What a drill calls unlike."""

from __future__ import annotations

import pytest
from group_backup.drill import unlike


@pytest.mark.parametrize(
    ("restored", "living", "said"),
    [
        ({"a.b": (1, 5)}, {"a.b": (1, 5)}, []),
        ({"a.b": (1, 5)}, {"a.b": (2, 5)}, ["a.b has 1 rows, and 2 living"]),
        ({"a.b": (1, 5)}, {"a.b": (1, 6)}, ["a.b has another checksum than the living one"]),
        ({"a.b": (1, None)}, {"a.b": (1, None)}, ["a.b has another checksum than the living one"]),
        ({}, {"a.b": (1, 5)}, ["a.b is only living"]),
        ({"a.b": (1, 5)}, {}, ["a.b is only restored"]),
    ],
)
def test_unlike(restored, living, said):
    assert unlike(restored, living) == said
