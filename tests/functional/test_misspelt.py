"""A key that nothing reads stops a highstate before anything is touched; pillar.example has all."""

from __future__ import annotations

from typing import Any

import pytest
import salt.state
import yaml
from haproxy_config.pillar import KEYS

from tests.functional.conftest import PROXY, ROOT

EXAMPLE = yaml.safe_load((ROOT / "pillar.example").read_text())


def errors_of(options: dict[str, Any]) -> str:
    """What a highstate refuses with, while it renders."""
    with salt.state.HighState(options) as state:
        _, errors = state.render_highstate(state.top_matches(state.get_top()))
    return str(errors)


@pytest.mark.parametrize(
    ("machine", "more", "error"),
    [
        (
            PROXY,
            {"haproxy": {"ports": {"writter": 3307}}},
            "pillar haproxy:ports:writter is a key that nothing reads; "
            "expected haproxy:ports:writer",
        ),
        (
            PROXY,
            {"haproxy": {"ports": {"writer": "3307/tcp"}}},
            "pillar haproxy:ports:writer is '3307/tcp'; expected a port number from 1 to 65535",
        ),
    ],
)
def test_what_is_misspelt_is_refused_before_anything_is_touched(machine, more, error, with_pillar):
    assert error in errors_of(with_pillar(machine, more)).replace("\\'", "'")


def paths(tree: dict[str, Any], known: dict[str, Any], place: str) -> set[str]:
    """The keys of a tree, but for those below one whose keys are a site's own."""
    found = set()
    for key, value in tree.items():
        found.add(f"{place}:{key}")
        if isinstance(value, dict) and known.get(key) is not None:
            found |= paths(value, known[key], f"{place}:{key}")
    return found


def test_the_example_pillar_has_the_keys_that_are_taken():
    assert paths(EXAMPLE["haproxy"], KEYS, "haproxy") == paths(KEYS, KEYS, "haproxy")
