"""Packages that were tried before."""

from __future__ import annotations

from pathlib import Path

import pytest
from salt.exceptions import CommandExecutionError

from tests.unit.laravel_deploy.machine import answer

HINT = "It has no network, unless laravel:build_network is true."


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("curl error 6 while downloading x: Could not resolve host: x", HINT),
        ("npm error code ENOTFOUND", HINT),
        ("Problem 1", "Problem 1"),
        (
            "  - Installing acme/lib (1.0): Extracting archive\nScript sh build.sh returned 2",
            "install failed (exit code 1): Script sh build.sh returned 2",
        ),
        ("['unshare', '--ipc', 'php', 'artisan'] : Timed out after 9 seconds", "1): Timed out"),
    ],
)
def test_a_script_that_misses_the_network_is_told_why(machine, said, told):
    honest = machine.run_all

    def run_all(command, **options):
        fetches = "--download-only" in command
        return honest(command, **options) if fetches else answer(retcode=1, stderr=said)

    machine.run_all = run_all
    with pytest.raises(CommandExecutionError) as caught:
        machine.build()
    assert told in str(caught.value)
    assert (HINT in str(caught.value)) is (told == HINT)


def test_who_fetches_packages_is_not_told_of_a_way_that_it_has(machine):
    machine.run_all = lambda *_args, **_options: answer(retcode=1, stderr="Could not resolve host")
    with pytest.raises(CommandExecutionError, match="composer install failed") as caught:
        machine.build()
    assert HINT not in str(caught.value)


def test_the_next_release_has_the_packages_of_the_one_before(machine):
    def lock() -> str:
        name = machine.build()["release"]
        return (machine.root / "releases" / name / "composer.lock").read_text()

    assert lock() == "made here"
    (machine.root / "shared/composer.lock").write_text("of the release before")
    machine.change("<?php // 2")
    assert lock() == "of the release before"
    # Another composer.json is resolved anew, and a lock that came with the code is obeyed.
    (machine.source / "composer.json").write_text('{"name": "another/one"}')
    assert lock() == "made here"
    (machine.source / "composer.lock").write_text("shipped")
    assert lock() == "shipped"
    assert (machine.root / "shared/composer.lock").read_text() == "made here"


@pytest.mark.parametrize("name", ["composer.lock", "composer.json"])
def test_a_link_in_the_place_of_a_lock_is_not_followed(machine, tmp_path, name):
    """A script of a package may put one there: what it leads to would be readable for all."""
    (tmp_path / "secret").write_text("of root")
    honest = machine.run_all

    def run_all(command, **options):
        done = honest(command, **options)
        (Path(options["cwd"]) / name).unlink()
        (Path(options["cwd"]) / name).symlink_to(tmp_path / "secret")
        return done

    machine.run_all = run_all
    with pytest.raises(CommandExecutionError, match=f"{name} cannot be read"):
        machine.build()
    assert not (machine.root / "shared" / name).exists()
