"""What separates two configurations, directive by directive."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from difflib import SequenceMatcher
from typing import Any

from salt.exceptions import SaltInvocationError

from haproxy_config.sections import Config
from haproxy_config.syntax import parse


def _without(items: Iterable[str], others: Iterable[str]) -> tuple[list[str], list[str]]:
    """Split the items into those that the others lack, counted, and the rest."""
    left = Counter(others)
    extra, common = [], []
    for item in items:
        if left[item]:
            left[item] -= 1
            common.append(item)
        else:
            extra.append(item)
    return extra, common


def _moved(old: list[str], new: list[str]) -> list[str]:
    """Return what stands elsewhere in the new order, given the same items in both."""
    kept: set[int] = set()
    for block in SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks():
        kept.update(range(block.b, block.b + block.size))
    return [item for index, item in enumerate(new) if index not in kept]


def diff(old: Mapping[str, list[str]], new: Mapping[str, list[str]]) -> dict[str, dict[str, Any]]:
    """
    Return what separates two configurations, each as section headers and directives.

    Returns a mapping of header to ``added``, ``removed``, ``moved`` (directives) and ``section``,
    each only where it applies; empty when the two say the same.
    """
    changes: dict[str, dict[str, Any]] = {}
    moved = set(_moved([h for h in old if h in new], [h for h in new if h in old]))
    for header in [*new, *(h for h in old if h not in new)]:
        before, after = list(old.get(header, [])), list(new.get(header, []))
        added, common_after = _without(after, before)
        removed, common_before = _without(before, after)
        place = "removed" if header not in new else "added" if header not in old else ""
        change = {
            "section": place or ("moved" if header in moved else ""),
            "added": added,
            "removed": removed,
            "moved": _moved(common_before, common_after),
        }
        change = {key: value for key, value in change.items() if value}
        if change:
            changes[header] = change
    return changes


def _masked_diff(
    changes: Mapping[str, Mapping[str, Any]], mask: Callable[[str], str]
) -> dict[str, dict[str, Any]]:
    return {
        header: {
            key: value if key == "section" else [mask(directive) for directive in value]
            for key, value in change.items()
        }
        for header, change in changes.items()
    }


def changes_of(
    current: Mapping[str, Any] | None, config: Config, owner: Mapping[str, str]
) -> dict[str, Any]:
    """Return what separates the file in place from the wanted one; empty when nothing does."""
    changes: dict[str, Any] = {}
    old_text = current["text"] if current else ""
    if old_text != config.text:
        try:
            old = parse(old_text)
        except SaltInvocationError as err:
            old = {}
            changes["replaced"] = f"all of the file in place: {err}"
        sections = _masked_diff(diff(old, config.sections), config.mask)
        if sections:
            changes["sections"] = sections
        elif not changes:
            changes["layout"] = "blanks, or text before the first section"
    for key, new in owner.items():
        old_value = current[key] if current else None
        if old_value != new:
            changes[key] = {"old": old_value, "new": new}
    return changes
