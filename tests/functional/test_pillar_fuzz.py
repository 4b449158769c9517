"""Whatever a key of the pillar holds, a highstate renders, or says which key is wrong."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from typing import Any

import pytest

from tests.functional.conftest import DATABASES, PROXY, WEB
from tests.functional.test_misspelt import FORMULAS, LIBRARIES, known_to, refused

VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 2**40, 0.5),
    *("", "a b", "a: b", "a\nb", "'\"{{ x }}", "/a/../b", "é"),
    *([], ["a"], [None], {}, {"a": 1}, {"a": {"b": None}}),
)
# Which machines read what a library does; what a formula reads is rendered on the web server.
OF = {"cluster": DATABASES[0], "mysql": DATABASES[0], "backup": DATABASES[0], "haproxy": PROXY}
DRAWN, SEED = 25, 20261129


def leaves(known: dict[str, Any], place: str) -> Iterator[str]:
    """All keys of a place, with those below them."""
    for key, below in known.items():
        yield f"{place}:{key}"
        if below:
            yield from leaves(below, f"{place}:{key}")


def cases() -> list[tuple[str, str, Any]]:
    """Each key of every formula and library with each value, and the machine that reads it."""
    found = []
    for formula, (place, *_) in FORMULAS.items():
        machine = PROXY if formula == "keepalived" else WEB
        found += [(machine, key) for key in leaves(known_to(formula), place)]
    for place, known in LIBRARIES.items():
        found += [(OF.get(place, DATABASES[0]), key) for key in leaves(known, place)]
    return [(machine, key, value) for machine, key in found for value in VALUES]


def drawn() -> list[tuple[str, str, Any]]:
    every = cases()
    return every if os.environ.get("LONG") else random.Random(SEED).sample(every, DRAWN)


@pytest.mark.parametrize(("machine", "key", "value"), drawn())
def test_a_key_is_taken_or_named(machine, key, value, with_pillar):
    more = value
    for part in reversed(key.split(":")):
        more = {part: more}
    said = refused(with_pillar(machine, more))
    if said == "[]":
        return
    # In words of this tree, of this key or of one that has to fit it: none of Python's or Jinja's.
    assert "pillar " in said, said
    assert "Traceback" not in said, said
