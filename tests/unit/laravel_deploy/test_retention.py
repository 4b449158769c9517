"""Which releases are kept."""

from __future__ import annotations

import pytest
from laravel_deploy.retention import prunable


def known(*names, halves=()):
    whole = [{"release": n, "complete": True, "built": f"2026-01-0{i}"} for i, n in names]
    return [{"release": n, "complete": False, "built": ""} for n in halves] + whole


FIVE = ((5, "e"), (4, "d"), (3, "c"), (2, "b"), (1, "a"))


@pytest.mark.parametrize(
    ("releases", "keep", "needed", "gone"),
    [
        (known(*FIVE), 5, {"e"}, []),
        (known(*FIVE), 3, {"e"}, ["a", "b"]),
        (known(*FIVE), 3, {"a"}, ["b", "c"]),
        (known(*FIVE), 2, {"a", "b", "c"}, ["d", "e"]),
        (known(*FIVE), 2, {"a", "b", "c", "d", "e"}, []),
        (known(*FIVE, halves=["x", "y"]), 5, {"e", "y"}, ["x"]),
        ([], 2, {""}, []),
    ],
)
def test_what_is_taken_away(releases, keep, needed, gone):
    assert prunable(releases, keep, needed) == gone
