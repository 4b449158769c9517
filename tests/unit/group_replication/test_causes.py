"""What the server says of a failure, in a sentence."""

from __future__ import annotations

import pytest
from group_replication.causes import refuses_commits, too_large

# As MySQL 9.7.4 has it in performance_schema.error_log.
LOGGED = (
    "Plugin group_replication reported: 'Error on session 61. Transaction of size 160008996 exceeds"
    " specified limit 150000000. To increase the limit please adjust "
    "group_replication_transaction_size_limit option.'"
)


@pytest.mark.parametrize(
    ("times", "last", "text", "expected"),
    [
        (0, None, None, ""),
        (
            1,
            "2026-11-28 22:35:56",
            LOGGED,
            "db1 refused a transaction for the size, with error 3100, last at 2026-11-28 22:35:56 "
            "(server's time): 160008996 bytes, and group_replication_transaction_size_limit is "
            "150000000; another try ends the same way: change the rows in several transactions",
        ),
        (3, "2026-11-28 22:35:56", LOGGED, "db1 refused 3 transactions for the size"),
        # Another version may say it otherwise: no sentence is better than a wrong one.
        (1, "2026-11-28 22:35:56", "Transaction too large", ""),
    ],
)
def test_a_transaction_that_was_too_large_is_named_with_the_limit(times, last, text, expected):
    said = too_large("db1", lambda query: [{"times": times, "last": last, "text": text}])
    assert said.startswith(expected)
    assert bool(said) is bool(expected)


@pytest.mark.parametrize(
    ("mode", "level", "told"),
    [
        ("multi-primary", "SERIALIZABLE", True),
        ("multi-primary", "REPEATABLE-READ", False),
        ("single-primary", "SERIALIZABLE", False),
        (None, "SERIALIZABLE", False),
    ],
)
def test_a_level_with_which_no_commit_succeeds_is_named(mode, level, told):
    said = refuses_commits("db1", mode, lambda query: [{"level": level}])
    assert said.startswith("db1 refuses each commit of a new session") is told
    assert ("SET GLOBAL transaction_isolation = DEFAULT" in said) is told
