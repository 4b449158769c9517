"""What follows from the settings alone."""

from __future__ import annotations

import pytest
from group_replication.model import write_concurrency_for
from group_replication.settings import settings_as_json, settings_from, settings_from_json

from tests.unit.group import (
    pillar,
    set_key,
)


@pytest.mark.parametrize(
    ("declared", "mode", "expected"),
    [
        (None, "multi-primary", 50),
        (None, "single-primary", 10),
        (10, "multi-primary", 10),
        (200, "single-primary", 200),
    ],
)
def test_the_write_concurrency(declared, mode, expected):
    settings = settings_from(set_key(pillar(), "mysql:group:write_concurrency", declared), "db1")
    kept = settings_from_json(settings_as_json(settings))
    assert write_concurrency_for(kept, mode) == expected
