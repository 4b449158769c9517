"""
Change what is in the databases of a group, and check it.
=========================================================

What a group cannot write to, in tables or in statements that would make them; schema changes with
one writer; and whether the members hold the same.

Settings come from pillar ``mysql`` and ``cluster`` (see ``pillar.example``).
"""

from __future__ import annotations

from typing import Any

from group_replication import row_compare, schema_check, schema_run
from group_replication.connection import local
from group_replication.model import Settings
from group_replication.schema_check import checked_mode
from group_replication.settings import current_settings

__virtualname__ = "mysql_schema"


def __virtual__() -> str:
    return __virtualname__


def _settings() -> Settings:
    """The settings of this minion."""
    return current_settings(__pillar__, __opts__["id"])


def check(mode: str | None = None) -> list[dict[str, str]]:
    """
    Name the tables that a group cannot write to.

    mode
        The mode to judge for, multi-primary or single-primary. Default: the declared one.

    Returns a list of dicts, empty when all is well: ``table`` (``schema.table``), ``problem``
    (``no primary key``, ``engine``, ``cascading foreign key``) and ``detail``. A unique key of
    columns that cannot be NULL does for a primary key. Raises CommandExecutionError when mysqld
    does not answer, SaltInvocationError for a wrong mode.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_schema.check mode=multi-primary
    """
    settings = _settings()
    mode = checked_mode(mode or settings.mode)
    with local(settings, 60) as connection:
        return schema_check.check_schema(connection, mode)


def check_statements(
    statements: list[str] | str, mode: str | None = None, generated_keys: bool = False
) -> list[dict[str, str]]:
    """
    Name what statements would make that a group cannot write to; none of them is run.

    What :py:func:`check` looks for in a schema, this looks for in the statements that would
    make one. A primary key has to be in the statement that makes the table: with
    ``sql_require_primary_key`` the server refuses it otherwise. It also finds what a dump has to
    pass the group by: ``SET SQL_LOG_BIN = 0``, ``SET GTID_PURGED``.

    statements
        SQL, one statement or several each; or one text, such as a whole dump without rows. Other
        statements are passed over.

    mode
        The mode to judge for, multi-primary or single-primary. Default: the declared one.

    generated_keys
        Whether the server gives a table that is made without a key an invisible one
        (``sql_generate_invisible_primary_key``). Default: False, as that variable's.

    Returns a list of dicts, empty when all is well: ``table``, ``problem`` (``no primary key``,
    ``engine``, ``cascading foreign key``, ``SQL_LOG_BIN``, ``GTID_PURGED``) and ``detail``. Raises
    SaltInvocationError for a wrong mode.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_schema.check_statements '["CREATE TABLE t (a INT)"]'
        salt db1 mysql_schema.check_statements "$(cat definitions.sql)"
    """
    texts = [statements] if isinstance(statements, str) else statements
    return schema_check.check_statements(texts, mode or _settings().mode, generated_keys)


def change(
    statements: str | list[str],
    database: str | None = None,
    lock_wait_timeout: int = 10,
    patience: float = 120,
    test: bool = False,
) -> dict[str, Any]:
    """
    Run statements that change the schema, while one member alone takes writes.

    In multi-primary mode MySQL does not order a schema change on one member and a write on another:
    rows would get into wrong columns, on each member into others. So the group is switched to
    single-primary mode, the statements run once the writer has applied all that was before, and the
    group is switched back once all members have applied them. A killed run is ended by the keepers
    after a minute, its statement undone.

    statements
        SQL such as ``ALTER TABLE …``: one statement, or a list of them. They run in this order; the
        first that fails ends the run.

    database
        Where a table is that is named without one. Default: the application's.

    lock_wait_timeout
        Seconds that a statement waits for sessions that use its table. Default 10.

    patience
        Seconds to wait for another schema change to end, for the window to open, and for it to
        close. Default 120.

    test
        Check all that is checked, classify each statement, and do nothing. Default False.

    Returns a dict: ``writer`` (a declared name) and ``statements`` (a list of dicts: ``statement``,
    ``algorithm`` (INSTANT, INPLACE, COPY or "" where it is no ALTER TABLE), ``holds_up`` (a
    sentence), ``rows`` and ``bytes`` of the table, ``seconds`` (None in a dry run)). Raises
    CommandExecutionError when called on another member than the one that makes it, when the group
    could not write to the table afterwards, when a statement fails or no window opens;
    SaltInvocationError for wrong settings or statements.
    Source: https://dev.mysql.com/doc/refman/9.7/en/group-replication-limitations.html

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_schema.change 'ALTER TABLE users ADD seen DATETIME' test=True
    """
    return schema_run.change_schema(
        _settings(), statements, database, lock_wait_timeout, patience, test
    )


def compare_rows(
    tables: list[str] | None = None, rows: int = 1000, load: float = 0.25
) -> dict[str, Any]:
    """
    Name the rows and definitions that differ between the ONLINE members; nothing is changed.

    Members with the same GTID set can hold different content: after writes with ``sql_log_bin=0``,
    or after an ALTER beside writes on another member. Each table is walked by its primary key, or
    by a unique key without NULL, and the members are asked for a sum of hashes of so many rows. Of
    a table without such a key that has fewer than 100,000 rows, all rows are summed at once.
    Writers may go on: what differs is read again, and a row counts when four reads in a row have
    the same of it on each member. Tables and what is in them, views, routines, triggers, events,
    schemas and accounts with their grants are compared, too; of an account that each member has a
    password of its own for, the password is not.

    tables
        A list of ``DATABASE.TABLE``: nothing else is looked at. Default: all tables and all other
        definitions.

    rows
        How many rows are summed at once, 10 to 100,000. Default 1000.

    load
        The part of the time that is spent in queries, above 0 and up to 1; the rest is spent
        waiting. Default 0.25.

    Returns a dict: ``members`` (list of the names that were compared), ``tables`` and ``rows``
    (int: how many were compared), ``seconds`` (float), ``differences``, ``definitions``,
    ``undecided`` (int: rows and definitions that kept changing), ``skipped`` (a list of dicts:
    ``table``, ``why``) and ``not_kept`` (why ``mysql_gr.status extended=True`` does not speak of
    it, or ""). What is kept is a comparison of all tables, by a member that takes writes.

    ``differences`` is a list of dicts, one for each range with rows that differ: ``table``
    (``DATABASE.TABLE``), ``from`` and ``to`` (keys of the first and the last of them: a dict of
    column to int or str; empty for a table without a key), ``rows`` (int: how many differ) and
    ``members``: of each that is unlike most members a dict of int, ``changed``, ``missing`` and
    ``extra`` rows. Where no content is that of more than half of the members, all of them are
    there. A key's value is a number for BIT, and ``0x`` with hex digits for bytes.
    Without a key, a row that was changed is one that is missing and one that is extra, and
    ``changed`` counts rows that are there more or less often. After 20 ranges a table is left, and
    is among ``skipped``.

    ``definitions`` is a list of dicts: ``kind`` (schema, table, column, index, foreign key, check,
    partition, view, routine, parameter, trigger, event, account, password, grants), ``name`` and
    ``members``: by name what each has, ``absent``, or, for what is not shown (code, grants,
    passwords), ``variant 1``, ``variant 2``: members with the same variant have the same.

    Of a row only its key is returned, which is data as well and goes to Salt's job cache. Raises
    CommandExecutionError when the local member is not ONLINE with a majority or no other member is
    ONLINE, when another comparison is at work, when a member goes meanwhile or takes longer than 30
    seconds for a definition; SaltInvocationError for wrong settings or arguments.

    CLI Example:

    .. code-block:: bash

        salt db1 mysql_schema.compare_rows
        salt db1 mysql_schema.compare_rows '["realworld.users"]' load=0.5
    """
    return row_compare.compare(_settings(), tables, rows, load)
