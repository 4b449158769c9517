"""What follows from what members say of themselves."""

from __future__ import annotations

import pytest
from group_replication.facts import has_quorum


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (["ONLINE"], True),
        (["ONLINE", "ONLINE", "ONLINE"], True),
        (["ONLINE", "ONLINE", "UNREACHABLE"], True),
        (["ONLINE", "UNREACHABLE", "UNREACHABLE"], False),
        (["ONLINE", "UNREACHABLE"], False),
        (["ONLINE", "RECOVERING", "UNREACHABLE"], True),
        (["ONLINE", "RECOVERING"], True),
        (["ONLINE", "ERROR", "OFFLINE"], True),
        (["OFFLINE"], False),
        ([], False),
    ],
)
def test_quorum(states, expected):
    assert has_quorum([{"state": state} for state in states]) is expected
