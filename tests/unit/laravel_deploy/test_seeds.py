"""A seeder runs once in the life of the database."""

from __future__ import annotations

import pytest
from laravel_deploy.schema_window import SchemaAccount
from laravel_deploy.seeds import has_seeded, seed
from salt.exceptions import CommandExecutionError

from tests.unit.laravel_deploy.machine import answer

SEEDER = "DatabaseSeeder"
ACCOUNT = SchemaAccount("schema_change", "a:b", {}, "web")


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([answer()], True),
        ([answer(retcode=3)], False),
        ([answer("SQLSTATE[42S02]: ... Table 'r.seed_runs' doesn't exist", retcode=1)], False),
        ([answer('Command "app:seed-once" is not defined.', retcode=1), answer()], True),
        (
            [answer('no commands defined in the "app" namespace', retcode=1), answer("", "", 3)],
            False,
        ),
    ],
)
def test_seeded(app, php, answers, expected):
    php.answers.extend(answers)
    assert has_seeded(app, SEEDER) is expected
    assert not php.answers


def test_seed_without_a_command_hands_the_work_to_php(app, php):
    unknown = answer('Command "app:seed-once" is not defined.', retcode=1)
    php.answers.extend([unknown, answer(retcode=3), unknown, answer(), unknown, answer()])
    assert seed(app, "Demo", ACCOUNT) is True
    runs = [call for call in php.call_args_list if call.kwargs["stdin"]]
    assert [call.args[0][-2:] for call in runs] == [
        ["check", "Demo"],
        ["run", "Demo"],
        ["check", "Demo"],
    ]


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
