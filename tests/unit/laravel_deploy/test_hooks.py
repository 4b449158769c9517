"""An application's own commands: which may be named, when they run, what a failure leaves."""

from __future__ import annotations

import os

import pytest
from laravel_deploy.hooks import Hooks, parse_hooks
from laravel_deploy.releases import known, next_release
from salt.exceptions import CommandExecutionError, SaltInvocationError

BEFORE = {"before_switch": [["app:warm", "--all"], ["app:check"]]}
AFTER = {"after_switch": [["app:tell"]]}


def test_hooks_are_lists_of_words():
    assert parse_hooks(None) == parse_hooks({}) == Hooks()
    assert parse_hooks({**BEFORE, "built": None, "timeout": 5}) == Hooks(
        before_switch=(("app:warm", "--all"), ("app:check",)), timeout=5
    )


@pytest.mark.parametrize(
    ("hooks", "said"),
    [
        (
            {"before": []},
            "hooks:before is a key that nothing reads; expected laravel:hooks:before_s",
        ),
        ({"built": "app:warm"}, "hooks:built is 'app:warm'; expected a list of commands"),
        (
            {"built": ["app:warm"]},
            "hooks:built is 'app:warm'; expected a list of commands, each the",
        ),
        ({"built": [[]]}, "hooks:built is a list; expected"),
        ({"built": [["app:warm", 1]]}, "hooks:built is a list; expected"),
        ({"built": [["--version"]]}, "hooks:built is '--version'; expected the name of an artisan"),
        ({"timeout": 0}, "hooks:timeout is '0'; expected seconds, 1 to 86400"),
        ({"timeout": None}, "hooks:timeout is missing"),
        (["built"], "laravel:hooks is a list"),
    ],
)
def test_a_malformed_hook_is_named(hooks, said):
    with pytest.raises(SaltInvocationError, match=said):
        parse_hooks(hooks)


def test_a_build_runs_its_hooks_last_and_as_its_user(machine):
    made = machine.build(hooks=parse_hooks({"built": [["app:compile", "-q"]]}))
    ((name, arguments, user, folder, _),) = machine.hooks
    assert (name, arguments, user) == ("app:compile", ["-q"], str(os.geteuid()))
    assert folder.startswith(".build-")
    assert made["built"] is True
    # The release is there, and another run has nothing to do.
    machine.build(hooks=parse_hooks({"built": [["app:compile", "-q"]]}))
    assert len(machine.hooks) == 1


def test_a_build_whose_hook_fails_leaves_no_release(machine):
    machine.hook = 1
    with pytest.raises(CommandExecutionError, match=r"built: artisan app:compile failed .*wrong"):
        machine.build(hooks=parse_hooks({"built": [["app:compile"]]}))
    assert known(machine.root) == []


def test_hooks_run_before_anybody_is_led_there_and_after(machine):
    first = machine.deploy()
    machine.change("<?php // 2")
    second = machine.build()["release"]
    machine.switch(hooks={**BEFORE, **AFTER})
    assert [
        (name, arguments, where, served) for name, arguments, _, where, served in machine.hooks
    ] == [
        ("app:warm", ["--all"], second, first),
        ("app:check", [], second, first),
        ("app:tell", [], second, second),
    ]
    # A rollback needs no database, and runs none.
    machine.hooks.clear()
    machine.rollback()
    assert machine.hooks == []


def test_a_hook_that_fails_before_the_switch_leaves_the_site_as_it_was(machine):
    first = machine.deploy()
    machine.change("<?php // 2")
    machine.build()
    machine.hook = 1
    with pytest.raises(CommandExecutionError, match="before_switch: artisan app:warm failed"):
        machine.switch(hooks=BEFORE)
    # The second one did not run.
    assert len(machine.hooks) == 1
    assert (machine.live(), machine.told()) == (first, first)
    # It is tried again by the next run.
    assert next_release(str(machine.root))["stopped"] == ""


def test_a_hook_that_fails_after_the_switch_is_told_and_undoes_nothing(machine):
    name = machine.build()["release"]
    machine.hook = 1
    with pytest.raises(
        CommandExecutionError, match=f"{name} serves, but after_switch: artisan app:t"
    ):
        machine.switch(server=machine.server, hooks=AFTER)
    assert (machine.live(), machine.told()) == (name, name)
