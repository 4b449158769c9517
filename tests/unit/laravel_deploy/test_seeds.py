"""A seeder runs once in the life of the database."""

from __future__ import annotations

import pytest
from laravel_deploy.schema_window import SchemaAccount
from laravel_deploy.seeds import has_seeded, seed
from salt.exceptions import CommandExecutionError

from tests.unit.laravel_deploy.machine import answer

SEEDER = "DatabaseSeeder"
ACCOUNT = SchemaAccount("schema_change", "a:b", {}, "web")


@pytest.mark.parametrize(("code", "expected"), [(0, True), (3, False), (4, False)])
def test_seeded(app, php, code, expected):
    php.answers.append(answer(retcode=code))
    assert has_seeded(app, SEEDER) is expected
    assert not php.answers


def test_a_database_that_does_not_answer_is_no_answer(app, php):
    php.answers.append(answer("SQLSTATE[HY000] [2002] Connection refused", retcode=1))
    with pytest.raises(CommandExecutionError, match="database is not available"):
        has_seeded(app, SEEDER)


def test_seed_hands_the_work_to_php(app, php):
    php.answers.extend([answer(retcode=3), answer(), answer()])
    assert seed(app, "Demo", ACCOUNT) is True
    assert [call.args[0][-2:] for call in php.call_args_list] == [
        ["check", "Demo"],
        ["run", "Demo"],
        ["check", "Demo"],
    ]
    assert all("db:seed" in call.kwargs["stdin"] for call in php.call_args_list)


def test_seed_that_has_run_does_not_run(app, php):
    php.answers.append(answer())
    assert seed(app, SEEDER, ACCOUNT) is False


def test_seed_fails_with_the_seeders_words(app, php):
    failed = answer("SEED_PASSWORD is not set", retcode=1)
    php.answers.extend([answer(retcode=3), failed, answer(retcode=3)])
    with pytest.raises(CommandExecutionError, match="SEED_PASSWORD is not set"):
        seed(app, SEEDER, ACCOUNT)


def test_another_web_server_may_have_seeded_meanwhile(app, php):
    conflict = answer("SQLSTATE[40000]: ... 3101 Plugin instructed the server to rollback", "", 1)
    php.answers.extend([answer(retcode=3), conflict, answer()])
    assert seed(app, SEEDER, ACCOUNT) is False
