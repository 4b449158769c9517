"""A release answers in php itself, or its own words say why it does not."""

from __future__ import annotations

import pytest
from laravel_deploy.rehearsal import REHEARSAL, REHEARSAL_SECONDS, rehearse
from salt.exceptions import CommandExecutionError

from tests.unit.laravel_deploy.machine import answer

CACHES = {"APP_CONFIG_CACHE": "/aside/config.php"}


@pytest.mark.parametrize("status", ["200", "302", "399"])
def test_a_page_that_answers_is_enough(app, php, status):
    php.answers.append(answer(f"said by the application\n{status}"))
    rehearse(app, "/up", CACHES)
    (command,), options = php.call_args
    assert command[-2:] == ["--", "/up"]
    assert (options["stdin"], options["timeout"]) == (REHEARSAL, REHEARSAL_SECONDS)
    assert options["env"]["APP_CONFIG_CACHE"] == "/aside/config.php"


@pytest.mark.parametrize(
    ("done", "words"),
    [
        (answer("\n500", "Class App not found"), "answers /up with 500: .*Class App not found"),
        (answer("\n404"), "answers /up with 404"),
        (
            answer("\n500", "SQLSTATE[42S02]: no t"),
            r"with 500: .*no t \(pages .* before migrations",
        ),
        (answer("PHP Fatal error: x", "", 255), "answers /up with no answer: .*Fatal error"),
        (answer("\n200", "killed", 1), "answers /up with 200"),
    ],
)
def test_a_page_that_does_not_says_why(app, php, done, words):
    php.answers.append(done)
    with pytest.raises(CommandExecutionError, match=words):
        rehearse(app, "/up", CACHES)
