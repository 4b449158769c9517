"""Migrations: which are pending, and what a group would not take."""

from __future__ import annotations

import json

import pytest
from group_replication.schema_check import check_statements
from laravel_deploy.artisan import Application
from laravel_deploy.migration_journal import MIGRATE
from laravel_deploy.migrations import check_migrations, migrate, pending
from laravel_deploy.schema_window import SchemaAccount
from salt.exceptions import CommandExecutionError

from tests.unit.laravel_deploy.machine import NEW, answer, group

ACCOUNT = SchemaAccount("schema_change", "a:b", {}, "web")


def test_all_migrations_are_pending_before_the_first(app, folder, php):
    (folder / "database" / "migrations").mkdir(parents=True)
    for name in ("b.php", "a.php"):
        (folder / "database" / "migrations" / name).write_text("")
    php.answers.append(answer("  ERROR  Migration table not found.", retcode=1))
    assert pending(app) == ["a", "b"]


NO_GROUP = group(None)


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
    machine.pending = ["2026_01_02_000001_create_b", "2026_01_02_000002_create_c"]
    answered = machine.run_all

    def run_all(command, **options):
        if command[-1] == "--":
            return group(variable)
        if command[0] == "unshare":
            return answer(NEW)
        if options["stdin"] == MIGRATE:
            machine.pending = []
            return answer()
        return answered(command, **options)

    following = Application(str(machine.root / "next"), None, run_all)
    problems = check_migrations(following, check_statements)
    unknown = ["not looked at"] if variable else []
    assert [problem["problem"] for problem in problems] == [*refused, *unknown]
    if refused:
        with pytest.raises(CommandExecutionError, match=r"Nothing was migrated.*create_c: c: "):
            migrate(following, ACCOUNT, check_statements)
        assert machine.pending
    else:
        migrate(following, ACCOUNT, check_statements)
        assert not machine.pending


HALF = [{"begins": "a"}, {"asks": "x"}, {"did": "alter table t add a int", "level": 0}]


@pytest.mark.parametrize("away", [False, True])
def test_one_that_was_cut_off_is_named_with_what_is_half_done(app, folder, php, away):
    (folder / "storage/framework").mkdir(parents=True)
    journal = folder / "storage/framework/migrations.journal"
    one = answer("  a ..... Pending\n")
    gone = answer("SQLSTATE[HY000] [2002] Connection refused", retcode=1)
    php.answers.extend([one, NO_GROUP, answer("Timed out after 7 seconds", retcode=1)])
    php.answers.append(gone if away else one)
    # As the run writes it.
    asked = php.side_effect

    def run_all(command, **options):
        if options.get("stdin") == MIGRATE:
            journal.write_text("\n".join(json.dumps(entry) for entry in HALF))
        return asked(command, **options)

    php.side_effect = run_all
    words = r"Timed out after 7 seconds\. a is half done, committed: alter table t add a int"
    with pytest.raises(CommandExecutionError, match=words) as caught:
        migrate(app, ACCOUNT, check_statements)
    assert getattr(caught.value, "info", None) != {"awaited": "database"}


def test_what_an_earlier_run_left_is_told_before_the_next(app, folder, php):
    (folder / "storage/framework").mkdir(parents=True)
    journal = folder / "storage/framework/migrations.journal"
    journal.write_text("\n".join(json.dumps(entry) for entry in HALF))
    php.answers.extend([answer("  a ..... Pending\n"), NO_GROUP])
    (found,) = check_migrations(app, check_statements)
    assert (found["migration"], found["problem"]) == ("a", "half done")
