"""What went wrong, in a sentence."""

from __future__ import annotations

import pytest
from laravel_deploy.migrations import pending
from salt.exceptions import CommandExecutionError

from tests.unit.laravel_deploy.machine import answer


@pytest.mark.parametrize(
    ("text", "away"),
    [
        ("SQLSTATE[HY000] [2002] Connection refused (Connection: mysql, Host: h)", True),
        ("SQLSTATE[HY000] [2006] MySQL server has gone away (SQL: select 1)", True),
        ("SQLSTATE[HY000]: General error: 2006 MySQL server has gone away", True),
        ("SQLSTATE[HY000] [1045] Access denied for user 'u'@'h' (using password: YES)", True),
        ("SQLSTATE[HY000] [1049] Unknown database 'realworld'", True),
        ("SQLSTATE[HY000]: General error: 1290 The server is running with --super-read-only", True),
        ("SQLSTATE[42S01]: Base table or view already exists: 1050 Table 'x' exists", False),
        ("SQLSTATE[HY000]: General error: 3750 Unable to create a table without PK", False),
        ("Class not found", False),
    ],
)
def test_tells_an_absent_database_from_other_failures(app, folder, php, text, away):
    (folder / ".env").write_text("DB_HOST=10.0.0.1\nDB_PORT=3307\nDB_PASSWORD=x\n")
    php.answers.append(answer(text, retcode=1))
    with pytest.raises(CommandExecutionError) as caught:
        pending(app)
    assert (caught.value.info == {"awaited": "database"}) is away
    start = "The database at 10.0.0.1:3307 is not available: " if away else "artisan migrate:status"
    assert str(caught.value).startswith(start)
