"""A release serves when it is ready and answers well; an earlier one takes its place again."""

from __future__ import annotations

import pytest
from laravel_deploy.caches import is_cached
from laravel_deploy.releases import known, next_release
from laravel_deploy.web_server import served
from salt.exceptions import CommandExecutionError


def test_a_release_serves_from_its_own_path_and_its_caches(machine):
    name = machine.deploy()
    path = machine.root / "releases" / name
    assert machine.told() == name
    assert served(machine.root, None) == name
    assert (path / "bootstrap/cache/config.php").read_text() == "config.php of A=1\n"
    assert is_cached(machine.root / "current") is True
    machine.reload.assert_called_once_with("php-fpm")
    (one,) = known(machine.root)
    assert (one["live"], one["next"], one["stopped"]) == (True, True, "")


def test_nobody_is_led_to_a_release_that_is_not_ready(machine):
    first = machine.deploy()
    machine.change("<?php // 2")
    machine.build()
    machine.pending = ["2026_01_02_000001_create_b"]
    with pytest.raises(CommandExecutionError, match="2026_01_02_000001_create_b pending") as early:
        machine.switch()
    assert early.value.info == {"awaited": "database"}
    machine.pending, machine.rehearsed = [], 500
    with pytest.raises(CommandExecutionError, match="answers /up with 500: It broke"):
        machine.switch()
    assert (machine.live(), machine.told()) == (first, first)
    machine.reload.assert_called_once()
    # It is not given up: what kept it may have been mended.
    assert next_release(str(machine.root))["stopped"] == ""


def test_a_release_that_answers_badly_is_switched_back_from(machine):
    first = machine.deploy()
    machine.change("<?php // 2")
    second = machine.build()["release"]
    machine.answers[second] = 500
    with pytest.raises(CommandExecutionError, match=f"status 500.*{first} serves again"):
        machine.switch()
    assert (machine.live(), machine.told()) == (first, first)
    stopped = next_release(str(machine.root))
    assert (stopped["release"], stopped["stopped_by"]) == (second, "check")
    machine.answers.clear()
    # By name it may serve again.
    assert machine.switch(second) == {
        "old": first,
        "new": second,
    }
    assert next_release(str(machine.root))["stopped"] == ""


def test_the_first_release_that_answers_badly_is_tried_again(machine):
    name = machine.build()["release"]
    machine.answers[name] = 503
    with pytest.raises(CommandExecutionError, match="status 503"):
        machine.switch(server=machine.server)
    assert served(machine.root, machine.server) == ""
    assert next_release(str(machine.root))["stopped"] == ""
    machine.answers.clear()
    assert machine.deploy() == name


def test_rollback_goes_back_and_is_remembered(machine):
    first = machine.deploy()
    machine.change("<?php // 2")
    second = machine.deploy()
    machine.change("<?php // 3")
    third = machine.deploy()
    assert machine.rollback() == {"old": third, "new": second}
    assert next_release(str(machine.root))["stopped_by"] == "operator"
    # Not forward to the one that was taken back.
    assert machine.rollback() == {"old": second, "new": first}
    with pytest.raises(CommandExecutionError, match="no release to go back to"):
        machine.rollback()
    assert machine.rollback(third)["new"] == third


@pytest.mark.parametrize("action", ["switch", "rollback"])
def test_a_release_that_is_not_there_is_named_with_those_that_are(machine, action):
    name = machine.deploy()
    with pytest.raises(CommandExecutionError, match=f"no complete release 'nothing'.*{name}"):
        getattr(machine, action)("nothing")
