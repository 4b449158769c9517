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


@pytest.mark.parametrize(
    ("text", "words", "awaited"),
    [
        (
            "SQLSTATE[HY000] [1045] Access denied for user 'u'@'h' (using password: YES)",
            "The database at 10.0.0.1:3307 or 3308 lets nobody in: Access denied",
            True,
        ),
        ("SQLSTATE[HY000] [1049] Unknown database 'r'", "lets nobody in: Unknown database", True),
        (
            "SQLSTATE[HY000] [3955] Access denied for user 'u'@'h'. Account is blocked for 1 day",
            "lets nobody in: .* Account is blocked",
            True,
        ),
        ("SQLSTATE[HY000] [3118] Account is locked.", "nobody in: Account is locked", True),
        (
            "SQLSTATE[42000]: Syntax error or access violation: 1044 Access denied for user 'u'@'h'"
            " to database 'r' (Connection: mysql, SQL: create temporary table t (a int))",
            "artisan migrate:status failed, since the account lacks a privilege: Access denied",
            False,
        ),
        (
            "SQLSTATE[42000]: Syntax error or access violation: 1142 CREATE VIEW command denied",
            "lacks a privilege: CREATE VIEW command denied \\(1142\\)",
            False,
        ),
        (
            "SQLSTATE[HY000]: General error: 3100 Error on observer while running replication hook "
            "'before_commit'. (Connection: mysql, SQL: insert into t)",
            "migrate:status failed: the database at 10.0.0.1:3307 or 3308 refused the COMMIT .3100."
            ".* larger than group_replication_transaction_size_limit .150000000 bytes.*mysql:option"
            ".*mysql_gr.status extended=True.* fewer rows",
            False,
        ),
        (
            "SQLSTATE[HY000]: General error: 1419 You do not have the SUPER privilege",
            "log_bin_trust_function_creators: 'ON'",
            False,
        ),
        (
            "SQLSTATE[HY000] [2002] Connection refused (Connection: mysql, Host: 10.0.0.9, "
            "Port: 3999, Database: r, SQL: select 1)",
            "The database at 10.0.0.9:3999 is not available: Connection refused",
            True,
        ),
    ],
)
def test_a_privilege_is_told_from_a_database_that_is_away(app, folder, php, text, words, awaited):
    (folder / ".env").write_text("DB_HOST=10.0.0.1\nDB_PORT=3307\nDB_READ_PORT=3308\n")
    php.answers.append(answer(text, retcode=1))
    with pytest.raises(CommandExecutionError, match=words) as caught:
        pending(app)
    assert (caught.value.info == {"awaited": "database"}) is awaited
