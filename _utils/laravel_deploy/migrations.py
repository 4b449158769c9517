"""Migrations: which are pending, what the group would not take of them, and running them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from salt.exceptions import CommandExecutionError

from laravel_deploy.artisan import ASKING, Application
from laravel_deploy.artisan_output import parse_migrations, pretended
from laravel_deploy.failures import sentence
from laravel_deploy.layout import home
from laravel_deploy.schema_window import SchemaAccount, group_mode, window

log = logging.getLogger(__name__)

# Names what a group in this mode could not write to: mysql_schema.check_statements.
Judge = Callable[[list[str], str], list[dict[str, Any]]]


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
    """Name what the pending migrations would make that the group could not write to."""
    if not pending(app):
        return []
    return _judged(app, group_mode(app), judge)


def _judged(app: Application, mode: str, judge: Judge) -> list[dict[str, str]]:
    """Return what is wrong with the pending migrations, of which there are some."""
    if not mode:
        return []
    done = app.artisan("migrate", ["--pretend", "--force"])
    if done["retcode"]:
        log.warning("Not looked at before they run: %s", sentence(done, app.directory))
        return []
    return [
        {"migration": migration, **problem}
        for migration, statement in pretended(str(done["stdout"]))
        for problem in judge([statement], mode)
    ]


def migrate(app: Application, account: SchemaAccount, judge: Judge) -> list[str]:
    """
    Run the pending migrations while one member of the group alone takes writes.

    app
        The application.

    account
        The account that may change the schema; artisan runs as this one where there is a group.

    judge
        Names what a group in a mode could not write to.

    Returns those that have run. Raises CommandExecutionError if one is refused, fails or is still
    pending afterwards, or if the group opens no window.
    """
    before = pending(app)
    if not before:
        return []
    mode = group_mode(app)
    problems = _judged(app, mode, judge)
    if problems:
        told = "; ".join(f"{p['migration']}: {p['table']}: {p['detail']}" for p in problems)
        raise CommandExecutionError(
            f"Nothing was migrated, since the group could not write to these tables: {told}."
        )
    if mode:
        with window(app.directory, account) as variables:
            done = app.artisan("migrate", ["--force"], env=variables)
    else:
        done = app.artisan("migrate", ["--force"])
    if done["retcode"]:
        raise app.failure("artisan migrate", done)
    left = pending(app)
    if left:
        raise CommandExecutionError(f"Still pending after migrate: {', '.join(left)}.")
    return before
