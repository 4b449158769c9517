"""How versions compare, and what each has."""

from __future__ import annotations

import pytest
from group_replication import versions
from group_replication.versions import options_for, statement_for, version_of
from salt.exceptions import SaltInvocationError

from tests.unit.group import (
    VERSIONS,
)


def test_versions_compare_as_numbers():
    texts = ["8.0.35", "8.4.6-1ubuntu1", "9.7.4", "9.10.0", "26.7.0", "26.10.0"]
    assert sorted(texts, key=version_of) == texts
    with pytest.raises(SaltInvocationError, match="'unknown' is no version"):
        version_of("unknown")


@pytest.mark.parametrize(
    ("version", "own", "statement"),
    [
        ("8.0.35", 2, "SHOW MASTER STATUS"),
        ("8.0", 2, "SHOW MASTER STATUS"),
        ("8.0.46", 2, "SHOW MASTER STATUS"),
        ("8.1.0", 2, "SHOW MASTER STATUS"),
        ("8.2.0", 2, "SHOW BINARY LOG STATUS"),
        ("8.4.0", 1, "SHOW BINARY LOG STATUS"),
        ("8.4", 1, "SHOW BINARY LOG STATUS"),
        ("9.4.0", 1, "SHOW BINARY LOG STATUS"),
        ("9.5", 0, "SHOW BINARY LOG STATUS"),
        ("9.7.4-2", 0, "SHOW BINARY LOG STATUS"),
        ("26.10.0", 0, "SHOW BINARY LOG STATUS"),
    ],
)
def test_what_differs_by_version(version, own, statement):
    assert len(options_for(version)) == own
    assert statement_for("binary log status", version) == statement
    reset = "RESET MASTER" if "MASTER" in statement else "RESET BINARY LOGS AND GTIDS"
    assert statement_for("reset binary logs", version) == reset
    bounds = "variables_metadata" if version_of(version) >= (9,) else "variables_info"
    assert statement_for("bounds of variables", version).endswith(f"performance_schema.{bounds}")


def test_a_statement_is_there_once_in_every_version():
    for version in VERSIONS:
        rows = [r for r in versions.DIFFERENCES if r.statement and versions.has(r, version)]
        assert len({r.name for r in rows}) == len(rows) == 3
