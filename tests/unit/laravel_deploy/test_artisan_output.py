"""What artisan prints."""

from __future__ import annotations

import pytest
from laravel_deploy.artisan_output import UNKNOWN_COMMAND, parse_migrations


@pytest.mark.parametrize(
    "printed",
    [
        "\n  Migration name ... Batch / Status\n  a_one .... [1] Ran  \n  b_two .... Pending  \n",
        "| Ran? | Migration | Batch |\n| Yes  | a_one  | 1   |\n| No   | b_two  |   |\n",
    ],
    ids=["since 9.21", "before"],
)
def test_migrations_are_read(printed):
    assert parse_migrations(printed) == {"ran": ["a_one"], "pending": ["b_two"]}


@pytest.mark.parametrize(
    ("printed", "unknown"),
    [
        ('Command "jwt:secret" is not defined.', True),
        ('There are no commands defined in the "jwt" namespace.', True),
        ("SQLSTATE[HY000] [2002] Connection refused", False),
    ],
)
def test_a_command_that_is_not_there_is_told_from_one_that_fails(printed, unknown):
    assert bool(UNKNOWN_COMMAND.search(printed)) is unknown
