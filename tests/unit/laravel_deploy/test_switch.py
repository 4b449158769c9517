"""A release serves when it is ready and answers well; an earlier one takes its place again."""

from __future__ import annotations

from pathlib import Path

import pytest
from laravel_deploy.cache_build import refresh_caches
from laravel_deploy.caches import CACHES, is_cached
from laravel_deploy.releases import known, next_release, record, write_record
from laravel_deploy.web_server import served
from salt.exceptions import CommandExecutionError

from tests.unit.laravel_deploy.machine import answer


def test_a_release_serves_from_its_own_path_and_its_caches(machine):
    name = machine.deploy()
    path = machine.root / "releases" / name
    assert machine.told() == name
    assert served(machine.root, None) == name
    assert (path / "bootstrap/cache/config.php").read_text() == "config.php of A=1\n"
    assert is_cached(machine.root / "current") is True
    caches = [str(path / "bootstrap/cache" / file) for _, file, _ in CACHES]
    # Its caches are read anew, and no code of others is kept.
    assert machine.forgotten == [["", [], caches], [f"{path.parent}/", ["", name], []]]
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


@pytest.mark.parametrize("status", [502, 503, 504, None])
def test_no_answer_is_no_verdict(machine, status):
    first = machine.deploy()
    machine.change("<?php // 2")
    second = machine.build()["release"]
    if status:
        machine.answers[second] = status
    else:
        # All of php-fpm's processes are at long requests.
        machine.silent = True
    with pytest.raises(CommandExecutionError, match=f"nothing tells.*{first} serves again"):
        machine.switch()
    assert (machine.live(), machine.told()) == (first, first)
    assert next_release(str(machine.root))["stopped"] == ""
    machine.answers.clear()
    machine.silent = False
    assert machine.switch() == {"old": first, "new": second}


@pytest.mark.parametrize(
    "told", ["# Kept by Salt.\nlive none\n", "live x\nhome /srv/old/releases/x\n"]
)
def test_a_first_release_that_fails_leaves_what_served(machine, told):
    Path(machine.server["map"]).write_text(told)
    name = machine.build()["release"]
    machine.answers[name] = 500
    with pytest.raises(CommandExecutionError, match=r"status 500.*What served before serves again"):
        machine.switch(server=machine.server)
    assert Path(machine.server["map"]).read_text() == told
    assert not (machine.root / "current").is_symlink()


def test_the_code_of_what_no_longer_serves_is_forgotten(machine):
    machine.deploy()
    machine.change("<?php // 2")
    second = machine.deploy()
    machine.change("<?php // 3")
    third = machine.deploy()
    assert machine.forgotten[-1] == [f"{machine.root}/releases/", sorted([second, third]), []]
    # A release that serves well is none that has failed.
    machine.fpm = answer(stderr="Could not connect", retcode=1)
    assert machine.rollback()["new"] == second


def test_a_php_that_cannot_be_told_of_new_caches_is_told_again(machine):
    name = machine.deploy()
    (machine.root / "shared/.env").write_text("A=2\n")
    machine.fpm = answer(stderr="Could not connect", retcode=1)
    for _ in range(2):
        with pytest.raises(CommandExecutionError, match=r"/run/php\.sock was not told.*connect"):
            refresh_caches(machine.app, machine.group)
    machine.fpm = answer("forgotten 3\n")
    assert refresh_caches(machine.app, machine.group) is True
    assert (machine.live(), is_cached(machine.root / "current")) == (name, True)


def test_a_release_is_tried_before_it_is_migrated(machine):
    machine.build()
    machine.pending = ["2026_01_02_000001_create_b"]
    machine.rehearsed = 500
    with pytest.raises(CommandExecutionError, match="answers /up with 500: It broke"):
        machine.rehearse("/up", "/login")
    machine.rehearsed = 200
    assert machine.rehearse("/up", "/login") is True
    asked = [command[-1] for command in machine.ran if command[:2] == ["php", "--"]]
    assert asked == ["/up", "/up", "/login"]
    # A second run looks again, and makes nothing.
    assert machine.rehearse("/up") is False
    assert not (machine.root / "current").is_symlink()


def test_a_web_server_that_an_earlier_version_noted_is_understood(machine):
    first = machine.deploy()
    machine.change("<?php // 2")
    machine.deploy()
    noted = {**machine.server, "php": "php8.4-fpm"}
    del noted["socket"]
    write_record(machine.root, {**record(machine.root), "server": noted})
    before = len(machine.forgotten)
    assert machine.rollback()["new"] == first
    assert len(machine.forgotten) == before


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
