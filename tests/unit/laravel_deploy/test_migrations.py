"""Migrations: which are pending, and what a group would not take."""

from __future__ import annotations

import json

import pytest
from group_replication.schema_check import check_statements
from laravel_deploy.artisan import Application
from laravel_deploy.migrations import check_migrations, migrate, migration_status, pending
from laravel_deploy.schema_window import SchemaAccount
from salt.exceptions import CommandExecutionError

from tests.unit.laravel_deploy.machine import NEW, answer

ACCOUNT = SchemaAccount("schema_change", "a:b", {}, "web")


@pytest.mark.parametrize(
    "printed",
    [
        "\n  Migration name ... Batch / Status\n  a_one .... [1] Ran  \n  b_two .... Pending  \n",
        "| Ran? | Migration | Batch |\n| Yes  | a_one  | 1   |\n| No   | b_two  |   |\n",
    ],
    ids=["since 9.21", "before"],
)
def test_migration_status(app, php, printed):
    php.answers.append(answer(printed))
    assert migration_status(app) == {"ran": ["a_one"], "pending": ["b_two"]}


def test_all_migrations_are_pending_before_the_first(app, folder, php):
    (folder / "database" / "migrations").mkdir(parents=True)
    for name in ("b.php", "a.php"):
        (folder / "database" / "migrations" / name).write_text("")
    php.answers.append(answer("  ERROR  Migration table not found.", retcode=1))
    assert pending(app) == ["a", "b"]


NO_GROUP = answer("[]")


def test_migrate_checks_that_it_worked(app, php):
    one = answer("  a_one ..... Pending\n")
    php.answers.extend([one, NO_GROUP, answer(), one])
    with pytest.raises(CommandExecutionError, match=r"Still pending after migrate: a_one\."):
        migrate(app, ACCOUNT, check_statements)


def test_migrate_returns_what_ran(app, php):
    php.answers.extend([answer("  a ..... Pending\n"), NO_GROUP, answer()])
    php.answers.append(answer("  a ... [1] Ran\n"))
    assert migrate(app, ACCOUNT, check_statements) == ["a"]


@pytest.mark.parametrize(
    ("variable", "refused"),
    [
        ("OFF", ["cascading foreign key", "no primary key"]),
        ("ON", ["no primary key"]),
        (None, []),
    ],
)
def test_migrations_are_judged_by_the_groups_mode(machine, variable, refused):
    machine.build()
    machine.pending = ["2026_01_02_000001_create_b"]
    answered = machine.run_all

    def run_all(command, **options):
        if command[-1] == "--":
            return answer(json.dumps([variable] if variable else []))
        if "--pretend" in command:
            return answer(NEW)
        if "migrate" in command:
            machine.pending = []
            return answer()
        return answered(command, **options)

    following = Application(str(machine.root / "next"), None, run_all)
    problems = check_migrations(following, check_statements)
    assert [problem["problem"] for problem in problems] == refused
    if refused:
        with pytest.raises(CommandExecutionError, match=r"Nothing was migrated.*create_c: c: "):
            migrate(following, ACCOUNT, check_statements)
        assert machine.pending
    else:
        migrate(following, ACCOUNT, check_statements)
        assert not machine.pending
