"""Which releases are kept, and which one served before: decisions over plain data."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any


def prunable(
    releases: Sequence[Mapping[str, Any]], keep: int, needed: Collection[str]
) -> list[str]:
    """Return which releases go, oldest first, so that ``keep`` stay, newest first.

    Never one that is needed. What was never completed goes, too.
    """
    complete = [one for one in releases if one["complete"]]
    whole = [str(one["release"]) for one in sorted(complete, key=lambda one: str(one["built"]))]
    halves = [str(one["release"]) for one in releases if not one["complete"]]
    surplus = max(0, len(whole) - keep)
    free = [name for name in whole if name not in needed]
    return [name for name in halves if name not in needed] + free[:surplus]


def served_before(history: Sequence[str], live: str, usable: Collection[str]) -> str:
    """Return the last release that served before the live one and could again, or nothing."""
    earlier = [name for name in history if name != live and name in usable]
    return earlier[-1] if earlier else ""
