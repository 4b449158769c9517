"""Migrations: which are pending, what the group would not take of them, and running them."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Mapping
from typing import Any

from salt.exceptions import CommandExecutionError

from laravel_deploy.artisan import ASKING, Application
from laravel_deploy.artisan_output import parse_migrations
from laravel_deploy.layout import home
from laravel_deploy.migration_journal import left, read_journal, run_with_journal
from laravel_deploy.migration_look import look
from laravel_deploy.schema_window import Group, SchemaAccount, group_of, window

log = logging.getLogger(__name__)

# Names what a group could not write to: mysql_schema.check_statements.
Judge = Callable[[list[str], str, bool], list[dict[str, Any]]]


def migration_status(app: Application) -> dict[str, list[str]]:
    """Return the migrations that have ``ran`` and those ``pending``, in the order of their runs."""
    done = app.artisan("migrate:status", options=ASKING)
    output = str(done["stdout"])
    if "Migration table not found" in f"{output}{done['stderr']}":
        files = (home(app.directory) / "database" / "migrations").glob("*.php")
        return {"ran": [], "pending": sorted(file.stem for file in files)}
    if done["retcode"]:
        raise app.failure("artisan migrate:status", done)
    return parse_migrations(output)


def pending(app: Application) -> list[str]:
    """Return the migrations that the database has not seen."""
    return migration_status(app)["pending"]


def check_migrations(app: Application, judge: Judge) -> list[dict[str, str]]:
    """Name what the pending migrations would make that the group could not write to.

    Also named is what could not be looked at, and what an earlier run has left half done.
    """
    waiting = pending(app)
    if not waiting:
        return []
    problems, unknown = _judged(app, waiting, group_of(app), judge)
    half = left(app, waiting)
    told = [{"migration": name, "problem": "not looked at", "detail": why} for name, why in unknown]
    if half:
        told.append({"migration": half.split()[0], "problem": "half done", "detail": half})
    return problems + [{"table": "", **one} for one in told]


def _judged(
    app: Application, waiting: list[str], group: Group | None, judge: Judge
) -> tuple[list[dict[str, str]], list[tuple[str, str]]]:
    """Return what is wrong with the pending migrations, and of which that is not known, and why."""
    if not group:
        return [], []
    seen = look(app, waiting)
    problems = [
        {"migration": migration, **problem}
        for migration, statements, _ in seen
        if statements
        for problem in judge(statements, group.mode, group.generated_keys)
    ]
    return problems, [(migration, why) for migration, _, why in seen if why]


def migrate(app: Application, account: SchemaAccount, judge: Judge) -> list[str]:
    """
    Run the pending migrations while one member of the group alone takes writes.

    app
        The application.

    account
        The account that may change the schema; artisan runs as this one where there is a group.

    judge
        Names what a group could not write to.

    Returns those that have run. Raises CommandExecutionError if one is refused, fails or is still
    pending afterwards, or if the group opens no window.
    """
    before = pending(app)
    if not before:
        return []
    group = group_of(app)
    problems, unknown = _judged(app, before, group, judge)
    if problems:
        told = "; ".join(
            f"{p['migration']}: {p['table'] or p['problem']}: {p['detail']}" for p in problems
        )
        raise CommandExecutionError(
            f"Nothing was migrated, since the group could not write to these tables: {told}."
        )
    for name, why in unknown:
        log.warning("%s was not looked at before it runs: %s", name, why)
    opened = window(app.directory, account) if group else None
    with opened or contextlib.nullcontext({}) as variables:
        done = run_with_journal(app, variables, before)
    if done["retcode"]:
        raise _stopped(app, done)
    still = pending(app)
    if still:
        raise CommandExecutionError(f"Still pending after migrate: {', '.join(still)}.")
    return before


def _stopped(app: Application, done: Mapping[str, Any]) -> CommandExecutionError:
    """Return the exception for migrations that failed or were cut off: with what is half done."""
    err = app.failure("artisan migrate", done)
    try:
        half = left(app, pending(app))
    except CommandExecutionError:
        # The database is gone: all that began may be half done.
        half = left(app, {str(one["begins"]) for one in read_journal(app) if "begins" in one})
    if not half:
        return err
    # It waits for no database: somebody has to look.
    return CommandExecutionError(f"{str(err).rstrip('.')}. {half}")
