"""Refusing what is wrong in a pillar: a key that nothing reads, a value that cannot be."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, TypeGuard

from salt.exceptions import SaltInvocationError


def invalid(key: str, value: Any, right: str) -> SaltInvocationError:
    """Return the error for a key whose value is wrong."""
    return SaltInvocationError(f"pillar {key} is {_shown(value)}; expected {right}")


def _shown(value: Any) -> str:
    if value is None:
        return "missing"
    if isinstance(value, Mapping | list | tuple | set):
        # What it holds may be secret.
        return f"a {type(value).__name__}"
    text = str(value)
    return f"'{text}'" if text.isprintable() else repr(text)


def walk(pillar: Mapping[str, Any], key: str) -> Any:
    """Return the value at a key with colons, or None."""
    value: Any = pillar
    for part in key.split(":"):
        if not isinstance(value, Mapping) or part not in value:
            return None
        value = value[part]
    return value


def check_keys(value: Any, known: Mapping[str, Any], place: str) -> None:
    """
    Refuse what is no mapping or has a key that nothing reads; no value is shown.

    value
        What the pillar holds there; nothing is in order.

    known
        Each key that is read, with the keys below it, or None where those are not looked at.

    place
        Where in the pillar that is, with colons.
    """
    if value is None:
        return
    keys = ", ".join(known)
    if not isinstance(value, Mapping):
        raise SaltInvocationError(
            f"pillar {place} is a {type(value).__name__}; expected a mapping with {keys}"
        )
    for key, inner in value.items():
        if key not in known:
            near = difflib.get_close_matches(str(key), known, 1, 0.5)
            raise SaltInvocationError(
                f"pillar {place}:{key} is a key that nothing reads; expected "
                + (f"{place}:{near[0]}" if near else f"one of {keys}")
            )
        if known[key] is not None:
            check_keys(inner, known[key], f"{place}:{key}")


def is_number(value: Any, least: int, most: int) -> TypeGuard[int]:
    """Tell whether a value is a whole number within bounds."""
    # YAML's yes and no are numbers to Python.
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
