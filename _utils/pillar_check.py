"""Refusing what is wrong in a pillar: a key that nothing reads, a value that cannot be."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping
from typing import Any, TypeGuard

import yaml
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


def check_kinds(
    value: Any, defaults: Mapping[str, Any], place: str, own: Collection[str] = ()
) -> None:
    """
    Refuse a value that is of another kind than its default: text, a number, a list, true or false.

    value
        What the pillar holds there, whose keys are in order.

    defaults
        A value for each key; one that is null says nothing of its kind.

    place
        Where in the pillar that is, with colons.

    own
        Keys of it that may be of several kinds, or are checked elsewhere.
    """
    for key, given in (value or {}).items():
        default, where = defaults.get(key), f"{place}:{key}"
        if key in own or default is None:
            continue
        if isinstance(default, Mapping):
            if given is None:
                raise invalid(where, given, f"a mapping with {', '.join(default)}")
            check_kinds(given, default, where)
        elif isinstance(default, bool):
            if not isinstance(given, bool):
                raise invalid(where, given, "true or false")
        elif isinstance(default, int | float):
            if isinstance(given, bool) or not isinstance(given, int | float) or given < 0:
                raise invalid(where, given, f"a number, 0 or more, such as {default}")
        elif isinstance(default, list):
            if not isinstance(given, list) or not all(_is_text(one) for one in given):
                raise invalid(where, given, "a list of texts")
        elif not (is_plain(given) if default else _is_text(given)):
            raise invalid(where, given, f"text in one line, such as '{default}'")


def is_plain(value: Any) -> bool:
    """Tell whether a value is text that YAML reads as itself, without quotes: a name or a path."""
    if not isinstance(value, str) or not value.isprintable() or "{" in value:
        return False
    try:
        return bool(value) and yaml.safe_load(value) == value
    except yaml.YAMLError:
        return False


def _is_text(value: Any) -> bool:
    """Tell whether a value is text in one line, or a number that stands for one."""
    return (
        isinstance(value, str | int | float)
        and not isinstance(value, bool)
        and str(value).isprintable()
    )


def keys_of(defaults: Mapping[str, Any], free: Collection[str] = ()) -> dict[str, Any]:
    """
    Return the keys that a formula with such defaults reads, as :py:func:`check_keys` takes them.

    defaults
        A value for each key; null for one that is worked out where the pillar does not give it.

    free
        Those of them whose keys are the site's own, such as the names of HTTP headers.
    """
    return {
        key: keys_of(value) if isinstance(value, Mapping) and key not in free else None
        for key, value in defaults.items()
    }


def with_named(known: Mapping[str, Any], tree: Any, place: str) -> dict[str, Any]:
    """
    Return the keys that are known, and those of the same place that a value of the tree names.

    known
        Keys as :py:func:`check_keys` takes them.

    tree
        Settings, some of which say where in the pillar a secret is: ``laravel:secrets:app_key``.

    place
        Where in the pillar the keys are: ``laravel``.
    """
    found = dict(known)
    for text in _texts(tree):
        first, *rest = text.removeprefix(f"{place}:").split(":")
        if not text.startswith(f"{place}:") or not all((first, *rest)):
            continue
        if not rest:
            found.setdefault(first, None)
        # Where all keys are the site's own, there is nothing to add.
        elif found.get(first, {}) is not None:
            found[first] = with_named(found.get(first, {}), text, f"{place}:{first}")
    return found


def _texts(tree: Any) -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, Mapping):
        for value in tree.values():
            yield from _texts(value)
    elif isinstance(tree, list | tuple):
        for value in tree:
            yield from _texts(value)


def is_number(value: Any, least: int, most: int) -> TypeGuard[int]:
    """Tell whether a value is a whole number within bounds."""
    # YAML's yes and no are numbers to Python.
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
