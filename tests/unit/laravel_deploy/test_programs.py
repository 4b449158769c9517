"""A program that cannot be started is named."""

from __future__ import annotations

import pytest
import salt.modules.cmdmod
from laravel_deploy.programs import run_program
from salt.exceptions import CommandExecutionError


def test_a_program_that_is_not_there_is_named(monkeypatch):
    # A folder that the caller may not look into would be the reason.
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setattr(salt.modules.cmdmod, "__opts__", {}, raising=False)
    monkeypatch.setattr(salt.modules.cmdmod, "__grains__", {}, raising=False)
    with pytest.raises(CommandExecutionError) as raised:
        run_program(
            salt.modules.cmdmod.run_all, ["no-such-program", "x"], cwd="/", env={"A": "secret"}
        )
    said = "no-such-program could not be started: No such file or directory: 'no-such-program'"
    assert str(raised.value) == said


def test_any_other_error_is_the_caller_s():
    def run_all(*_, **__):
        raise CommandExecutionError("no such user")

    with pytest.raises(CommandExecutionError, match=r"^no such user$"):
        run_program(run_all, ["php"])
